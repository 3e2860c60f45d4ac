"""Many storms, and what to do with one that breaks a promise: make it small, and say how to see it.

A failing storm is cut down item by item while it still breaks the same promise. What is left is the
story of the fault; the seed alone replays it, because cutting down is a function of the seed too.
"""

from collections.abc import Callable, Iterable

from msgspec import Struct
from msgspec.structs import replace

from relto.driver import FAULT_POINTS
from relto.sim.agenda import HOUR, SECOND
from relto.sim.store import FAULT_POINTS as STORE_POINTS
from relto.sim.storm.federation import Federation, Outcome
from relto.sim.storm.lab import Lab
from relto.sim.storm.liar import TRICKS
from relto.sim.storm.plan import PARTIES, Asked, Fault, Plan, draw

POINTS = (*FAULT_POINTS, *STORE_POINTS)
LINKS = len(PARTIES) * (len(PARTIES) - 1) // 2


class Tally(Struct, kw_only=True):
    """What a sweep has been through.

    Args:
        seeds: How many storms.
        link_ns: Virtual time of all links together.
        releases: How many releases were judged.
        ahead: How many frames left ahead of another one's answer.
        failed: The report of each storm that broke a promise.
    """

    seeds: int = 0
    link_ns: int = 0
    releases: int = 0
    ahead: int = 0
    failed: list[str] = []

    @property
    def link_hours(self) -> int:
        """Virtual hours of all links together."""
        return self.link_ns // HOUR


def plan_of(seed: int) -> Plan:
    """Draw the storm of a seed."""
    return draw(seed, points=POINTS, tricks=TRICKS)


def play(plan: Plan, lab: Lab) -> Outcome:
    """Play one storm."""
    return Federation(plan, lab).run()


def sweep(seeds: Iterable[int], lab: Lab, *, is_shrinking: bool = True) -> Tally:
    """Play the storms of many seeds.

    Args:
        seeds: Which.
        lab: What storms share.
        is_shrinking: Make a failing one small before it is reported.
    """
    tally = Tally(failed=[])
    for seed in seeds:
        plan = plan_of(seed)
        outcome = play(plan, lab)
        tally.seeds += 1
        tally.link_ns += outcome.virtual_ns * LINKS
        tally.releases += outcome.releases
        tally.ahead += outcome.ahead
        if outcome.failure:
            small = shrink(plan, lab, rule=outcome.rule) if is_shrinking else plan
            tally.failed.append(report(small, play(small, lab), whole=plan))
    return tally


def shrink(plan: Plan, lab: Lab, *, rule: str, play: Callable[[Plan, Lab], Outcome] = play) -> Plan:
    """Leave out whatever is not needed to break the same promise.

    Args:
        plan: A storm that breaks it.
        lab: What storms share.
        rule: The promise.
        play: Plays a plan; a test hands in another.

    Returns:
        A plan from which nothing more can be left out, one at a time.
    """

    def breaks(smaller: Plan) -> bool:
        return play(smaller, lab).rule == rule

    is_smaller = True
    while is_smaller:
        is_smaller = False
        for fault in plan.faults:
            smaller = replace(plan, faults=tuple(one for one in plan.faults if one is not fault))
            if breaks(smaller):
                plan, is_smaller = smaller, True
        for asked in plan.asked:
            smaller = replace(plan, asked=tuple(one for one in plan.asked if one is not asked))
            if breaks(smaller):
                plan, is_smaller = smaller, True
        for party in plan.crews:
            smaller = replace(plan, crews=tuple(one for one in plan.crews if one != party))
            if breaks(smaller):
                plan, is_smaller = smaller, True
        for planted in plan.planted:
            if any(asked.item == planted.id for asked in plan.asked):
                continue
            left = tuple(one for one in plan.planted if one is not planted)
            smaller = replace(plan, planted=left)
            if breaks(smaller):
                plan, is_smaller = smaller, True
    return plan


def report(plan: Plan, outcome: Outcome, *, whole: Plan) -> str:
    """Say what broke, what of the storm it needs, and the one command that replays it."""
    lines = [
        f"seed {plan.seed} broke `{outcome.rule}`: {outcome.failure}",
        f"  replay: make sim SEED={plan.seed}",
        (
            f"  left of {len(whole.faults)} faults and {len(whole.asked)} requests, "
            f"from {plan.start} for {plan.storm_ns // SECOND} s:"
        ),
    ]
    lines += [f"    {party} runs as several workers" for party in plan.crews]
    lines += [f"    {_of_fault(fault)}" for fault in plan.faults]
    lines += [f"    {_of_asked(asked)}" for asked in plan.asked]
    return "\n".join(lines)


def _of_fault(fault: Fault) -> str:
    words = [f"{fault.at_ns / SECOND:12.3f} s  {fault.kind.value:8}{fault.party}"]
    if fault.other:
        words.append(f"towards {fault.other}" + (" and back" if fault.is_both else ""))
    if fault.point:
        words.append(f"at `{fault.point}`")
    if fault.amount:
        words.append(f"by {fault.amount}")
    words.append(f"for {fault.for_ns / SECOND:.3f} s")
    return " ".join(words)


def _of_asked(asked: Asked) -> str:
    words = [
        f"{asked.at_ns / SECOND:12.3f} s  `{asked.case}`: {asked.requester} asks {asked.holder}",
        f"about {asked.topic}",
    ]
    if asked.item is not None:
        words.append(f"for `{asked.item}`")
    if asked.is_forced:
        words.append("directly")
    if not asked.is_assured:
        words.append("without assurance")
    if asked.life_ns:
        words.append(f"within {asked.life_ns // SECOND} s")
    return " ".join(words)
