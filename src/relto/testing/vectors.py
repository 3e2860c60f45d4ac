"""Vectors of the decision as data: a law, a case, an instant, and what must come out.

Words for people (facts, remedies, texts) are left out: another implementation may word them as it
likes, but it must reach the same verdicts, name the same articles, and ask for the same duties.
"""

from typing import TypeVar

import msgspec
from msgspec import Struct
from whenever import Instant

from relto.law import Span, Terms
from relto.model import Case, Decision, ObligationKind, Outcome, Weight
from relto.testing.plain import PlainLaw, PlainLibrary
from relto.units import InstrumentId, LevelId, PartyCode

T = TypeVar("T")


class ReadLife(Struct, frozen=True, kw_only=True):
    """The life of an instrument, in one party's reading or in everybody else's."""

    instrument: InstrumentId
    reading: PartyCode | None
    spans: tuple[Span, ...]


class ExpectedInstrument(Struct, frozen=True, kw_only=True):
    """What must come out for one instrument; verdicts and articles in rule order."""

    instrument: InstrumentId
    outcome: Outcome
    verdicts: tuple[str, ...]
    articles: tuple[str, ...]
    is_contested: bool


class ExpectedDuty(Struct, frozen=True, kw_only=True):
    """One obligation."""

    kind: ObligationKind
    weight: Weight
    article: str


class ExpectedDecision(Struct, frozen=True, kw_only=True):
    """What must come out."""

    outcome: Outcome
    instrument: InstrumentId | None
    considered: tuple[ExpectedInstrument, ...]
    obligations: tuple[ExpectedDuty, ...]
    markings: tuple[LevelId, ...]
    holds_until: Instant | None
    assumed: tuple[str, ...]


class Vector(Struct, frozen=True, kw_only=True):
    """One vector.

    Args:
        id: Its name.
        clauses: The clauses it bears on.
        why: What it shows that others do not.
        instruments: The law, beside the common library.
        lives: Its lives.
        case: The facts.
        at: The instant.
        expect: What must come out.
    """

    id: str
    clauses: tuple[str, ...]
    why: str
    instruments: tuple[Terms, ...]
    lives: tuple[ReadLife, ...]
    case: Case
    at: Instant
    expect: ExpectedDecision


def vector_of(
    law: PlainLaw,
    case: Case,
    at: Instant,
    decision: Decision,
    *,
    id: str,
    clauses: tuple[str, ...],
    why: str,
) -> Vector:
    """Write a decided question down."""
    common = [
        ReadLife(instrument=name, reading=None, spans=law.lives[name]) for name in law.instruments
    ]
    own = [
        ReadLife(instrument=name, reading=reading, spans=spans)
        for (name, reading), spans in sorted(law.readings.items())
        if name in law.instruments
    ]
    return Vector(
        id=id,
        clauses=clauses,
        why=why,
        instruments=tuple(law.instruments.values()),
        lives=(*common, *own),
        case=case,
        at=at,
        expect=expectation_of(decision),
    )


def law_of(vector: Vector, library: PlainLibrary) -> PlainLaw:
    """The law of a vector."""
    return PlainLaw(
        library=library,
        instruments={terms.id: terms for terms in vector.instruments},
        lives={one.instrument: one.spans for one in vector.lives if one.reading is None},
        readings={
            (one.instrument, one.reading): one.spans
            for one in vector.lives
            if one.reading is not None
        },
    )


def expectation_of(decision: Decision) -> ExpectedDecision:
    """What of a decision another implementation must reach as well."""
    return ExpectedDecision(
        outcome=decision.outcome,
        instrument=decision.instrument,
        considered=tuple(
            ExpectedInstrument(
                instrument=one.instrument,
                outcome=one.outcome,
                verdicts=tuple(str(found.verdict) for found in one.findings),
                articles=tuple(found.ground.article for found in one.findings),
                is_contested=bool(one.contested),
            )
            for one in decision.considered
        ),
        obligations=tuple(
            ExpectedDuty(kind=one.kind, weight=one.weight, article=one.ground.article)
            for one in decision.obligations
        ),
        markings=decision.markings,
        holds_until=decision.holds_until,
        assumed=decision.assumed,
    )


def encode(value: object) -> bytes:
    """Write a vector, or the common library, as JSON."""
    return msgspec.json.format(
        msgspec.json.encode(value, enc_hook=_write, order="deterministic"), indent=1
    )


def decode(data: bytes, kind: type[T]) -> T:
    """Read what `encode` wrote, strictly."""
    return msgspec.json.decode(data, type=kind, dec_hook=_read, strict=True)


def _write(value: object) -> object:
    assert isinstance(value, Instant)
    return value.format_iso()


def _read(kind: type, value: object) -> object:
    assert kind is Instant
    assert isinstance(value, str)
    return Instant.parse_iso(value)
