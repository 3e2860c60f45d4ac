"""A comparison says of every item what decisions and routes say of it (IMP-32 to IMP-47)."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from relto.adapters.engine_numpy import NumpyEngine
from relto.adapters.tables import Encoder
from relto.decide import Planner
from relto.impact import (
    Conditions,
    Holdings,
    Impact,
    Other,
    Side,
    Way,
    WayKind,
    compare,
    count_cells,
    way_of,
)
from relto.impact import cells as cells_module
from relto.impact.ways import case_at, question_of
from relto.routes import Router
from relto.testing import PlainLaw, RandomDice, make_instant, make_law, refine_law
from relto.testing.generate import PURPOSES
from tests.support_bulk import encode, make_sample

ENGINE = NumpyEngine(threads=1)
CONDITIONS = Conditions(purpose=PURPOSES[1])


def side(law: PlainLaw, at, title: str = "") -> Side:
    planner = Planner(law)
    return Side(title=title, at=at, planner=planner, finder=Router(planner))


class Pair:
    """Two sides and a table."""

    def __init__(self, seed: int, *, rows: int = 25) -> None:
        dice = RandomDice(seed)
        self.law = make_law(dice, most=6)
        self.at = make_instant(dice)
        left = dict(self.law.instruments)
        if left and dice.chance(60):
            del left[dice.pick(tuple(left))]
        other = refine_law(self.law, left)
        self.before = side(self.law, self.at, "before")
        later = self.at if dice.chance(50) else make_instant(dice)
        self.after = side(other if dice.chance(70) else self.law, later, "after")
        sample = make_sample(dice, self.law, rows=rows)
        self.holdings = encode(self.law, sample.frame)

    def compare(self, **more) -> Impact:
        return compare(
            self.before,
            self.after,
            holdings=self.holdings,
            conditions=CONDITIONS,
            engine=ENGINE,
            **more,
        )

    def ways(self, one: Side) -> dict[tuple[str, str], Counter[WayKind]]:
        """Item by item, with the room of routes alone."""
        found: dict[tuple[str, str], Counter[WayKind]] = {}
        for row, origin in enumerate(self.holdings.origins.tolist()):
            if not origin:
                continue
            facts = self.holdings.facts.origins[origin]
            for party in self.law.library.parties:
                if party in {facts.holder, facts.originator}:
                    continue
                case = case_at(self.holdings, row, question_of(one, party, CONDITIONS))
                way = way_of(one, case, hops_most=CONDITIONS.hops_most)
                key = (str(facts.holder), str(party))
                found.setdefault(key, Counter())[way.kind] += 1
        return found


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_the_tallies_are_those_of_a_search_item_by_item(seed: int) -> None:
    """IMP-33, IMP-34, IMP-35, IMP-36, IMP-41: kinds, classes and what is kept change no answer."""
    pair = Pair(seed)
    found = pair.compare()
    for one, name in ((pair.before, "before"), (pair.after, "after")):
        expected = pair.ways(one)
        for direction in found.directions:
            counts = expected[direction.source, direction.target]
            tally = getattr(direction, name)
            assert (tally.direct, tally.via, tally.none) == tuple(counts[kind] for kind in WayKind)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_no_pair_changes_that_was_not_looked_at(seed: int) -> None:
    """IMP-32, IMP-33: a change recomputes only the pairs that it can touch."""
    pair = Pair(seed)
    found = pair.compare()
    seen = {(one.source, one.target) for one in found.directions}
    before, after = pair.ways(pair.before), pair.ways(pair.after)
    for key, counts in before.items():
        if key not in seen:
            assert counts == after[key]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_flows_add_up_to_the_directions(seed: int) -> None:
    """IMP-41."""
    found = Pair(seed).compare()
    sums: Counter[tuple[str, str]] = Counter()
    for flow in found.flows:
        sums[flow.source, flow.target] += flow.items
    for one in found.directions:
        never = min(one.before.none, one.after.none)
        total = one.before.total
        assert total == one.after.total
        assert total - never <= sums[one.source, one.target] <= total


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_the_law_before_as_an_alternative_restores_what_was_direct(seed: int) -> None:
    """IMP-45."""
    pair = Pair(seed)
    again = side(pair.law, pair.at, "as before")
    found = pair.compare(others=[Other(side=again)])
    one = found.alternatives[0]
    assert one.still_lost == 0
    lost = sum(
        flow.items
        for flow in found.flows
        if flow.before.kind is WayKind.DIRECT and flow.after.kind is not WayKind.DIRECT
    )
    assert one.restored_direct == lost


@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_a_law_compared_with_itself_changes_nothing(seed: int) -> None:
    """IMP-32."""
    pair = Pair(seed)
    pair.after = pair.before
    found = pair.compare()
    assert found.changes == ()
    assert found.pairs_looked_at == 0
    assert found.flows == ()


@pytest.mark.parametrize("seed", range(4))
def test_rows_are_counted_alike_in_place_and_by_sorting(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IMP-34."""
    holdings = Pair(seed, rows=60).holdings
    dense = count_cells(holdings)
    monkeypatch.setattr(cells_module, "_DENSE_CELLS_MAX", 0)
    sorted_ = count_cells(holdings)
    assert dense.counts.tolist() == sorted_.counts.tolist()
    assert int(dense.counts.sum()) + sum(dense.at_fault) == holdings.rows
    assert dense.at_fault == sorted_.at_fault
    for one, other in zip(dense.holdings.columns(), sorted_.holdings.columns(), strict=True):
        assert np.array_equal(one, other)


def test_a_table_without_rows_has_no_kinds_of_items() -> None:
    """IMP-34."""
    found = count_cells(Encoder(make_law(RandomDice(1))).finish())
    assert isinstance(found.holdings, Holdings)
    assert len(found.counts) == 0


def test_a_way_is_better_by_kind_then_approvals_then_hops() -> None:
    """IMP-36."""
    direct = Way(kind=WayKind.DIRECT, parties=("A", "B"), instruments=("x",))
    asked = structs.replace(direct, approvals=1)
    via = Way(kind=WayKind.VIA, parties=("A", "C", "B"), instruments=("x", "y"))
    none = Way(kind=WayKind.NONE)
    ordered = [direct, asked, via, none]
    assert sorted([none, via, asked, direct], key=Way.cost) == ordered
    assert via.between == ("C",)
    assert (via.hops, none.hops) == (2, 0)
