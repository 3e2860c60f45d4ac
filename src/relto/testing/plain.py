"""A law out of plain values: terms and lives as given, with no acts and no files behind them."""

from collections.abc import Mapping
from itertools import combinations

from msgspec import Struct
from whenever import Instant

from relto.law import PartyRecord, Scheme, Span, Terms, UnknownInstrumentError
from relto.units import InstrumentId, PartyCode, PurposeId, SchemeId, TopicId


class PlainLibrary(Struct, frozen=True, kw_only=True):
    """The words of a plain law."""

    schemes: Mapping[SchemeId, Scheme]
    topics: frozenset[TopicId]
    purposes: frozenset[PurposeId]
    parties: Mapping[PartyCode, PartyRecord]


class PlainLaw(Struct, frozen=True, kw_only=True, dict=True):
    """Instruments with their lives; answers what a decision asks.

    Args:
        library: The words.
        instruments: What each says.
        lives: For each instrument its spans, oldest first, without a gap and open at both ends.
        readings: Other spans in one party's reading, by instrument and party.
    """

    library: PlainLibrary
    instruments: Mapping[InstrumentId, Terms]
    lives: Mapping[InstrumentId, tuple[Span, ...]]
    readings: Mapping[tuple[InstrumentId, PartyCode], tuple[Span, ...]] = {}

    def links(self, a: PartyCode, b: PartyCode, /) -> tuple[InstrumentId, ...]:
        """The instruments to which both are parties, sorted."""
        index = self.__dict__.get("index")
        if index is None:
            index = self.__dict__["index"] = _index(self.instruments)
        found: tuple[InstrumentId, ...] = index.get((min(a, b), max(a, b)), ())
        return found

    def terms(self, instrument: InstrumentId, /) -> Terms:
        """What the instrument says."""
        found = self.instruments.get(instrument)
        if found is None:
            raise UnknownInstrumentError(f"no instrument `{instrument}` in this law")
        return found

    def spans(self, instrument: InstrumentId, /, *, reading: PartyCode) -> tuple[Span, ...]:
        """Its life in one party's reading."""
        return self.readings.get((instrument, reading)) or self.lives[instrument]

    def state(self, instrument: InstrumentId, /, *, at: Instant, reading: PartyCode) -> Span:
        """The span that contains the instant."""
        spans = self.spans(instrument, reading=reading)
        return next(span for span in reversed(spans) if span.start is None or span.start <= at)


def _index(
    instruments: Mapping[InstrumentId, Terms],
) -> dict[tuple[PartyCode, PartyCode], tuple[InstrumentId, ...]]:
    found: dict[tuple[PartyCode, PartyCode], list[InstrumentId]] = {}
    for name in sorted(instruments):
        for a, b in combinations(sorted(instruments[name].parties), 2):
            found.setdefault((a, b), []).append(name)
    return {pair: tuple(names) for pair, names in found.items()}
