"""The officers' port: a socket in the node's directory that only the node's own user can open.

One request, one order, one answer, as JSON over HTTP. The port knows no order; it carries bytes to
the office of the running node and back. A console or a script on the same machine speaks to it as
the commands do.
"""

import asyncio
import http.client
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from aiohttp import web

from relto.errors import LocalError, WorldError
from relto.limits import ORDER_BYTES_MAX

SOCKET_NAME: Final = "control.sock"
PLACE: Final = "/1/orders"
_SECONDS_MAX: Final = 60
_BACKLOG: Final = 100
# Where the system lists a process's open files by number, a directory can be named by one.
_OPEN_FILES: Final = Path("/proc/self/fd")


class NotRunningError(WorldError):
    """No node answers at the directory's socket."""

    code = "world.not_running"
    hint_default = "start it with `relto serve --dir …`"


class OrderError(LocalError):
    """An order is too large or has the wrong form."""

    code = "local.order"


@contextmanager
def _reachable(directory: Path) -> Iterator[str]:
    """Give a short path to the socket: the system allows 107 bytes, directories are longer."""
    if not _OPEN_FILES.is_dir():
        yield str(directory / SOCKET_NAME)
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET_NAME}"
    finally:
        os.close(handle)


def bind_officers(directory: Path) -> socket.socket:
    """Listen in a node's directory; the socket can be opened by the node's own user alone.

    Args:
        directory: The node's; the caller is the only one that serves it here, so a socket there is
            stale.
    """
    unbind_officers(directory)
    taken = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with _reachable(directory) as path:
            taken.bind(path)
    finally:
        os.umask(before)
    taken.listen(_BACKLOG)
    taken.setblocking(False)
    return taken


def unbind_officers(directory: Path) -> None:
    """Take the socket away."""
    with suppress(FileNotFoundError):
        (directory / SOCKET_NAME).unlink()


class OfficersPort:
    """Listens in a node's directory and hands orders to the office.

    Args:
        directory: The node's.
        answer: Takes an order as JSON and gives the answer as JSON; never raises.
        taken: From `bind_officers`, when several workers listen on one socket; `None` makes one.
    """

    def __init__(
        self,
        directory: Path,
        answer: Callable[[bytes], Awaitable[bytes]],
        *,
        taken: socket.socket | None = None,
    ) -> None:
        """Keep the parts; `open` begins."""
        self._directory = directory
        self._answer = answer
        self._taken = taken
        self._server: web.Server | None = None
        self._listening: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen for orders."""
        taken = self._taken or bind_officers(self._directory)
        self._server = web.Server(self._handle, access_log=None, keepalive_timeout=5)
        loop = asyncio.get_running_loop()
        if sys.version_info >= (3, 13):
            # Others may listen on it too, so asyncio must not take it away.
            self._listening = await loop.create_unix_server(
                self._server, sock=taken, cleanup_socket=False
            )
        else:
            self._listening = await loop.create_unix_server(self._server, sock=taken)

    async def close(self) -> None:
        """Stop listening, and take the socket away unless others listen on it too."""
        if self._listening is not None:
            self._listening.close()
            await self._listening.wait_closed()
        if self._server is not None:
            await self._server.shutdown(timeout=2)
            # The loop closes the sockets of what was hung up in its next turns.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if self._taken is None:
            unbind_officers(self._directory)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if (request.method, request.path) != ("POST", PLACE):
            return web.Response(status=404)
        length = request.content_length
        if length is None or length > ORDER_BYTES_MAX:
            return web.Response(status=413)
        try:
            order = await request.content.readexactly(length) if length else b""
        except asyncio.IncompleteReadError:
            return web.Response(status=400)
        return web.Response(body=await self._answer(order), content_type="application/json")


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, directory: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS_MAX)
        self._directory = directory

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS_MAX)
        with _reachable(self._directory) as path:
            self.sock.connect(path)


def send_order(directory: Path, order: bytes) -> bytes:
    """Send an order to the running node and wait for its answer.

    Args:
        directory: The node's.
        order: JSON.

    Raises:
        NotRunningError: Nobody listens there.
        OrderError: The order is too large.
    """
    if len(order) > ORDER_BYTES_MAX:
        raise OrderError(f"order too large: {len(order)} bytes, limit {ORDER_BYTES_MAX}")
    connection = _SocketConnection(directory)
    try:
        connection.request("POST", PLACE, body=order)
        answer = connection.getresponse()
        body = answer.read()
    except TimeoutError as error:
        raise NotRunningError(
            f"the node in `{directory}` has not answered for {_SECONDS_MAX} s",
            hint="it runs; its log says what it waits for, such as its database",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise NotRunningError(f"no node answers in `{directory}`") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise OrderError(f"the node does not take the order: status {answer.status}")
    return body


def is_running(directory: Path) -> bool:
    """Tell whether a node answers at the directory's socket."""
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _reachable(directory) as path:
            probe.connect(path)
    except OSError:
        return False
    else:
        return True
    finally:
        probe.close()
