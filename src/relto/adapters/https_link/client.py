"""Calling partners: one session each, so that a slow one holds up nobody else.

Calls go to the endpoints of a pinned card and nowhere else: no redirect is followed, no proxy is
used, no cookie is kept, no environment variable is read (FL-31). Every phase has its time.
"""

import asyncio
import io
import os
import re
import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec

from relto.adapters.https_link.address import Endpoint, JudgingResolver
from relto.adapters.https_link.errors import AnswerError, LinkDownError, RefusedError
from relto.adapters.https_link.server import (
    FRAME_TYPE,
    MAJOR,
    NOT_EXPECTED,
    PACKAGE_TYPE,
    WAIT_HEADER,
    Progress,
    Refusal,
)
from relto.adapters.https_link.tls import Identity, PinnedContext, Pins, server_name
from relto.errors import PeerError
from relto.limits import (
    CARD_BYTES_MAX,
    FRAME_BYTES_MAX,
    LINK_ANSWER_SECONDS_MAX,
    LINK_BODY_SECONDS_MAX,
    LINK_CONNECT_SECONDS_MAX,
    LINK_HEADER_BYTES_MAX,
    LINK_HEADERS_MAX,
    LINK_IDLE_SECONDS_MAX,
    LINK_PIECE_BYTES_MAX,
)
from relto.units import Digest, PartyCode

_SMALL_BYTES_MAX: Final = 4_096
_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
# Not refused for what it is, but for how much there is of it.
_TOO_MUCH: Final = 429
_RETRY: Final = re.compile(r"[0-9]{1,4}")
_CODE: Final = re.compile(r"[a-z0-9_.]{1,96}")
_CALLS_MAX: Final = 4
_STEP_BYTES: Final = 262_144
# Connections are let go before the partner does, so that a call does not begin on a closing one.
_KEEP_SECONDS: Final = LINK_IDLE_SECONDS_MAX - 10
_TIMES: Final = aiohttp.ClientTimeout(
    total=LINK_CONNECT_SECONDS_MAX + LINK_BODY_SECONDS_MAX + LINK_ANSWER_SECONDS_MAX,
    connect=None,
    sock_connect=LINK_CONNECT_SECONDS_MAX,
    sock_read=LINK_ANSWER_SECONDS_MAX,
)


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a package.

    Args:
        content: Its bytes.
        total: The size of the whole package.
    """

    content: bytes
    total: int


class PartnerCaller:
    """Calls one partner.

    Args:
        partner: Who must answer.
        endpoints: From its card, best first.
        identity: This node's certificate, the one that the partner has pinned.
        pins: The partners' certificates.

    Source: docs/spec/link.md LK-4, LK-7, LK-8.
    """

    def __init__(
        self,
        partner: PartyCode,
        endpoints: Sequence[Endpoint],
        *,
        identity: Identity,
        pins: Pins,
    ) -> None:
        """Prepare the session; nothing is called yet. Needs a running loop."""
        self.partner = partner
        self._endpoints = tuple(endpoints)
        # Where the last call got through is where the next begins.
        self._preferred = 0
        self._pins = pins
        self._context = PinnedContext.calling(identity, pins=pins, partner=partner)
        self._session = self._open()

    def _open(self) -> aiohttp.ClientSession:
        # The newest pin comes first; where there is none, nobody is called.
        self._name = server_name(self._context.anchors[0]) if self._context.anchors else None
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=self._context,
                limit=_CALLS_MAX,
                resolver=JudgingResolver(),
                use_dns_cache=False,
                keepalive_timeout=_KEEP_SECONDS,
            ),
            timeout=_TIMES,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=LINK_HEADER_BYTES_MAX,
            max_field_size=LINK_HEADER_BYTES_MAX,
            max_headers=LINK_HEADERS_MAX,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        )

    async def __aenter__(self) -> Self:
        """Give the caller itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        await self.close()

    async def close(self) -> None:
        """Hang up."""
        await self._session.close()

    async def exchange(self, frame: bytes, *, wait_seconds: int = 0) -> bytes:
        """Hand over a frame and return the partner's frame.

        Repeating a call is harmless: the partner knows what it holds.

        Args:
            frame: At most `FRAME_BYTES_MAX` bytes.
            wait_seconds: How long the partner may hold its answer until it has something to say.

        Raises:
            LinkDownError: No endpoint answered as the partner in time.
            RefusedError: The partner refused.
            AnswerError: The answer is none.
        """
        await self._follow_pins()
        newest = self._context.anchors[0]
        headers = {"Content-Type": FRAME_TYPE}
        if wait_seconds:
            headers[WAIT_HEADER] = str(wait_seconds)
        status, told, body = await self._call(
            "POST", "exchange", body=frame, headers=headers, bytes_max=FRAME_BYTES_MAX
        )
        if status != 200:
            raise self._refused(status, told, body)
        # What it was handed says that its newest card is pinned here.
        self._pins.settle(self.partner, newest)
        return body

    async def card(self) -> bytes:
        """Ask for the partner's card; it is compared with the pinned one before it is used.

        Raises:
            LinkDownError: As for `exchange`.
            RefusedError: As for `exchange`.
            AnswerError: As for `exchange`.
        """
        status, told, body = await self._call("GET", "card", bytes_max=CARD_BYTES_MAX)
        if status != 200:
            raise self._refused(status, told, body)
        return body

    async def fetch(self, digest: Digest, *, offset: int) -> Piece:
        """Fetch the next piece of a package that the partner released to us.

        Args:
            digest: Its content address.
            offset: How much is here already.

        Raises:
            LinkDownError: As for `exchange`.
            RefusedError: As for `exchange`.
            AnswerError: The piece is empty, or not the one asked for.
        """
        status, told, body = await self._call(
            "GET",
            f"packages/{digest}",
            headers={"Range": f"bytes={offset}-"},
            bytes_max=LINK_PIECE_BYTES_MAX,
        )
        if status != 206:
            raise self._refused(status, told, body)
        found = _RANGE.fullmatch(told.get("Content-Range", ""))
        if (
            found is None
            or int(found[1]) != offset
            or int(found[2]) - offset + 1 != len(body)
            or not body
            or offset + len(body) > int(found[3])
        ):
            raise AnswerError("partner sent a piece that was not asked for")
        return Piece(content=body, total=int(found[3]))

    async def received(self, digest: Digest, *, total: int) -> int:
        """Ask how much of a package the partner has; all of it, when it does not expect any.

        Raises:
            LinkDownError: As for `exchange`.
            RefusedError: As for `exchange`.
            AnswerError: As for `exchange`.
        """
        try:
            return await self._put(digest, piece=b"", content_range=f"bytes */{total}")
        except RefusedError as error:
            if error.remote == NOT_EXPECTED:
                return total
            raise

    async def hand_over(self, digest: Digest, *, offset: int, piece: bytes, total: int) -> int:
        """Hand over the next piece of a package; gives how much the partner has then.

        Args:
            digest: Its content address.
            offset: Where the piece begins; what the partner has already.
            piece: 1 to `LINK_PIECE_BYTES_MAX` bytes.
            total: The size of the whole.

        Raises:
            LinkDownError: As for `exchange`.
            RefusedError: As for `exchange`.
            AnswerError: As for `exchange`.
        """
        content_range = f"bytes {offset}-{offset + len(piece) - 1}/{total}"
        return await self._put(digest, piece=piece, content_range=content_range)

    async def _put(self, digest: Digest, *, piece: bytes, content_range: str) -> int:
        status, told, body = await self._call(
            "PUT",
            f"packages/{digest}",
            body=piece,
            headers={"Content-Range": content_range, "Content-Type": PACKAGE_TYPE},
            bytes_max=_SMALL_BYTES_MAX,
        )
        try:
            if status in (200, 409):
                return msgspec.json.decode(body, type=Progress).received
        except msgspec.MsgspecError as error:
            if status == 200:
                raise AnswerError("partner's answer has the wrong form") from error
        raise self._refused(status, told, body)

    async def _call(
        self,
        method: str,
        place: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        bytes_max: int,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Try each endpoint, the one that last answered first; twice if a kept connection died."""
        await self._follow_pins()
        last: Exception | None = None
        for step in range(len(self._endpoints)):
            index = (self._preferred + step) % len(self._endpoints)
            url = f"{self._endpoints[index].url}/relto/{MAJOR}/{place}"
            for _ in range(2):
                try:
                    answer = await self._once(method, url, body, headers, bytes_max)
                except aiohttp.ServerDisconnectedError as error:
                    last = error
                    continue
                except (aiohttp.ClientError, asyncio.IncompleteReadError, OSError) as error:
                    last = error
                    break
                self._preferred = index
                return answer
        raise LinkDownError(f"{self.partner} cannot be reached: {_why(last)}") from last

    async def _follow_pins(self) -> None:
        """Hang up and begin anew when the partner's pins have changed (LK-5)."""
        context = self._context.current()
        if context is not self._context:
            before, self._context = self._session, context
            self._session = self._open()
            await before.close()
        if not context.anchors:
            raise LinkDownError(f"{self.partner} cannot be reached: no certificate is pinned")

    async def _once(
        self,
        method: str,
        url: str,
        body: bytes | None,
        headers: dict[str, str] | None,
        bytes_max: int,
    ) -> tuple[int, Mapping[str, str], bytes]:
        # A large body is written in steps, so that other partners' calls go on meanwhile.
        data = io.BytesIO(body) if body and len(body) > _STEP_BYTES else body
        async with self._session.request(
            method,
            url,
            data=data,
            headers=headers,
            allow_redirects=False,
            server_hostname=self._name,
        ) as answer:
            length = answer.content_length
            limit = bytes_max if answer.status < 300 else _SMALL_BYTES_MAX
            if length is None or length > limit or "Content-Encoding" in answer.headers:
                answer.close()
                raise AnswerError("partner's answer is too large or of undeclared length")
            content = await answer.content.readexactly(length) if length else b""
            return answer.status, answer.headers, content

    def _refused(self, status: int, told: Mapping[str, str], body: bytes) -> PeerError:
        """Read a refusal; its code is believed, if it looks like one, and when to come again."""
        try:
            remote = msgspec.json.decode(body, type=Refusal).code
        except msgspec.MsgspecError:
            remote = ""
        if not _CODE.fullmatch(remote):
            return AnswerError(f"{self.partner} answered with status {status} and no reason")
        retry = told.get("Retry-After", "") if status == _TOO_MUCH else ""
        return RefusedError(
            f"{self.partner} refused: {remote}",
            remote=remote,
            status=status,
            retry_seconds=int(retry) if _RETRY.fullmatch(retry) else 0,
        )


def _why(error: BaseException | None) -> str:
    """Say in words what broke: what the certificate lacks, or what the machine says."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        error = error.certificate_error
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        if isinstance(error, OSError) and error.errno:
            return os.strerror(error.errno).lower()
        if isinstance(error, TimeoutError):
            return "it does not answer in time"
        error = error.__cause__
    return "the connection broke"
