"""The story of a scenario, told while it happens, and the table at its end.

One request is a few lines: who asks, what the law says and where it says so, who had to be asked, what went over which
hop, how it is marked. Colour never carries a meaning alone. Words from nodes are made safe before they are shown.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule as Line
from rich.table import Table
from rich.text import Text
from whenever import Instant

from relto.cli.output import safe
from relto.exchange import Arrived, CaseFile
from relto.law import Library
from relto.sim import Closed, Difference, Ending, Officer, Plan, Played, Row, Scenario, Step, World
from relto.units import InstrumentId, PartyCode

_INDENT: Final = 2
_STYLES: Final = {
    Ending.RELEASED: "green",
    Ending.REFUSED: "red",
    Ending.UNROUTABLE: "red",
}


class Story:
    """Tells a scenario on a console, for people."""

    def __init__(self, console: Console, library: Library) -> None:
        """Keep the console, and the library for the names of things."""
        self._console = console
        self._library = library
        self._told: set[tuple[PartyCode, PartyCode, int]] = set()
        self._plan: Plan | None = None
        self._zone = "UTC"

    def opened(self, scenario: Scenario, world: World) -> None:
        """Head the world, and say whether it is the one that happened."""
        self._told.clear()
        self._zone = self._library.parties[scenario.requests[0].requester].zone
        place = [one.id for one in scenario.endings].index(world.id) + 1
        head = Text.assemble(
            (f" Ending {place} of {len(scenario.endings)}: ", "bold"),
            (f"{world.title} ", "bold"),
        )
        self._console.print()
        self._console.print(Line(head, align="left", characters="═"))
        note = "this is what happened" if world.is_real else "a world that did not happen"
        self._console.print(Text(f" {note}; all levels and delays are exercise values", "dim"))

    def stepped(self, step: Step) -> None:
        """Give the hour and the state of the law."""
        self._console.print()
        self._console.print(
            Text.assemble(
                (" " + self._when(step.at), "bold cyan"), (f"   law: {safe(step.law)}", "cyan")
            )
        )
        if step.say:
            self._say(Text(" ".join(step.say.split()), "italic"), indent=1)

    def asked(self, step: Step, plan: Plan, files: Mapping[PartyCode, CaseFile]) -> None:
        """Tell what is asked, which way, and what came of it at once."""
        self._plan = plan
        mine = files[plan.requester]
        what = f"{plan.title} ({', '.join(plan.topics)}, {plan.precedence.value})"
        self._line(plan.requester, f"asks {plan.holder} for {what}")
        if step.is_direct:
            self._line("", f"and insists on the direct way from {plan.holder}")
        elif len(mine.hops) > 1:
            way = " → ".join((mine.hops[0].source, *(hop.target for hop in mine.hops)))
            name = self._name(mine.hops[0].instrument)
            self._line("", f"the direct way is closed; the lawful way is {way}, under {name}")
        self._tell_releases(files)

    def waiting(self, officer: Officer, file: CaseFile) -> None:
        """Tell why an officer has to act, and how long the scenario lets it take."""
        why = file.queued.why if file.queued is not None else "its consent is asked"
        self._line(officer.party, f"asks its {officer.role}: {why}")

    def approved(self, officer: Officer, files: Mapping[PartyCode, CaseFile]) -> None:
        """Tell who said yes, after how long, and what followed."""
        after = f"{officer.delay_minutes} min later (exercise value)"
        self._line("", f"{after} {officer.name} approves: {officer.reason}")
        self._tell_releases(files)

    def ended(
        self, step: Step, plan: Plan, row: Row, files: Mapping[PartyCode, CaseFile]
    ) -> None:
        """Tell how it ended for the one who asked."""
        match row.outcome:
            case Ending.RELEASED:
                marking = " · ".join(row.marking)
                self._line(plan.requester, f"opens it, marks it “{marking}”, signs the receipt")
                self._result(row, f"released {way_of(row)}, {_took(row)}")
            case Ending.REFUSED:
                self._line(plan.holder, "refuses, and says why:")
                self._reasons(row)
                self._result(row, f"refused, {_took(row)}")
            case Ending.UNROUTABLE:
                self._line(plan.requester, "has no lawful way to it:")
                self._reasons(row)
                self._result(row, "no lawful way; nothing was sent")

    def _tell_releases(self, files: Mapping[PartyCode, CaseFile]) -> None:
        for party, file in files.items():
            if file.arrived is None:
                continue
            entry = file.arrived.entry
            key = (entry.source, entry.target, entry.number)
            if key not in self._told:
                self._told.add(key)
                self._tell_release(party, file.arrived)

    def _tell_release(self, to: PartyCode, arrived: Arrived) -> None:
        release, source = arrived.message, arrived.entry.source
        name = self._name(release.instrument)
        onward = f", for {release.onward}" if release.onward not in {None, to} else ""
        how = (
            f"on standing authority “{release.delegation}”, no officer asked"
            if release.delegation
            else "after " + " and ".join(f"{one.party}’s {one.role}" for one in release.approvals)
            if release.approvals
            else "as decided"
        )
        item = release.items[0]
        self._line(source, f"releases it to {to}{onward} under {name}, {how}")
        if item.originator != source:
            self._line("", f"with {item.originator}’s signed consent; {item.originator}’s label stays on it")

    def _reasons(self, row: Row) -> None:
        for closed in row.blocked:
            self._console.print(
                Padding(self._reason(closed), (0, 0, 0, _INDENT + 6)), soft_wrap=False
            )

    def _reason(self, closed: Closed) -> Text:
        return Text.assemble(
            ("✗ ", "red"),
            (self._name(closed.instrument), ""),
            (f" fails at {closed.rule.value}", "red"),
            (f", article {closed.article}" if closed.article else "", ""),
        )

    def _result(self, row: Row, words: str) -> None:
        sign = "✓" if row.outcome is Ending.RELEASED else "✗"
        text = Text.assemble((f"{sign} {words}", f"bold {_STYLES[row.outcome]}"))
        self._console.print(Padding(text, (0, 0, 0, _INDENT + 5)))

    def _line(self, party: PartyCode | str, words: str) -> None:
        text = Text.assemble((f"{party:<5}", "bold"), safe(words))
        text.no_wrap = False
        self._hang(text)

    def _hang(self, text: Text) -> None:
        grid = Table.grid(padding=0)
        grid.add_column(width=_INDENT + 5, no_wrap=True)
        grid.add_column()
        grid.add_row(Text.assemble(" " * _INDENT, text[:5]), text[5:])
        self._console.print(grid)

    def _say(self, text: Text, *, indent: int) -> None:
        self._console.print(Padding(text, (0, 0, 0, indent)))

    def _name(self, id: InstrumentId) -> str:
        terms = self._library.terms.get(id)
        return safe(terms.short) if terms is not None else safe(id)

    def _when(self, at: Instant) -> str:
        local = at.to_tz(self._zone)
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year}, {local.hour:02}:{local.minute:02} {_zone_word(self._zone)}"


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August",
    "September", "October", "November", "December",
)  # fmt: skip
_ZONE_WORDS: Final = {"Asia/Seoul": "KST", "Asia/Tokyo": "JST"}


def _zone_word(zone: str) -> str:
    return _ZONE_WORDS.get(zone, zone)


def way_of(row: Row) -> str:
    """Write a row's way for people: `direct`, or `through USA`.

    Args:
        row: Any row; one that was not released has no way.
    """
    if not row.way:
        return "–"
    between = row.way[1:-1]
    return f"through {', '.join(between)}" if between else "direct"


def _took(row: Row) -> str:
    parts: list[str] = []
    if row.officer_minutes:
        parts.append(f"{row.officer_minutes} min of officers")
    if row.wire_ms is not None:
        parts.append(f"{row.wire_ms} ms of nodes and wire")
    return " + ".join(parts) or "at once"


def outcome_table(played: Sequence[Played], library: Library, *, is_live: bool) -> Table:
    """Draw the table at the end: request × law → way, instruments, approvals, hops, time, outcome.

    Args:
        played: The endings, in the order played.
        library: For the names of things.
        is_live: Show what the wire took.
    """
    drawn = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    columns = ("law", "request", "outcome", "way", "under / closed by", "approved by", "hops", "officers")
    for column in (*columns, *(("wire",) if is_live else ())):
        right = column in {"hops", "officers", "wire"}
        drawn.add_column(column, justify="right" if right else "left", overflow="fold")
    for one in played:
        for index, row in enumerate(one.rows):
            drawn.add_row(
                *_cells(row, library, is_live=is_live), end_section=index == len(one.rows) - 1
            )
    return drawn


def _cells(row: Row, library: Library, *, is_live: bool) -> tuple[Text, ...]:
    title = row.title + (", direct only" if row.is_direct else "")
    cells = [
        Text(safe(row.law)),
        Text(safe(title)),
        Text(row.outcome.value, f"bold {_STYLES[row.outcome]}"),
        Text(way_of(row)),
        Text("\n".join(_grounds(row, library))),
        Text(" + ".join(row.approvals) or "–"),
        Text(str(row.hops) if row.hops else "–"),
        Text(f"{row.officer_minutes} min" if row.officer_minutes else "–"),
    ]
    if is_live:
        cells.append(Text(f"{row.wire_ms} ms"))
    return tuple(cells)


def _grounds(row: Row, library: Library) -> list[str]:
    def name(id: InstrumentId) -> str:
        return safe(library.terms[id].short) if id in library.terms else safe(id)

    if row.instruments:
        return list(dict.fromkeys(name(id) for id in row.instruments))
    return [f"{name(one.instrument)}: {one.rule.value}, {one.article}" for one in row.blocked]


def differences_table(found: Sequence[Difference]) -> Table:
    """Draw what is not as it should be."""
    drawn = Table(title="Not as it should be", title_justify="left", header_style="bold")
    for column in ("law", "request", "against", "what", "expected", "got"):
        drawn.add_column(column, overflow="fold")
    for one in found:
        drawn.add_row(
            *(
                safe(cell)
                for cell in (one.law, one.request, one.against, one.field, one.expected, one.got)
            )
        )
    return drawn
