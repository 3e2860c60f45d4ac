"""How decisions and routes are drawn for people: the answer first, then why."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from relto.cli.law_views import shown
from relto.cli.output import safe, table
from relto.decide import Handling
from relto.decide.expectations import Checked
from relto.model import Considered, Decision, Evidence, Finding, Outcome, Verdict
from relto.routes import Route, Routes
from relto.units import InstrumentId

# The word always stands beside the colour and the sign.
_STYLES: Mapping[str, str] = {
    "permit": "bold green",
    "refer": "bold yellow",
    "deny": "bold red",
    "pass": "green",
    "ask": "yellow",
    "fail": "red",
}
_SIGNS: Mapping[Verdict, str] = {Verdict.PASS: "+", Verdict.ASK: "?", Verdict.FAIL: "-"}


class DecisionView(Struct, frozen=True, kw_only=True):
    """A decision as the command answers it.

    Args:
        decision: The law's answer.
        remedies: By instrument, what would change its answer, and into what.
        handling: What the holder's delegations make of it; `None` when none were given.
    """

    decision: Decision
    remedies: Mapping[InstrumentId, str]
    handling: Handling | None


def render_decision(console: Console, view: DecisionView, zone: str) -> None:
    """Draw the answer with the first reason of each instrument."""
    _head(console, view, zone)
    rows = [_row(one) for one in view.decision.considered]
    if rows:
        columns = ("instrument", "answer", "because of", "article", "fact", "what would change it")
        console.print(table("", columns, rows))
    _tail(console, view)


def _row(one: Considered) -> tuple[str | Text, ...]:
    reason = one.reason
    fact = "" if reason is None else reason.fact
    return (
        one.instrument,
        Text(one.outcome, style=_STYLES[one.outcome]),
        "" if reason is None else str(reason.rule),
        "" if reason is None else _article(reason),
        f"{fact}; contested: {one.contested}" if one.contested else fact,
        one.remedy,
    )


def _article(found: Finding) -> str:
    weak = found.ground.evidence is Evidence.ASSUMED
    return found.ground.article + (" (assumed)" if weak else "")


def render_explained(console: Console, view: DecisionView, zone: str) -> None:
    """Draw every rule of every instrument as a tree."""
    _head(console, view, zone)
    decision = view.decision
    root = Tree(Text(decision.outcome, style=_STYLES[decision.outcome]))
    for one in decision.considered:
        branch = root.add(
            Text.assemble((one.outcome, _STYLES[one.outcome]), " ", safe(one.instrument))
        )
        for found in one.findings:
            leaf = branch.add(_finding(found))
            if found.remedy:
                leaf.add(Text(f"would pass {safe(found.remedy)}"))
        if one.contested:
            branch.add(Text(f"contested: {safe(one.contested)}"))
        if one.remedy:
            branch.add(Text(f"what would change it: {safe(one.remedy)}"))
    if not decision.considered:
        root.add(Text("no instrument links the two"))
    console.print(root)
    _tail(console, view)


def _finding(found: Finding) -> Text:
    ground = found.ground
    return Text.assemble(
        (f"{_SIGNS[found.verdict]} {found.verdict:<4}", _STYLES[found.verdict]),
        f" {found.rule:<12} {safe(found.fact)}",
        (f"  [{safe(ground.article)}; {ground.evidence}]", "dim"),
    )


def _head(console: Console, view: DecisionView, zone: str) -> None:
    decision = view.decision
    under = f" under {decision.instrument}" if decision.instrument else ""
    if decision.outcome is Outcome.DENY and decision.instrument:
        under = f"; nearest: {decision.instrument}"
    console.print(
        Text.assemble((decision.outcome, _STYLES[decision.outcome]), safe(under)),
    )
    console.print(f"at {shown(decision.at, zone=zone)}, as {decision.reading} reads the law")
    if not decision.considered:
        console.print("no instrument links the two")
    until = decision.holds_until
    console.print(f"holds until {shown(until, zone=zone)}" if until else "no end of it is known")
    if view.handling is not None:
        under = f" ({view.handling.delegation})" if view.handling.delegation else ""
        console.print(safe(f"handling: {view.handling.kind}{under}: {view.handling.why}"))


def _tail(console: Console, view: DecisionView) -> None:
    decision = view.decision
    if decision.obligations:
        rows = [
            (str(one.kind), str(one.weight), one.text, one.ground.article)
            for one in decision.obligations
        ]
        columns = ("obligation", "weight", "what the recipient owes", "article")
        console.print(table("Obligations", columns, rows))
    if decision.assumed:
        console.print(Text(f"rests on what is assumed: {safe('; '.join(decision.assumed))}"))


def render_checked(console: Console, checked: Sequence[Checked]) -> None:
    """Draw which expectations are met."""
    rows = [
        (
            one.name,
            Text("met", style="green") if one.is_met else Text("not met", style="bold red"),
            "; ".join(one.differences),
        )
        for one in checked
    ]
    console.print(table("Expected decisions", ("name", "result", "differences"), rows))
    met = sum(one.is_met for one in checked)
    console.print(f"{met} of {len(checked)} met")


def render_routes(console: Console, found: Routes, zone: str) -> None:
    """Draw the routes, best first, then the closed ways."""
    if not found.routes:
        console.print(Text("no lawful route", style="bold red"))
    else:
        columns = ("route", "under", "approvals", "hops", "expected", "holds until", "steps")
        rows = [_route(one, zone) for one in found.routes]
        console.print(table(f"Routes at {shown(found.at, zone=zone)}", columns, rows))
    if found.blocked:
        heads = ("way", "under", "closed by", "article", "fact", "what would open it")
        closed = [
            (
                " > ".join(one.parties),
                one.instrument,
                str(one.finding.rule),
                _article(one.finding),
                one.finding.fact,
                one.remedy,
            )
            for one in found.blocked
        ]
        console.print(table("Closed ways", heads, closed))
    if found.limits:
        console.print(Text(f"cut short by {', '.join(found.limits)}", style="bold yellow"))


def _route(one: Route, zone: str) -> tuple[str, ...]:
    steps = [
        f"{hop.sender}>{hop.recipient}: {found.rule}" for hop in one.hops for found in hop.steps
    ]
    return (
        " > ".join(one.parties),
        " > ".join(hop.instrument for hop in one.hops),
        str(one.approvals),
        str(len(one.hops)),
        "not measured" if one.expected_ms is None else f"{one.expected_ms} ms",
        shown(one.holds_until, zone=zone),
        ", ".join(steps) or "none",
    )
