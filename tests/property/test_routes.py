"""Routes are exactly the chains whose every hop the reference allows, best first (RT-1 to RT-6)."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from relto.decide import Planner, decide
from relto.model import Label, Outcome, Verdict
from relto.routes import Router
from relto.testing.cases import make_case, make_instant
from relto.testing.generate import RandomDice, make_law

seeds = st.integers(min_value=0, max_value=10**9)
quick = settings(max_examples=150, deadline=None)


def chains(law, case, at, *, goal, most, before=()):
    """Every lawful chain, by trying everything with the reference."""
    if case.holder == goal:
        yield before
        return
    if len(before) == most:
        return
    seen = {step[0] for step in before} | {case.holder}
    for recipient in sorted(law.library.parties):
        if recipient in seen:
            continue
        final = recipient == goal
        hop = msgspec.structs.replace(
            case,
            recipient=recipient,
            onward=None if final else goal,
            assurance=case.assurance if final else None,
        )
        for one in decide(law, hop, at=at).considered:
            if one.outcome is Outcome.DENY:
                continue
            found = next(f for f in one.findings if f.rule == "level")
            level = found.fact.split(": ")[1].split(" or ")[0]
            scheme = law.library.parties[recipient].scheme
            received = msgspec.structs.replace(
                case,
                holder=recipient,
                marked=Label(scheme=scheme, level=level),
                provenance=one.instrument,
                received_for=case.purpose,
            )
            step = (case.holder, recipient, one.instrument, one.outcome)
            yield from chains(law, received, at, goal=goal, most=most, before=(*before, step))


def question(seed):
    dice = RandomDice(seed)
    law = make_law(dice, most=6)
    case = msgspec.structs.replace(make_case(dice, law), onward=None)
    return law, case, make_instant(dice)


@given(seeds)
@quick
def test_the_routes_are_all_lawful_chains_and_no_others(seed):
    law, case, at = question(seed)
    found = Router(Planner(law)).routes(case, at=at, hops_most=3)
    expected = set(chains(law, case, at, goal=case.recipient, most=3))
    steps = {
        tuple((hop.sender, hop.recipient, hop.instrument, hop.outcome) for hop in route.hops)
        for route in found.routes
    }
    assert found.limits == () or len(expected) > len(steps)
    assert steps <= expected
    if not found.limits:
        assert steps == expected
        assert len(found.routes) == len(expected)


@given(seeds)
@quick
def test_the_routes_come_best_first(seed):
    law, case, at = question(seed)
    router = Router(Planner(law))
    found = router.routes(case, at=at, hops_most=3)
    costs = [(route.approvals, len(route.hops)) for route in found.routes]
    assert costs == sorted(costs)
    best = router.best(case, at=at, hops_most=3)
    assert best == (found.routes[0] if found.routes else None)


@given(seeds)
@quick
def test_a_route_visits_no_party_twice_and_names_the_steps_it_needs(seed):
    law, case, at = question(seed)
    for route in Router(Planner(law)).routes(case, at=at).routes:
        assert len(set(route.parties)) == len(route.parties)
        assert route.parties[0] == case.holder
        assert route.parties[-1] == case.recipient
        for hop in route.hops:
            assert bool(hop.steps) == (hop.outcome is Outcome.REFER)
            assert all(found.verdict is Verdict.ASK for found in hop.steps)


@given(seeds)
@quick
def test_what_is_blocked_names_the_first_failing_rule(seed):
    law, case, at = question(seed)
    found = Router(Planner(law)).routes(case, at=at)
    for one in found.blocked:
        assert one.finding.verdict is Verdict.FAIL
        assert one.parties[0] == case.holder
    direct = {one.instrument for one in found.blocked if len(one.parties) == 2}
    for one in decide(law, case, at=at).considered:
        if one.outcome is Outcome.DENY:
            assert one.instrument in direct
