"""The handshake lets in pinned certificates and nothing else (FL-22)."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Self

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from relto.adapters.https_link.tls import PinnedContext, Pins
from relto.units import PartyCode
from tests.integration.link.conftest import DAY, NOW, Identity, Smith

pytestmark = pytest.mark.net

JPN, KOR, USA = PartyCode("JPN"), PartyCode("KOR"), PartyCode("USA")


class Port:
    """A bare TLS port under a listening context; counts the connections that got through."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.through = 0

    async def __aenter__(self) -> Self:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.through += 1
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        self.server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def echo(self, context: ssl.SSLContext) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context)
            writer.write(b"hello\n")
            answer = await reader.readline()
            writer.close()
            await writer.wait_closed()
        except (ssl.SSLError, ConnectionError):
            return False
        return answer == b"hello\n"


def listening(identity: Identity, pins: Pins) -> PinnedContext:
    return PinnedContext.listening(identity.identity, pins=pins)


def stranger(identity: Identity | None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A client that checks nothing, to see what the port alone refuses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if identity is not None:
        context.load_cert_chain(identity.certificate_file, identity.key_file)
    if version is not None:
        context.maximum_version = version
    return context


def calling(identity: Identity, pins: Pins, partner: PartyCode) -> PinnedContext:
    return PinnedContext.calling(identity.identity, pins=pins, partner=partner)


def pinned(**identities: Identity) -> Pins:
    pins = Pins()
    for party, identity in identities.items():
        pins.replace(PartyCode(party), (identity.der,))
    return pins


def test_two_pinned_nodes_talk_without_any_authority(smith: Smith) -> None:
    """LK-1, LK-2."""
    jpn, kor = smith.make("JPN"), smith.make("KOR")

    async def run() -> None:
        async with Port(listening(jpn, pinned(KOR=kor))) as port:
            assert await port.echo(calling(kor, pinned(JPN=jpn), JPN))
            assert port.through == 1

    asyncio.run(run())


REFUSED: dict[str, Callable[[Smith, Identity], ssl.SSLContext]] = {
    "no certificate": lambda smith, kor: stranger(None),
    "self-signed by a stranger": lambda smith, kor: stranger(smith.make("KOR")),
    "issued by another authority": lambda smith, kor: stranger(
        smith.make("KOR", issuer=smith.make("authority", ca=True))
    ),
    "issued by the pinned certificate": lambda smith, kor: stranger(smith.make("KOR", issuer=kor)),
    "TLS 1.2": lambda smith, kor: stranger(kor, ssl.TLSVersion.TLSv1_2),
}


@pytest.mark.parametrize("name", REFUSED)
def test_fl_22_the_port_refuses_at_the_handshake(smith: Smith, name: str) -> None:
    jpn, kor = smith.make("JPN"), smith.make("KOR")
    context = REFUSED[name](smith, kor)

    async def run() -> None:
        async with Port(listening(jpn, pinned(KOR=kor))) as port:
            assert not await port.echo(context)
            assert port.through == 0
            assert await port.echo(calling(kor, pinned(JPN=jpn), JPN))

    asyncio.run(run())


DATED = {
    "expired": {"ends": NOW - DAY / 2},
    "not yet valid": {"begins": NOW + DAY},
    "for servers only": {"uses": (ExtendedKeyUsageOID.SERVER_AUTH,)},
}


@pytest.mark.parametrize("name", DATED)
def test_fl_22_a_pinned_certificate_out_of_its_dates_or_use_is_refused(
    smith: Smith, name: str
) -> None:
    jpn, kor = smith.make("JPN"), smith.make("KOR", **DATED[name])

    async def run() -> None:
        async with Port(listening(jpn, pinned(KOR=kor))) as port:
            assert not await port.echo(stranger(kor))
            assert port.through == 0

    asyncio.run(run())


def test_fl_22_even_a_pinned_authority_cannot_issue_partners(smith: Smith) -> None:
    """LK-3: OpenSSL would accept what an anchor issued; the comparison with the pins does not."""
    jpn, kor = smith.make("JPN"), smith.make("KOR", ca=True)
    child = smith.make("KOR", issuer=kor)

    async def run() -> None:
        async with Port(listening(jpn, pinned(KOR=kor))) as port:
            assert not await port.echo(stranger(child))
            assert port.through == 0

    asyncio.run(run())


def test_a_caller_refuses_a_partner_in_another_partners_place(smith: Smith) -> None:
    """LK-4: both are pinned, but the call was to JPN."""
    jpn, kor, usa = smith.make("JPN"), smith.make("KOR"), smith.make("USA")
    pins = pinned(JPN=jpn, USA=usa)

    async def run() -> None:
        async with Port(listening(usa, pinned(KOR=kor))) as port:
            assert not await port.echo(calling(kor, pins, JPN))
            assert await port.echo(calling(kor, pins, USA))

    asyncio.run(run())


def trusted(context: ssl.SSLContext) -> int:
    """How many certificates the library itself knows."""
    return context.cert_store_stats()["x509"]


def test_a_context_is_made_anew_when_its_pins_have_changed_and_only_then(smith: Smith) -> None:
    """LK-5: what was withdrawn is no anchor of the next handshake, nor of a name asked for."""
    jpn, jpn_next, kor, usa = (smith.make(name) for name in ("JPN", "JPN", "KOR", "USA"))
    pins = pinned(KOR=kor)
    port = PinnedContext.listening(jpn_next.identity, jpn.identity, pins=pins)
    call = calling(jpn, pins, KOR)
    assert port.current() is port
    assert call.current() is call
    pins.replace(USA, (usa.der,))
    assert call.current() is call
    both = port.current()
    assert both is not port
    assert trusted(both) == 2
    pins.replace(KOR, ())
    one = both.current()
    for context in (one, *one.by_name.values()):
        assert (trusted(context), context.anchors) == (1, (usa.der,))
    assert set(one.by_name) == set(port.by_name)
    assert trusted(call.current()) == 0


def test_a_former_certificate_ends_when_the_partner_knows_that_its_newest_is_pinned(
    smith: Smith,
) -> None:
    """LK-5."""
    kor, kor_next = smith.make("KOR"), smith.make("KOR")
    pins = Pins()
    told: list[tuple[bytes, ...]] = []
    pins.watch(lambda: told.append(pins.of(KOR)))
    pins.replace(KOR, (kor_next.der, kor.der))
    pins.settle(KOR, kor.der)
    assert pins.of(KOR) == (kor_next.der, kor.der)
    pins.settle(KOR, kor_next.der)
    pins.settle(KOR, kor_next.der)
    assert told == [(kor_next.der, kor.der), (kor_next.der,)]


def test_one_certificate_never_speaks_for_two_parties(smith: Smith) -> None:
    kor = smith.make("KOR")
    pins = pinned(KOR=kor)
    with pytest.raises(ValueError, match="another party"):
        pins.replace(JPN, (kor.der,))
