"""Which pairs a change of law concerns: by instruments, terms, and lives in either reading."""

import pytest
from msgspec.structs import replace

from relto.decide import changed_pairs
from relto.law import State
from tests.unit.decide.world import ALL, CIRCLE, LAPSING, LEG_ONE, LIBRARY, PACT, law_of, span

PARTIES = tuple(LIBRARY.parties)
LAW = law_of(*ALL)
ENDED = (span(State.ENDED),)
AB, AC, BC = ("AAA", "BBB"), ("AAA", "CCC"), ("BBB", "CCC")
CIRCLE_PAIRS = {BC, ("BBB", "DDD"), ("CCC", "DDD")}
HUB_PAIRS = {AB, AC, BC}

CHANGES = {
    "nothing": (law_of(*ALL), set()),
    "a pact is gone": (law_of(*(one for one in ALL if one is not PACT)), {AB}),
    "a pact has other terms": (
        law_of(*(replace(one, title="new") if one is PACT else one for one in ALL)),
        {AB},
    ),
    "a pact ends": (law_of(*ALL, lives=[("pact", LAPSING)]), {AB}),
    "a pact ends in one party's reading": (
        law_of(*ALL, readings={("pact", "BBB"): ENDED}),
        {AB},
    ),
    "a circle ends in one member's reading": (
        law_of(*ALL, readings={("circle", "DDD"): ENDED}),
        CIRCLE_PAIRS - {BC},
    ),
    "what an arrangement relies on ends": (law_of(*ALL, lives=[("leg-one", LAPSING)]), HUB_PAIRS),
    "what an arrangement relies on ends in one party's reading": (
        law_of(*ALL, readings={("leg-one", "CCC"): ENDED}),
        {AC, BC},
    ),
    "what an arrangement relies on is gone": (
        law_of(*(one for one in ALL if one is not LEG_ONE)),
        HUB_PAIRS,
    ),
    "a circle has another member": (
        law_of(
            *(replace(one, parties=("BBB", "CCC")) if one is CIRCLE else one for one in ALL),
        ),
        CIRCLE_PAIRS,
    ),
}


@pytest.mark.parametrize(("after", "pairs"), CHANGES.values(), ids=CHANGES)
def test_a_change_concerns_the_pairs_it_can_reach_and_no_other(after, pairs):
    """DEC-32: whichever of the two laws is called the new one."""
    assert set(changed_pairs(LAW, after, PARTIES)) == pairs
    assert set(changed_pairs(after, LAW, PARTIES)) == pairs


def test_each_pair_is_named_once_and_in_order():
    """DEC-32: whatever the order of the parties, and however often one is named."""
    after = law_of(*ALL, lives=[("leg-one", LAPSING)])
    assert changed_pairs(LAW, after, ("CCC", "BBB", "AAA", "CCC")) == (AB, AC, BC)
    assert changed_pairs(LAW, after, ("AAA", "CCC")) == (AC,)
