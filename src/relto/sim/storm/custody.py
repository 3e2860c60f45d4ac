"""What becomes of items after a release: recalled, relabelled, destroyed, lost; and who may decide.

Some of it happens out of the blue, as the plan says; the rest is the duty of those who hear of it.
What was recalled is recalled from whoever got it from here, and destroyed; a loss is told on.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final

from relto.codec.message import decode_message
from relto.custody import CustodyState, RegisterLine, Side
from relto.driver import Driver, Result
from relto.errors import LocalError
from relto.model import Label, LogId
from relto.model.delegation import Delegation, Delegations
from relto.model.message import Held, Released
from relto.node import (
    AdoptDelegations,
    Command,
    Destroy,
    Recall,
    Reclassify,
    ReportLoss,
)
from relto.sim.agenda import MINUTE, SECOND, chance
from relto.sim.storm.judge import TOP_LEVELS
from relto.sim.storm.lab import BY, Lab
from relto.sim.storm.people import People
from relto.sim.storm.plan import PARTIES, Fault, Plan, levels_of
from relto.sim.storm.site import Site
from relto.units import CaseId, HoldingId, LevelId, PartyCode, SchemeId, TopicId

_TOPICS: Final = (TopicId("dprk"), TopicId("prc"))
# Whoever finds nothing to recall or destroy looks again so often before the storm is over.
_LOOKS: Final = 20

_Duty = tuple[PartyCode, str, CustodyState]


class Custodians(People):
    """Everybody who looks after what was given and received."""

    def __init__(self, plan: Plan, lab: Lab) -> None:
        """Begin with nothing owed."""
        super().__init__(plan, lab)
        self._duties: set[_Duty] = set()

    def _forget(self, site: Site) -> None:
        super()._forget(site)
        self._duties = {one for one in self._duties if one[0] != site.party}

    # ------------------------------------------------------------ out of the blue

    def _look_after(self, fault: Fault) -> None:
        """Recall, relabel, destroy or lose one of the items that went one way or the other."""
        site = self.sites[fault.party]
        given = (one for other in PARTIES for one in given_to(site, other))
        found = sorted(_received(site) if fault.point in _RECEIVED else given)
        step = None
        if found:
            case, holding, originator = found[fault.amount % len(found)]
            step = _step(fault, case, holding, originator)
        if step is None or not self._carry_out(site, step):
            self.agenda.after(self.plan.storm_ns // _LOOKS + 1, partial(self._look_again, fault))

    def _look_again(self, fault: Fault) -> None:
        if self.agenda.passed_ns < self.plan.storm_ns:
            self._look_after(fault)

    def _carry_out(self, site: Site, command: Command) -> bool:
        """Give a command; tells whether it was carried out, and whether that stands on the disk."""
        try:
            done = self._do(site, lambda driver: driver.command(command))
        except LocalError:
            return False
        if isinstance(done, Result):
            self.watch.done(site.party, done.facts)
        return done is not None

    # ------------------------------------------------------------ what is owed

    def _summon(self, site: Site) -> None:
        super()._summon(site)
        lines = site.do(_owed)
        for line in lines or ():
            duty = (site.party, line.key, line.state)
            if duty in self._duties:
                continue
            self._duties.add(duty)
            luck = chance(self.plan.seed, f"duty/{site.party}/{line.key}")
            delay = luck.randrange(SECOND, self.plan.officer_ns + 1)
            self.agenda.after(delay, partial(self._see_to, site, line, duty))

    def _see_to(self, site: Site, line: RegisterLine, duty: _Duty) -> None:
        commands: list[Command] = []
        if line.side is Side.GIVEN:
            commands.append(_loss(line.case, line.holding))
        else:
            commands.append(Recall(case=line.case, holding=line.holding, by=BY))
            commands.append(Destroy(case=line.case, holding=line.holding, method="burnt", by=BY))
        for command in commands:
            self._carry_out(site, command)
        self.agenda.after(10 * MINUTE, lambda: self._duties.discard(duty))

    def _owing(self, site: Site) -> Iterator[str]:
        """Name what a party still owes."""
        for line in site.do(_owed) or ():
            yield f"`{line.holding}` of `{line.case}` at `{site.party}` is `{line.state}`"

    # ------------------------------------------------------------ standing authorities

    def _delegate(self, site: Site, *, is_standing: bool, two_from: LevelId | None) -> bool:
        """Adopt what may go without an officer, and from where on two have to decide."""
        party = site.party
        delegations: tuple[Delegation, ...] = ()
        if is_standing:
            delegations = (
                Delegation(
                    id=f"{party.lower()}-standing",
                    recipients=tuple(other for other in PARTIES if other != party),
                    instruments=self._lab.instruments,
                    topics=_TOPICS,
                    up_to=TOP_LEVELS[party],
                    by="the minister",
                ),
            )
        adopted = Delegations(holder=party, two_persons_from=two_from, delegations=delegations)
        return self._carry_out(
            site,
            AdoptDelegations(delegations=adopted, margin_seconds=self.plan.margin_seconds, by=BY),
        )

    def _stand_otherwise(self, fault: Fault) -> None:
        """Withdraw delegations, or give them; and the same with the second officer."""
        site = self.sites[fault.party]
        two_from = levels_of(site.party)[1] if fault.amount & 2 else None
        if not self._delegate(site, is_standing=bool(fault.amount & 1), two_from=two_from):
            self.agenda.after(self._patience(site), partial(self._stand_otherwise, fault))


_RECEIVED: Final = frozenset({"destroyed", "loss-reported"})

_Item = tuple[CaseId, HoldingId, PartyCode]


def _step(fault: Fault, case: CaseId, holding: HoldingId, originator: PartyCode) -> Command:
    match fault.point:
        case "recall":
            return Recall(case=case, holding=holding, by=BY)
        case "reclassified":
            levels = levels_of(originator)
            level = levels[fault.amount // 7 % len(levels)]
            label = Label(scheme=SchemeId(originator.lower()), level=level)
            return Reclassify(case=case, holding=holding, label=label, by=BY)
        case "destroyed":
            return Destroy(case=case, holding=holding, method="burnt", by=BY)
        case _:
            return _loss(case, holding)


def _loss(case: CaseId, holding: HoldingId) -> ReportLoss:
    return ReportLoss(case=case, holding=holding, is_possible_only=False, text="left", by=BY)


def given_to(site: Site, target: PartyCode) -> Iterator[_Item]:
    """Every item in a release that a party has written to another."""
    log = LogId(source=site.party, target=target)
    for entry in site.disk.logs.get(log, ()):
        content = entry.content("message")
        if entry.header.kind != "release" or content is None:
            continue
        message = decode_message(content, kind="release")
        assert isinstance(message, Released)
        for item in message.items:
            yield CaseId(entry.header.case or ""), item.holding, item.originator


def _received(site: Site) -> Iterator[_Item]:
    """Every item that the party has registered as received."""
    for log, entries in site.disk.logs.items():
        if not log.is_local:
            continue
        for entry in entries:
            content = entry.content("message")
            if entry.header.kind != "held" or content is None:
                continue
            message = decode_message(content, kind="held")
            assert isinstance(message, Held)
            if message.source is not None:
                yield (
                    CaseId(entry.header.case or ""),
                    message.reference,
                    message.holding.originator,
                )


def _owed(driver: Driver) -> tuple[RegisterLine, ...]:
    node = driver.node
    return (*node.to_destroy(), *node.state.untold())
