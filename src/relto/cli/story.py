"""The story of a scenario, told while it happens, and the table at its end.

One request is a few lines: who asks, what the law says and where it says so, who had to be asked,
what went over which hop, how it is marked. Colour never carries a meaning alone. Words from nodes
are made safe before they are shown.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from rich import box
from rich.console import Console
from rich.rule import Rule as Line
from rich.table import Table
from rich.text import Text
from whenever import Instant

from relto.cli.output import safe, stderr
from relto.exchange import Arrived, CaseFile
from relto.law import Library
from relto.model import RULE_ORDER, Finding
from relto.sim.account import Difference, Row
from relto.sim.play import Played
from relto.sim.scenario import Ending, Officer, Plan, Scenario, Step, World
from relto.units import InstrumentId, PartyCode

_WIDTH: Final = 100  # where there is no terminal
_NAME_WIDTH: Final = 18
_WAY_WIDTH: Final = 13
_INDENT: Final = 2
_PARTY_WIDTH: Final = 5
_STYLES: Final = {
    Ending.RELEASED: "green",
    Ending.REFUSED: "red",
    Ending.UNROUTABLE: "red",
}
_OUTCOMES: Final = {
    Ending.RELEASED: "released",
    Ending.REFUSED: "refused",
    Ending.UNROUTABLE: "no lawful way",
}
_MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_ZONE_WORDS: Final = {"Asia/Seoul": "KST", "Asia/Tokyo": "JST"}


def talk() -> Console:
    """A console on stderr for the story; of a fixed width where there is no terminal."""
    console = stderr()
    if not console.is_terminal:
        console.width = _WIDTH
    return console


class Story:
    """Tells a scenario on a console, for people. What every ending shares is told once."""

    def __init__(self, console: Console, library: Library) -> None:
        """Keep the console, and the library for the names of things."""
        self._console = console
        self._library = library
        self._released: set[tuple[PartyCode, PartyCode, int]] = set()
        self._zone = "UTC"
        self._common: frozenset[Step] = frozenset()
        self._worlds = 0
        self._is_brief = False

    def entitle(self, scenario: Scenario) -> None:
        """Say what is going to be played."""
        self._console.print()
        title = Text.assemble((" EXERCISE ", "reverse bold"), (f" {safe(scenario.title)}", "bold"))
        self._console.print(title)
        summary = Text(safe(" ".join(scenario.summary.split())), "italic")
        self._wrapped(summary, first=" ", rest=" ")

    # ------------------------------------------------------------ what the runner tells

    def opened(self, scenario: Scenario, world: World) -> None:
        """Head the world, and say whether it is the one that happened."""
        self._released.clear()
        self._zone = self._library.parties[scenario.requests[0].requester].zone
        self._common = frozenset(scenario.steps) if self._worlds else frozenset()
        self._worlds += 1
        place = [one.id for one in scenario.endings].index(world.id) + 1
        head = f" Ending {place} of {len(scenario.endings)}: {safe(world.title)} "
        note = "This is what happened." if world.is_real else "This did not happen."
        self._console.print()
        self._console.print(Line(Text(head, "bold"), align="left", characters="═"))
        self._console.print(
            Text(f" {note} Nodes and journals are fresh; EXERCISE stands on everything.", "dim")
        )

    def stepped(self, step: Step) -> None:
        """Give the hour and the state of the law."""
        self._is_brief = step in self._common
        if self._is_brief:
            return
        when = Text.assemble((f" {self._when(step.at)}", "bold"), f"   law: {safe(step.law)}")
        self._console.print()
        self._console.print(when)
        if step.say:
            said = Text(safe(" ".join(step.say.split())), "italic")
            self._wrapped(said, first=" ", rest=" ")

    def asked(self, step: Step, plan: Plan, files: Mapping[PartyCode, CaseFile]) -> None:
        """Tell what is asked, which way, and what came of it at once."""
        if self._is_brief:
            return
        what = f"{plan.title} ({', '.join(plan.topics)}, {plan.precedence.value})"
        self._line(plan.requester, f"asks {plan.holder} for {what}")
        hops = files[plan.requester].hops
        if step.is_direct:
            self._line("", f"and insists on the direct way from {plan.holder}")
        elif len(hops) > 1:
            way = " → ".join((hops[0].source, *(hop.target for hop in hops)))
            name = self._name(hops[0].instrument)
            self._line("", f"the direct way is closed; the lawful way is {way}, under {name}")
        self._tell_releases(files)

    def waiting(self, officer: Officer, file: CaseFile) -> None:
        """Tell why an officer has to act."""
        why = file.queued.why if file.queued is not None else "its consent is asked"
        if not self._is_brief:
            self._line(officer.party, f"asks its {_words(officer.role)}: {why}")

    def approved(self, officer: Officer, files: Mapping[PartyCode, CaseFile]) -> None:
        """Tell who said yes, after how long, and what followed."""
        if self._is_brief:
            return
        after = f"{officer.delay_minutes} min later (exercise value) the {officer.name}"
        self._line("", f"{after} approves: “{officer.reason}”")
        self._tell_releases(files)

    def ended(self, step: Step, plan: Plan, row: Row, files: Mapping[PartyCode, CaseFile]) -> None:
        """Tell how it ended for the one who asked."""
        if self._is_brief:
            self._line("", f"{self._when(step.at)}: {plan.title}: {_result(row)}, as above")
            return
        match row.outcome:
            case Ending.RELEASED:
                self._line(plan.requester, "opens it, marks it and signs the receipt")
                self._marking(row.marking)
            case Ending.REFUSED:
                self._line(plan.holder, "refuses, and says why")
            case Ending.UNROUTABLE:
                self._line(plan.requester, "has no lawful way to it, and says why")
        self._reasons(files[plan.requester], row)
        sign = "✓" if row.outcome is Ending.RELEASED else "✗"
        style = f"bold {_STYLES[row.outcome]}"
        self._hang("", Text(f"{sign} {_result(row)}{_took(row)}", style))

    # ------------------------------------------------------------ lines

    def _tell_releases(self, files: Mapping[PartyCode, CaseFile]) -> None:
        for party, file in files.items():
            if file.arrived is None:
                continue
            entry = file.arrived.entry
            key = (entry.source, entry.target, entry.number)
            if key not in self._released:
                self._released.add(key)
                self._release(party, file.arrived)

    def _release(self, to: PartyCode, arrived: Arrived) -> None:
        release, source, item = arrived.message, arrived.entry.source, arrived.message.items[0]
        name = self._name(release.instrument)
        onward = f", for {release.onward}," if release.onward not in {None, to} else ""
        self._line(source, f"releases it to {to}{onward} under {name}")
        if release.delegation:
            self._line("", "on a standing authority; no officer had to be asked")
        if item.originator != source:
            words = f"with {item.originator}’s signed consent; the label of {item.originator}"
            self._line("", f"{words} stays on it, {source} adds its own")
            self._marking(item.markings)
        if release.holds_until is not None:
            self._line("", f"this answer holds until {self._when(release.holds_until)}")
        if release.assumed:
            rules = ", ".join(one.split(": ", 1)[-1].split(" (", 1)[0] for one in release.assumed)
            self._hang("", Text(f"assumed, not read in the text: {safe(rules)}", "dim"))

    def _marking(self, lines: Sequence[str]) -> None:
        if lines:
            self._hang("", Text.assemble("marked  ", (safe(" / ".join(lines)), "reverse")))

    def _reasons(self, file: CaseFile, row: Row) -> None:
        existing = {closed.instrument for closed in row.blocked}
        for way, instrument, finding in reasons_of(file):
            if instrument not in existing:
                continue
            name = safe(self._name(instrument))
            article = cited(finding.ground.article)
            self._hang(
                "",
                Text.assemble(
                    ("✗ ", "red"),
                    f"{way:<{_WAY_WIDTH}}" if way else "",
                    f"{name:<{_NAME_WIDTH}}",
                    (f"{finding.rule.value}, {safe(article)}", "bold"),
                    f": {safe(finding.fact)}" if finding.fact else "",
                ),
            )

    def _line(self, party: str, words: str) -> None:
        self._hang(party, Text(safe(words)))

    def _hang(self, party: str, words: Text) -> None:
        rest = " " * (_INDENT + _PARTY_WIDTH)
        first = Text.assemble(" " * _INDENT, (f"{party:<{_PARTY_WIDTH}}", "bold"))
        self._wrapped(words, first=first, rest=rest)

    def _wrapped(self, words: Text, *, first: Text | str, rest: str) -> None:
        """Print text with a hanging indent, without the blanks that a grid leaves at line ends."""
        head: Text | str = first
        for line in words.wrap(self._console, self._console.width - len(rest)):
            line.rstrip()
            self._console.print(Text.assemble(head, line), soft_wrap=True)
            head = rest

    def _name(self, id: InstrumentId) -> str:
        return short_name(id, self._library)

    def _when(self, at: Instant) -> str:
        local = at.to_tz(self._zone)
        day = f"{local.day} {_MONTHS[local.month - 1]} {local.year}"
        word = _ZONE_WORDS.get(self._zone, self._zone)
        return f"{day}, {local.hour:02}:{local.minute:02} {word}"


def reasons_of(file: CaseFile) -> Iterator[tuple[str, InstrumentId, Finding]]:
    """Give what closed a case: the way tried, the instrument, and the first rule that fails.

    Args:
        file: The requester's case.
    """
    if file.refused is not None:
        for considered in file.refused.considered:
            if considered.reason is not None:
                yield "", considered.instrument, considered.reason
    if file.unroutable is not None:
        for blocked in file.unroutable.blocked:
            if blocked.instrument is not None:
                yield "-".join(blocked.way), blocked.instrument, blocked.finding


def short_name(id: InstrumentId, library: Library) -> str:
    """Give the name by which people call an instrument; its id where the library has none."""
    terms = library.terms.get(id)
    return safe(terms.short if terms is not None else id)


def cited(article: str) -> str:
    """Write a provision for people: `article 21(3)`, but `para 4` as it stands."""
    return f"article {article}" if article[:1].isdigit() else article


def _words(role: str) -> str:
    return role.replace("-", " ")


def _result(row: Row) -> str:
    match row.outcome:
        case Ending.RELEASED:
            between = row.way[1:-1]
            return f"released through {', '.join(between)}" if between else "released directly"
        case Ending.REFUSED:
            return "refused"
        case Ending.UNROUTABLE:
            return "no lawful way; nothing was sent"


def _took(row: Row) -> str:
    parts = _elapsed(row)
    return f", {' + '.join(parts)}" if parts else ""


def _elapsed(row: Row) -> list[str]:
    parts: list[str] = []
    if row.officer_minutes:
        parts.append(f"{row.officer_minutes} min")
    if row.wire_ms is not None:
        parts.append(f"{row.wire_ms} ms")
    return parts


# ---------------------------------------------------------------- the table at the end


def outcome_table(played: Sequence[Played], library: Library) -> Table:
    """Draw the table at the end: request × law → route, hops, approvals, elapsed, outcome.

    Args:
        played: The endings, in the order played; what they share is shown once.
        library: For the names of things.
    """
    drawn = Table(
        box=box.SIMPLE_HEAD,
        header_style="bold",
        pad_edge=False,
        show_edge=False,
        collapse_padding=True,
    )
    drawn.add_column("request")
    drawn.add_column("route, or what closes it", overflow="fold")
    drawn.add_column("hops", justify="right")
    drawn.add_column("approved by")
    drawn.add_column("elapsed", justify="right")
    drawn.add_column("outcome")
    for heading, note, rows in _sections(played):
        drawn.add_row(Text(safe(heading), "bold cyan"), Text(safe(note), "cyan"))
        for row in rows:
            drawn.add_row(*_cells(row, library))
    return drawn


def _sections(played: Sequence[Played]) -> Iterator[tuple[str, str, tuple[Row, ...]]]:
    """The rows by law, in order; a section that only repeats an earlier one is left out."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for one in played:
        for law, group in groupby(one.rows, key=lambda row: row.law):
            rows = tuple(group)
            key = (law, tuple(f"{row.request} {row.is_direct} {row.said}" for row in rows))
            if key not in seen:
                seen.add(key)
                is_last = rows[-1] is one.rows[-1]
                yield law, one.title if is_last else "", rows


def _cells(row: Row, library: Library) -> Iterable[Text]:
    title = f" {row.request}{', direct' if row.is_direct else ''}"
    return (
        Text(safe(title)),
        Text("\n".join(_grounds(row, library)) or "–"),
        Text(str(row.hops) if row.hops else "–"),
        Text(", ".join(row.approvals) or "–"),
        Text(" + ".join(_elapsed(row)) or "–"),
        Text(_OUTCOMES[row.outcome], f"bold {_STYLES[row.outcome]}"),
    )


def _grounds(row: Row, library: Library) -> list[str]:
    if row.way:
        names = dict.fromkeys(short_name(id, library) for id in row.instruments)
        return [f"{'-'.join(row.way)}, {' and '.join(names)}"]
    # An instrument that closes two ways is named once, with the rule it got as far as.
    furthest = {
        one.instrument: one
        for one in sorted(row.blocked, key=lambda one: RULE_ORDER.index(one.rule))
    }
    return [
        f"{short_name(one.instrument, library)}: {one.rule.value}, {safe(one.article)}"
        for one in furthest.values()
    ]


def differences_table(found: Sequence[Difference]) -> Table:
    """Draw what is not as it should be."""
    drawn = Table(title="Not as it should be", title_justify="left", header_style="bold")
    for column in ("law", "request", "against", "what", "expected", "got"):
        drawn.add_column(column, overflow="fold")
    for one in found:
        cells = (one.law, one.request, one.against, one.field, one.expected, one.got)
        drawn.add_row(*(safe(cell) for cell in cells))
    return drawn
