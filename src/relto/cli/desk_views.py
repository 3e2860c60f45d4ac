"""How a node's answers look to a person at a terminal."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.text import Text

from relto.cli.output import safe, table
from relto.console import (
    CardAnswer,
    CaseLine,
    Cases,
    Done,
    Holdings,
    LinkLine,
    Links,
    Status,
    Story,
    show_fingerprint,
)
from relto.model import Finding, Label

EXERCISE = "EXERCISE EXERCISE EXERCISE"

# A line of a partner's text never begins where this page's own names begin (FL-43).
_NEXT_LINE: Final = "\n" + " " * 13


def _line(console: Console, name: str, value: str) -> None:
    console.print(Text.assemble((f"{name:<13}", "bold"), safe(value).replace("\n", _NEXT_LINE)))


def _label(label: Label) -> str:
    words = [f"{label.scheme}:{label.level}", *label.categories]
    if label.releasable_to is not None:
        words.append("REL TO " + (", ".join(label.releasable_to) or "nobody"))
    return " ".join(words)


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)


def render_done(console: Console, answer: Done) -> None:
    """Show that something was done."""
    console.print(safe(answer.text), highlight=False)


def render_status(console: Console, answer: Status) -> None:
    """Show how a node is."""
    if answer.is_exercise:
        console.print(EXERCISE, style="bold")
    _line(console, "party", answer.party)
    _line(console, "running", "yes" if answer.is_running else "no")
    _line(console, "clock", answer.now.format_iso(unit="second"))
    if answer.ahead_until is not None:
        until = answer.ahead_until.format_iso(unit="second")
        _line(console, "", f"behind the journal until {until}: see `relto clock check`")
    _line(console, "listens at", answer.listens_at or "nowhere: it only calls")
    _line(console, "law", answer.law or "none adopted: nothing is released")
    _line(console, "partners", _list(answer.peers) or "none")
    _line(console, "cases", f"{answer.open_cases} open, {answer.waiting} for your officers")
    _line(console, "holdings", str(answer.holdings))
    if answer.certificate_until is not None:
        until = answer.certificate_until.format_iso(unit="second")
        _line(console, "links until", f"{until}: `relto key rotate` before that")


def render_card(console: Console, answer: CardAnswer) -> None:
    """Show a node's own card."""
    if answer.is_exercise:
        console.print(EXERCISE, style="bold")
    _line(console, "party", answer.party)
    _line(console, "serial", str(answer.serial))
    _line(console, "reached at", _list(answer.endpoints) or "nowhere: it only calls")
    _line(console, "fingerprint", show_fingerprint(answer.fingerprint))


def render_holdings(console: Console, answer: Holdings) -> None:
    """Show items held."""
    rows = [
        [one.id, one.title, one.originator, _label(one.label), _list(one.topics), str(one.form)]
        for one in answer.holdings
    ]
    console.print(table("", ["id", "title", "made by", "label", "topics", "form"], rows))
    if not answer.is_whole:
        console.print("older ones are held, too")


def render_cases(console: Console, answer: Cases, title: str) -> None:
    """Show cases, one line each."""
    if not answer.cases:
        console.print(f"{title}: nothing")
        return
    rows = [
        [
            one.case,
            one.role,
            one.state,
            one.requester or "",
            _list(one.topics),
            str(one.precedence),
            _waiting(one),
        ]
        for one in answer.cases
    ]
    columns = ["case", "we are", "state", "for", "topics", "precedence", "waits for"]
    console.print(table(title, columns, rows))
    if not answer.is_whole:
        console.print("older ones are closed: relto show CASE tells each")


def _waiting(one: CaseLine) -> str:
    if not one.waits_for:
        return ""
    if not one.needs:
        return one.waits_for
    return f"{one.waits_for} ({one.approved} of {one.needs} approved)"


_AWAITED = "has not given back yet what this node said after its backup"


def render_links(console: Console, answer: Links) -> None:
    """Show links, one line each."""
    rows = [
        [
            one.partner,
            one.calls,
            one.state if not one.fork else "stopped",
            f"{one.acknowledged} of {one.ours}",
            str(one.theirs),
            str(one.packages),
            one.fork or (_AWAITED if one.is_awaited else one.error or _slowed(one)),
        ]
        for one in answer.links
    ]
    columns = ["partner", "calls", "state", "ours held there", "theirs here", "packages", "trouble"]
    console.print(table("", columns, rows))


def _slowed(one: LinkLine) -> str:
    return f"made to wait {one.slowed} times: it sends more than its share" if one.slowed else ""


def render_story(console: Console, story: Story) -> None:
    """Tell the whole story of a case."""
    line = story.line
    _line(console, "case", line.case)
    _line(console, "state", f"{line.state} (we are {line.role})")
    if story.request is not None:
        asked = story.request
        _line(
            console, "request", f"{asked.requester} asks {asked.holder} about {_list(asked.topics)}"
        )
        _line(console, "purpose", asked.purpose)
        if asked.about:
            _line(console, "about", asked.about)
    if story.route:
        _line(console, "route", " → ".join(story.route))
    if story.instrument:
        _line(console, "instrument", story.instrument)
    if line.waits_for:
        _line(console, "waits for", _waiting(line))
    if story.refusal:
        _line(console, "refused", story.refusal + (f": {story.reason}" if story.reason else ""))
    _render_reasons(console, story)
    _render_items(console, story)
    rows = [
        [
            one.at.format_iso(unit="millisecond"),
            f"{one.source} → {one.target}",
            str(one.number),
            one.kind,
            one.text,
        ]
        for one in story.entries
    ]
    console.print(table("", ["at", "log", "no.", "entry", "says"], rows))


def _render_reasons(console: Console, story: Story) -> None:
    for considered in story.considered:
        for finding in considered.findings:
            if finding.verdict != "pass":
                name = considered.instrument or "no instrument"
                _line(console, "", f"{name}: {_finding(finding)}")
    for blocked in story.blocked:
        way = " → ".join(blocked.way)
        name = blocked.instrument or "no instrument"
        _line(console, "closed", f"{way} under {name}: {_finding(blocked.finding)}")
    if story.assumed:
        _line(console, "assumed", _list(story.assumed))
    if story.holds_until is not None:
        _line(console, "holds until", story.holds_until.format_iso(unit="second"))


def _finding(finding: Finding) -> str:
    said = f"{finding.rule} {finding.verdict} ({finding.ground.article}): {finding.fact}"
    return f"{said}; {finding.remedy}" if finding.remedy else said


def _render_items(console: Console, story: Story) -> None:
    for item in story.items:
        console.print()
        for words in item.markings:
            console.print(Text(safe(words), style="bold"))
        _line(console, "item", f"{item.holding} {item.title}".strip())
        _line(console, "label", f"{_label(item.label)} ({item.originator})")
        if item.marked is not None:
            _line(console, "marked", _label(item.marked))
        if item.path:
            _line(console, "content", f"{item.path} ({item.size_bytes} bytes)")
        if item.destroyed_at is not None:
            _line(console, "destroyed", item.destroyed_at.format_iso(unit="second"))
    for duty in story.obligations:
        _line(console, "owed", duty.text)
