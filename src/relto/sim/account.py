"""The account of one request: what became of it, read from the case as each node sees it.

A row says nothing that a node did not journal. Two rows are compared by what the law decides (way,
instruments,
approvals, outcome, reasons); what a wire took is shown and never compared.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from whenever import Instant

from relto.exchange import CaseFile, CaseState
from relto.law import Law
from relto.model import Considered, Label, Rule
from relto.model.message import Blocked, Released
from relto.node.marking import render
from relto.sim.oracle import existing_in
from relto.sim.scenario import Closed, Ending, Expected, Plan, Step
from relto.units import InstrumentId, LevelId, PartyCode

# What the requester's case says, in the words of a scenario. A case in another state is not at its
# end.
ENDINGS: Final[Mapping[CaseState, Ending]] = {
    CaseState.RECEIPTED: Ending.RELEASED,
    CaseState.REFUSED: Ending.REFUSED,
    CaseState.UNROUTABLE: Ending.UNROUTABLE,
}


class Row(Struct, frozen=True, kw_only=True):
    """One request under one law.

    Args:
        law: The state of the law, in the scenario's words.
        request: The request's id in the scenario.
        title: What was asked for, in words.
        is_direct: The requester insisted on the direct way.
        asked_at: On the exercise clock.
        outcome: How it ended for the requester.
        way: The parties on the way, holder first; empty when nothing was released.
        instruments: One for each hop.
        approvals: The parties whose officers said yes, in order.
        officer_minutes: What officers took, by the scenario; an exercise value.
        blocked: What closed the other ways, sorted; empty when it was released.
        marked: The level at which the requester marks it; `None` when nothing was released.
        marking: The words on the item at the requester, top line first.
        assumed: Rules with evidence `assumed` that the release rests on.
        wire_ms: What the wire and the nodes took, as measured; `None` in virtual time. Never
            compared.
    """

    law: str
    request: str
    title: str
    is_direct: bool
    asked_at: Instant
    outcome: Ending
    way: tuple[PartyCode, ...] = ()
    instruments: tuple[InstrumentId, ...] = ()
    approvals: tuple[PartyCode, ...] = ()
    officer_minutes: int = 0
    blocked: tuple[Closed, ...] = ()
    marked: LevelId | None = None
    marking: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    wire_ms: int | None = None

    @property
    def hops(self) -> int:
        """How many releases it took."""
        return len(self.instruments)

    @property
    def said(self) -> Expected:
        """The part of the row that the law decides."""
        return Expected(
            outcome=self.outcome,
            way=self.way,
            instruments=self.instruments,
            approvals=self.approvals,
            blocked=self.blocked,
            marked=self.marked,
        )


class Difference(Struct, frozen=True, kw_only=True):
    """One thing in which a row is not what it should be.

    Args:
        law: Of the row.
        request: Of the row.
        against: What it was held against: the scenario, or the law as computed.
        field: What differs.
        expected: In words.
        got: In words.
    """

    law: str
    request: str
    against: str
    field: str
    expected: str
    got: str


def account(
    step: Step,
    plan: Plan,
    files: Mapping[PartyCode, CaseFile],
    *,
    law: Law,
    marked: Label | None,
    asked_at: Instant,
    officer_minutes: int,
    wire_ms: int | None,
) -> Row:
    """Read a row from the case as each party sees it.

    Args:
        step: The step that asked.
        plan: What it asked for.
        files: The case at every party that has it; the requester always does.
        law: As adopted when it was asked; an instrument that does not exist yet closes nothing.
        marked: How the requester marked what it got, by its receipt.
        asked_at: On the exercise clock.
        officer_minutes: What the officers took together.
        wire_ms: What the rest took; `None` in virtual time.

    Source: docs/guides/write-a-scenario.md.
    """
    mine = files[plan.requester]
    outcome = ENDINGS[mine.state]
    existing = existing_in(law, at=asked_at, reading=plan.holder)
    base = Row(
        law=step.law,
        request=plan.id,
        title=plan.title,
        is_direct=step.is_direct,
        asked_at=asked_at,
        outcome=outcome,
        officer_minutes=officer_minutes,
        wire_ms=wire_ms,
    )
    match outcome:
        case Ending.RELEASED:
            return _released(base, plan, files, law=law, marked=marked)
        case Ending.REFUSED:
            assert mine.refused is not None
            return _closed(base, map(_of_considered, mine.refused.considered), existing)
        case Ending.UNROUTABLE:
            assert mine.unroutable is not None
            return _closed(base, map(_of_blocked, mine.unroutable.blocked), existing)


def _released(
    row: Row,
    plan: Plan,
    files: Mapping[PartyCode, CaseFile],
    *,
    law: Law,
    marked: Label | None,
) -> Row:
    way: list[PartyCode] = [plan.requester]
    instruments: list[InstrumentId] = []
    approvals: list[PartyCode] = []
    final: Released | None = None
    while way[0] != plan.holder:
        arrived = files[way[0]].arrived
        assert arrived is not None
        assert arrived.entry.source not in way
        final = final or arrived.message
        way.insert(0, arrived.entry.source)
        instruments.insert(0, arrived.message.instrument)
    for party in way:
        approvals.extend(approval.party for approval in files[party].approvals)
    assert final is not None
    item = final.items[0]
    return replace(
        row,
        way=tuple(way),
        instruments=tuple(instruments),
        approvals=tuple(approvals),
        marked=None if marked is None else marked.level,
        marking=render(
            law,
            originator=item.originator,
            label=item.label,
            marked=marked,
            marked_by=plan.requester,
            is_exercise=True,
        ),
        assumed=final.assumed,
    )


def _closed(row: Row, closed: Iterable[Closed | None], existing: Container[InstrumentId]) -> Row:
    found = {one for one in closed if one is not None and one.instrument in existing}
    return replace(row, blocked=tuple(sorted(found)))


def _of_considered(considered: Considered) -> Closed | None:
    reason = considered.reason
    if reason is None:
        return None
    return Closed(instrument=considered.instrument, rule=reason.rule, article=reason.ground.article)


def _of_blocked(blocked: Blocked) -> Closed | None:
    if blocked.instrument is None:
        return None
    finding = blocked.finding
    return Closed(instrument=blocked.instrument, rule=finding.rule, article=finding.ground.article)


def differences(row: Row, expected: Expected, *, against: str) -> tuple[Difference, ...]:
    """Say in what a row is not what it should be.

    Args:
        row: What happened.
        expected: What should have.
        against: Who says so, for the report.

    Returns:
        In the order of fields; empty when both agree.
    """
    said = row.said
    found: list[Difference] = []
    for field in expected.__struct_fields__:
        want, got = getattr(expected, field), getattr(said, field)
        if field == "blocked":
            want, got = set(want), set(got)
        if want != got:
            found.append(
                Difference(
                    law=row.law,
                    request=row.request,
                    against=against,
                    field=field,
                    expected=_words(getattr(expected, field)),
                    got=_words(getattr(said, field)),
                )
            )
    return tuple(found)


def _words(value: object) -> str:
    match value:
        case None | ():
            return "nothing"
        case Closed(instrument=instrument, rule=rule, article=article):
            return f"{instrument} at {Rule(rule).value} ({article})"
        case tuple():
            return ", ".join(_words(item) for item in value)
        case _:
            return str(value)
