"""Pairs reached, rows grouped, classes and readings: the parts of a comparison one by one."""

import numpy as np
import pytest
from whenever import Instant

from relto.adapters.engine_numpy import NumpyEngine
from relto.adapters.tables import Encoder
from relto.decide import Planner
from relto.impact import (
    Exchange,
    FactReader,
    LabelFacts,
    ReadAs,
    RowFacts,
    Side,
    TableError,
    TrafficKind,
    changes,
    compare,
    count_cells,
)
from relto.impact import classes as classes_module
from relto.impact import reading as reading_module
from relto.impact.cells import group
from relto.impact.change import reached_pairs
from relto.impact.classes import classes_of
from relto.impact.ways import Conditions
from relto.model import Form
from relto.routes import Router
from relto.testing import PlainLaw, RandomDice, refine_law
from relto.testing.generate import make_law
from relto.units import InstrumentId, LevelId, PartyCode, SchemeId, TopicId
from tests.support_bulk import encode, make_sample

AT = Instant.from_utc(2019, 6, 1)
A, B, C, D = (PartyCode(code) for code in ("AAA", "BBB", "CCC", "DDD"))


def side(law) -> Side:
    planner = Planner(law)
    return Side(title="", at=AT, planner=planner, finder=Router(planner))


def chain() -> PlainLaw:
    """Three pacts in a row: A-B, B-C, C-D."""
    found: dict[InstrumentId, object] = {}
    law = None
    for seed in range(500):
        law = make_law(RandomDice(seed), most=4)
        for terms in law.instruments.values():
            if len(terms.parties) == 2:
                found.setdefault(terms.parties, terms)
        if {(A, B), (B, C), (C, D)} <= set(found):
            break
    assert law is not None
    chosen = {found[pair].id + pair[0]: found[pair] for pair in ((A, B), (B, C), (C, D))}
    from msgspec import structs

    named = {name: structs.replace(one, id=name, reliance=()) for name, one in chosen.items()}
    life = next(iter(law.lives.values()))
    return PlainLaw(library=law.library, instruments=named, lives=dict.fromkeys(named, life))


@pytest.mark.parametrize(
    ("hops", "beyond"),
    [
        (1, set()),
        (2, {(A, C), (B, D), (C, A), (D, B)}),
        (3, {(A, C), (B, D), (A, D), (C, A), (D, B), (D, A)}),
    ],
)
def test_a_pair_is_reached_over_as_many_hops_as_a_way_may_have(hops, beyond) -> None:
    """IMP-33: the pact of B and C changes."""
    one = side(chain())
    touched = frozenset({(B, C), (C, B)})
    reached = reached_pairs(one, one, touched, hops_most=hops)
    assert touched <= reached
    assert reached & {(A, C), (B, D), (A, D), (C, A), (D, B), (D, A)} == beyond


def test_rows_with_equal_values_are_grouped_however_wide_the_values() -> None:
    """IMP-34: also where one integer would not hold them all."""
    big = np.array([1 << 40, 3, 1 << 40, 3, 7], dtype=np.int64)
    first, members = group(big, big, big)
    assert first[members].tolist() == [0, 1, 0, 1, 4]
    small = np.array([1, 0, 1], dtype=np.int64)
    first, members = group(small)
    assert first[members].tolist() == [0, 1, 0]


def test_a_party_that_holds_nothing_has_no_cells() -> None:
    """IMP-34."""
    law = make_law(RandomDice(3))
    cells = count_cells(Encoder(law).finish())
    assert cells.of(A, to=B).tolist() == []


def test_too_many_comparisons_make_no_classes_of_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """IMP-36: each label is then its own class, which is slower and as right."""
    law = make_law(RandomDice(9), most=4)
    facts = RowFacts(
        labels=tuple(
            LabelFacts(holder=A, scheme=SchemeId("aaa"), level=LevelId(level), form=form)
            for level in ("low", "middle")
            for form in Form
        ),
        topics=(),
        caveats=(),
        origins=(None,),
    )
    few = classes_of(side(law), facts).labels
    monkeypatch.setattr(classes_module, "_COMPARISONS_MAX", -1)
    assert classes_of(side(law), facts).labels.tolist() == list(range(len(facts.labels)))
    assert len(set(few.tolist())) <= len(facts.labels)


def test_a_law_read_as_one_party_reads_it_is_the_same_for_all() -> None:
    """IMP-31."""
    for seed in range(200):
        law = make_law(RandomDice(seed), most=4)
        if law.readings:
            break
    (name, party), spans = next(iter(law.readings.items()))
    read = ReadAs(law=law, reading=party)
    other = next(one for one in law.library.parties if one != party)
    assert tuple(read.spans(name, reading=other)) == spans
    assert read.state(name, at=AT, reading=other) == law.state(name, at=AT, reading=party)
    assert read.terms(name) == law.terms(name)
    assert read.library is law.library
    assert read.links(A, B) == law.links(A, B)


def test_more_different_facts_than_the_limit_refuse_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """IMP-20: a column with ids or free text in its place."""
    monkeypatch.setattr(reading_module, "BULK_CODES_MAX", 2)
    column = FactReader(make_law(RandomDice(1))).topics
    column.place(("AAA", "dprk"))
    column.place(("AAA", "prc"))
    column.place(("AAA", "dprk"))
    with pytest.raises(TableError, match="too many different holder, topics: limit 2"):
        column.place(("AAA", "prc.cyber"))


def request(**changed: object) -> Exchange:
    plain = {"row": 1, "kind": TrafficKind.REQUEST, "source": A, "target": B}
    return Exchange(topics=(TopicId("dprk"),), **(plain | changed))


def test_a_request_that_nothing_held_answers_is_judged_as_it_describes_the_item() -> None:
    """IMP-43: with a level it has a way or none, without one nobody knows."""
    law = make_law(RandomDice(5), most=4)
    lines = (request(), request(level=LevelId("low")))
    found = compare(
        side(law),
        side(law),
        holdings=Encoder(law).finish(),
        traffic=lines,
        conditions=Conditions(),
        engine=NumpyEngine(threads=1),
    ).requests
    assert [one.matched for one in found] == [0, 0]
    assert [one.effect for one in found] == ["not known", "unchanged"]


@pytest.mark.parametrize("seed", range(20))
def test_a_request_is_answered_by_items_all_of_whose_topics_it_covers(seed: int) -> None:
    """IMP-43."""
    dice = RandomDice(seed)
    law = make_law(dice, most=4)
    sample = make_sample(dice, law, rows=30)
    holdings = encode(law, sample.frame)
    found = compare(
        side(law),
        side(refine_law(law, {})),
        holdings=holdings,
        traffic=(request(), request(level=LevelId("low"), scheme=SchemeId("aaa"))),
        conditions=Conditions(),
        engine=NumpyEngine(threads=1),
    ).requests
    usable = [
        case
        for case, origin in zip(sample.cases, holdings.origins.tolist(), strict=True)
        if origin and case.holder == A and case.originator != B
    ]
    fits = [
        case for case in usable if case.topics and all(t.startswith("dprk") for t in case.topics)
    ]
    low = [one for one in fits if (one.label.scheme, one.label.level) == ("aaa", "low")]
    assert [one.matched for one in found] == [len(fits), len(low)]
    for one in found:
        assert one.tally_before.total == one.tally_after.total == one.matched
        assert one.tally_after.none == one.matched


def test_an_instrument_that_one_law_does_not_know_has_changed() -> None:
    """IMP-32."""
    law = next(law for law in map(make_law, map(RandomDice, range(50))) if law.instruments)
    gone = refine_law(law, {})
    names = sorted(law.instruments)
    assert [one.instrument for one in changes(side(law), side(gone))] == names
    assert [one.instrument for one in changes(side(gone), side(law))] == names
