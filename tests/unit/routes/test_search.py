"""Routes by hand: through the hub when the pact has lapsed, and what changes on the way."""

import pytest
from msgspec.structs import replace

from relto.decide import Planner
from relto.model import Label, Outcome
from relto.routes import Router
from relto.routes import search as search_module
from tests.unit.decide.world import (
    AFTER,
    ALL,
    BEFORE,
    CASE,
    CIRCLE,
    CONSENT,
    LAPSE,
    LAPSING,
    LEG_ONE,
    LEG_TWO,
    PACT,
    law_of,
)

LAW = law_of(*ALL, lives=[("pact", LAPSING)])
THROUGH_HUB = [("AAA", "CCC", "through"), ("CCC", "BBB", "through")]


def found(case=CASE, at=LAPSE, law=LAW, measured=None, **more):
    return Router(Planner(law), measured=measured or {}).routes(case, at=at, **more)


def ways(routes):
    return [
        [(hop.sender, hop.recipient, hop.instrument) for hop in route.hops]
        for route in routes.routes
    ]


def test_direct_comes_first_while_the_pact_is_in_force():
    """RT-1, RT-5."""
    routes = found(at=BEFORE)
    assert ways(routes) == [[("AAA", "BBB", "pact")], THROUGH_HUB]
    assert [route.approvals for route in routes.routes] == [0, 2]
    assert routes.routes[0].parties == ("AAA", "BBB")


def test_after_the_lapse_the_way_goes_through_the_hub():
    """RT-2."""
    routes = found()
    assert ways(routes) == [THROUGH_HUB]
    first, second = routes.routes[0].hops
    assert [step.rule for step in first.steps] == ["initiative"]
    assert [step.rule for step in second.steps] == ["third-party", "initiative"]
    assert {first.outcome, second.outcome} == {Outcome.REFER}
    assert [hop.marking for hop in routes.routes[0].hops] == ["low", "low"]


def test_what_the_arrangement_does_not_cover_has_no_way_at_all():
    """RT-8: each closed way with its rule, and what would open it."""
    routes = found(replace(CASE, topics=("prc.cyber",)))
    assert routes.routes == ()
    closed = {(one.parties, one.instrument): one for one in routes.blocked}
    direct = closed[("AAA", "BBB"), "pact"]
    assert (direct.finding.rule, direct.finding.ground.article) == ("in-force", "21(3)")
    assert direct.remedy == "with the pact in force: permit"
    leg = closed[("AAA", "CCC"), "through"]
    assert (leg.finding.rule, leg.finding.ground.article) == ("topic", "para 1")
    second = closed[("AAA", "CCC", "BBB"), "leg-two"]
    assert second.finding.rule == "third-party"
    assert second.remedy == "with AAA's consent to release to BBB: permit"


def test_the_item_changes_hands_marking_and_provenance_on_the_way():
    """RT-3, RT-4, RT-7: with consent the second hop may go under another instrument."""
    case = replace(CASE, consents=(replace(CONSENT, purposes=("defence.warning",)),))
    routes = found(case)
    assert ways(routes)[:2] == [
        [("AAA", "CCC", "leg-one"), ("CCC", "BBB", "circle")],
        [("AAA", "CCC", "leg-one"), ("CCC", "BBB", "leg-two")],
    ]
    assert routes.routes[0].approvals == 0
    assert routes.routes[0].holds_until == AFTER
    narrow = replace(case, label=Label(scheme="aaa", level="low", releasable_to=("CCC",)))
    assert found(narrow).routes == ()


def test_a_circle_passes_its_members_items_on():
    """RT-3."""
    case = replace(
        CASE,
        holder="DDD",
        originator="DDD",
        label=Label(scheme="ddd", level="low"),
        assurance=None,
    )
    assert ways(found(case))[:2] == [
        [("DDD", "BBB", "circle")],
        [("DDD", "CCC", "circle"), ("CCC", "BBB", "circle")],
    ]


def test_measured_times_decide_between_equals_and_are_never_made_up():
    """RT-5, RT-6."""
    twins = (PACT, replace(PACT, id="pact-two"))
    law = law_of(*twins)
    quick = ("AAA", "BBB", "pact-two")
    routes = found(law=law, measured={quick: 900})
    assert [route.hops[0].instrument for route in routes.routes] == ["pact-two", "pact"]
    assert [route.expected_ms for route in routes.routes] == [900, None]
    both = found(law=law, measured={quick: 900, ("AAA", "BBB", "pact"): 20})
    assert [route.expected_ms for route in both.routes] == [20, 900]


def test_lists_that_are_cut_short_say_by_which_limit(monkeypatch):
    """RT-9."""
    assert found(at=BEFORE, routes_most=1).limits == ("ROUTES_MAX",)
    assert found(at=BEFORE, routes_most=2).limits == ()
    monkeypatch.setattr(search_module, "ROUTE_TRIALS_MAX", 1)
    monkeypatch.setattr(search_module, "ROUTES_BLOCKED_MAX", 1)
    routes = found()
    assert routes.limits == ("ROUTE_TRIALS_MAX", "ROUTES_BLOCKED_MAX")
    assert len(routes.blocked) == 1


@pytest.mark.parametrize(("hops", "count"), [(0, 0), (1, 0), (2, 1), (9, 1)])
def test_no_route_is_longer_than_asked_for(hops, count):
    """RT-1: nor than ROUTE_HOPS_MAX."""
    assert len(found(hops_most=hops).routes) == count


def test_the_best_route_is_the_first_and_none_where_there_is_none():
    """RT-2."""
    router = Router(Planner(LAW))
    assert router.best(CASE, at=LAPSE) == found().routes[0]
    assert router.best(replace(CASE, topics=("prc.cyber",)), at=LAPSE) is None


def test_without_a_link_beyond_there_is_no_second_hop():
    """RT-8."""
    routes = found(law=law_of(LEG_ONE, CIRCLE))
    assert routes.routes == ()
    assert {one.parties for one in routes.blocked} == {("AAA", "CCC", "BBB")}
    assert found(law=law_of(LEG_TWO)).blocked == ()
