"""The words of an answer: effects, what is added, what is lost (IMP-36, IMP-41 to IMP-47)."""

import pytest

from relto.impact import (
    Exchange,
    FeedEffect,
    Flow,
    PartyBalance,
    RequestEffect,
    Tally,
    TrafficKind,
    Way,
    WayKind,
)
from relto.impact.answer import effect_of
from relto.units import LevelId, PartyCode, SchemeId, TopicId

A, B, C = PartyCode("AAA"), PartyCode("BBB"), PartyCode("CCC")
DIRECT = Way(kind=WayKind.DIRECT, parties=(A, B), instruments=("x",))
ASKED = Way(kind=WayKind.DIRECT, parties=(A, B), instruments=("x",), approvals=1)
VIA = Way(kind=WayKind.VIA, parties=(A, C, B), instruments=("x", "y"), approvals=2)
NONE = Way(kind=WayKind.NONE)
LINE = Exchange(row=1, kind=TrafficKind.REQUEST, source=A, target=B, topics=(TopicId("dprk"),))


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (DIRECT, DIRECT, "unchanged"),
        (NONE, NONE, "unchanged"),
        (DIRECT, NONE, "breaks"),
        (VIA, NONE, "breaks"),
        (NONE, VIA, "opens"),
        (DIRECT, VIA, "slower"),
        (DIRECT, ASKED, "slower"),
        (VIA, DIRECT, "faster"),
        (None, DIRECT, "not known"),
        (DIRECT, None, "not known"),
    ],
)
def test_an_effect_is_a_word(before, after, word) -> None:
    """IMP-43."""
    assert effect_of(before, after) == word
    request = RequestEffect(
        request=LINE,
        matched=0,
        before=before,
        after=after,
        tally_before=Tally(),
        tally_after=Tally(),
    )
    assert request.effect == word


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (DIRECT, VIA, "breaks"),
        (DIRECT, DIRECT, "unchanged"),
        (VIA, NONE, "no feed"),
        (VIA, VIA, "no feed"),
        (None, DIRECT, "not known"),
        (NONE, DIRECT, "opens"),
        (VIA, DIRECT, "opens"),
    ],
)
def test_a_feed_lives_on_a_direct_way_alone(before, after, word) -> None:
    """IMP-44."""
    assert FeedEffect(feed=LINE, before=before, after=after).effect == word


@pytest.mark.parametrize(
    ("before", "after", "approvals", "hops", "changed"),
    [
        (DIRECT, VIA, 2, 1, True),
        (VIA, ASKED, -1, -1, True),
        (DIRECT, NONE, None, None, True),
        (NONE, VIA, None, None, True),
        (VIA, VIA, 0, 0, False),
    ],
)
def test_a_flow_says_what_is_added(before, after, approvals, hops, changed) -> None:
    """IMP-36."""
    flow = Flow(
        source=A,
        target=B,
        topics=(TopicId("dprk"),),
        scheme=SchemeId("aaa"),
        level=LevelId("low"),
        items=3,
        before=before,
        after=after,
    )
    assert (flow.approvals_added, flow.hops_added, flow.is_changed) == (approvals, hops, changed)


@pytest.mark.parametrize(
    ("before", "after", "percent"), [(3, 1, 67), (0, 0, 0), (200, 199, 1), (8, 8, 0)]
)
def test_a_share_is_rounded_and_nothing_of_nothing_is_nothing(before, after, percent) -> None:
    """IMP-47."""
    balance = PartyBalance(
        party=A,
        before=Tally(direct=before),
        after=Tally(direct=after, none=before - after),
        got=0,
        gave=0,
    )
    assert balance.direct_lost_percent == percent
    assert balance.direct_lost == balance.lost == before - after


def test_a_tally_counts_by_kind() -> None:
    """IMP-41."""
    found = Tally()
    for kind, count in ((WayKind.DIRECT, 2), (WayKind.VIA, 3), (WayKind.NONE, 5)):
        found = found.plus(kind, count)
    assert (found.direct, found.via, found.none, found.total) == (2, 3, 5, 10)
