"""Law: what binds whom, as known at an instant, in each reading; answers by binary search."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from msgspec import Struct, structs
from whenever import Instant

from relto.law import deadline
from relto.law.act import Act, ActKind, Reading
from relto.law.deadline import Deadline
from relto.law.errors import UnknownInstrumentError
from relto.law.force import Instrument, SurvivalRule, SuspendedNotice
from relto.law.instrument import Duty, Equivalence, Terms
from relto.law.library import Library
from relto.law.life import Doctrines, Life, Remark
from relto.law.machine import live
from relto.law.span import Span, State
from relto.units import Digest, InstrumentId, PartyCode

Pair = tuple[PartyCode, PartyCode]


class Difference(Struct, frozen=True, kw_only=True):
    """A stretch of time in which the parties read the instrument differently.

    Args:
        start: First instant; `None` for the beginning of time.
        end: First instant after; `None` when no end is known.
        readings: Party to the span that its reading gives, by code.
    """

    instrument: InstrumentId
    start: Instant | None
    end: Instant | None
    readings: Mapping[PartyCode, Span]

    def sentence(self, *, reading: PartyCode) -> str:
        """Say how the other parties read it, for a decision taken in one party's reading.

        Args:
            reading: The party whose reading decides; its own is not repeated.

        Source: docs/spec/law.md LAW-54.
        """
        own = self.readings.get(reading)
        others = [
            f"{party} reads `{span.state}` ({span.cause})"
            for party, span in self.readings.items()
            if party != reading and (own is None or span.state is not own.state)
        ]
        return "; ".join(others)


class Owed(Struct, frozen=True, kw_only=True):
    """What is owed for what was received under an instrument.

    Args:
        is_ended: The instrument has ended; what follows outlives it.
        duties: What a receiver owes, as while it was in force.
        survival: For how long that goes on after the end.
    """

    is_ended: bool
    duties: tuple[Duty, ...]
    survival: SurvivalRule


class Law:
    """The law compiled: nothing in it changes, and an answer costs a binary search.

    Args:
        library: What it was compiled from.
        known: Up to when acts were taken as known; `None` takes all.
    """

    __slots__ = (
        "_acts",
        "_default",
        "_differences",
        "_lives",
        "_pairs",
        "_terms",
        "known",
        "library",
    )

    def __init__(
        self,
        library: Library,
        *,
        known: Instant | None,
        acts: Mapping[InstrumentId, tuple[Act, ...]],
        terms: Mapping[InstrumentId, Terms],
        default: Mapping[InstrumentId, Life],
        lives: Mapping[InstrumentId, Mapping[PartyCode, Life]],
    ) -> None:
        """Use `compile_law`."""
        self.library = library
        self.known = known
        self._acts = acts
        self._terms = terms
        self._default = default
        self._lives = lives
        pairs: dict[Pair, list[InstrumentId]] = {}
        for id, term in terms.items():
            for one in term.parties:
                for other in term.parties:
                    if one != other:
                        pairs.setdefault((one, other), []).append(id)
        self._pairs: Mapping[Pair, tuple[InstrumentId, ...]] = {
            pair: tuple(sorted(ids)) for pair, ids in pairs.items()
        }
        self._differences = {id: _differences(id, own) if own else () for id, own in lives.items()}

    @property
    def digest(self) -> Digest:
        """Return the digest of the law files; acts given beside them are not in it.

        Source: docs/spec/law.md LAW-9.
        """
        return self.library.digest

    def links(self, a: PartyCode, b: PartyCode) -> tuple[InstrumentId, ...]:
        """Return the instruments that both parties are party to, sorted; whatever their state.

        Source: docs/spec/law.md LAW-7.
        """
        return self._pairs.get((a, b), ())

    def terms(self, id: InstrumentId) -> Terms:
        """Return what an instrument says about a release, amendments known by then included.

        Raises:
            UnknownInstrumentError: The library holds none of that id.

        Source: docs/spec/law.md LAW-1.
        """
        found = self._terms.get(id)
        if found is None:
            raise UnknownInstrumentError(f"no instrument `{id}` in the library")
        return found

    def acts(self, id: InstrumentId) -> tuple[Act, ...]:
        """Return the acts about an instrument that this law knows, those handed in included.

        Source: docs/spec/law.md LAW-13.
        """
        self.terms(id)
        return self._acts[id]

    def readings(self, id: InstrumentId) -> tuple[tuple[PartyCode | None, Life], ...]:
        """Return the lives that differ by reading: one per party, or one of `None` for all.

        Source: docs/spec/law.md LAW-52.
        """
        self.terms(id)
        return tuple(self._lives[id].items()) or ((None, self._default[id]),)

    def life(self, id: InstrumentId, *, reading: PartyCode | None = None) -> Life:
        """Return the whole life of an instrument.

        Args:
            id: Which.
            reading: A party; one that declared none, and `None`, read as the text and its doctrine.

        Raises:
            UnknownInstrumentError: The library holds none of that id.

        Source: docs/spec/law.md LAW-52.
        """
        self.terms(id)
        own = self._lives[id].get(reading) if reading is not None else None
        return own or self._default[id]

    def spans(self, id: InstrumentId, *, reading: PartyCode) -> tuple[Span, ...]:
        """Return the spans of an instrument, gapless, from the beginning to the end of time.

        Source: docs/spec/law.md LAW-50.
        """
        return self.life(id, reading=reading).spans

    def state(self, id: InstrumentId, *, at: Instant, reading: PartyCode | None) -> Span:
        """Return the span that holds at an instant: `start <= at < end`.

        Source: docs/spec/law.md LAW-50, LAW-51.
        """
        life = self.life(id, reading=reading)
        return life.spans[bisect_right(life.starts, at)]

    def next_change(
        self, id: InstrumentId, *, after: Instant, reading: PartyCode
    ) -> Instant | None:
        """Return the next instant at which the state or the table in use changes, or `None`.

        Source: docs/spec/law.md LAW-51.
        """
        changes = [self.state(id, at=after, reading=reading).end]
        for version in self.terms(id).equivalence:
            changes.extend((version.valid_from, version.valid_until))
        later = [change for change in changes if change is not None and change > after]
        return min(later, default=None)

    def equivalence(self, id: InstrumentId, *, at: Instant) -> Equivalence | None:
        """Return the version of the table between schemes that holds at an instant, or `None`.

        Source: docs/spec/law.md LAW-72.
        """
        for version in self.terms(id).equivalence:
            starts = version.valid_from is None or version.valid_from <= at
            ends = version.valid_until is not None and version.valid_until <= at
            if starts and not ends:
                return version
        return None

    def differences(self, id: InstrumentId) -> tuple[Difference, ...]:
        """Return all stretches in which the parties read the instrument differently, oldest first.

        Source: docs/spec/law.md LAW-53.
        """
        self.terms(id)
        return self._differences[id]

    def readings_differ(self, id: InstrumentId, *, at: Instant) -> Difference | None:
        """Return how the parties' readings differ at an instant, or `None` where they agree.

        Source: docs/spec/law.md LAW-53.
        """
        for difference in self.differences(id):
            if difference.start is not None and at < difference.start:
                return None
            if difference.end is None or at < difference.end:
                return difference
        return None

    def owed(self, id: InstrumentId, *, at: Instant, reading: PartyCode) -> Owed | None:
        """Return what is owed at an instant for what was received before; `None` before any entry.

        An end ends releases, never duties (LAW-57).

        Source: docs/spec/law.md LAW-57.
        """
        life = self.life(id, reading=reading)
        if life.entered is None or at < life.entered:
            return None
        span = life.spans[bisect_right(life.starts, at)]
        return Owed(
            is_ended=span.state is State.ENDED,
            duties=self.terms(id).duties,
            survival=self.library.instrument(id).survival,
        )

    def next_deadline(
        self, id: InstrumentId, *, after: Instant, reading: PartyCode | None = None
    ) -> Deadline | None:
        """Return the next last day for a notice, or `None` where none runs.

        None runs before the entry into force, once the end is known, after it, and while a notice
        sleeps in a reading that knows no terms then.

        Source: docs/spec/law.md LAW-31, LAW-45.
        """
        life = self.life(id, reading=reading)
        rules = self.library.instrument(id)
        span = life.spans[bisect_right(life.starts, after)]
        runs = span.state in (State.IN_FORCE, State.OPERATION_SUSPENDED) or (
            span.state is State.NOTICE_SUSPENDED
            and life.doctrines.suspended_notice is SuspendedNotice.RENEWS
        )
        if rules.notice is None or not runs:
            return None
        return deadline.next_deadline(
            after, life.schedules, instrument=id, notice=rules.notice, days=rules.days
        )

    def remarks(self, id: InstrumentId, *, reading: PartyCode | None = None) -> tuple[Remark, ...]:
        """Return what each act did, or why it did nothing, in one reading.

        Source: docs/spec/law.md LAW-41.
        """
        return self.life(id, reading=reading).remarks


def _differences(id: InstrumentId, lives: Mapping[PartyCode, Life]) -> tuple[Difference, ...]:
    cuts: list[Instant | None] = [None]
    cuts.extend(sorted({start for life in lives.values() for start in life.starts}))
    found: list[Difference] = []
    for index, start in enumerate(cuts):
        end = cuts[index + 1] if index + 1 < len(cuts) else None
        readings = {
            party: life.spans[0 if start is None else bisect_right(life.starts, start)]
            for party, life in sorted(lives.items())
        }
        if len({span.state for span in readings.values()}) > 1:
            found.append(Difference(instrument=id, start=start, end=end, readings=readings))
    return tuple(found)


def compile_law(library: Library, *, known: Instant | None = None, acts: Iterable[Act] = ()) -> Law:
    """Work out the lives of all instruments, once for each reading that a party has declared.

    Args:
        library: The files.
        known: Only acts and readings known at this instant; `None` takes all there are.
        acts: Further acts, for a what-if or from the journal; checked by whoever hands them in.

    Source: docs/spec/law.md LAW-8, LAW-13, LAW-52.
    """
    extra: dict[InstrumentId, list[Act]] = {}
    for act in acts:
        library.instrument(act.instrument)
        extra.setdefault(act.instrument, []).append(act)
    default: dict[InstrumentId, Life] = {}
    lives: dict[InstrumentId, dict[PartyCode, Life]] = {}
    terms: dict[InstrumentId, Terms] = {}
    seen_acts: dict[InstrumentId, tuple[Act, ...]] = {}
    for id, instrument in library.instruments.items():
        all_acts = (*library.acts[id], *extra.get(id, ()))
        seen = tuple(act for act in all_acts if known is None or act.known <= known)
        seen_acts[id] = seen
        plain = doctrines_of(instrument, ())
        default[id] = live(instrument, seen, plain)
        readings = [row for row in library.readings[id] if known is None or row.known <= known]
        lives[id] = {}
        for party in instrument.terms.parties if readings else ():
            own = doctrines_of(instrument, [row for row in readings if row.party == party])
            lives[id][party] = live(instrument, seen, own) if own.is_declared else default[id]
        terms[id] = _amended(instrument.terms, seen)
    return Law(library, known=known, acts=seen_acts, terms=terms, default=default, lives=lives)


def doctrines_of(instrument: Instrument, readings: Iterable[Reading]) -> Doctrines:
    """Return what a reading answers: the latest declarations over the instrument's doctrine.

    Args:
        instrument: Whose doctrine counts where nothing was declared.
        readings: The party's own declarations, oldest first.

    Source: docs/spec/law.md LAW-52.
    """
    found = Doctrines(
        suspended_notice=instrument.doctrine.suspended_notice,
        end_at_once=instrument.doctrine.end_at_once,
        is_declared=False,
        evidence=instrument.doctrine.ground.evidence,
    )
    for row in readings:
        found = structs.replace(
            found,
            suspended_notice=row.suspended_notice or found.suspended_notice,
            end_at_once=row.end_at_once or found.end_at_once,
            is_declared=True,
            evidence=row.ground.evidence,
        )
    return found


def _amended(terms: Terms, acts: tuple[Act, ...]) -> Terms:
    """Give versions of the table that acts brought their dates; leave out those not yet known."""
    if all(version.by_act is None for version in terms.equivalence):
        return terms
    dates = {act.id: act.effective or act.at for act in acts if act.kind is ActKind.AMENDMENT}
    plain = [version for version in terms.equivalence if version.by_act is None]
    brought = sorted(
        ((dates[v.by_act], v) for v in terms.equivalence if v.by_act in dates),
        key=lambda pair: (pair[0], pair[1].id),
    )
    versions: list[Equivalence] = plain
    for at, version in brought:
        versions = [
            structs.replace(old, valid_until=at)
            if old.valid_until is None or old.valid_until > at
            else old
            for old in versions
            if old.valid_from is None or old.valid_from < at
        ]
        versions.append(structs.replace(version, valid_from=at))
    return structs.replace(terms, equivalence=tuple(versions))
