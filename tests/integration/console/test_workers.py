"""The supervisor of workers: one in a directory, and it starts again what ends."""

import asyncio
import socket
import sys
from pathlib import Path

import pytest
import structlog

from relto.adapters.store.places import StorePlaceError
from relto.console import HomeError, create_home, is_running, serve_workers
from relto.console.port import bind_officers, unbind_officers
from relto.console.workers import _adopted, _alone, _Crew
from relto.ports import StoreLockedError

pytestmark = pytest.mark.net


def test_what_keeps_workers_from_beginning_is_said_at_once(tmp_path: Path) -> None:
    create_home(tmp_path / "jpn", party="JPN")
    with pytest.raises(StorePlaceError):
        serve_workers(tmp_path / "jpn", count=2, as_json=False)
    for count in (0, 65):
        with pytest.raises(HomeError):
            serve_workers(tmp_path / "jpn", count=count, as_json=False)
    assert not is_running(tmp_path / "jpn")


def test_fl_18_there_is_one_supervisor_in_a_directory(tmp_path: Path) -> None:
    with _alone(tmp_path), pytest.raises(StoreLockedError), _alone(tmp_path):
        pass
    with _alone(tmp_path):
        pass


def test_a_socket_that_is_handed_on_waits_for_no_caller(tmp_path: Path) -> None:
    taken = bind_officers(tmp_path)
    adopted = _adopted(taken.dup().detach())
    with adopted.dup() as again, pytest.raises(BlockingIOError):
        again.accept()
    assert is_running(tmp_path)
    adopted.close()
    taken.close()
    unbind_officers(tmp_path)
    unbind_officers(tmp_path)


class Calm(_Crew):
    """Starts something else than nodes, and stops after so many have begun."""

    def __init__(self, directory: Path, code: str, *, times: int, officers: socket.socket) -> None:
        self.events: list[tuple[str, int | None]] = []

        def note(_: object, __: str, event: dict[str, object]) -> str:
            self.events.append((event["event"], event.get("code")))
            if [name for name, _ in self.events].count("worker_started") >= times:
                self._stopping.set()
            return ""

        log = structlog.wrap_logger(
            structlog.ReturnLogger(), processors=[note], wrapper_class=structlog.BoundLogger
        )
        super().__init__(directory, as_json=True, log=log, sockets=(None, officers))
        self._command = (sys.executable, "-c", code)


@pytest.mark.parametrize(
    ("code", "times", "ends"),
    [("", 4, {0, -15}), ("import time; time.sleep(60)", 2, {-15})],
    ids=["ends", "runs"],
)
def test_a_worker_that_ends_is_started_again_and_one_that_runs_is_told_to_stop(
    code: str, times: int, ends: set[int], tmp_path: Path
) -> None:
    with bind_officers(tmp_path) as officers:
        crew = Calm(tmp_path, code, times=times, officers=officers)
        asyncio.run(crew.run(2))
    names = [name for name, _ in crew.events]
    assert names.count("worker_started") == names.count("worker_ended") >= times
    assert names[-1] == "workers_stopped"
    assert {ended for name, ended in crew.events if name == "worker_ended"} <= ends
