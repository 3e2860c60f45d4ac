"""What a decision needs of the law: a few questions, so that any holder of law can answer them.

`relto.law.Law` answers them for any library; a draft or a test may answer them from plain values.
`Leg` is one instrument seen from one holder towards one recipient, with what it borrows.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct
from whenever import Instant

from relto.law import (
    Equivalence,
    PartyRecord,
    Reliance,
    Scheme,
    Span,
    Terms,
    UnknownInstrumentError,
)
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId, SchemeId, TopicId

T_co = TypeVar("T_co", covariant=True)


class Words(Protocol[T_co]):
    """A vocabulary: what is in it, and all of it."""

    def __contains__(self, word: object, /) -> bool:
        """Tell whether the word is known."""

    def __iter__(self) -> Iterator[T_co]:
        """Go through all words."""


class LibraryView(Protocol):
    """The words of the law: schemes, topics, purposes, parties."""

    @property
    def schemes(self) -> Mapping[SchemeId, Scheme]:
        """All schemes."""

    @property
    def topics(self) -> Words[TopicId]:
        """All topics."""

    @property
    def purposes(self) -> Words[PurposeId]:
        """All purposes."""

    @property
    def parties(self) -> Mapping[PartyCode, PartyRecord]:
        """All parties."""


class LawView(Protocol):
    """The law, as far as a decision asks it."""

    @property
    def library(self) -> LibraryView:
        """The words it uses."""

    def links(self, a: PartyCode, b: PartyCode, /) -> Sequence[InstrumentId]:
        """The instruments to which both are parties, sorted by id."""

    def terms(self, instrument: InstrumentId, /) -> Terms:
        """What the instrument says; `UnknownInstrumentError` if it is unknown."""

    def spans(self, instrument: InstrumentId, /, *, reading: PartyCode) -> Sequence[Span]:
        """Its life in one party's reading, oldest first, without a gap."""

    def state(self, instrument: InstrumentId, /, *, at: Instant, reading: PartyCode) -> Span:
        """The span that contains the instant."""


class Leg(Struct, frozen=True, kw_only=True):
    """One instrument from one holder to one recipient, with what it borrows for that pair.

    Args:
        terms: The instrument.
        holder: Who would release.
        recipient: Who would receive.
        relied: The reliance clauses that apply to this pair, in the text's order.
        protecting: The first instrument relied on, if the law knows it; lends tables, caps, forms.
        scheme: The recipient's own scheme; `None` when the recipient or its scheme is unknown.
        ladder: The levels of that scheme, lowest first.
        schemes: All schemes that the law knows.
        parties: All parties that the law knows.
    """

    terms: Terms
    holder: PartyCode
    recipient: PartyCode
    relied: tuple[Reliance, ...]
    protecting: Terms | None
    scheme: SchemeId | None
    ladder: tuple[LevelId, ...]
    schemes: Mapping[SchemeId, Scheme]
    parties: Mapping[PartyCode, PartyRecord]

    @property
    def tables(self) -> tuple[Equivalence, ...]:
        """Its own tables between schemes, or else those of the protecting instrument (DEC-12)."""
        if self.terms.equivalence or self.protecting is None:
            return self.terms.equivalence
        return self.protecting.equivalence


def links_of(law: LawView, *, holder: PartyCode, recipient: PartyCode) -> tuple[InstrumentId, ...]:
    """The instruments to consider, sorted, each once; none between a party and itself."""
    if holder == recipient:
        return ()
    return tuple(sorted(set(law.links(holder, recipient))))


def leg_of(
    law: LawView, instrument: InstrumentId, *, holder: PartyCode, recipient: PartyCode
) -> Leg:
    """Look up one instrument for one pair.

    Args:
        law: The law.
        instrument: An instrument that the law knows.
        holder: Who would release.
        recipient: Who would receive.
    """
    return legs_of(law, (instrument,), holder=holder, recipient=recipient)[0]


def legs_of(
    law: LawView, instruments: Sequence[InstrumentId], *, holder: PartyCode, recipient: PartyCode
) -> tuple[Leg, ...]:
    """Look up several instruments for one pair.

    Args:
        law: The law.
        instruments: Instruments that the law knows.
        holder: Who would release.
        recipient: Who would receive.

    Returns:
        In the order of the instruments.
    """
    pair = tuple(sorted((holder, recipient)))
    party = law.library.parties.get(recipient)
    own = None if party is None else party.scheme
    scheme = None if own is None else law.library.schemes.get(own)
    ladder = () if scheme is None else tuple(level.id for level in scheme.levels)
    legs: list[Leg] = []
    for one in instruments:
        terms = law.terms(one)
        relied = tuple(clause for clause in terms.reliance if clause.parties in {(), pair})
        leg = Leg(
            terms=terms,
            holder=holder,
            recipient=recipient,
            relied=relied,
            protecting=_known_terms(law, relied[0].instrument) if relied else None,
            scheme=own,
            ladder=ladder,
            schemes=law.library.schemes,
            parties=law.library.parties,
        )
        legs.append(leg)
    return tuple(legs)


def state_of(
    law: LawView, instrument: InstrumentId, *, at: Instant, reading: PartyCode
) -> Span | None:
    """The state of an instrument, or `None` when the law does not know the instrument."""
    if not is_known(law, instrument):
        return None
    return law.state(instrument, at=at, reading=reading)


def table_at(leg: Leg, at: Instant) -> Equivalence | None:
    """The table between schemes that is valid at an instant, half-open; `None` when none is."""
    for table in leg.tables:
        if (table.valid_from is None or table.valid_from <= at) and (
            table.valid_until is None or at < table.valid_until
        ):
            return table
    return None


def is_known(law: LawView, instrument: InstrumentId) -> bool:
    """Tell whether the law knows an instrument that another one names."""
    return _known_terms(law, instrument) is not None


def _known_terms(law: LawView, instrument: InstrumentId) -> Terms | None:
    try:
        return law.terms(instrument)
    except UnknownInstrumentError:
        return None
