"""`relto serve --workers N`: several processes serve one node, and one that ends is started again.

The supervisor opens nothing of the node. It holds the two sockets, so that partners and officers
always find the same address, whichever worker takes their call and however many have just ended.
Workers end when the supervisor does, in any way: they watch a pipe of which it holds the other end.
"""

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from relto.adapters.store import open_shared, place_of
from relto.console.home import Home, HomeError
from relto.console.port import bind_officers, unbind_officers
from relto.console.serve import Taken, bind_link, event_logger, serve_open
from relto.limits import WORKERS_MAX
from relto.ports.store import StoreLockedError

_PAUSE_SECONDS_MIN: Final = 0.1
_PAUSE_SECONDS_MAX: Final = 5.0
# A worker that has lived so long did not end because it cannot begin.
_SOUND_SECONDS: Final = 10.0
_STOP_SECONDS_MAX: Final = 15.0
_LOOK_SECONDS: Final = 0.05
_NO_SOCKET: Final = -1


def serve_workers(directory: Path, *, count: int, as_json: bool) -> None:
    """Serve a node with several processes until SIGTERM or SIGINT.

    Args:
        directory: The node's; its journal is in a database.
        count: How many.
        as_json: Log events as JSON.

    Raises:
        HomeError: Not a node's directory, or too many workers.
        StorePlaceError: The journal is in a file, and has one writer.
        StoreLockedError: The node is served here already, or its journal is held by one process.
        PortError: The address to listen on is taken.
    """
    home = Home(directory)
    config = home.config()
    if not 0 < count <= WORKERS_MAX:
        raise HomeError(f"{count} workers, between 1 and {WORKERS_MAX} are possible")
    # Whatever keeps the workers from opening it is said here, once.
    open_shared(place_of(directory)).close()
    with _alone(directory):
        link = bind_link(config)
        officers = bind_officers(directory)
        try:
            log = event_logger(as_json=as_json)
            crew = _Crew(directory, as_json=as_json, log=log, sockets=(link, officers))
            asyncio.run(crew.run(count))
        finally:
            officers.close()
            unbind_officers(directory)
            if link is not None:
                link.close()


def serve_worker(directory: Path, *, as_json: bool, handed: str) -> None:
    """Run one worker, started by `serve_workers`.

    Args:
        directory: The node's.
        as_json: Log events as JSON.
        handed: Numbers of the open files that it was handed.
    """
    link, officers, until = (int(number) for number in handed.split(","))
    taken = Taken(link=None if link == _NO_SOCKET else _adopted(link), officers=_adopted(officers))
    log = event_logger(as_json=as_json).bind(worker=os.getpid())
    serve_open(directory, log=log, taken=taken, until=until)


def _adopted(number: int) -> socket.socket:
    """Take over a socket; another worker may be faster to accept, so nobody waits for a caller."""
    adopted = socket.socket(fileno=number)
    adopted.setblocking(False)
    return adopted


class _Crew:
    """Starts workers and starts them again.

    Args:
        directory: The node's.
        as_json: For their events.
        log: Takes events.
        sockets: For partners, if any, and for officers.
    """

    def __init__(
        self,
        directory: Path,
        *,
        as_json: bool,
        log: structlog.stdlib.BoundLogger,
        sockets: tuple[socket.socket | None, socket.socket],
    ) -> None:
        self._log = log
        self._stopping = asyncio.Event()
        self._until, self._alive = os.pipe()
        link, officers = sockets
        at = _NO_SOCKET if link is None else link.fileno()
        self._handed = (at, officers.fileno(), self._until)
        handed = ",".join(map(str, self._handed))
        self._command = (
            *(sys.executable, "-m", "relto", "serve", "--dir", str(directory)),
            *("--handed", handed),
            *(("--json",) if as_json else ()),
        )

    async def run(self, count: int) -> None:
        """Keep so many workers running until told to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(count):
                    group.create_task(self._keep())
        finally:
            os.close(self._alive)
            os.close(self._until)
        self._log.info("workers_stopped")

    async def _keep(self) -> None:
        """Keep one worker running; the pause grows while it cannot begin."""
        loop = asyncio.get_running_loop()
        pause = _PAUSE_SECONDS_MIN
        while not self._stopping.is_set():
            begun = loop.time()
            worker = self._start()
            self._log.info("worker_started", worker=worker.pid)
            code = await self._wait(worker)
            self._log.info("worker_ended", worker=worker.pid, code=code)
            is_sound = loop.time() - begun > _SOUND_SECONDS
            pause = _PAUSE_SECONDS_MIN if is_sound else min(2 * pause, _PAUSE_SECONDS_MAX)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 -- our own interpreter and program
            self._command,
            stdin=subprocess.DEVNULL,
            pass_fds=[number for number in self._handed if number != _NO_SOCKET],
        )

    async def _wait(self, worker: subprocess.Popen[bytes]) -> int:
        """Wait for a worker's end; after `_stopping`, see to it."""
        loop = asyncio.get_running_loop()
        until: float | None = None
        while (code := worker.poll()) is None:
            if until is None and self._stopping.is_set():
                worker.terminate()
                until = loop.time() + _STOP_SECONDS_MAX
            elif until is not None and loop.time() > until:
                worker.kill()
            await asyncio.sleep(_LOOK_SECONDS)
        return code


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Be the only supervisor in a directory; the system forgets it with the process."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreLockedError("the node is served by other workers on this machine") from error
    try:
        yield
    finally:
        os.close(handle)
