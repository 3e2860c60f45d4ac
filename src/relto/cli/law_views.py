"""How law is drawn for people: lists, timelines, rules with their ground."""

from collections.abc import Sequence

from msgspec import Struct
from rich.console import Console
from rich.text import Text
from whenever import Instant

from relto.cli.output import safe, table
from relto.law import (
    Comparison,
    Due,
    Instrument,
    Library,
    Span,
    Timeline,
    assumed,
    grounds,
)
from relto.model import Evidence, Ground
from relto.units import InstrumentId, PartyCode


class ListRow(Struct, frozen=True, kw_only=True):
    """One instrument in a list."""

    id: InstrumentId
    short: str
    kind: str
    parties: tuple[PartyCode, ...]
    state: str
    until: Instant | None
    evidence: str
    is_contested: bool
    is_example: bool


def shown(at: Instant | None, *, zone: str) -> str:
    """Write an instant for people, with its offset; a dash for none."""
    if at is None:
        return "-"
    local = at.to_tz(zone)
    text = local.to_fixed_offset().format_iso(unit="minute").replace("T", " ")
    return f"{text[:16]} {text[16:]}"


def render_list(console: Console, rows: Sequence[ListRow], when: Instant) -> None:
    """Draw the list of instruments."""
    drawn = [
        (
            row.id,
            row.short + (" (example)" if row.is_example else ""),
            row.kind,
            " ".join(row.parties),
            row.state + (", contested" if row.is_contested else ""),
            shown(row.until, zone="UTC"),
            row.evidence,
        )
        for row in rows
    ]
    title = f"law at {shown(when, zone='UTC')}"
    columns = ("id", "name", "kind", "parties", "state", "until", "evidence")
    console.print(table(title, columns, drawn))


def render_instrument(console: Console, instrument: Instrument) -> None:
    """Draw an instrument: its rules, its tables, its provisions, and what of it is assumed."""
    terms = instrument.terms
    console.print(Text(safe(terms.title), style="bold"))
    if instrument.is_example:
        console.print(Text("EXAMPLE: made up to show the machine", style="bold red"))
    console.print(
        f"{terms.id} · {terms.kind} between {instrument.holders}: {', '.join(terms.parties)}"
    )
    console.print()
    console.print(table("Rules", ("rule", "says", "article", "evidence"), _rules(instrument)))
    for version in terms.equivalence:
        schemes = sorted({scheme for row in version.rows for scheme in row.levels})
        rows = [
            (row.id, *(" or ".join(row.levels.get(scheme, ("none",))) for scheme in schemes))
            for row in reversed(version.rows)
        ]
        title = f"Equivalence, version {version.id} ({_ground(version.ground)})"
        console.print(table(title, ("row", *schemes), rows))
    if instrument.provisions:
        rows = [
            (str(item.subject), item.text, item.ground.article, str(item.ground.evidence))
            for item in instrument.provisions
        ]
        console.print(table("Provisions", ("subject", "says", "article", "evidence"), rows))
    if instrument.references:
        rows = [
            (str(item.kind), item.title, item.ground.article, str(item.ground.evidence))
            for item in instrument.references
        ]
        console.print(table("Stands with", ("how", "text", "article", "evidence"), rows))
    weak = assumed(instrument)
    total = len(list(grounds(instrument, "")))
    console.print(
        f"{total} rules and provisions; {len(weak)} assumed"
        + (": " + ", ".join(item.rule for item in weak) if weak else "")
    )


def _rules(instrument: Instrument) -> list[tuple[str, str, str, str]]:
    terms = instrument.terms
    rows: list[tuple[str, str, Ground]] = [
        ("topology", _topology(instrument), terms.topology.ground),
        ("initiative", str(terms.initiative.kind), terms.initiative.ground),
        ("topics", _scope(terms.topics.is_open, terms.topics.topics), terms.topics.ground),
        ("forms", _forms(instrument), terms.forms.ground),
    ]
    rows.extend(
        ("cap", cap.row + (f" for {cap.form}" if cap.form else ""), cap.ground)
        for cap in terms.caps
    )
    rows.extend(
        [
            ("third party", str(terms.third_party.kind), terms.third_party.ground),
            (
                "purposes",
                _scope(terms.purposes.is_open, terms.purposes.purposes),
                terms.purposes.ground,
            ),
            (
                "assurance",
                "required" if terms.assurance.is_required else "none",
                terms.assurance.ground,
            ),
        ]
    )
    rows.extend(
        (
            "relies on",
            f"{item.instrument} for {'-'.join(item.parties) or 'every leg'}",
            item.ground,
        )
        for item in terms.reliance
    )
    rows.extend((f"duty: {duty.kind}", duty.text, duty.ground) for duty in terms.duties)
    rows.extend(_life_rules(instrument))
    return [(name, text, ground.article, str(ground.evidence)) for name, text, ground in rows]


def _life_rules(instrument: Instrument) -> list[tuple[str, str, Ground]]:
    entry, term, notice = instrument.entry, instrument.term, instrument.notice
    after = entry.first_of_month_after
    rows = [
        (
            "entry",
            str(entry.kind) + (f", first day of month {after} after" if after else ""),
            entry.ground,
        ),
        ("term", _term(instrument), term.ground),
    ]
    if notice is not None:
        text = f"{notice.length} {notice.unit}, {notice.count}, when {notice.counts_when}"
        rows.append(("notice", text, notice.ground))
        rows.append(("counting", str(notice.counting.anchor), notice.counting.ground))
    day = instrument.days
    hours = f"{day.zone}; a term ends at {day.term_ends_at.format_iso(unit='minute')}"
    rows.append(("days", hours, day.ground))
    doctrine = instrument.doctrine
    silent = f"suspended notice: {doctrine.suspended_notice}; end at once: {doctrine.end_at_once}"
    rows.append(("where silent", silent, doctrine.ground))
    rows.append(("after the end", instrument.survival.text, instrument.survival.ground))
    return rows


def _term(instrument: Instrument) -> str:
    term = instrument.term
    if term.first_months is None:
        return str(term.kind)
    more = (
        f", then {term.renewal_months} months at a time" if term.renewal_months else ", no renewal"
    )
    return f"{term.first_months} months{more}"


def _topology(instrument: Instrument) -> str:
    topology = instrument.terms.topology
    if topology.intermediary is None:
        return str(topology.kind)
    return f"through {topology.intermediary}, which sees {topology.sees}"


def _scope(is_open: bool, names: Sequence[str]) -> str:
    return "open" if is_open else "only " + ", ".join(names)


def _forms(instrument: Instrument) -> str:
    forms = instrument.terms.forms
    text = ", ".join(forms.forms)
    return text + ("; within the protecting instrument's" if forms.is_within_protecting else "")


def _ground(ground: Ground) -> str:
    return f"{ground.article}, {ground.evidence}"


def render_timeline(console: Console, told: Timeline) -> None:
    """Draw a life: states first, then acts, then what is contested."""
    reading = f"as {told.reading} reads it" if told.reading else "as the text reads"
    known = f", as known at {shown(told.known, zone=told.zone)}" if told.known else ""
    console.print(Text(safe(told.title), style="bold"))
    console.print(f"{told.instrument}, {reading}{known}; hours of {told.zone}")
    console.print()
    rows = [
        (shown(span.start, zone=told.zone), str(span.state), span.cause, str(span.evidence))
        for span in told.spans
    ]
    console.print(table("States", ("from", "state", "cause", "evidence"), rows))
    steps = [
        (
            shown(step.act.at, zone=told.zone)
            if step.act.is_hour_known
            else shown(step.act.at, zone=told.zone)[:10],
            ", ".join(step.act.by),
            str(step.act.kind),
            step.act.text,
            step.remark.text,
            "; ".join(
                [
                    *(f"condition ({item.status}): {item.text}" for item in step.act.conditions),
                    *step.tied,
                ]
            ),
        )
        for step in told.steps
    ]
    columns = ("when", "by", "act", "says", "did", "tied to")
    console.print(table("Acts", columns, steps))
    for difference in told.contested:
        stretch = (
            f"contested from {shown(difference.start, zone=told.zone)} "
            f"to {shown(difference.end, zone=told.zone)}:"
        )
        console.print(Text(stretch, style="bold"))
        for party, span in difference.readings.items():
            console.print(Text(f"  {party} reads `{span.state}`: {safe(span.cause)}"))
    due = told.next_deadline
    if due is not None:
        console.print(
            f"next: {due.last_day} is the last day for a notice that ends term {due.term}, "
            f"on {shown(due.term_ends, zone=told.zone)}"
        )


def render_dues(console: Console, found: Sequence[Due]) -> None:
    """Draw the days that nobody may miss."""
    rows = [
        (
            shown(due.at, zone=due.zone),
            due.title,
            due.text,
            due.reading or "all",
            str(due.evidence),
        )
        for due in found
    ]
    columns = ("closes or happens", "what", "why", "reading", "evidence")
    console.print(table("Days that nobody may miss", columns, rows))


def render_changes(console: Console, found: Comparison, library: Library) -> None:
    """Draw what differs between two laws."""
    acts = [
        (
            shown(act.at, zone=library.instruments[act.instrument].days.zone),
            act.instrument,
            ", ".join(act.by),
            str(act.kind),
            act.text,
        )
        for act in found.acts
    ]
    console.print(table("Acts", ("when", "instrument", "by", "act", "says"), acts))
    rows = []
    for change in found.changes:
        zone = library.instruments[change.instrument].days.zone
        rows.append(
            (
                change.instrument,
                change.reading,
                shown(change.start, zone=zone),
                shown(change.end, zone=zone),
                str(change.before.state),
                _after(change.after),
            )
        )
    columns = ("instrument", "reading", "from", "until", "before", "after")
    console.print(table("What changes", columns, rows))
    if found.legs:
        legs = [
            (
                leg.instrument,
                "-".join(leg.parties) or "every leg",
                f"{'protected again' if leg.is_open else 'gone'}: relies on {leg.protected_by}",
                leg.reading,
                shown(leg.start, zone=library.instruments[leg.protected_by].days.zone),
                shown(leg.end, zone=library.instruments[leg.protected_by].days.zone),
            )
            for leg in found.legs
        ]
        names = ("instrument", "leg", "becomes", "reading", "from", "until")
        console.print(table("What follows for others", names, legs))
    if not found.changes:
        console.print("nothing changes")


def _after(span: Span) -> Text:
    text = Text(f"{span.state}: {safe(span.cause)}")
    if span.evidence is Evidence.ASSUMED:
        text.append(" (assumed)", style="italic")
    return text
