"""Accepting connections: bounded in number, in time, and per partner (FL-12, FL-44).

A connection passes two gates. Before the handshake is done it is a stranger's: there are only so
many, each has only so long, and when there are too many the oldest goes, because an honest
handshake takes milliseconds. After it, it belongs to a partner, and each partner has its own
allowance.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

from relto.adapters.https_link.errors import PortError
from relto.limits import (
    LINK_CONNECTIONS_MAX,
    LINK_HANDSHAKE_SECONDS_MAX,
    LINK_HANDSHAKES_MAX,
)

# When the process is out of file descriptors, waiting is all that helps; connections time out
# meanwhile.
_EXHAUSTED_PAUSE_SECONDS: Final = 0.5
_SHUTDOWN_SECONDS: Final = 2
_BACKLOG: Final = 128

Report = Callable[[str, str], None]


def bind(host: str, port: int) -> socket.socket:
    """Take the address to listen on.

    Args:
        host: A numeric address of this machine.
        port: 0 takes a free one.

    Raises:
        PortError: Taken, not ours, or not an address.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        taken = socket.socket(family, socket.SOCK_STREAM)
        try:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind((host, port))
            taken.listen(_BACKLOG)
        except BaseException:
            taken.close()
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise PortError(f"cannot listen on {host}:{port}: {reason}") from error
    taken.setblocking(False)
    return taken


def free_port(host: str) -> int:
    """Find a port of this machine that is free now.

    Args:
        host: A numeric address of this machine.

    Raises:
        PortError: The address is not ours.
    """
    taken = bind(host, 0)
    try:
        return int(taken.getsockname()[1])
    finally:
        taken.close()


class Listener:
    """Accepts connections on one socket until it is closed.

    Args:
        taken: From `bind`.
        context: Gives the context of the next handshake.
        protocol: Makes the protocol that is told about the connection once the handshake is done.
        count_open: How many connections have passed the handshake and are still open.
        report: Told the peer's address and why, for each one turned away.
    """

    def __init__(
        self,
        taken: socket.socket,
        *,
        context: Callable[[], ssl.SSLContext],
        protocol: Callable[[], asyncio.Protocol],
        count_open: Callable[[], int],
        report: Report,
    ) -> None:
        """Keep the parts; `run` begins."""
        self._socket = taken
        self._context = context
        self._protocol = protocol
        self._count_open = count_open
        self._report = report
        # Insertion order is age.
        self._handshakes: dict[asyncio.Task[None], str] = {}

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: the numeric address and the real port."""
        name = self._socket.getsockname()
        return str(name[0]), int(name[1])

    @property
    def handshakes(self) -> int:
        """How many handshakes are in flight."""
        return len(self._handshakes)

    async def run(self) -> None:
        """Accept until cancelled; then let go of the socket and of unfinished handshakes."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, address = await loop.sock_accept(self._socket)
                except OSError as error:
                    self._report("-", f"cannot accept: {(error.strerror or '?').lower()}")
                    await asyncio.sleep(_EXHAUSTED_PAUSE_SECONDS)
                    continue
                self._admit(connection, f"{address[0]}:{address[1]}")
        finally:
            self._socket.close()
            for task in tuple(self._handshakes):
                task.cancel()
            await asyncio.gather(*self._handshakes, return_exceptions=True)

    def _admit(self, connection: socket.socket, address: str) -> None:
        if self._count_open() >= LINK_CONNECTIONS_MAX:
            connection.close()
            self._report(address, "too many connections")
            return
        if len(self._handshakes) >= LINK_HANDSHAKES_MAX:
            oldest = next(iter(self._handshakes))
            self._report(self._handshakes.pop(oldest), "pushed out of the handshake by newer ones")
            oldest.cancel()
        connection.setblocking(False)
        task = asyncio.get_running_loop().create_task(self._greet(connection, address))
        self._handshakes[task] = address
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)

    async def _greet(self, connection: socket.socket, address: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._protocol,
                connection,
                ssl=self._context(),
                ssl_handshake_timeout=LINK_HANDSHAKE_SECONDS_MAX,
                ssl_shutdown_timeout=_SHUTDOWN_SECONDS,
            )
        except ssl.SSLError as error:
            reason = str(getattr(error, "reason", None) or error.args[-1]).lower()
            self._report(address, f"handshake refused: {reason}")
        except OSError as error:
            self._report(address, f"handshake not completed: {type(error).__name__}")
