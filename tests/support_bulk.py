"""Holdings made up for a made-up law: as cases for the reference, as rows for an engine."""

from collections.abc import Sequence

import polars as pl
from msgspec import Struct, structs

from relto.adapters.tables import Encoder
from relto.decide import Planner, decide
from relto.impact import (
    BulkConsidered,
    BulkQuestion,
    BulkTables,
    Engine,
    Holdings,
    compile_tables,
    name_items,
    owed,
    read_answer,
)
from relto.impact.words import OUTCOMES
from relto.model import Case, Consent, Label, Outcome, Verdict
from relto.testing import Dice, PlainLaw, make_case, make_instant
from relto.testing.cases import UNKNOWN_PARTY
from relto.units import HoldingId, PartyCode


class Sample(Struct, frozen=True, eq=False):
    """A law, a question, and the same rows twice."""

    law: PlainLaw
    question: BulkQuestion
    cases: tuple[Case, ...]
    frame: pl.DataFrame


def make_sample(dice: Dice, law: PlainLaw, *, rows: int) -> Sample:
    """Rows for one recipient, one instant and one purpose, with consents for topics and items."""
    first = make_case(dice, law)
    made = [make_case(dice, law) for _ in range(rows)]
    question = BulkQuestion(
        recipient=first.recipient,
        at=make_instant(dice),
        purpose=first.purpose,
        is_requested=first.requested,
        assurance=first.assurance,
        onward=first.onward,
        consents=(*first.consents, *_retargeted(made, first.recipient)),
    )
    cases = tuple(_asked(one, question, index) for index, one in enumerate(made))
    return Sample(law, question, cases, frame_of(cases))


def _retargeted(cases: Sequence[Case], recipient: PartyCode) -> list[Consent]:
    """The consents made for some cases, now for the recipient and the row that the case becomes."""
    found = []
    for index, case in enumerate(cases[:12]):
        for one in case.consents:
            item = None
            if one.holding is not None:
                item = HoldingId(f"item-{index if one.holding == case.holding else index + 1}")
            to = recipient if one.recipient == case.recipient else one.recipient
            found.append(structs.replace(one, holding=item, recipient=to))
    return found


def _asked(case: Case, question: BulkQuestion, index: int) -> Case:
    marked = case.marked
    if marked is not None:
        marked = Label(scheme=marked.scheme, level=marked.level)
    return structs.replace(
        case,
        recipient=question.recipient,
        onward=question.onward,
        purpose=question.purpose,
        requested=question.is_requested,
        assurance=question.assurance,
        consents=question.consents,
        marked=marked,
        holding=HoldingId(f"item-{index}"),
    )


def frame_of(cases: Sequence[Case]) -> pl.DataFrame:
    """The cases as text, as a registry writes them."""
    rows = [
        {
            "id": f"item-{index}",
            "holder": case.holder,
            "originator": case.originator,
            "scheme": case.label.scheme,
            "level": case.label.level,
            "topics": ";".join(case.topics),
            "form": case.form.value,
            "categories": ";".join(case.label.categories),
            "releasable_to": None
            if case.label.releasable_to is None
            else ";".join(case.label.releasable_to) or "-",
            "provenance": case.provenance,
            "received_for": case.received_for,
            "marked_scheme": None if case.marked is None else case.marked.scheme,
            "marked_level": None if case.marked is None else case.marked.level,
        }
        for index, case in enumerate(cases)
    ]
    names = list(rows[0]) if rows else []
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String))


def encode(law: PlainLaw, frame: pl.DataFrame, question: BulkQuestion | None = None) -> Holdings:
    """All rows in two batches, so that codes of the second continue those of the first.

    With a question the items that its consents name are looked for.
    """
    encoder = Encoder(law)
    middle = frame.height // 2
    for batch in (frame[:middle], frame[middle:]):
        encoder.add(batch)
    holdings = encoder.finish()
    return holdings if question is None else name_items(holdings, question.items)


def check_engine(engine: Engine, sample: Sample) -> int:
    """Hold an engine to the reference, row by row: outcome, instrument, reasons, obligations.

    Returns:
        How many rows were not at fault.
    """
    holdings = encode(sample.law, sample.frame, sample.question)
    tables = compile_tables(Planner(sample.law), holdings.facts, sample.question)
    outcomes = engine.outcomes(tables, holdings)
    words = engine.words(tables, holdings)
    assert len(outcomes) == holdings.rows == len(sample.cases)
    assert words.shape == (tables.words, holdings.rows)
    faulty = set((holdings.faults.rows - 1).tolist())
    for row, case in enumerate(sample.cases):
        found = [int(words[place, row]) for place in range(tables.words)]
        answer = read_answer(tables, case.holder, found)
        if row in faulty:
            assert OUTCOMES[outcomes[row]] is answer.outcome is Outcome.DENY
            assert answer.is_faulty
            if case.originator == UNKNOWN_PARTY:
                assert decide(sample.law, case, at=sample.question.at).outcome is Outcome.DENY
            continue
        check_row(sample, case, tables, holdings, row)
        expected = decide(sample.law, case, at=sample.question.at)
        assert OUTCOMES[outcomes[row]] is expected.outcome
        assert (answer.outcome, answer.instrument) == (expected.outcome, expected.instrument)
        assert not answer.is_faulty
        assert answer.considered == tuple(
            BulkConsidered(
                instrument=one.instrument,
                outcome=one.outcome,
                fails=tuple(f.rule for f in one.findings if f.verdict is Verdict.FAIL),
                asks=tuple(f.rule for f in one.findings if f.verdict is Verdict.ASK),
            )
            for one in expected.considered
        )
        origin = holdings.facts.origins[holdings.origins[row]]
        assert origin is not None
        markings, obligations = owed(
            sample.law,
            sample.question,
            label=holdings.facts.labels[holdings.labels[row]],
            origin=origin,
            answer=answer,
        )
        assert (markings, obligations) == (expected.markings, expected.obligations)
    return len(sample.cases) - len(faulty)


def check_row(sample: Sample, case: Case, tables: BulkTables, holdings: Holdings, row: int) -> None:
    """The facts of a row give its case back."""
    from relto.impact import case_of

    facts = holdings.facts
    origin = facts.origins[holdings.origins[row]]
    assert origin is not None
    found = case_of(
        sample.question,
        label=facts.labels[holdings.labels[row]],
        topics=facts.topics[holdings.topics[row]],
        caveats=facts.caveats[holdings.caveats[row]],
        origin=origin,
        holding=case.holding,
    )
    assert found == structs.replace(case, topics=tuple(sorted(set(case.topics))))
