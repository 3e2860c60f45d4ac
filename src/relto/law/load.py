"""Law files to a library: decode all, check all, and only then build; nothing is ever half loaded.

The order of the files does not matter: whatever has an id is kept in the order of ids, acts in
the order of their instants (LAW-8).
"""

from collections.abc import Mapping
from typing import TypeVar

from msgspec import structs
from whenever import Date, Instant

from relto.law import calendar
from relto.law.act import Act, Event, Reading
from relto.law.checks import check
from relto.law.decode import Finder, Locate, Parse, decode_file
from relto.law.draft import Draft
from relto.law.errors import LawFileError, Problem
from relto.law.files import (
    ActsFile,
    ActTable,
    InstrumentFile,
    PartiesFile,
    PurposesFile,
    SchemeFile,
    TopicsFile,
)
from relto.law.force import Instrument
from relto.law.instrument import Terms
from relto.law.library import Library
from relto.law.scheme import PurposeTree, Scheme, TopicTree
from relto.units import Digest, InstrumentId

T = TypeVar("T")

NO_DIGEST = Digest("0" * 64)


def load_library(
    files: Mapping[str, bytes],
    *,
    locate: Locate | None = None,
    parse: Parse | None = None,
    digest: Digest = NO_DIGEST,
) -> Library:
    """Read and check law files; all of them, or none.

    Args:
        files: Name to bytes. What a file is, is said by its `format` key, never by its name.
        locate: Finds the line of a key, for the errors; without it lines are 0.
        parse: Reads TOML; `None` takes the reader of the standard library.
        digest: Over the files, computed by the caller; zeros when it does not matter.

    Raises:
        LawFileError: Anything at all is wrong; the error lists everything that was found.

    Source: docs/spec/law.md LAW-1, LAW-2, LAW-8, LAW-60.
    """
    draft = Draft()
    for name in sorted(files):
        finder = Finder(name, files[name], locate)
        decoded = decode_file(files[name], finder, parse=parse)
        if decoded is None:
            draft.refuse(finder)
        else:
            draft.take(name, decoded, finder)
    check(draft)
    if draft.problems:
        raise LawFileError(_ordered(draft.problems))
    return build(draft, digest=digest)


def _ordered(problems: list[Problem]) -> tuple[Problem, ...]:
    unique = {(p.file, p.line, p.key, p.reason): p for p in problems}
    return tuple(unique[key] for key in sorted(unique))


def build(draft: Draft, *, digest: Digest) -> Library:
    """Make the library of a draft in which nothing is wrong.

    Source: docs/spec/law.md LAW-8.
    """
    assert not draft.problems
    instruments = {file.id: instrument_of(file, name) for name, file in draft.by_id(InstrumentFile)}
    acts: dict[InstrumentId, list[Act]] = {id: [] for id in instruments}
    readings: dict[InstrumentId, list[Reading]] = {id: [] for id in instruments}
    events: dict[str, Event] = {}
    for name, file in draft.all(ActsFile):
        for table in file.acts:
            zone = instruments[table.instrument].days.zone
            acts[table.instrument].append(act_of(table, zone=zone, file=name))
        for row in file.readings:
            known = _instant(row.at, row.on, instruments[row.instrument].days.zone)
            readings[row.instrument].append(
                Reading(
                    id=row.id,
                    instrument=row.instrument,
                    party=row.party,
                    known=known,
                    suspended_notice=row.suspended_notice,
                    end_at_once=row.end_at_once,
                    text=row.text,
                    ground=row.ground,
                    file=name,
                )
            )
        for event in file.events:
            events[event.id] = Event(
                id=event.id,
                title=event.title,
                at=_instant(event.at, event.on, event.zone),
                is_hour_known=event.at is not None,
                ground=event.ground,
                file=name,
            )
    return Library(
        instruments=instruments,
        schemes={file.id: _scheme(file, name) for name, file in draft.by_id(SchemeFile)},
        topics=TopicTree(
            topics={
                topic.id: topic
                for topic in sorted(
                    (topic for _, file in draft.all(TopicsFile) for topic in file.topics),
                    key=lambda topic: topic.id,
                )
            }
        ),
        purposes=PurposeTree(
            purposes={
                purpose.id: purpose
                for purpose in sorted(
                    (row for _, file in draft.all(PurposesFile) for row in file.purposes),
                    key=lambda purpose: purpose.id,
                )
            }
        ),
        parties={
            record.code: record
            for record in sorted(
                (row for _, file in draft.all(PartiesFile) for row in file.parties),
                key=lambda record: record.code,
            )
        },
        acts={id: tuple(sorted(rows, key=_act_order)) for id, rows in acts.items()},
        readings={
            id: tuple(sorted(rows, key=lambda row: (row.known, row.id)))
            for id, rows in readings.items()
        },
        events=dict(sorted(events.items())),
        digest=digest,
    )


def _act_order(act: Act) -> tuple[Instant, str]:
    return (act.at, act.id)


def _scheme(file: SchemeFile, name: str) -> Scheme:
    return Scheme(
        id=file.id,
        title=file.title,
        party=file.party,
        levels=file.levels,
        categories=file.categories,
        file=name,
    )


def instrument_of(file: InstrumentFile, name: str) -> Instrument:
    """Sort the tables of a file into what a decision reads and what its life needs.

    Source: docs/spec/law.md LAW-1.
    """
    terms = Terms(
        id=file.id,
        title=file.title,
        short=file.short,
        kind=file.kind,
        parties=tuple(sorted(file.parties)),
        topology=file.topology,
        initiative=file.initiative,
        topics=file.topics,
        forms=file.forms,
        equivalence=file.equivalence,
        caps=file.caps,
        third_party=file.third_party,
        purposes=file.purposes,
        assurance=file.assurance,
        duties=file.duties,
        reliance=tuple(
            structs.replace(one, parties=tuple(sorted(one.parties))) for one in file.reliance
        ),
        force_ground=file.entry.ground,
    )
    return Instrument(
        terms=terms,
        holders=file.holders.kind,
        holders_ground=file.holders.ground,
        entry=file.entry,
        term=file.term,
        notice=file.notice,
        days=file.days,
        doctrine=file.doctrine,
        survival=file.survival,
        end_of_need=file.end_of_need,
        authorities=file.authorities,
        languages=file.languages.authentic if file.languages else (),
        languages_ground=file.languages.ground if file.languages else None,
        provisions=file.provisions,
        references=file.references,
        is_example=file.is_example,
        file=name,
    )


def act_of(table: ActTable, *, zone: str, file: str) -> Act:
    """Turn a table whose days and hours were checked into an act.

    Args:
        table: One of `at` and `on` is given.
        zone: The instrument's zone, in which a day without an hour begins.
        file: The file it stands in.

    Source: docs/spec/law.md LAW-11.
    """
    at = _instant(table.at, table.on, zone)
    received = _maybe(table.received, table.received_on, zone)
    return Act(
        id=table.id,
        instrument=table.instrument,
        kind=table.kind,
        by=tuple(sorted(table.by)),
        at=at,
        is_hour_known=table.at is not None,
        received=received,
        known=table.known or at,
        effective=_maybe(table.effective, table.effective_on, zone),
        until=table.until,
        of=tuple(sorted(table.of)),
        channel=table.channel,
        is_written=table.is_written,
        successor=table.successor,
        text=table.text,
        conditions=table.conditions,
        links=table.links,
        ground=table.ground,
        file=file,
    )


def _maybe(at: Instant | None, on: Date | None, zone: str) -> Instant | None:
    return None if at is None and on is None else _instant(at, on, zone)


def _instant(at: Instant | None, on: Date | None, zone: str) -> Instant:
    if at is not None:
        return at
    assert on is not None
    return calendar.day_start(on, zone=zone)
