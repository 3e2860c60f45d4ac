"""The link port and its caller, over real sockets."""

import asyncio
import resource
import socket
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack
from hashlib import sha256
from pathlib import Path

import pytest

from relto.adapters.https_link import (
    AnswerError,
    LinkDownError,
    PinnedContext,
    PortError,
    RefusedError,
    server,
)
from relto.errors import LocalError, PeerError, WorldError
from relto.limits import (
    FRAME_BYTES_MAX,
    LINK_HANDSHAKES_MAX,
    LINK_HOLD_SECONDS,
    LINK_PARTNER_CONNECTIONS_MAX,
    LINK_PARTNER_REQUESTS_MAX,
    LINK_PIECE_BYTES_MAX,
)
from relto.units import Digest, PartyCode
from tests.integration.link.conftest import Pair, Smith

pytestmark = pytest.mark.net

KOR = PartyCode("KOR")
PACKAGE = bytes(range(256)) * 10_000
DIGEST = Digest(sha256(PACKAGE).hexdigest())
TYPE = b"Content-Type: application/vnd.relto.frame\r\n"


def test_a_frame_goes_over_and_its_answer_comes_back(pair: Pair) -> None:
    """LK-8: and the desk is told who called by the certificate, not by what was said."""

    async def run() -> None:
        async with pair:
            for frame in (b"{}", b"", b"x" * 3_000_000):
                assert await pair.caller.exchange(frame) == frame
            assert [who for who, _ in pair.desk.frames] == [KOR] * 3
            assert await pair.caller.card() == b"card"

    asyncio.run(run())


def test_a_frame_over_the_limit_is_refused_before_it_is_read(pair: Pair) -> None:
    """FL-32, LK-9."""

    async def run() -> None:
        async with pair:
            with pytest.raises((RefusedError, LinkDownError)):
                await pair.caller.exchange(b"x" * (FRAME_BYTES_MAX + 1))
            answer = await pair.say(
                b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\n"
                + TYPE
                + b"Content-Length: 999999999999\r\n\r\n"
            )
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"peer.too_large" in answer
            assert not pair.desk.frames

    asyncio.run(run())


BAD = {
    "no length": (b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\n" + TYPE, b"", 411),
    "chunked without end": (
        b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\n"
        + TYPE
        + b"Transfer-Encoding: chunked\r\n",
        b"5\r\nhello\r\n" * 1000,
        411,
    ),
    "length and chunks": (
        b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
        + TYPE
        + b"Transfer-Encoding: chunked\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (
        b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        b"hello!",
        400,
    ),
    "a hundred thousand headers": (
        b"GET /relto/1/card HTTP/1.1\r\nHost: x\r\n" + b"X-Secret: y\r\n" * 100_000,
        b"",
        400,
    ),
    "one huge header": (
        b"GET /relto/1/card HTTP/1.1\r\nHost: x\r\nX-Secret: " + b"y" * 1_000_000 + b"\r\n",
        b"",
        400,
    ),
    "no HTTP": (b"SECRET " * 20 + b"\r\n", b"", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", b"", 400),
    "another major": (b"GET /relto/2/card HTTP/1.1\r\nHost: x\r\n", b"", 404),
    "another place": (b"GET /relto/1/SECRET HTTP/1.1\r\nHost: x\r\n", b"", 404),
    "an escaped place": (b"GET /relto/1/%63ard HTTP/1.1\r\nHost: x\r\n", b"", 404),
    "a query": (b"GET /relto/1/card?x=SECRET HTTP/1.1\r\nHost: x\r\n", b"", 404),
    "an absolute address": (b"GET https://x/relto/1/card HTTP/1.1\r\nHost: x\r\n", b"", 404),
    "another method": (b"DELETE /relto/1/card HTTP/1.1\r\nHost: x\r\n", b"", 405),
    "another type": (
        b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n",
        b"{}",
        415,
    ),
    "an encoding": (
        b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
        + TYPE
        + b"Content-Length: 2\r\n",
        b"{}",
        415,
    ),
    "a body cut short": (
        b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\n" + TYPE + b"Content-Length: 20\r\n",
        b"SECRET",
        None,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_fl_32_bad_requests_are_refused_with_a_code_and_no_echo(pair: Pair, name: str) -> None:
    """FL-32, FL-45, LK-9, LK-11, LK-12: and the next request is served."""
    head, body, status = BAD[name]

    async def run() -> None:
        async with pair:
            answer = await pair.say(head + b"\r\n" + body)
            if status is None:
                assert answer == b""
            else:
                assert answer[8:13] == b" %d " % status, answer[:200]
                assert b'{"code":"peer.' in answer
            assert b"SECRET" not in answer
            assert not pair.desk.frames
            assert await pair.caller.exchange(b"{}") == b"{}"

    asyncio.run(run())


ERRORS = {
    "peer": (PeerError("SECRET"), 422, "peer"),
    "world": (WorldError("SECRET"), 503, "world"),
    "local": (LocalError("SECRET"), 409, "local"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_of_the_node_reaches_the_partner_as_its_code_alone(pair: Pair, name: str) -> None:
    """LK-12."""
    error, status, code = ERRORS[name]

    async def run() -> None:
        async with pair:
            pair.desk.error = error
            with pytest.raises(RefusedError) as refused:
                await pair.caller.exchange(b"{}")
            assert (refused.value.status, refused.value.remote) == (status, code)
            assert "SECRET" not in str(refused.value)

    asyncio.run(run())


@pytest.mark.slow
def test_fl_12_a_stalled_partner_loses_its_connection_and_nobody_else_waits(
    pair: Pair, smith: Smith, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FL-12, LK-10: a head and a body that trickle; the other partner is served meanwhile."""
    monkeypatch.setattr(server, "LINK_IDLE_SECONDS_MAX", 0.4)
    monkeypatch.setattr(server, "LINK_BODY_SECONDS_MAX", 0.4)

    async def trickle(head: bytes) -> bytes:
        reader, writer = await pair.raw()
        writer.write(head)
        try:
            async with asyncio.timeout(3):
                answer = asyncio.ensure_future(reader.read())
                while not answer.done():
                    writer.write(b"x")
                    await asyncio.sleep(0.05)
                return await answer
        except ConnectionError:
            return b""
        finally:
            writer.transport.abort()

    async def run() -> None:
        async with pair:
            slow = asyncio.gather(
                trickle(b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\nX-Slow: "),
                trickle(
                    b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\n"
                    + TYPE
                    + b"Content-Length: 1000\r\n\r\n"
                ),
            )
            await asyncio.sleep(0.1)
            async with asyncio.timeout(0.25):
                assert await pair.caller.exchange(b"{}") == b"{}"
            head, body = await slow
            assert head == b""
            assert b"408" in body[:20]
            assert len(pair.desk.frames) == 1

    asyncio.run(run())


@pytest.mark.slow
def test_fl_12_a_partner_that_does_not_read_its_answer_loses_the_connection(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LK-10."""
    monkeypatch.setattr(server, "LINK_ANSWER_SECONDS_MAX", 0.3)

    async def run() -> None:
        async with pair:
            _, writer = await pair.raw()
            writer.transport.pause_reading()
            body = b"x" * 8_000_000
            writer.write(
                b"POST /relto/1/exchange HTTP/1.1\r\nHost: x\r\n"
                + TYPE
                + b"Content-Length: %d\r\n\r\n" % len(body)
                + body
            )
            async with asyncio.timeout(5):
                while pair.server.open_connections or not pair.desk.frames:  # noqa: ASYNC110 -- no event says it
                    await asyncio.sleep(0.02)
            assert ("KOR", "answer not read in time") in pair.reports
            writer.transport.abort()

    asyncio.run(run())


@pytest.mark.slow
def test_one_partner_has_so_many_requests_and_connections_and_no_more(pair: Pair) -> None:
    """LK-10: the bulkhead."""

    async def run() -> None:
        async with pair:
            pair.desk.gate = asyncio.Event()
            callers = [pair.call() for _ in range(4)]
            calls = [
                asyncio.ensure_future(callers[index % 4].exchange(b"{}"))
                for index in range(LINK_PARTNER_REQUESTS_MAX)
            ]
            await asyncio.sleep(0.3)
            begun = asyncio.get_running_loop().time()
            with pytest.raises(RefusedError) as refused:
                await pair.caller.exchange(b"{}")
            # It hears so after a while, or it would ask again a thousand times a second.
            assert asyncio.get_running_loop().time() - begun >= LINK_HOLD_SECONDS
            assert (refused.value.status, refused.value.retry_seconds) == (429, 1)
            pair.desk.gate.set()
            assert await asyncio.gather(*calls) == [b"{}"] * LINK_PARTNER_REQUESTS_MAX
            for caller in callers:
                await caller.close()
            await asyncio.sleep(0.1)
            opened = [await pair.raw() for _ in range(LINK_PARTNER_CONNECTIONS_MAX + 3)]
            await asyncio.sleep(0.2)
            assert pair.server.open_connections <= LINK_PARTNER_CONNECTIONS_MAX
            for _, writer in opened:
                writer.transport.abort()

    asyncio.run(run())


STRANGERS = 10_000
SPARE_FILES = 512


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open as many files as the test needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = STRANGERS + SPARE_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this machine lets a process open {hard} files at most, {wanted} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fl_44_ten_thousand_idle_strangers_are_bounded_and_partners_still_served(
    pair: Pair, many_files: None
) -> None:
    """FL-44, LK-10: strangers never finish a handshake, so the oldest of them makes room."""
    del many_files

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with pair, AsyncExitStack() as stack:
            assert await pair.call_once(b"{}") == b"{}"
            before = resident_bytes()
            files = open_files()
            for index in range(STRANGERS):
                stranger = stack.enter_context(socket.socket())
                stranger.setblocking(False)
                await loop.sock_connect(stranger, ("127.0.0.1", pair.port))
                if index % 1_000 == 500:
                    assert await pair.call_once(b"{}") == b"{}"
                    assert pair.server.open_handshakes <= LINK_HANDSHAKES_MAX
            assert await pair.call_once(b"{}") == b"{}"
            # All strangers hold their end open; this side has let go of all but a few.
            ours = open_files() - files - STRANGERS
            assert ours <= LINK_HANDSHAKES_MAX + 16
            assert resident_bytes() - before < 64 * 2**20
            assert pair.server.open_connections <= 1

    asyncio.run(run())


def test_a_withdrawn_partner_is_hung_up_on_and_not_let_in_again(pair: Pair) -> None:
    """LK-5."""

    async def run() -> None:
        async with pair:
            await pair.caller.exchange(b"{}")
            assert pair.server.open_connections == 1
            pair.pins.replace(KOR, ())
            with pytest.raises(LinkDownError):
                await pair.caller.exchange(b"{}")
            assert pair.server.open_connections == 0
            assert len(pair.desk.frames) == 1
            # The handshake itself fails: what was withdrawn is no trust anchor any more.
            assert any("certificate_verify_failed" in why for _, why in pair.reports)

    asyncio.run(run())


def test_a_partner_that_changes_its_certificate_is_let_in_with_both_until_it_knows(
    pair: Pair, smith: Smith
) -> None:
    """LK-5: from its first call with the new one on, the old one opens nothing more."""
    fresh = smith.make("KOR")

    async def run() -> None:
        async with pair:
            await pair.caller.exchange(b"{}")
            pair.pins.replace(KOR, (fresh.der, pair.kor.der))
            await pair.caller.exchange(b"{}")
            async with pair.call(identity=fresh) as newer:
                assert await newer.exchange(b"{}") == b"{}"
                assert pair.pins.of(KOR) == (fresh.der,)
                with pytest.raises(LinkDownError):
                    await pair.caller.exchange(b"{}")
                assert await newer.exchange(b"{}") == b"{}"
                assert pair.server.open_connections == 1

    asyncio.run(run())


def test_a_caller_lets_go_of_a_partners_former_certificate(pair: Pair, smith: Smith) -> None:
    """LK-5, LK-20: once the partner has answered what says that its new card is pinned."""
    fresh = smith.make("JPN")

    async def run() -> None:
        async with pair:
            pair.callers_pins.replace(PartyCode("JPN"), (fresh.der, pair.jpn.der))
            assert await pair.caller.exchange(b"{}") == b"{}"
            assert pair.callers_pins.of(PartyCode("JPN")) == (fresh.der,)
            # Who has only the former key is called no more, not even on the open connection.
            with pytest.raises(LinkDownError):
                await pair.caller.exchange(b"{}")
            assert len(pair.desk.frames) == 1
            pair.callers_pins.replace(PartyCode("JPN"), ())
            with pytest.raises(LinkDownError):
                await pair.caller.exchange(b"{}")

    asyncio.run(run())


def test_an_impostor_at_the_partners_endpoint_is_sent_nothing(pair: Pair, smith: Smith) -> None:
    """FL-22, LK-4."""
    impostor = smith.make("JPN")

    async def run() -> None:
        heard = bytearray()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.extend(await reader.read(1000))
            writer.close()

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(impostor.certificate_file, impostor.key_file)
        listener = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=context)
        port = listener.sockets[0].getsockname()[1]
        async with pair:
            caller = pair.call(f"https://127.0.0.1:{port}")
            with pytest.raises(LinkDownError):
                await caller.exchange(b"secret")
            await caller.close()
            both = pair.call(f"https://127.0.0.1:{port}", f"https://127.0.0.1:{pair.port}")
            assert await both.exchange(b"{}") == b"{}"
            await both.close()
        listener.close()
        await listener.wait_closed()
        assert not heard

    asyncio.run(run())


def test_a_partner_that_cannot_be_reached_is_told_with_what_broke(pair: Pair, smith: Smith) -> None:
    """House style 9: in the machine's words, and not in those of a programming language."""
    fresh = smith.make("JPN")

    async def run() -> None:
        async with pair:
            for endpoint, words in (
                ("https://127.0.0.1:1", "connection refused"),
                (f"https://127.0.0.1:{pair.port}", "self-signed certificate"),
            ):
                pair.callers_pins.replace(PartyCode("JPN"), (fresh.der,))
                async with pair.call(endpoint) as caller:
                    with pytest.raises(LinkDownError, match=f"JPN cannot be reached: {words}"):
                        await caller.exchange(b"{}")

    asyncio.run(run())


LYING = {
    "a redirect": (b"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    "no length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "an endless answer": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    "an encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx",
    "no reason": b"HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\noops!",
    "a reason with colours": (
        b'HTTP/1.1 400 X\r\nContent-Length: 35\r\n\r\n{"code":"\\u001b[31m","message":"xxx"}'
    ),
}


@pytest.mark.parametrize("name", LYING)
def test_a_lying_partners_answer_is_refused(pair: Pair, name: str) -> None:
    """FL-31, FL-43, LK-7, LK-9: no redirect is followed, nothing unbounded is read."""

    async def run() -> None:
        async def lie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(LYING[name])
            await writer.drain()
            await reader.read()
            writer.close()

        theirs = PinnedContext.listening(pair.jpn.identity, pins=pair.pins)
        listener = await asyncio.start_server(lie, "127.0.0.1", 0, ssl=theirs)
        caller = pair.call(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        with pytest.raises((AnswerError, LinkDownError)):
            await caller.exchange(b"{}")
        await caller.close()
        listener.close()
        await listener.wait_closed()

    asyncio.run(run())


def test_a_package_is_handed_over_in_pieces_and_resumed(pair: Pair) -> None:
    """LK-14."""

    async def run() -> None:
        async with pair:
            pair.desk.wanted[KOR, DIGEST] = len(PACKAGE)
            pair.desk.kept[DIGEST] = PACKAGE[:1000]
            total, offset = len(PACKAGE), 0
            assert await pair.caller.received(DIGEST, total=total) == 1000
            # A sender that believes too little or too much is told what is here.
            piece = PACKAGE[:10]
            assert await pair.caller.hand_over(DIGEST, offset=0, piece=piece, total=total) == 1000
            offset = 1000
            while offset < total:
                piece = PACKAGE[offset : offset + LINK_PIECE_BYTES_MAX]
                offset = await pair.caller.hand_over(
                    DIGEST, offset=offset, piece=piece, total=total
                )
            assert pair.desk.kept[DIGEST] == PACKAGE
            assert await pair.caller.received(DIGEST, total=total) == total

    asyncio.run(run())


def test_a_package_that_nobody_announced_is_not_taken(pair: Pair) -> None:
    """LK-13: neither an unknown digest nor another size than was announced."""

    async def run() -> None:
        async with pair:
            # To the question, "nothing is missing"; to a piece, a refusal.
            assert await pair.caller.received(DIGEST, total=10) == 10
            with pytest.raises(RefusedError) as refused:
                await pair.caller.hand_over(DIGEST, offset=0, piece=b"x" * 10, total=10)
            assert refused.value.remote == "peer.package"
            pair.desk.wanted[KOR, DIGEST] = 11
            with pytest.raises(RefusedError):
                await pair.caller.hand_over(DIGEST, offset=0, piece=b"x" * 10, total=10)
            with pytest.raises(RefusedError) as refused:
                await pair.caller.hand_over(DIGEST, offset=0, piece=b"", total=11)
            assert refused.value.remote == "peer.range"
            assert not pair.desk.kept

    asyncio.run(run())


def test_a_package_is_fetched_from_any_offset_by_whom_it_was_released_to(pair: Pair) -> None:
    """LK-13, LK-14."""

    async def run() -> None:
        async with pair:
            with pytest.raises(RefusedError) as refused:
                await pair.caller.fetch(DIGEST, offset=0)
            assert refused.value.status == 404
            pair.desk.offered[KOR, DIGEST] = PACKAGE
            content = b""
            while len(content) < len(PACKAGE):
                piece = await pair.caller.fetch(DIGEST, offset=len(content))
                assert piece.total == len(PACKAGE)
                content += piece.content
            assert content == PACKAGE
            with pytest.raises(RefusedError) as refused:
                await pair.caller.fetch(DIGEST, offset=len(PACKAGE))
            assert refused.value.status == 416

    asyncio.run(run())


@pytest.mark.slow
def test_one_partners_packages_come_no_faster_than_its_rate(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LK-13."""
    monkeypatch.setattr(server, "LINK_PARTNER_BYTES_PER_SECOND_MAX", 1_000_000)

    async def run() -> float:
        async with pair:
            pair.desk.wanted[KOR, DIGEST] = len(PACKAGE)
            loop = asyncio.get_running_loop()
            begun, offset = loop.time(), 0
            while offset < 600_000:
                offset = await pair.caller.hand_over(
                    DIGEST,
                    offset=offset,
                    piece=PACKAGE[offset : offset + 200_000],
                    total=len(PACKAGE),
                )
            return loop.time() - begun

    assert asyncio.run(run()) >= 0.4


def test_a_taken_port_is_a_clear_error(pair: Pair) -> None:
    async def run() -> None:
        async with pair:
            other = Pair(Smith(pair.jpn.key_file.parent))
            context = PinnedContext.listening(other.jpn.identity, pins=other.pins)
            second = server.LinkPort(other.desk, context=context, report=lambda *_: None)
            with pytest.raises(PortError, match=f"cannot listen on 127.0.0.1:{pair.port}"):
                await second.open("127.0.0.1", pair.port)
            await second.close()

    asyncio.run(run())
