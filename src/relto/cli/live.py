"""The live stage: one real node for each party, each a process of its own on this machine.

Every node has its own directory, keys and SQLite journal, listens on loopback, and is spoken to
only through its officers' port while it runs. Orders are sent again when a node is restarted under
them; each is made so that a second time changes nothing.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from whenever import Instant

from relto.adapters.lawfiles import digest_of, library_of
from relto.cli.output import safe
from relto.console import (
    AdoptFiles,
    AnyAnswer,
    AnyOrder,
    ApproveCase,
    AskFor,
    Facts,
    Links,
    LookFacts,
    LookLinks,
    LookStatus,
    MoveClock,
    NotRunningError,
    Status,
    create_home,
    decode_answer,
    encode_order,
    is_running,
    open_home,
    send_order,
)
from relto.errors import LocalError, WorldError
from relto.exchange import CaseState, Fact, fold_case
from relto.law import Law, compile_law
from relto.node import By
from relto.sim.account import ENDINGS
from relto.sim.drill import ANALYST, CONTROL, furnish
from relto.sim.play import StalledError
from relto.sim.scenario import Officer, Plan, Scenario
from relto.units import CaseId, PartyCode

_START_SECONDS_MAX: Final = 60
_STOP_SECONDS_MAX: Final = 10
_ANSWER_SECONDS_MAX: Final = 90  # a node that is being restarted under us
_SETTLE_SECONDS_MAX: Final = 120
_LOOK_AGAIN_SECONDS: Final = 0.01
_LOG_LINES: Final = 5
# The nodes are made before the scenario's clock begins to count.
_BEFORE_MINUTES: Final = 60
# An order that was carried out before its answer was lost says one of these when it comes again.
_DONE_ALREADY: Final = frozenset({"local.not_waiting", "local.same_officer"})


class NodeEndedError(WorldError):
    """A node's process has ended although nobody stopped it."""

    code = "world.node_ended"


class Processes:
    """The processes of the nodes, one for each directory.

    Args:
        directories: Where the nodes lie.
        is_restarting: Somebody else ends processes and starts them again; one that is gone is
            waited for.
    """

    def __init__(
        self, directories: Mapping[PartyCode, Path], *, is_restarting: bool = False
    ) -> None:
        """Keep the directories; nothing is started yet."""
        self.directories = directories
        self.is_restarting = is_restarting
        self._running: dict[PartyCode, subprocess.Popen[bytes]] = {}
        # Whoever kills and restarts does so from another thread; after `stop` nothing starts again.
        self._lock = threading.Lock()
        self._is_over = False

    def start(self, party: PartyCode) -> None:
        """Start a party's node; `wait_ready` tells when it answers. After `stop` nothing starts."""
        with self._lock:
            if not self._is_over:
                self._running[party] = self._spawn(party)

    def _spawn(self, party: PartyCode) -> subprocess.Popen[bytes]:
        directory = self.directories[party]
        package = Path(__file__).parents[2]
        path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH", ""))))
        with (directory / "serve.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 -- our own interpreter and program
                [sys.executable, "-m", "relto", "serve", "--dir", str(directory), "--json"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )

    def wait_ready(self, party: PartyCode) -> None:
        """Wait until a node answers at its socket.

        Raises:
            NodeEndedError: Its process has ended, or it does not answer in time.
        """
        deadline = time.monotonic() + _START_SECONDS_MAX
        while not is_running(self.directories[party]):
            self.check(party)
            if time.monotonic() > deadline:
                raise self._ended(party, f"does not answer after {_START_SECONDS_MAX} s")
            time.sleep(_LOOK_AGAIN_SECONDS)

    def check(self, party: PartyCode) -> None:
        """See whether a node's process still runs.

        Raises:
            NodeEndedError: It has ended, and nobody is going to start it again.
        """
        code = self._running[party].poll()
        if code is not None and not self.is_restarting:
            raise self._ended(party, f"has ended with exit code {code}")

    def kill(self, party: PartyCode) -> None:
        """End a node's process without warning, as a power cut would."""
        process = self._running[party]
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """Let all nodes end in order; one that will not is ended without warning."""
        with self._lock:
            self._is_over = True
        for process in self._running.values():
            with suppress(ProcessLookupError):
                process.terminate()
        for party, process in self._running.items():
            try:
                process.wait(_STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.kill(party)

    def pids(self) -> dict[PartyCode, int]:
        """Give the process numbers of those that run."""
        return {
            party: process.pid for party, process in self._running.items() if process.poll() is None
        }

    def _ended(self, party: PartyCode, what: str) -> NodeEndedError:
        log = self.directories[party] / "serve.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        said = " | ".join(safe(line.strip()) for line in lines) or "nothing"
        return NodeEndedError(
            f"the node of {party} {what}", hint=f"its log is `{log}`; it last said: {said}"
        )


def make_nodes(
    scenario: Scenario,
    directories: Mapping[PartyCode, Path],
    *,
    begins_at: Instant,
    files: Mapping[str, bytes],
    contents: Mapping[str, bytes],
) -> None:
    """Make the nodes of a scenario, let them meet, and give them what they hold; none is started.

    Args:
        scenario: What the nodes hold and who may release it.
        directories: One for each party; none is there yet.
        begins_at: Where the exercise clock stands at the first step; it is started a little before.
        files: The law files they begin with.
        contents: The files of the items, by the names that the scenario uses.
    """
    cards = {
        party: create_home(
            place,
            party=party,
            is_exercise=True,
            begins_at=begins_at.subtract(minutes=_BEFORE_MINUTES),
        )
        for party, place in directories.items()
    }
    law = compile_law(library_of(files), known=scenario.known)
    for party, place in directories.items():
        with open_home(place) as node:
            node.driver.adopt_law(files, digest=digest_of(files), by=CONTROL, known=scenario.known)
            for other, card in cards.items():
                if other != party:
                    node.driver.pin(card.signed, fingerprint=card.fingerprint, by=CONTROL)
            furnish(node.driver, scenario, contents, law=law)
            node.driver.close()


class LiveStage:
    """Real nodes on this machine; see `relto.sim.play.Stage`.

    Args:
        scenario: What the nodes hold and who their officers are.
        directory: Empty; each node gets a directory below it.
        begins_at: Where the exercise clock stands at the first step.
        files: The law files they begin with.
        contents: The files of the items, by the names that the scenario uses.
        is_restarting: As for `Processes`.
    """

    is_live: Final = True

    def __init__(
        self,
        scenario: Scenario,
        *,
        directory: Path,
        begins_at: Instant,
        files: Mapping[str, bytes],
        contents: Mapping[str, bytes],
        is_restarting: bool = False,
    ) -> None:
        """Make the nodes, let them meet, give them what they hold, and start them."""
        self._parties = scenario.parties
        self._files = dict(files)
        self._askers: dict[CaseId, PartyCode] = {}
        self.directory = directory
        directories = {party: directory / party for party in scenario.parties}
        self.processes = Processes(directories, is_restarting=is_restarting)
        make_nodes(scenario, directories, begins_at=begins_at, files=files, contents=contents)
        try:
            for party in scenario.parties:
                self.processes.start(party)
            for party in scenario.parties:
                self.processes.wait_ready(party)
        except BaseException:
            self.processes.stop()
            raise

    # ------------------------------------------------------------ what the runner needs

    def now(self) -> Instant:
        """See `Stage.now`: the clock of the first party."""
        return self.status(self._parties[0]).now

    def set_clock(self, at: Instant) -> None:
        """See `Stage.set_clock`. What is under way arrives first, so that no clock runs ahead."""
        self._wait(self._is_quiet, "the links would not come to rest")
        for party in self._parties:
            self._move_clock(party, at)

    def _move_clock(self, party: PartyCode, at: Instant) -> None:
        for _ in range(2):
            if self.status(party).now >= at:
                return
            try:
                self._order(party, MoveClock(at=at, by=CONTROL))
            except LocalError:
                continue  # the answer was lost, and the clock has gone on since
        assert self.status(party).now >= at

    def adopt(self, files: Mapping[str, bytes], *, known: Instant) -> Law:
        """See `Stage.adopt`; a node gets only the files that it does not have."""
        added = {name: data for name, data in files.items() if self._files.get(name) != data}
        self._files |= added
        for party in self._parties:
            self._order(party, AdoptFiles(files=added, known=known, by=CONTROL))
        return compile_law(library_of(files), known=known)

    def ask(self, plan: Plan, *, is_direct: bool) -> CaseId:
        """See `Stage.ask`."""
        case = CaseId(f"{plan.requester.lower()}-{plan.id}-{len(self._askers) + 1}")
        self._askers[case] = plan.requester
        self._order(
            plan.requester,
            AskFor(
                case=case,
                holder=plan.holder,
                topics=plan.topics,
                purpose=plan.purpose,
                about=plan.about,
                precedence=plan.precedence,
                cleared_to=plan.assurance,
                is_direct=is_direct,
                by=ANALYST,
            ),
        )
        return case

    def settle(self, case: CaseId) -> None:
        """See `Stage.settle`."""
        self._wait(lambda: self._is_settled(case), f"the case `{case}` would not come to rest")

    def _is_settled(self, case: CaseId) -> bool:
        for party in self._parties:
            file = fold_case(self.look(party, case), me=party)
            if file is None:
                continue
            if file.state is CaseState.QUEUED:
                return True
            if party == self._askers[case] and file.state in ENDINGS:
                return True
        return False

    def look(self, party: PartyCode, case: CaseId) -> tuple[Fact, ...]:
        """See `Stage.look`."""
        answer = self._order(party, LookFacts(case=case))
        assert isinstance(answer, Facts)
        return answer.facts

    def approve(self, officer: Officer, case: CaseId) -> None:
        """See `Stage.approve`."""
        by = By(officer=officer.name, role=officer.role, reason=officer.reason)
        self._order(officer.party, ApproveCase(case=case, by=by))

    # ------------------------------------------------------------ orders

    def status(self, party: PartyCode) -> Status:
        """Ask a node how it is."""
        answer = self._order(party, LookStatus())
        assert isinstance(answer, Status)
        return answer

    def _order(self, party: PartyCode, order: AnyOrder) -> AnyAnswer:
        """Send an order until it is answered; one that was carried out already counts as done."""
        deadline = time.monotonic() + _ANSWER_SECONDS_MAX
        is_repeated = False
        while True:
            try:
                return decode_answer(
                    send_order(self.processes.directories[party], encode_order(order))
                )
            except NotRunningError:
                self.processes.check(party)
                if time.monotonic() > deadline:
                    raise
                is_repeated = True
                time.sleep(_LOOK_AGAIN_SECONDS)
            except LocalError as error:
                if not is_repeated or error.code not in _DONE_ALREADY:
                    raise
                return self.status(party)

    def _is_quiet(self) -> bool:
        for party in self._parties:
            answer = self._order(party, LookLinks())
            assert isinstance(answer, Links)
            if any(link.ours != link.acknowledged or link.packages for link in answer.links):
                return False
        return True

    def _wait(self, is_done: Callable[[], bool], else_say: str) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS_MAX
        while not is_done():
            if time.monotonic() > deadline:
                raise StalledError(
                    f"{else_say} in {_SETTLE_SECONDS_MAX} s",
                    hint=f"the nodes' logs are `{self.directory}/*/serve.log`",
                )
            time.sleep(_LOOK_AGAIN_SECONDS)
