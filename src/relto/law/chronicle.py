"""Law told in order: a timeline, deadlines, what differs between two laws, what is assumed.

Values for a reader; the commands and the console only draw them.
"""

from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct, structs
from whenever import Instant

from relto.law.act import Act
from relto.law.deadline import Deadline
from relto.law.force import Instrument
from relto.law.law import Difference, Law, compile_law
from relto.law.library import Library
from relto.law.life import Life, Remark
from relto.law.span import STATES_IN_FORCE, Span, State
from relto.model import Evidence, Ground
from relto.units import InstrumentId, PartyCode


class Step(Struct, frozen=True, kw_only=True):
    """One act on a timeline, with what it did in the reading.

    Args:
        act: The act.
        remark: What it did.
        tied: Titles of the events and acts it is tied to.
    """

    act: Act
    remark: Remark
    tied: tuple[str, ...]


class Timeline(Struct, frozen=True, kw_only=True):
    """The life of one instrument in one reading.

    Args:
        reading: Whose; `None` for the text and the instrument's own doctrine.
        known: As known when; `None` for everything in the files.
        zone: The instrument's zone, in which a person reads it.
        next_deadline: The next last day for a notice after the instant asked about.
        contested: Stretches in which the parties read it differently.
    """

    instrument: InstrumentId
    title: str
    reading: PartyCode | None
    known: Instant | None
    zone: str
    spans: tuple[Span, ...]
    steps: tuple[Step, ...]
    next_deadline: Deadline | None
    contested: tuple[Difference, ...]


class DueKind(StrEnum):
    """Kinds of days that somebody must not miss."""

    NOTICE = "last-day-for-notice"
    END = "end"
    ENTRY = "entry"


class Due(Struct, frozen=True, kw_only=True):
    """A day that somebody must not miss.

    Args:
        at: The first instant at which it is too late, or at which the state changes.
        text: In words.
        evidence: How well the rule behind it is known.
    """

    kind: DueKind
    instrument: InstrumentId
    title: str
    zone: str
    at: Instant
    text: str
    evidence: Evidence
    reading: PartyCode | None


class Change(Struct, frozen=True, kw_only=True):
    """A stretch of time in which two laws give an instrument another state.

    Args:
        start: First instant; `None` for the beginning of time.
        end: First instant after; `None` when no end is known.
        before: What the first law gives.
        after: What the second law gives.
    """

    instrument: InstrumentId
    reading: PartyCode
    start: Instant | None
    end: Instant | None
    before: Span
    after: Span


class LegChange(Struct, frozen=True, kw_only=True):
    """A leg of one instrument that another protects, where that protection comes or goes.

    Args:
        instrument: The one that relies.
        parties: The two parties of the leg; empty for every leg.
        protected_by: The one it relies on, and whose state differs.
        is_open: Whether the leg is protected under the second law.
    """

    instrument: InstrumentId
    parties: tuple[PartyCode, ...]
    protected_by: InstrumentId
    reading: PartyCode
    start: Instant | None
    end: Instant | None
    is_open: bool


class Comparison(Struct, frozen=True, kw_only=True):
    """Two laws side by side.

    Args:
        acts: Acts that only the second law knows, oldest first.
        changes: Stretches that differ, by instrument, reading and start.
        legs: Legs of other instruments that these changes open or close, in the same order.
    """

    acts: tuple[Act, ...]
    changes: tuple[Change, ...]
    legs: tuple[LegChange, ...]


class Assumed(Struct, frozen=True, kw_only=True):
    """A rule of an instrument that nobody has read: `rule` is its place in the file."""

    rule: str
    ground: Ground


def timeline(
    law: Law, instrument: InstrumentId, *, reading: PartyCode | None, after: Instant
) -> Timeline:
    """Tell the life of an instrument in one reading.

    Args:
        law: Compiled as known when the reader asks.
        instrument: Which.
        reading: A party, or `None` for the text and the instrument's own doctrine.
        after: Now; the next deadline is the first to close after it.

    Raises:
        UnknownInstrumentError: The library holds none of that id.

    Source: docs/spec/law.md LAW-41, LAW-51 to LAW-53.
    """
    rules = law.library.instrument(instrument)
    life = law.life(instrument, reading=reading)
    acts = {act.id: act for act in law.acts(instrument)}
    events = law.library.events
    steps = []
    for remark in life.remarks:
        act = acts[remark.act]
        tied = tuple(events[link.to].title if link.to in events else link.to for link in act.links)
        steps.append(Step(act=act, remark=remark, tied=tied))
    return Timeline(
        instrument=instrument,
        title=rules.terms.title,
        reading=reading,
        known=law.known,
        zone=rules.days.zone,
        spans=life.spans,
        steps=tuple(steps),
        next_deadline=law.next_deadline(instrument, after=after, reading=reading),
        contested=law.differences(instrument),
    )


def dues(law: Law, *, after: Instant) -> tuple[Due, ...]:
    """Return the days after an instant that somebody must not miss, soonest first.

    A day on which the readings do not agree is given once for each reading that has it, named.

    Source: docs/spec/law.md LAW-31, LAW-56.
    """
    found: list[Due] = []
    for id in law.library.instruments:
        by_reading = [
            tuple(_dues(law, id, reading, life, after)) for reading, life in law.readings(id)
        ]
        plain = [{structs.replace(due, reading=None) for due in own} for own in by_reading]
        shared = set.intersection(*plain)
        found.extend(shared)
        found.extend(
            due
            for own in by_reading
            for due in own
            if structs.replace(due, reading=None) not in shared
        )
    return tuple(sorted(found, key=_due_order))


def _due_order(due: Due) -> tuple[Instant, str, str, str, str]:
    return (due.at, due.instrument, due.kind, due.reading or "", due.text)


def _dues(
    law: Law, id: InstrumentId, reading: PartyCode | None, life: Life, after: Instant
) -> Iterator[Due]:
    rules = law.library.instrument(id)
    short, zone = rules.terms.short, rules.days.zone
    due = law.next_deadline(id, after=after, reading=reading)
    if due is not None and rules.notice is not None:
        yield Due(
            kind=DueKind.NOTICE,
            instrument=id,
            title=f"{short}: last day for a notice",
            zone=zone,
            at=due.closes,
            text=f"{due.last_day} is the last day for a notice that ends term {due.term}",
            evidence=max(
                (rules.notice.ground.evidence, rules.notice.counting.ground.evidence),
                key=tuple(Evidence).index,
            ),
            reading=reading,
        )
    for span in life.spans[bisect_right(life.starts, after) + 1 :]:
        assert span.start is not None
        is_end = span.state is State.ENDED
        if not is_end and span.state is not State.IN_FORCE:
            continue
        yield Due(
            kind=DueKind.END if is_end else DueKind.ENTRY,
            instrument=id,
            title=f"{short}: {'ends' if is_end else 'is in force again or for the first time'}",
            zone=zone,
            at=span.start,
            text=span.cause,
            evidence=span.evidence,
            reading=reading,
        )


def compare(before: Law, after: Law) -> Comparison:
    """Return what differs between two laws over the same instruments.

    Args:
        before: For example as known on one day, or without an act.
        after: As known on another day, or with the act.

    Source: docs/spec/law.md LAW-58.
    """
    acts: list[Act] = []
    changes: list[Change] = []
    for id in sorted(set(before.library.instruments) & set(after.library.instruments)):
        old = {act.id for act in before.acts(id)}
        acts.extend(act for act in after.acts(id) if act.id not in old)
        for party in after.library.instrument(id).terms.parties:
            one = before.life(id, reading=party)
            two = after.life(id, reading=party)
            changes.extend(_changes(id, party, one, two))
    ordered = sorted(acts, key=lambda act: (act.at, act.id))
    legs = tuple(leg for change in changes for leg in _legs(after, change))
    return Comparison(acts=tuple(ordered), changes=tuple(changes), legs=legs)


def _legs(after: Law, change: Change) -> Iterator[LegChange]:
    is_open = change.after.state in STATES_IN_FORCE
    if is_open is (change.before.state in STATES_IN_FORCE):
        return
    for id in after.library.instruments:
        for reliance in after.terms(id).reliance:
            if reliance.instrument == change.instrument:
                yield LegChange(
                    instrument=id,
                    parties=reliance.parties,
                    protected_by=change.instrument,
                    reading=change.reading,
                    start=change.start,
                    end=change.end,
                    is_open=is_open,
                )


def suppose(library: Library, *, file: str, known: Instant | None) -> tuple[Law, Law]:
    """Return the law without and with the acts and readings of one file.

    The acts of that file count as known whatever their dates, so that a future can be tried out
    on what was known on a past day.

    Args:
        library: The library with that file in it, checked as a whole.
        file: The name under which the supposed acts were handed in.
        known: As known then; `None` takes all there is.

    Source: docs/spec/law.md LAW-58.
    """
    own = [act for acts in library.acts.values() for act in acts if act.file == file]
    rows = [row for readings in library.readings.values() for row in readings if row.file == file]
    if known is not None:
        own = [structs.replace(act, known=min(act.known, known)) for act in own]
        rows = [structs.replace(row, known=min(row.known, known)) for row in rows]
    plain = structs.replace(
        library,
        acts={
            id: tuple(act for act in acts if act.file != file) for id, acts in library.acts.items()
        },
        readings={
            id: tuple(row for row in readings if row.file != file)
            for id, readings in library.readings.items()
        },
    )
    supposed = structs.replace(
        plain,
        readings={
            id: tuple(
                sorted(
                    (*readings, *(row for row in rows if row.instrument == id)),
                    key=lambda row: (row.known, row.id),
                )
            )
            for id, readings in plain.readings.items()
        },
    )
    return compile_law(plain, known=known), compile_law(supposed, known=known, acts=own)


def _changes(id: InstrumentId, party: PartyCode, one: Life, two: Life) -> Iterator[Change]:
    cuts: list[Instant | None] = [None, *sorted({*one.starts, *two.starts})]
    for index, start in enumerate(cuts):
        end = cuts[index + 1] if index + 1 < len(cuts) else None
        before = one.spans[0 if start is None else bisect_right(one.starts, start)]
        after = two.spans[0 if start is None else bisect_right(two.starts, start)]
        if before.state is not after.state:
            yield Change(
                instrument=id,
                reading=party,
                start=start,
                end=end,
                before=before,
                after=after,
            )


def assumed(instrument: Instrument) -> tuple[Assumed, ...]:
    """Return the rules of an instrument that rest on an assumption, in the order of the file.

    Source: docs/spec/law.md LAW-55.
    """
    return tuple(
        Assumed(rule=rule, ground=ground)
        for rule, ground in grounds(instrument, "")
        if ground.evidence is Evidence.ASSUMED
    )


def grounds(value: object, path: str) -> Iterator[tuple[str, Ground]]:
    """Yield every ground inside a value with the path of keys that leads to its rule.

    Args:
        value: Any noun of law.
        path: Where the value stands; empty for the top.

    Source: docs/spec/law.md LAW-3.
    """
    if isinstance(value, Ground):
        yield path, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from grounds(item, f"{path}[{index + 1}]")
    elif isinstance(value, Struct):
        for field in structs.fields(value):
            own = field.name in ("ground", "terms")
            step = path if own else f"{path}.{field.name}".lstrip(".")
            yield from grounds(getattr(value, field.name), step)
