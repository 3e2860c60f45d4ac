"""Play a scenario: one runner for every world, so that drill and demonstration tell one story.

The runner moves the exercise clock, lets the law become known, asks, waits until nobody but an
officer can act, lets
the scripted officer act when its delay has passed, and reads the account. What it plays on is a
`Stage`: drivers in
one process and virtual time, or real nodes behind their control sockets.

Rules kept here: the clock only goes forward; a step is played only when the one before it has come
to its end; an
officer who is not in the scenario never acts, and a case that waits for one is an error and not a
row.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from msgspec import Struct
from whenever import Instant

from relto.errors import WorldError
from relto.exchange import CaseFile, CaseState, Fact, fold_case
from relto.law import Law
from relto.model import Label
from relto.model.message import Receipted
from relto.sim.account import ENDINGS, Difference, Row, account, differences
from relto.sim.oracle import predict
from relto.sim.scenario import Officer, Plan, Scenario, Step, World
from relto.units import CaseId, PartyCode

# A case that needs more officers' steps than this is going in circles.
_APPROVALS_MAX: Final = 8


class StalledError(WorldError):
    """A case came to rest where no officer of the scenario can act."""

    code = "world.scenario_stalled"


class Stage(Protocol):
    """What a scenario is played on: the nodes of all parties, and their exercise clock."""

    @property
    def is_live(self) -> bool:
        """Whether time passes by itself and a wire can be measured."""
        ...

    def now(self) -> Instant:
        """Give the exercise clock."""
        ...

    def set_clock(self, at: Instant) -> None:
        """Move the exercise clock of every node forward; a past instant changes nothing."""
        ...

    def adopt(self, files: Mapping[str, bytes], *, known: Instant) -> Law:
        """Let every node adopt law files, with the acts known until then; gives the same law."""
        ...

    def ask(self, plan: Plan, *, is_direct: bool) -> CaseId:
        """Let the requester's node ask; gives the case."""
        ...

    def settle(self, case: CaseId) -> None:
        """Wait until nobody but an officer can act in the case."""
        ...

    def look(self, party: PartyCode, case: CaseId) -> tuple[Fact, ...]:
        """Give the entries of a case at a party's node, oldest first; none where it has no part."""
        ...

    def approve(self, officer: Officer, case: CaseId) -> None:
        """Let an officer say yes."""
        ...


class Teller(Protocol):
    """Whoever tells the story while it happens."""

    def opened(self, scenario: Scenario, world: World) -> None:
        """A world begins."""
        ...

    def stepped(self, step: Step) -> None:
        """The clock has moved, and perhaps the law."""
        ...

    def asked(self, step: Step, plan: Plan, files: Mapping[PartyCode, CaseFile]) -> None:
        """A request has gone as far as it goes without an officer."""
        ...

    def waiting(self, officer: Officer, file: CaseFile) -> None:
        """A case waits for an officer, who now takes time."""
        ...

    def approved(self, officer: Officer, files: Mapping[PartyCode, CaseFile]) -> None:
        """The officer has said yes, and it has gone on from there."""
        ...

    def ended(self, step: Step, plan: Plan, row: Row, files: Mapping[PartyCode, CaseFile]) -> None:
        """The request is answered."""
        ...


class Quiet:
    """A teller who says nothing."""

    def opened(self, scenario: Scenario, world: World) -> None:
        """Say nothing."""

    def stepped(self, step: Step) -> None:
        """Say nothing."""

    def asked(self, step: Step, plan: Plan, files: Mapping[PartyCode, CaseFile]) -> None:
        """Say nothing."""

    def waiting(self, officer: Officer, file: CaseFile) -> None:
        """Say nothing."""

    def approved(self, officer: Officer, files: Mapping[PartyCode, CaseFile]) -> None:
        """Say nothing."""

    def ended(self, step: Step, plan: Plan, row: Row, files: Mapping[PartyCode, CaseFile]) -> None:
        """Say nothing."""


class Played(Struct, frozen=True, kw_only=True):
    """What came of one ending.

    Args:
        ending: Its id.
        title: Its title.
        is_real: It is what happened.
        rows: One for each request, in the order of the timeline.
        differences: What is not as the law, or the scenario, says; empty is what one hopes for.
    """

    ending: str
    title: str
    is_real: bool
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]


def play(
    scenario: Scenario,
    world: World,
    stage: Stage,
    *,
    files: Mapping[str, bytes],
    extra: Mapping[str, bytes],
    teller: Teller,
) -> Played:
    """Play one ending from its first step to its last.

    Args:
        scenario: Checked against the law files.
        world: One of its endings.
        stage: Its nodes, which hold what the scenario says and nothing else.
        files: The law files every node begins with.
        extra: The files that steps of this ending add.
        teller: Told what happens while it happens.

    Returns:
        A row for each request; each is held against the scenario and against the law as computed.

    Raises:
        StalledError: A case waits for somebody whom the scenario does not have.

    Source: docs/guides/write-a-scenario.md.
    """
    teller.opened(scenario, world)
    law_files = dict(files)
    rows: list[Row] = []
    found: list[Difference] = []
    steps = scenario.steps_of(world)
    stage.set_clock(steps[0].at)
    law = stage.adopt(law_files, known=scenario.known)
    for step in steps:
        stage.set_clock(step.at)
        if step.known is not None:
            law_files |= {name: extra[name] for name in step.files}
            law = stage.adopt(law_files, known=step.known)
        teller.stepped(step)
        if step.request is None or step.expect is None:
            continue
        plan = scenario.plan(step.request)
        computed = predict(scenario, step, plan, law=law, at=stage.now())
        row = _play_request(scenario, step, plan, stage, law=law, teller=teller)
        rows.append(row)
        found.extend(differences(row, step.expect, against="the scenario"))
        found.extend(differences(row, computed, against="the law"))
    return Played(
        ending=world.id,
        title=world.title,
        is_real=world.is_real,
        rows=tuple(rows),
        differences=tuple(found),
    )


def _play_request(
    scenario: Scenario,
    step: Step,
    plan: Plan,
    stage: Stage,
    *,
    law: Law,
    teller: Teller,
) -> Row:
    began = time.monotonic_ns()
    idle_ns = 0
    case = stage.ask(plan, is_direct=step.is_direct)
    stage.settle(case)
    files = _files(scenario, stage, case)
    teller.asked(step, plan, files)
    officer_minutes = 0
    for _ in range(_APPROVALS_MAX):
        if files[plan.requester].state in ENDINGS:
            break
        officer, file = _next_officer(scenario, files, case)
        paused = time.monotonic_ns()
        teller.waiting(officer, file)
        stage.set_clock(file.moved_at.add(minutes=officer.delay_minutes))
        idle_ns += time.monotonic_ns() - paused
        officer_minutes += officer.delay_minutes
        stage.approve(officer, case)
        stage.settle(case)
        files = _files(scenario, stage, case)
        teller.approved(officer, files)
    if files[plan.requester].state not in ENDINGS:
        raise StalledError(f"the case `{case}` needed more than {_APPROVALS_MAX} officers' steps")
    wire_ms = (time.monotonic_ns() - began - idle_ns) // 1_000_000
    row = account(
        step,
        plan,
        files,
        law=law,
        marked=_marked(stage.look(plan.requester, case)),
        asked_at=step.at,
        officer_minutes=officer_minutes,
        wire_ms=wire_ms if stage.is_live else None,
    )
    teller.ended(step, plan, row, files)
    return row


def _files(scenario: Scenario, stage: Stage, case: CaseId) -> dict[PartyCode, CaseFile]:
    found: dict[PartyCode, CaseFile] = {}
    for party in scenario.parties:
        file = fold_case(stage.look(party, case), me=party)
        if file is not None:
            found[party] = file
    return found


def _marked(facts: Iterable[Fact]) -> Label | None:
    """Tell how a party has marked what it got: its receipt says so."""
    for fact in facts:
        if isinstance(fact.message, Receipted) and fact.message.marked:
            return fact.message.marked[0]
    return None


def _next_officer(
    scenario: Scenario, files: Mapping[PartyCode, CaseFile], case: CaseId
) -> tuple[Officer, CaseFile]:
    """Find who has to act: the first officer of a waiting party who has not acted in the case."""
    for party, file in files.items():
        if file.state is not CaseState.QUEUED:
            continue
        for officer in scenario.officers:
            if officer.party == party and officer.name not in file.officers:
                return officer, file
        raise StalledError(
            f"the case `{case}` waits for an officer of {party}, and the scenario has none left",
            hint=f"add an `[[officers]]` table for {party} to the scenario",
        )
    states = ", ".join(f"{party} {file.state.value}" for party, file in files.items())
    raise StalledError(
        f"the case `{case}` came to rest before it was answered: {states}",
        hint="look at the journals of the nodes: `relto journal list --dir D`",
    )
