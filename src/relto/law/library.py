"""The library: all law files together, checked against each other; a value that never changes."""

from collections.abc import Mapping

from msgspec import Struct

from relto.law.act import Act, Event, Reading
from relto.law.errors import UnknownInstrumentError
from relto.law.force import Instrument
from relto.law.instrument import Terms
from relto.law.scheme import PartyRecord, PurposeTree, Scheme, TopicTree
from relto.units import Digest, InstrumentId, PartyCode, SchemeId


class Library(Struct, frozen=True, kw_only=True):
    """Everything the files say, whole or not at all.

    Args:
        instruments: By id, in the order of ids.
        acts: Per instrument, oldest first; every instrument has a key.
        readings: Per instrument, oldest first; every instrument has a key.
        events: Events beside the instruments that acts are tied to, by id.
        digest: SHA-256 over the files as handed in: names and bytes, in the order of names.
    """

    instruments: Mapping[InstrumentId, Instrument]
    schemes: Mapping[SchemeId, Scheme]
    topics: TopicTree
    purposes: PurposeTree
    parties: Mapping[PartyCode, PartyRecord]
    acts: Mapping[InstrumentId, tuple[Act, ...]]
    readings: Mapping[InstrumentId, tuple[Reading, ...]]
    events: Mapping[str, Event]
    digest: Digest

    @property
    def terms(self) -> Mapping[InstrumentId, Terms]:
        """Return what each instrument says about a release, by id, in the order of ids.

        Source: docs/spec/law.md LAW-1.
        """
        return {id: instrument.terms for id, instrument in self.instruments.items()}

    def instrument(self, id: str) -> Instrument:
        """Return one instrument, whole.

        Args:
            id: Its id, exactly.

        Raises:
            UnknownInstrumentError: The library holds none of that id.

        Source: docs/spec/law.md LAW-1.
        """
        found = self.instruments.get(InstrumentId(id))
        if found is None:
            raise UnknownInstrumentError(f"no instrument `{id}` in the library")
        return found
