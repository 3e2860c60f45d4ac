"""How a comparison is drawn for people: the sentence first, then tables, then what to beware of."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from rich.console import Console
from rich.text import Text

from relto.cli.output import safe, table
from relto.impact import (
    Barrier,
    Delay,
    Faults,
    Flow,
    Impact,
    InstrumentChange,
    PartyBalance,
    PastFlow,
    ReadingChange,
    Tally,
    Way,
    WayKind,
)
from relto.law import STATES_IN_FORCE, State
from relto.model import Rule
from relto.units import TopicId

_ROWS_LISTED = 5
_FLOWS_DRAWN = 120
_FAULTS_DRAWN = 20
_OPEN_DRAWN = 60
_FAULT_WORDS = {
    "duplicate": "stands twice:",
    "order": "comes too early:",
    "type": "cannot be of this type:",
    "zone": "is no time with its offset:",
}
_STYLES = {WayKind.DIRECT: "green", WayKind.VIA: "yellow", WayKind.NONE: "bold red"}
_EFFECTS = {"breaks": "bold red", "slower": "yellow", "opens": "green", "faster": "green"}

Names = Mapping[str, str]


class FaultCount(Struct, frozen=True, kw_only=True):
    """One kind of fault of one table.

    Args:
        table: `holdings` or `traffic`.
        column: Where.
        kind: What is wrong.
        value: What stood there.
        rows: How many rows.
        first: The numbers of the first of them.
    """

    table: str
    column: str
    kind: str
    value: str
    rows: int
    first: tuple[int, ...]


class ImpactView(Struct, frozen=True, kw_only=True):
    """A comparison as the command answers it.

    Args:
        impact: The comparison.
        faults: What was wrong in the tables, counted; `--faults FILE` writes every row.
    """

    impact: Impact
    faults: tuple[FaultCount, ...]


def fault_counts(name: str, faults: Faults) -> list[FaultCount]:
    """Count the faults of a table, the most frequent first."""
    return [
        FaultCount(
            table=name,
            column=flaw.column,
            kind=flaw.kind,
            value=flaw.value,
            rows=count,
            first=first,
        )
        for flaw, count, first in faults.counts(first=_ROWS_LISTED)
    ]


def render_impact(
    console: Console, view: ImpactView, *, shorts: Names, topics: Mapping[TopicId, str]
) -> None:
    """Draw everything, the sentence first."""
    found = view.impact
    console.print(Text(f"{found.before.title}  ->  {found.after.title}", style="bold"))
    if found.known:
        console.print(Text(safe(found.known)))
    console.print()
    for line in sentences(found, shorts):
        console.print(Text(safe(line)))
    console.print()
    _changes(console, found)
    _directions(console, found)
    _flows(console, found, shorts, topics)
    _balances(console, found)
    _past(console, found, shorts, topics)
    _requests(console, found, shorts, topics)
    _alternatives(console, found)
    _notes(console, view)


def sentences(found: Impact, shorts: Names) -> list[str]:
    """What a minister reads first."""
    if not found.changes:
        nothing = "Nothing differs between the two laws in what may be released."
        return [nothing, *_as_lawful(found, shorts), _compared(found)]
    ends = "; ".join(
        f"{shorts.get(one.instrument, one.short)} {_verb(one)}" for one in found.changes
    )
    lines = [f"{ends}. {_moves(found)}".rstrip()]
    broken = sum(one.effect == "breaks" for one in found.requests)
    delayed = sum(one.effect == "slower" for one in found.requests)
    if found.requests:
        lines.append(
            f"Open requests: {broken:,} break, {delayed:,} become slower, "
            f"of {len(found.requests):,}."
        )
    feeds = sum(one.effect == "breaks" for one in found.feeds)
    if found.feeds:
        lines.append(f"Standing feeds: {feeds:,} break, of {len(found.feeds):,}.")
    losers = [one for one in found.balances if one.direct_lost > 0]
    if losers:
        lines.append("Loses direct access, most first: " + "; ".join(map(_loss, losers)) + ".")
    lines.append(_slowed(found))
    lines += _as_lawful(found, shorts)
    lines.append(_compared(found))
    return [line for line in lines if line]


def _verb(change: InstrumentChange) -> str:
    was = [one.before in STATES_IN_FORCE for one in change.readings]
    will = [one.after in STATES_IN_FORCE for one in change.readings]
    if any(was) and not any(will):
        return "ends" if change.readings[0].after is State.ENDED else "is not in force"
    if any(will) and not any(was):
        return "is in force"
    return "changes"


def _moves(found: Impact) -> str:
    """How many flows keep, lose or gain a way; every one is in one number."""
    moves: dict[tuple[WayKind, WayKind], int] = {}
    for flow in found.flows:
        key = (flow.before.kind, flow.after.kind)
        moves[key] = moves.get(key, 0) + flow.items
    direct, via, none = WayKind
    said = {
        "stay direct": moves.get((direct, direct), 0),
        "lose the direct way and go through a third party": moves.get((direct, via), 0),
        "stop altogether": moves.get((direct, none), 0) + moves.get((via, none), 0),
        "still go through a third party": moves.get((via, via), 0),
        "go directly now": moves.get((via, direct), 0),
    }
    had = sum(said.values())
    told = ", ".join(f"{count:,} {words}" for words, count in said.items() if count)
    opened = moves.get((none, direct), 0) + moves.get((none, via), 0)
    gained = f"{opened:,} flows open that had no way." if opened else ""
    kept = f"Of {had:,} flows of held items that have a lawful way before, {told}." if had else ""
    return " ".join(part for part in (kept, gained) if part)


def _as_lawful(found: Impact, shorts: Names) -> list[str]:
    """States that have another name on both sides, and let as much be released."""
    lines = []
    for one in found.states_alone:
        rows = [row for row in one.readings if row.before is not row.after]
        said = {_state(row): row.party for row in reversed(rows)}
        each = [words if len(said) == 1 else f"{party}: {words}" for words, party in said.items()]
        name = shorts.get(one.instrument, one.short)
        lines.append(
            f"{name} is in another state, under which releases are as lawful: {'; '.join(each)}."
        )
    return lines


def _state(row: ReadingChange) -> str:
    was, will = ("unknown" if one is None else one.value for one in (row.before, row.after))
    return f"{was} -> {will}"


def _slowed(found: Impact) -> str:
    """The delay of what goes another way, by direction; only as measured."""
    slower = [
        flow
        for flow in found.flows
        if flow.before.kind is WayKind.DIRECT and flow.after.kind is WayKind.VIA
    ]
    if not slower:
        return ""
    said = {
        (flow.source, flow.target): " -> ".join(
            "not measured" if one is None else one.in_words()
            for one in (flow.delay_before, flow.delay_after)
        )
        for flow in slower
    }
    if set(said.values()) == {"not measured -> not measured"}:
        return "How much slower that is was not measured."
    each = "; ".join(f"{one} -> {other}: {delay}" for (one, other), delay in said.items())
    return f"Delay, direct before and through a third party after: {each}."


def _compared(found: Impact) -> str:
    releases = sum(one.count for one in found.past)
    at_fault = f" ({found.items_at_fault:,} could not be used)" if found.items_at_fault else ""
    return (
        f"Compared: {found.items:,} items held{at_fault}, {releases:,} past releases, "
        f"{len(found.requests):,} open requests, {len(found.feeds):,} standing feeds."
    )


def _loss(one: PartyBalance) -> str:
    return (
        f"{one.party} to {one.direct_lost:,} of {one.before.direct:,} items "
        f"({one.direct_lost_percent} %), and to {one.lost:,} by any way"
    )


def _changes(console: Console, found: Impact) -> None:
    rows = [
        (
            one.short,
            row.party,
            "-" if row.before is None else row.before.value,
            "-" if row.after is None else row.after.value,
            row.cause,
            "" if row.evidence is None else row.evidence.value,
        )
        for one in found.changes
        for row in one.readings
    ]
    columns = ("instrument", "as read by", "before", "after", "because", "evidence")
    if rows:
        console.print(table("What changes in law", columns, rows))


def _directions(console: Console, found: Impact) -> None:
    rows = [
        (
            f"{one.source} -> {one.target}",
            _tally(one.before),
            _tally(one.after),
            _signed(one.approvals_added),
            _signed(one.hops_added),
        )
        for one in found.directions
    ]
    columns = ("direction", "before", "after", "approvals added", "hops added")
    if rows:
        console.print(
            table("Held items by direction: direct / through others / none", columns, rows)
        )


def _tally(one: Tally) -> str:
    return f"{one.direct:,} / {one.via:,} / {one.none:,}"


def _signed(count: int | None) -> str:
    if count is None:
        return "-"
    return f"{count:+,d}" if count else "0"


def _flows(console: Console, found: Impact, shorts: Names, topics: Mapping[TopicId, str]) -> None:
    changed = [flow for flow in found.flows if flow.is_changed]
    drawn = changed[:_FLOWS_DRAWN]
    closures = {flow.closed_by: "" for flow in drawn if flow.closed_by}
    closures = {one: f"({place})" for place, one in enumerate(closures, 1)}
    rows = [_flow(flow, shorts, topics, closures) for flow in drawn]
    columns = (
        "direction",
        "topic",
        "level",
        "items",
        "before",
        "after",
        "approvals",
        "hops",
        "delay, as measured",
    )
    if rows:
        console.print(table("What lapses, and what remains", columns, rows))
    for one, number in closures.items():
        console.print(
            Text(safe(f"{number} {'; '.join(barrier_words(each, shorts) for each in one)}"))
        )
    if len(changed) > _FLOWS_DRAWN:
        console.print(
            f"{len(changed) - _FLOWS_DRAWN} more kinds of flow change; `--json` has them all"
        )
    same = sum(flow.items for flow in found.flows if not flow.is_changed)
    if same:
        console.print(f"{same:,} flows of held items go as before, among the pairs looked at.")


def _flow(
    flow: Flow,
    shorts: Names,
    topics: Mapping[TopicId, str],
    closures: Mapping[tuple[Barrier, ...], str],
) -> tuple[str | Text, ...]:
    return (
        f"{flow.source} -> {flow.target}",
        ", ".join(topics.get(one, one) for one in flow.topics),
        f"{flow.scheme}: {flow.level}",
        f"{flow.items:,}",
        _way(flow.before, shorts),
        _way(flow.after, shorts, closures.get(flow.closed_by, "")),
        _signed(flow.approvals_added),
        _signed(flow.hops_added),
        _delays(flow.before, flow.delay_before, flow.after, flow.delay_after),
    )


def _way(way: Way | None, shorts: Names, closure: str = "") -> Text:
    """Words with a colour; the words alone say it, or a number says where they stand."""
    if way is None:
        return Text("not known: no level recorded")
    match way.kind:
        case WayKind.DIRECT:
            text = f"direct, {shorts.get(way.instruments[0], way.instruments[0])}"
        case WayKind.VIA:
            under = " + ".join(dict.fromkeys(shorts.get(one, one) for one in way.instruments))
            text = f"via {', '.join(way.between)}, {under}"
        case _:
            why = "" if way.barrier is None else f": {barrier_words(way.barrier, shorts)}"
            text = f"none {closure}" if closure else f"none{why}"
    if way.approvals:
        text += f", {way.approvals} approval{'s' if way.approvals > 1 else ''}"
    return Text(safe(text), style=_STYLES[way.kind])


_CLOSED = {
    Rule.IN_FORCE: "not in force",
    Rule.RELIANCE: "its protecting agreement is not in force",
    Rule.TOPOLOGY: "not this way",
    Rule.TOPIC: "other topics only",
    Rule.FORM: "not in this form",
    Rule.LEVEL: "not this level",
    Rule.CAVEAT: "a caveat forbids it",
    Rule.THIRD_PARTY: "no consent of the originator",
    Rule.PURPOSE: "not for this purpose",
    Rule.ASSURANCE: "no assurance",
    Rule.INITIATIVE: "only when asked",
}


def barrier_words(one: Barrier, shorts: Names) -> str:
    """Say in a few words what closes a way."""
    if one.instrument is None or one.rule is None:
        return "no instrument links them"
    return f"{shorts.get(one.instrument, one.instrument)}: {_CLOSED[one.rule]}"


def _delays(before: Way, one: Delay | None, after: Way, other: Delay | None) -> str:
    def words(way: Way, delay: Delay | None) -> str:
        return "-" if way.kind is WayKind.NONE else delay_words(delay)

    first, second = words(before, one), words(after, other)
    return first if second in {first, "-"} else f"{first} -> {second}"


def delay_words(delay: Delay | None) -> str:
    """Say a delay, and of how many it is the middle; never one that was not measured."""
    if delay is None:
        return "not measured"
    times = f"{delay.in_words()}, middle of {delay.count:,}"
    return f"{times}, exercise" if delay.is_exercise else times


def _balances(console: Console, found: Impact) -> None:
    rows = [
        (
            one.party,
            _tally(one.before),
            _tally(one.after),
            f"{one.direct_lost:,}",
            f"{one.direct_lost_percent} %",
            f"{one.lost:,}",
            f"{one.got:,} / {one.gave:,}",
        )
        for one in found.balances
    ]
    columns = (
        "receiving party",
        "gets before",
        "gets after",
        "direct lost",
        "of its direct",
        "lost by any way",
        "past: got / gave",
    )
    if rows:
        console.print(table("Who loses more", columns, rows))


def _past(console: Console, found: Impact, shorts: Names, topics: Mapping[TopicId, str]) -> None:
    rows = [_past_row(one, shorts, topics) for one in found.past]
    columns = ("past releases", "topic", "level", "count", "would go", "then", "delay, as measured")
    if rows:
        console.print(table("What used to flow", columns, rows))


def _past_row(
    one: PastFlow, shorts: Names, topics: Mapping[TopicId, str]
) -> tuple[str | Text, ...]:
    line = one.example
    delay = then = delay_words(one.delay)
    if one.after is not None:
        is_over = one.after.kind is WayKind.NONE
        then = "-" if is_over else delay_words(one.delay_after)
    return (
        " -> ".join(line.parties),
        ", ".join(topics.get(topic, topic) for topic in line.topics),
        "not recorded" if line.level is None else str(line.level),
        f"{one.count:,}",
        _way(one.before, shorts),
        _way(one.after, shorts),
        delay if delay == then else f"{delay} -> {then}",
    )


def _requests(
    console: Console, found: Impact, shorts: Names, topics: Mapping[TopicId, str]
) -> None:
    """What breaks first, then what becomes slower; a table of thousands is for programs."""
    lines = [
        ("request", one.request, one.matched, one.before, one.after, one.effect)
        for one in found.requests
    ]
    lines += [("feed", one.feed, 0, one.before, one.after, one.effect) for one in found.feeds]
    order = list(_EFFECTS)
    lines.sort(key=lambda one: order.index(one[-1]) if one[-1] in order else len(order))
    rows = [
        (
            f"{kind} {line.id}".strip(),
            f"{line.target} asks {line.source}"
            if kind == "request"
            else f"{line.source} -> {line.target}",
            ", ".join(topics.get(topic, topic) for topic in line.topics),
            f"{matched:,}" if kind == "request" else "-",
            _way(before, shorts),
            _way(after, shorts),
            Text(effect, style=_EFFECTS.get(effect, "")),
        )
        for kind, line, matched, before, after, effect in lines[:_OPEN_DRAWN]
    ]
    columns = ("open", "who", "topic", "items that answer", "best before", "best after", "effect")
    if rows:
        console.print(table("Open requests and standing feeds", columns, rows))
    if len(lines) > _OPEN_DRAWN:
        console.print(f"{len(lines) - _OPEN_DRAWN:,} more are open; `--json` has them all")


def _alternatives(console: Console, found: Impact) -> None:
    rows = [
        (
            one.title,
            f"{one.restored_direct:,}",
            f"{one.restored_any:,}",
            f"{one.restored_requests:,}",
            f"{one.restored_feeds:,}",
            f"{one.still_lost:,}",
            one.remark,
        )
        for one in found.alternatives
    ]
    columns = (
        "act",
        "direct again",
        "any way again",
        "requests",
        "feeds",
        "still not direct",
        "remark",
    )
    if rows:
        console.print(table("What each act would restore", columns, rows))


def _notes(console: Console, view: ImpactView) -> None:
    found = view.impact
    notes: list[str] = []
    if found.exercise:
        notes.append(f"EXERCISE values in the tables: {', '.join(found.exercise)}")
    if found.assumed:
        notes.append("rests on assumptions: " + "; ".join(found.assumed))
    notes.append(
        "approvals are those that the law asks for; a holder's own delegations may ask for more"
    )
    for one in view.faults[:_FAULTS_DRAWN]:
        first: Sequence[str] = [str(row) for row in one.first]
        more = ", …" if one.rows > len(first) else ""
        value = f" `{one.value}`" if one.value else ""
        notes.append(
            f"{one.table}: {one.rows:,} row{'' if one.rows == 1 else 's'} at fault, "
            f"`{one.column}` {_FAULT_WORDS.get(one.kind, one.kind)}{value}: "
            f"row {', '.join(first)}{more}; denied whatever is asked, in no figure"
        )
    if len(view.faults) > _FAULTS_DRAWN:
        more_kinds = len(view.faults) - _FAULTS_DRAWN
        notes.append(f"{more_kinds} more kinds of fault; `--faults FILE` lists every row")
    for note in notes:
        console.print(Text(safe(f"note: {note}")))
