"""The link port: a partner's requests, bounded in size, time and number, refused with a code.

Who calls is settled before a request is read: the certificate of the handshake names the partner,
and it is compared with the pins again at every request (LK-5). What a partner sends is never
echoed (LK-12).
"""

import asyncio
import re
import socket
from collections import Counter
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from relto.adapters.https_link.desk import Desk
from relto.adapters.https_link.listener import Listener, Report, bind
from relto.adapters.https_link.tls import PinnedContext, Pins
from relto.errors import PeerError, ReltoError, WorldError
from relto.limits import (
    FRAME_BYTES_MAX,
    LINK_ANSWER_SECONDS_MAX,
    LINK_BODY_SECONDS_MAX,
    LINK_HEADER_BYTES_MAX,
    LINK_HEADERS_MAX,
    LINK_HOLD_SECONDS,
    LINK_IDLE_SECONDS_MAX,
    LINK_PARTNER_BYTES_PER_SECOND_MAX,
    LINK_PARTNER_CONNECTIONS_MAX,
    LINK_PARTNER_REQUESTS_MAX,
    LINK_PIECE_BYTES_MAX,
    LINK_WAIT_SECONDS_MAX,
    PACKAGE_BYTES_MAX,
)
from relto.units import Digest, PartyCode

FRAME_TYPE: Final = "application/vnd.relto.frame"
PACKAGE_TYPE: Final = "application/vnd.relto.package"
CARD_TYPE: Final = "application/vnd.relto.card"
WAIT_HEADER: Final = "Relto-Wait"
NOT_EXPECTED: Final = "peer.package"
MAJOR: Final = 1

_PATH: Final = re.compile(r"/relto/([1-9][0-9]{0,3})/(exchange|card|packages/([0-9a-f]{64}))")
_OFFSET: Final = re.compile(r"bytes=(0|[1-9][0-9]{0,14})-")
_PIECE: Final = re.compile(
    r"bytes (?:\*|(0|[1-9][0-9]{0,14})-(0|[1-9][0-9]{0,14}))/([1-9][0-9]{0,14})"
)
_WAIT: Final = re.compile("|".join(str(count) for count in range(LINK_WAIT_SECONDS_MAX + 1)))
# A refused body may still be on its way; so long we swallow it, so that the answer can be read.
_LINGER_SECONDS: Final = 1
_STEP_BYTES: Final = 262_144


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What a refused caller is told: a stable code and fixed words, nothing of what it sent.

    Args:
        code: Dotted.
        message: For a person.
    """

    code: str
    message: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a piece of a package.

    Args:
        received: How many bytes of it are here, durably.
    """

    received: int


class _Refused(Exception):  # noqa: N818 -- control flow inside this file
    def __init__(self, status: int, code: str, message: str, *, retry: int = 0) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry = status, code, message, retry


def _reply(body: bytes, content_type: str, *, status: int = 200) -> web.Response:
    """An answer that names no software and no version."""
    return web.Response(
        status=status, body=body, content_type=content_type, headers={"Server": "relto"}
    )


def _answer(exc: _Refused) -> web.Response:
    body = msgspec.json.encode(Refusal(code=exc.code, message=exc.message))
    answer = _reply(body, "application/json", status=exc.status)
    if exc.retry:
        answer.headers["Retry-After"] = str(exc.retry)
    return answer


def _of_error(error: ReltoError) -> _Refused:
    """Give an error of the node to its partner: the code, and words that say nothing else."""
    match error:
        case PeerError() if error.retry_seconds:
            words = "more than this node takes from one partner; send it again later"
            return _Refused(429, error.code, words, retry=error.retry_seconds)
        case PeerError():
            return _Refused(422, error.code, "refused by the node; the code says why")
        case WorldError():
            return _Refused(503, error.code, "the node cannot take this now", retry=5)
        case _:
            return _Refused(409, error.code, "the node does not take this")


async def _deliver(request: web.BaseRequest, answer: web.Response) -> web.StreamResponse:
    """Write an answer; a large one in steps, each waiting until the partner has read on."""
    body = answer.body
    if not isinstance(body, bytes) or len(body) <= _STEP_BYTES:
        await answer.prepare(request)
        await answer.write_eof()
        return answer
    stream = web.StreamResponse(status=answer.status, headers=answer.headers)
    stream.content_length = len(body)
    await stream.prepare(request)
    view = memoryview(body)
    for offset in range(0, len(body), _STEP_BYTES):
        await stream.write(view[offset : offset + _STEP_BYTES])
    await stream.write_eof()
    return stream


class _Connection(RequestHandler):
    """One connection of a partner; knows whose it is before a request is read."""

    __slots__ = ("certificate", "partner", "port")

    certificate: bytes | None
    partner: PartyCode | None
    port: "LinkPort"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Name the partner by its certificate, or hang up."""
        port = self.port
        tls = transport.get_extra_info("ssl_object")
        self.certificate = tls.getpeercert(binary_form=True) if tls else None
        self.partner = port.pins.party_of(self.certificate)
        super().connection_made(transport)
        if self.partner is None or not port.admit(self, self.partner):
            self.force_close()
        elif self.certificate is not None:
            # A partner that calls with its newest certificate knows that it is pinned here.
            port.pins.settle(self.partner, self.certificate)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Give the place back."""
        self.port.dismiss(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Refuse what is no HTTP, or what broke the handler, without a word of either (LK-12)."""
        del message
        self.port.report(str(self.partner), f"request broke: {status} {type(exc).__name__}")
        if request.writer.output_size > 0:
            raise ConnectionError("answer has begun already")
        code = "peer.http" if status < 500 else "world.bug"
        answer = _answer(_Refused(status, code, "request is not understood"))
        answer.force_close()
        return answer


class _Server(web.Server):
    def __init__(self, port: "LinkPort") -> None:
        super().__init__(
            port.handle,
            keepalive_timeout=LINK_IDLE_SECONDS_MAX,
            lingering_time=_LINGER_SECONDS,
            max_line_size=LINK_HEADER_BYTES_MAX,
            max_field_size=LINK_HEADER_BYTES_MAX,
            max_headers=LINK_HEADERS_MAX,
            auto_decompress=False,
            access_log=None,
        )
        self._port = port

    def __call__(self) -> RequestHandler:
        connection = _Connection(self, loop=self._loop, **self._kwargs)
        connection.port = self._port
        return connection


class LinkPort:
    """A node's HTTPS port for its partners.

    Args:
        desk: The node behind it.
        context: From `PinnedContext.listening`.
        report: Told a peer's address or code, and why, for everything turned away.

    Source: docs/spec/link.md.
    """

    def __init__(self, desk: Desk, *, context: PinnedContext, report: Report) -> None:
        """Keep the parts; `open` begins."""
        self._desk = desk
        self._context = context
        self.report = report
        self._connections: dict[_Connection, PartyCode] = {}
        self._busy: Counter[PartyCode] = Counter()
        self._pace: dict[PartyCode, float] = {}
        self._listener: Listener | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._server: _Server | None = None
        self.pins.watch(self._hang_up)

    @property
    def pins(self) -> Pins:
        """The partners it lets in."""
        return self._context.pins

    @property
    def open_connections(self) -> int:
        """How many partners' connections are open."""
        return len(self._connections)

    @property
    def open_handshakes(self) -> int:
        """How many handshakes are in flight."""
        return 0 if self._listener is None else self._listener.handshakes

    async def open(self, host: str, port: int) -> tuple[str, int]:
        """Listen; gives the address and the real port.

        Args:
            host: A numeric address of this machine.
            port: 0 takes a free one.

        Raises:
            PortError: The address is taken or not ours.
        """
        return await self.open_on(bind(host, port))

    async def open_on(self, taken: socket.socket) -> tuple[str, int]:
        """Listen on a socket from `bind`; several processes may listen on one."""
        self._server = server = _Server(self)
        self._listener = Listener(
            taken,
            context=self._current,
            protocol=server,
            count_open=lambda: len(self._connections),
            report=self.report,
        )
        self._accepting = asyncio.create_task(self._listener.run())
        return self._listener.address

    async def close(self) -> None:
        """Stop listening, let requests in progress finish for a moment, hang up."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._server is not None:
            self._server.pre_shutdown()
            await self._server.shutdown(timeout=0.5)

    def _current(self) -> PinnedContext:
        self._context = self._context.current()
        return self._context

    def _hang_up(self) -> None:
        """Hang up on connections whose certificate has been withdrawn (LK-5)."""
        for connection, partner in tuple(self._connections.items()):
            if self.pins.party_of(connection.certificate) != partner:
                connection.force_close()

    # ---------------------------------------------------------------- connections

    def admit(self, connection: _Connection, partner: PartyCode) -> bool:
        """Give a partner's connection a place, if the partner has one left (LK-10)."""
        held = sum(1 for one in self._connections.values() if one == partner)
        if held >= LINK_PARTNER_CONNECTIONS_MAX:
            self.report(partner, "too many connections of this partner")
            return False
        self._connections[connection] = partner
        return True

    def dismiss(self, connection: _Connection) -> None:
        """Give a connection's place back."""
        self._connections.pop(connection, None)

    # ---------------------------------------------------------------- requests

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever it is, within its time."""
        connection = request.protocol
        assert isinstance(connection, _Connection)
        partner = self.pins.party_of(connection.certificate)
        try:
            if partner is None or partner != connection.partner:
                raise _Refused(403, "peer.identity", "certificate is not pinned")
            if self._busy[partner] >= LINK_PARTNER_REQUESTS_MAX:
                await asyncio.sleep(LINK_HOLD_SECONDS)
                raise _Refused(429, "peer.too_many", "too many requests at once", retry=1)
            self._busy[partner] += 1
            try:
                answer = await self._route(request, partner)
            finally:
                self._busy[partner] -= 1
        except ReltoError as error:
            answer = _answer(_of_error(error))
            # Who is to come again later is counted by the desk, and not told of each time.
            if not (isinstance(error, PeerError) and error.retry_seconds):
                self.report(partner or "-", f"refused: {error.code}")
        except _Refused as refused:
            answer = _answer(refused)
            self.report(partner or "-", f"refused: {refused.code}")
        except TimeoutError:
            answer = _answer(_Refused(408, "peer.timeout", "took too long"))
            answer.force_close()
            self.report(partner or "-", "refused: peer.timeout")
        if not request.content.is_eof():
            answer.force_close()
        # The answer, too, has its time: a partner that does not read loses the connection.
        try:
            async with asyncio.timeout(LINK_ANSWER_SECONDS_MAX):
                return await _deliver(request, answer)
        except TimeoutError:
            self.report(partner or "-", "answer not read in time")
            connection.force_close()
        except ConnectionError:
            connection.force_close()
        return answer

    async def _route(self, request: web.BaseRequest, partner: PartyCode) -> web.Response:
        found = _PATH.fullmatch(request.raw_path)
        if found is None:
            raise _Refused(404, "peer.path", "no such place")
        if int(found[1]) != MAJOR:
            raise _Refused(404, "peer.version", f"protocol version is not {MAJOR}")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise _Refused(415, "peer.encoding", "content is encoded")
        match request.method, found[2]:
            case "POST", "exchange":
                return await self._exchange(request, partner)
            case "GET", "card":
                return _reply(await self._desk.card(), CARD_TYPE)
            case "GET", place if place.startswith("packages/"):
                return await self._send(request, partner, Digest(found[3]))
            case "PUT", place if place.startswith("packages/"):
                return await self._receive(request, partner, Digest(found[3]))
            case _:
                raise _Refused(405, "peer.method", "not done here")

    async def _exchange(self, request: web.BaseRequest, partner: PartyCode) -> web.Response:
        if request.content_type != FRAME_TYPE:
            raise _Refused(415, "peer.type", f"content is not {FRAME_TYPE}")
        if self._desk.wait_seconds(partner):
            # Held before its body is read: a little too much is made up for meanwhile, and asking
            # again at once is of no use. All wait equally long, so that they stay in order.
            await asyncio.sleep(LINK_HOLD_SECONDS)
        frame = await self._body(request, bytes_max=FRAME_BYTES_MAX)
        wait = request.headers.get(WAIT_HEADER, "0")
        if not _WAIT.fullmatch(wait):
            raise _Refused(400, "peer.wait", f"wait is not 0 to {LINK_WAIT_SECONDS_MAX}")
        answer = await self._desk.exchange(partner, frame, wait_seconds=int(wait))
        return _reply(answer, FRAME_TYPE)

    async def _body(self, request: web.BaseRequest, *, bytes_max: int) -> bytes:
        """Read a body whose length was declared; never more than the limit, never for long."""
        length = request.content_length
        if length is None:
            raise _Refused(411, "peer.length", "length is not declared")
        if length > bytes_max:
            raise _Refused(413, "peer.too_large", f"more than {bytes_max} bytes")
        if length == 0:
            return b""
        try:
            if request.content.is_eof():
                # It came with its head.
                return await request.content.readexactly(length)
            async with asyncio.timeout(LINK_BODY_SECONDS_MAX):
                return await request.content.readexactly(length)
        except (asyncio.IncompleteReadError, web.RequestPayloadError, ConnectionError) as error:
            raise _Refused(400, "peer.http", "body is not complete") from error

    # ---------------------------------------------------------------- packages

    async def _send(
        self, request: web.BaseRequest, partner: PartyCode, digest: Digest
    ) -> web.Response:
        total = await self._desk.offered_bytes(partner, digest)
        if total is None:
            raise _Refused(404, NOT_EXPECTED, "no such package for you")
        wanted = _OFFSET.fullmatch(request.headers.get("Range", "bytes=0-"))
        if wanted is None or int(wanted[1]) >= total:
            raise _Refused(416, "peer.range", "range is not `bytes=N-` inside the package")
        offset = int(wanted[1])
        size = min(LINK_PIECE_BYTES_MAX, total - offset)
        piece = await self._desk.read_package(partner, digest, offset=offset, size=size)
        answer = _reply(piece, PACKAGE_TYPE, status=206)
        answer.headers["Content-Range"] = f"bytes {offset}-{offset + len(piece) - 1}/{total}"
        return answer

    async def _receive(
        self, request: web.BaseRequest, partner: PartyCode, digest: Digest
    ) -> web.Response:
        found = _PIECE.fullmatch(request.headers.get("Content-Range", ""))
        if found is None or int(found[3]) > PACKAGE_BYTES_MAX:
            raise _Refused(400, "peer.range", "range is not `bytes A-B/TOTAL` within the limits")
        total = await self._desk.wanted_bytes(partner, digest)
        if total is None or total != int(found[3]):
            raise _Refused(409, NOT_EXPECTED, "no such package is expected from you")
        received = await self._desk.received_bytes(partner, digest)
        if found[1] is None or int(found[1]) != received or received == total:
            return _progress(received, total, is_asked=found[1] is None)
        piece = await self._body(request, bytes_max=LINK_PIECE_BYTES_MAX)
        if int(found[2]) + 1 - received != len(piece) or received + len(piece) > total:
            raise _Refused(400, "peer.range", "range and length disagree")
        await self._keep_pace(partner, len(piece))
        received = await self._desk.write_package(partner, digest, offset=received, piece=piece)
        return _progress(received, total, is_asked=True)

    async def _keep_pace(self, partner: PartyCode, count: int) -> None:
        """Hold a partner to its rate: each piece moves the instant at which the next may come."""
        clock = asyncio.get_running_loop().time()
        free_at = max(self._pace.get(partner, clock), clock)
        self._pace[partner] = free_at + count / LINK_PARTNER_BYTES_PER_SECOND_MAX
        if free_at > clock:
            await asyncio.sleep(free_at - clock)


def _progress(received: int, total: int, *, is_asked: bool) -> web.Response:
    """Say how much is here; a piece that does not fit on is no fault, only news (409)."""
    status = 200 if is_asked or received == total else 409
    return _reply(
        msgspec.json.encode(Progress(received=received)), "application/json", status=status
    )
