"""Certificates and contexts for tests of the link."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from relto.adapters.https_link import Identity as LinkIdentity
from relto.adapters.https_link import LinkPort, PartnerCaller, PinnedContext, Pins, endpoint_of
from relto.errors import ReltoError
from relto.units import Digest, PartyCode

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


class Identity:
    """A key and a certificate on disk."""

    def __init__(self, path: Path, key: ec.EllipticCurvePrivateKey, cert: x509.Certificate) -> None:
        self.key, self.cert = key, cert
        self.der = cert.public_bytes(serialization.Encoding.DER)
        self.certificate_file = path.with_suffix(".crt")
        self.key_file = path.with_suffix(".key")
        self.certificate_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        self.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self.identity = LinkIdentity(
            certificate=self.certificate_file, key=self.key_file, pinned=self.der
        )


class Smith:
    """Makes identities, good and bad."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0

    def make(
        self,
        name: str,
        *,
        issuer: Identity | None = None,
        ca: bool = False,
        begins: dt.datetime = NOW - DAY,
        ends: dt.datetime = NOW + 365 * DAY,
        uses: tuple[x509.ObjectIdentifier, ...] = (
            ExtendedKeyUsageOID.CLIENT_AUTH,
            ExtendedKeyUsageOID.SERVER_AUTH,
        ),
    ) -> Identity:
        self.count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.cert.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(list(uses)), critical=False)
            .sign(key if issuer is None else issuer.key, hashes.SHA256())
        )
        return Identity(self.path / f"{name}-{self.count}", key, cert)


@pytest.fixture
def smith(tmp_path: Path) -> Smith:
    return Smith(tmp_path)


class EchoDesk:
    """A node that answers a frame with itself, and keeps packages in memory."""

    def __init__(self) -> None:
        self.frames: list[tuple[PartyCode, bytes]] = []
        self.offered: dict[tuple[PartyCode, Digest], bytes] = {}
        self.wanted: dict[tuple[PartyCode, Digest], int] = {}
        self.kept: dict[Digest, bytes] = {}
        self.error: ReltoError | None = None
        self.gate: asyncio.Event | None = None
        self.owed = 0.0

    def wait_seconds(self, partner: PartyCode) -> float:
        return self.owed

    async def exchange(self, partner: PartyCode, frame: bytes, *, wait_seconds: int = 0) -> bytes:
        if self.error is not None:
            raise self.error
        if self.gate is not None:
            await self.gate.wait()
        self.frames.append((partner, frame))
        return frame

    async def card(self) -> bytes:
        return b"card"

    async def offered_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        content = self.offered.get((partner, digest))
        return None if content is None else len(content)

    async def read_package(
        self, partner: PartyCode, digest: Digest, *, offset: int, size: int
    ) -> bytes:
        return self.offered[partner, digest][offset : offset + size]

    async def wanted_bytes(self, partner: PartyCode, digest: Digest) -> int | None:
        return self.wanted.get((partner, digest))

    async def received_bytes(self, partner: PartyCode, digest: Digest) -> int:
        return len(self.kept.get(digest, b""))

    async def write_package(
        self, partner: PartyCode, digest: Digest, *, offset: int, piece: bytes
    ) -> int:
        content = self.kept.get(digest, b"")
        assert offset == len(content)
        self.kept[digest] = content + piece
        return len(self.kept[digest])


class Pair:
    """JPN listens, KOR calls; each has pinned the other."""

    def __init__(self, smith: Smith) -> None:
        self.jpn, self.kor = smith.make("JPN"), smith.make("KOR")
        self.desk = EchoDesk()
        self.reports: list[tuple[str, str]] = []
        self.pins, self.callers_pins = Pins(), Pins()
        self.pins.replace(PartyCode("KOR"), (self.kor.der,))
        self.callers_pins.replace(PartyCode("JPN"), (self.jpn.der,))

    async def __aenter__(self) -> Self:
        context = PinnedContext.listening(self.jpn.identity, pins=self.pins)
        self.server = LinkPort(
            self.desk, context=context, report=lambda who, why: self.reports.append((who, why))
        )
        _, self.port = await self.server.open("127.0.0.1", 0)
        self.caller = self.call()
        return self

    def call(self, *endpoints: str, identity: Identity | None = None) -> PartnerCaller:
        places = endpoints or (f"https://127.0.0.1:{self.port}",)
        return PartnerCaller(
            PartyCode("JPN"),
            [endpoint_of(one) for one in places],
            identity=(identity or self.kor).identity,
            pins=self.callers_pins,
        )

    async def call_once(self, frame: bytes) -> bytes:
        """A call on a fresh connection."""
        async with self.call() as caller:
            return await caller.exchange(frame)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A partner's connection under a hand that can write anything."""
        context = PinnedContext.calling(
            self.kor.identity,
            pins=self.callers_pins,
            partner=PartyCode("JPN"),
        )
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context)

    async def say(self, request: bytes) -> bytes:
        """Write bytes, read until the node hangs up or falls silent."""
        reader, writer = await self.raw()
        answer = b""
        try:
            writer.write(request)
            while True:
                async with asyncio.timeout(0.2):
                    if not (piece := await reader.read(65_536)):
                        break
                    answer += piece
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.transport.abort()
        return answer

    async def __aexit__(self, *_: object) -> None:
        await self.caller.close()
        await self.server.close()
        await asyncio.sleep(0.05)  # transports that were aborted let go of their sockets


@pytest.fixture
def pair(smith: Smith) -> Pair:
    return Pair(smith)
