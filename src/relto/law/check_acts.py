"""Whether acts, readings and events make sense: authors, targets, order, contradictions.

The life of a notice is a table; an act that has no row in it acts on nothing and is refused
(LAW-66).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from whenever import Instant

from relto.law import calendar
from relto.law.act import ActKind
from relto.law.decode import Finder, KeyPath
from relto.law.draft import Draft
from relto.law.files import ActsFile, ActTable, EventTable, ReadingTable
from relto.law.force import EntryKind, NoticeDate
from relto.units import DOTTED_PATTERN, ActId

_HAS_TARGET: Final[Mapping[ActKind, frozenset[ActKind]]] = {
    ActKind.NOTICE_SUSPENSION: frozenset({ActKind.NOTICE}),
    ActKind.RESUMPTION: frozenset({ActKind.NOTICE}),
    ActKind.WITHDRAWAL: frozenset(
        {
            ActKind.NOTICE,
            ActKind.NOTICE_SUSPENSION,
            ActKind.END,
            ActKind.OPERATION_SUSPENSION,
            ActKind.ANNOUNCEMENT,
        }
    ),
    ActKind.OPERATION_RESUMPTION: frozenset({ActKind.OPERATION_SUSPENSION}),
}
# These change the instrument for all and need all: "by mutual written consent".
_BY_ALL: Final = frozenset(
    {ActKind.EXCHANGE, ActKind.AMENDMENT, ActKind.EXTENSION, ActKind.SUPERSESSION}
)
# Several of these on one day are ordinary.
_MAY_COINCIDE: Final = frozenset(
    {
        ActKind.SIGNATURE,
        ActKind.NOTIFICATION,
        ActKind.EXCHANGE,
        ActKind.ENTRY,
        ActKind.ANNOUNCEMENT,
        ActKind.AMENDMENT,
    }
)


# A key that means nothing for a kind of act is a slip of its author, so it is refused.
_KEYS: Final[Mapping[str, frozenset[ActKind]]] = {
    "received": frozenset({ActKind.NOTICE, ActKind.NOTIFICATION}),
    "received_on": frozenset({ActKind.NOTICE, ActKind.NOTIFICATION}),
    "effective": frozenset({ActKind.END, ActKind.SUPERSESSION, ActKind.AMENDMENT}),
    "effective_on": frozenset({ActKind.END, ActKind.SUPERSESSION, ActKind.AMENDMENT}),
    "until": frozenset({ActKind.EXTENSION, ActKind.OPERATION_SUSPENSION}),
}


class NoticeState(StrEnum):
    """Where a notice stands in the order of acts."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WITHDRAWN = "withdrawn"


NOTICE_MOVES: Final[Mapping[NoticeState, Mapping[ActKind, NoticeState]]] = {
    NoticeState.ACTIVE: {
        ActKind.NOTICE_SUSPENSION: NoticeState.SUSPENDED,
        ActKind.WITHDRAWAL: NoticeState.WITHDRAWN,
    },
    NoticeState.SUSPENDED: {
        ActKind.RESUMPTION: NoticeState.ACTIVE,
        ActKind.WITHDRAWAL: NoticeState.WITHDRAWN,
    },
    NoticeState.WITHDRAWN: {},
}


class Placed:
    """An act with its place in a file and its instant."""

    __slots__ = ("at", "finder", "path", "table")

    def __init__(self, table: ActTable, at: Instant, path: KeyPath, finder: Finder) -> None:
        """Keep the four together."""
        self.table = table
        self.at = at
        self.path = path
        self.finder = finder

    def add(self, key: str, reason: str, hint: str) -> None:
        """Note a problem of this act.

        Source: docs/spec/law.md LAW-60.
        """
        self.finder.add((*self.path, key) if key else self.path, reason, hint)


def check_acts(draft: Draft) -> None:
    """Add to the draft all that is wrong with acts, readings and events.

    Source: docs/spec/law.md LAW-64 to LAW-67.
    """
    acts: dict[ActId, Placed] = {}
    events: set[str] = set()
    for entry in draft.entries(ActsFile):
        for index, table in enumerate(entry.file.acts):
            _place(table, ("acts", index), entry.finder, draft, acts)
        for index, reading in enumerate(entry.file.readings):
            _check_reading(reading, ("readings", index), entry.finder, draft)
        for index, event in enumerate(entry.file.events):
            _check_event(event, ("events", index), entry.finder, events)
    for placed in acts.values():
        _check_authors(placed, draft)
        _check_targets(placed, acts)
        _check_shape(placed, draft)
        for index, link in enumerate(placed.table.links):
            if link.to not in acts and link.to not in events:
                placed.finder.add(
                    (*placed.path, "links", index, "to"),
                    f"no act and no event `{link.to}`",
                    "add the event, or mend the id",
                )
    _check_order(acts)
    _check_notices(acts)
    for id, file in draft.instruments.items():
        for index, version in enumerate(file.equivalence):
            act = acts.get(version.by_act) if version.by_act else None
            is_known = (
                act is not None
                and act.table.kind is ActKind.AMENDMENT
                and act.table.instrument == id
            )
            if version.by_act and not is_known:
                draft.finder_of(id).add(
                    ("equivalence", index, "by_act"),
                    f"no amendment `{version.by_act}` of this instrument",
                    "add the act of amendment",
                )


def _when(
    at: Instant | None, on: object, path: KeyPath, finder: Finder, *, name: str = "at"
) -> bool:
    if (at is None) == (on is None):
        finder.add(
            path,
            f"give `{name}`, or the day alone, and not both",
            "`at` when the hour is known, `on` when only the day is",
        )
        return False
    return True


def _place(
    table: ActTable, path: KeyPath, finder: Finder, draft: Draft, acts: dict[ActId, Placed]
) -> None:
    if not DOTTED_PATTERN.fullmatch(table.id):
        finder.add((*path, "id"), f"not an act id: `{table.id}`", "use lower-case ASCII words")
    if table.id in acts:
        finder.add((*path, "id"), f"act `{table.id}` is given twice", "give it another id")
        return
    instrument = draft.instruments.get(table.instrument)
    if instrument is None:
        if draft.is_missing(table.instrument):
            reason = f"no instrument `{table.instrument}`"
            finder.add((*path, "instrument"), reason, "add its file, or mend the id")
        return
    is_dated = _when(table.at, table.on, path, finder)
    if not is_dated or not calendar.is_zone(instrument.days.zone):
        return
    at = table.at
    if at is None:
        assert table.on is not None
        at = calendar.day_start(table.on, zone=instrument.days.zone)
    acts[table.id] = Placed(table, at, path, finder)


def _check_reading(row: ReadingTable, path: KeyPath, finder: Finder, draft: Draft) -> None:
    instrument = draft.instruments.get(row.instrument)
    if instrument is None:
        if draft.is_missing(row.instrument):
            finder.add((*path, "instrument"), f"no instrument `{row.instrument}`", "mend the id")
    elif row.party not in instrument.parties:
        finder.add(
            (*path, "party"),
            f"`{row.party}` is not a party of `{row.instrument}`",
            "only a party's reading counts",
        )
    if row.suspended_notice is None and row.end_at_once is None:
        finder.add(path, "a reading that says nothing", "give its answer to one of the questions")
    _when(row.at, row.on, path, finder)


def _check_event(row: EventTable, path: KeyPath, finder: Finder, events: set[str]) -> None:
    if row.id in events:
        finder.add((*path, "id"), f"event `{row.id}` is given twice", "give it another id")
    events.add(row.id)
    _when(row.at, row.on, path, finder)
    if not calendar.is_zone(row.zone):
        finder.add((*path, "zone"), f"no such time zone: `{row.zone}`", "use an IANA name")


def _check_authors(act: Placed, draft: Draft) -> None:
    parties = draft.instruments[act.table.instrument].parties
    for party in act.table.by:
        if party not in parties:
            act.add(
                "by",
                f"`{party}` is not a party of `{act.table.instrument}`",
                "only parties act upon an instrument",
            )
    if not act.table.by or len(set(act.table.by)) < len(act.table.by):
        act.add("by", "no author, or one named twice", "name each author once")
    if act.table.kind in _BY_ALL and set(act.table.by) != set(parties):
        act.add("by", f"`{act.table.kind}` needs all parties", "name every party as author")


def _check_targets(act: Placed, acts: Mapping[ActId, Placed]) -> None:
    kinds = _HAS_TARGET.get(act.table.kind, frozenset())
    if act.table.kind not in _HAS_TARGET:
        if act.table.of:
            act.add("of", f"`{act.table.kind}` acts on no other act", "leave out `of`")
        return
    if not act.table.of:
        act.add("of", f"a `{act.table.kind}` of nothing", "name the act it is about in `of`")
    for id in act.table.of:
        target = acts.get(id)
        if target is None or target.table.instrument != act.table.instrument:
            act.add("of", f"a `{act.table.kind}` of nothing: no act `{id}`", "mend the id")
        elif target.table.kind not in kinds:
            act.add("of", f"`{id}` is a `{target.table.kind}`, not what is meant", "mend the id")
        elif target.at >= act.at:
            act.add("of", f"`{id}` is not earlier than this act", "mend the dates")
        elif not set(act.table.by) & set(target.table.by):
            act.add("by", f"`{id}` is an act of others", "only its author can undo an act")
        elif set(act.table.by) != set(target.table.by):
            authors = ", ".join(sorted(target.table.by))
            hint = "what several have done, the same undo together"
            act.add("by", f"`{id}` is an act of {authors}", hint)


def _check_shape(act: Placed, draft: Draft) -> None:
    table = act.table
    for key, kinds in _KEYS.items():
        if getattr(table, key) is not None and table.kind not in kinds:
            act.add(key, f"`{key}` means nothing for `{table.kind}`", "leave it out")
    if (table.successor is not None) != (table.kind is ActKind.SUPERSESSION):
        act.add("successor", "only a supersession names a successor", "name it, or leave it out")
    elif table.successor is not None and draft.is_missing(table.successor):
        act.add("successor", f"no instrument `{table.successor}`", "add its file")
    if table.kind is ActKind.EXTENSION and table.until is None:
        act.add("until", "an extension without its new end", "give `until`")
    if table.until is not None and table.until <= act.at:
        act.add("until", "ends before it begins", "mend the dates")
    if table.received is not None and table.received < act.at:
        act.add("received", "received before it was given", "mend the dates")
    instrument = draft.instruments[table.instrument]
    is_received = table.received is not None or table.received_on is not None
    if (
        table.kind is ActKind.NOTIFICATION
        and instrument.entry.kind is EntryKind.MUTUAL_RECEIPT
        and not is_received
    ):
        act.add(
            "received",
            "the notification counts from its receipt, which is not given",
            "give `received`, or `received_on`",
        )
    notice = instrument.notice
    if table.kind is ActKind.NOTICE and notice is not None:
        if notice.counts_when is NoticeDate.RECEIVED and not is_received:
            act.add(
                "received",
                "the notice counts from its receipt, which is not given",
                "give `received`, or `received_on`",
            )
        if len(instrument.parties) > 2:
            act.add(
                "kind",
                f"a notice of one among {len(instrument.parties)} parties: "
                "whether it ends the whole is not known",
                "write an `end` by all, or a supersession by an instrument of those who stay",
            )
    if table.received is not None and table.received_on is not None:
        act.add("received_on", "received twice", "keep one of the two")
    if table.effective is not None and table.effective_on is not None:
        act.add("effective_on", "effective twice", "keep one of the two")


def _check_order(acts: Mapping[ActId, Placed]) -> None:
    seen: dict[tuple[str, Instant], Placed] = {}
    for act in sorted(acts.values(), key=lambda act: (act.at, act.table.id)):
        if act.table.kind in _MAY_COINCIDE:
            continue
        # A note that acts on other acts contradicts only what acts on the same ones.
        for thing in act.table.of or (act.table.instrument,):
            other = seen.setdefault((thing, act.at), act)
            if other is not act and other.table.kind is not act.table.kind:
                act.add(
                    "",
                    f"contradicts `{other.table.id}` ({other.table.kind}) at the same instant",
                    "one of the two came first; give the hours",
                )


def _check_notices(acts: Mapping[ActId, Placed]) -> None:
    states: dict[ActId, NoticeState] = {}
    for act in sorted(acts.values(), key=lambda act: (act.at, act.table.id)):
        if act.table.kind is ActKind.NOTICE:
            states[act.table.id] = NoticeState.ACTIVE
        if act.table.kind not in _HAS_TARGET:
            continue
        for id in act.table.of:
            if id not in acts:
                continue
            if acts[id].table.kind is ActKind.NOTICE_SUSPENSION:
                # Withdrawing a suspension wakes the notices that it put to sleep.
                for notice in acts[id].table.of:
                    if states.get(notice) is NoticeState.SUSPENDED:
                        states[notice] = NoticeState.ACTIVE
            state = states.get(id)
            if state is None:
                continue
            after = NOTICE_MOVES[state].get(act.table.kind)
            if after is None:
                act.add(
                    "of",
                    f"`{id}` is {state} by then: nothing for a `{act.table.kind}` to act on",
                    "mend the order of the acts",
                )
            else:
                states[id] = after
