"""How fast two nodes exchange, beside the floor under any durable exchange over mutual TLS.

The floor, in the same run and on the same cores: a bare request over mutual TLS (aiohttp at both
ends, 1 KiB each way) and one SQLite commit with `synchronous=FULL` on each side. A full hop is what
relto does for one request: request entry, decision, sealing, release entry, delivery, verification,
opening, marking, receipt, all durable and signed for by both sides. Each side is a process of its
own, pinned to its own core.

Beside the floor stands what the protocol itself costs, one hop at a time and without a line of
relto: two requests, four commits, the signatures, checks, sealing and opening of one hop.

    python -m bench.exchange [--count 2000] [--in-flight 1,8,64]
"""

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from whenever import Instant

from relto.adapters.https_link import LinkPort, PartnerCaller, PinnedContext, Pins, endpoint_of
from relto.adapters.keys import NodeKeys
from relto.adapters.service import Calling, NodeService
from relto.console import create_home, identity_of, open_home, partner_card
from relto.model import Form, Holding, Label
from relto.model.case import Assurance
from relto.model.delegation import Delegation, Delegations
from relto.node import AdoptDelegations, Ask, By, Hold
from relto.units import (
    HoldingId,
    InstrumentId,
    LevelId,
    OfficerRole,
    PartyCode,
    PurposeId,
    SchemeId,
    TopicId,
)

JPN, KOR = PartyCode("JPN"), PartyCode("KOR")
TOPIC = TopicId("dprk.missile.launch")
BY = By(officer="bench", role=OfficerRole("analyst"))
ROW = b"x" * 1_200
BODY = b"x" * 1_024
REPEATS_WARM = 50
# Read before anything is pinned: a process begins on the core of the one that started it.
CORES = sorted(os.sched_getaffinity(0))
HERE, THERE = CORES[-1], CORES[0]


def cpu_seconds(process: int | str = "self") -> float:
    """Processor time a process has used; says more than the clock on a machine that is shared."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cpu:
    """Processor time of both sides between two looks, for each piece of work."""

    def __init__(self, other: int) -> None:
        self._other = other
        self._begun = (cpu_seconds(), cpu_seconds(other))

    def each_ms(self, count: int) -> dict[str, float]:
        used = (cpu_seconds() - self._begun[0], cpu_seconds(self._other) - self._begun[1])
        return {
            "cpu_ms": round(used[0] / count * 1e3, 2),
            "cpu_other_ms": round(used[1] / count * 1e3, 2),
        }


def percentiles(seconds: list[float]) -> dict[str, float]:
    """The middle and the tail, in milliseconds."""
    ranked = sorted(seconds)
    return {
        "p50_ms": round(statistics.median(ranked) * 1e3, 2),
        "p99_ms": round(ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))] * 1e3, 2),
    }


# ---------------------------------------------------------------- the floor


class Rows:
    """One SQLite file that commits a row at a time, as durably as a journal must."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")

    def commit(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO rows (body) VALUES (?)", (ROW,))
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class Crypto:
    """The signatures, checks, sealing and opening of a hop, bare; one machine holds all keys."""

    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()
        self._public = self._key.public_key()
        self._note = BODY[:160]
        self._signature = self._key.sign(self._note)
        lattice, curve = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
        self._opener = MLKEM768X25519PrivateKey(lattice, curve)
        self._sealer = MLKEM768X25519PublicKey(lattice.public_key(), curve.public_key())
        self._suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        self._sealed = self._suite.encrypt(BODY[:32], self._sealer, b"")

    def sign(self, count: int) -> None:
        for _ in range(count):
            self._key.sign(self._note)

    def check(self, count: int) -> None:
        for _ in range(count):
            self._public.verify(self._signature, self._note)

    def seal(self) -> None:
        self._suite.encrypt(BODY[:32], self._sealer, b"")

    def open(self) -> None:
        self._suite.decrypt(self._sealed, self._opener, b"")


def bare_context(keys: NodeKeys, other: bytes, side: int) -> ssl.SSLContext:
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_cert_chain(keys.tls_certificate_file, keys.tls_key_file)
    context.load_verify_locations(cadata=other)
    return context


async def serve_floor(directory: Path) -> None:
    rows = Rows(directory / "floor-server.sqlite")
    mine, theirs = NodeKeys.load(directory / "jpn/keys"), NodeKeys.load(directory / "kor/keys")

    crypto = Crypto()

    async def handle(request: web.BaseRequest) -> web.Response:
        await request.read()
        match request.path:
            case "/request":
                # The request's head is checked and cosigned, the release sealed, its head signed.
                crypto.check(1)
                crypto.seal()
                crypto.sign(2)
            case "/receipt":
                crypto.check(2)
                crypto.sign(1)
            case _:
                pass
        rows.commit()
        return web.Response(body=BODY)

    server = web.Server(handle, access_log=None)
    listening = await asyncio.get_running_loop().create_server(
        server,
        "127.0.0.1",
        0,
        ssl=bare_context(mine, theirs.certificate, ssl.PROTOCOL_TLS_SERVER),
    )
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


async def call_floor(
    directory: Path, port: int, *, other: int, count: int, in_flight: int, is_hop: bool = False
) -> dict:
    """Time bare requests with one commit on each side; or what a hop's protocol costs, bare."""
    mine, theirs = NodeKeys.load(directory / "kor/keys"), NodeKeys.load(directory / "jpn/keys")
    rows = Rows(directory / f"floor-client-{in_flight}-{is_hop}.sqlite")
    context = bare_context(mine, theirs.certificate, ssl.PROTOCOL_TLS_CLIENT)
    url = f"https://127.0.0.1:{port}/"
    crypto = Crypto()
    seconds: list[float] = []
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context, limit=in_flight)
    ) as session:

        async def post(place: str = "") -> None:
            async with session.post(url + place, data=BODY) as answer:
                await answer.read()

        async def one() -> None:
            begun = time.perf_counter()
            if is_hop:
                # Signed: the heads of the own log and of the log to the partner.
                crypto.sign(2)
                rows.commit()
                await post("request")
                # The partner's cosignature and head are checked; three heads are signed.
                crypto.check(2)
                crypto.open()
                crypto.sign(3)
                rows.commit()
                await post("receipt")
                crypto.check(1)
            else:
                await post()
                rows.commit()
            seconds.append(time.perf_counter() - begun)

        async def worker(share: int) -> None:
            for _ in range(share):
                await one()

        await asyncio.gather(*(worker(REPEATS_WARM // in_flight + 1) for _ in range(in_flight)))
        seconds.clear()
        cpu, begun = Cpu(other), time.perf_counter()
        await asyncio.gather(*(worker(count // in_flight) for _ in range(in_flight)))
        took = time.perf_counter() - begun
    rows.close()
    rate = round(len(seconds) / took)
    return {**percentiles(seconds), "per_second": rate, **cpu.each_ms(len(seconds))}


# ---------------------------------------------------------------- relto


def make_nodes(directory: Path, content_bytes: int) -> None:
    """Two nodes that have pinned each other; JPN holds one item under a standing authority."""
    cards = {party: create_home(directory / party.lower(), party=party) for party in (JPN, KOR)}
    for party, other in ((JPN, KOR), (KOR, JPN)):
        with open_home(directory / party.lower()) as node:
            node.driver.pin(cards[other].signed, fingerprint=cards[other].fingerprint, by=BY)
            if party == JPN:
                node.driver.command(AdoptDelegations(delegations=standing(), by=BY))
                node.driver.hold(item(node.driver.now()), os.urandom(content_bytes))
            node.driver.close()


def standing() -> Delegations:
    one = Delegation(
        id="bench",
        recipients=(KOR,),
        instruments=(InstrumentId("jpn-kor-gsomia-2016"),),
        topics=(TOPIC,),
        up_to=LevelId("hi"),
        by="bench",
    )
    return Delegations(holder=JPN, delegations=(one,))


def item(now: Instant) -> Hold:
    holding = Holding(
        id=HoldingId("item"),
        title="a launch",
        originator=JPN,
        label=Label(scheme=SchemeId("jpn"), level=LevelId("hi")),
        topics=(TOPIC,),
        form=Form.ELECTRONIC,
        digest="0" * 64,
        size_bytes=0,
        held_at=now,
    )
    return Hold(holding=holding, by=BY)


class Bench(NodeService):
    """A service that says when a case is receipted and the receipt is signed for."""

    waiting: dict[str, asyncio.Future[None]]
    closed_at: dict[str, int]

    async def take_reply(self, partner: PartyCode, frame: bytes, *, is_ahead: bool = False) -> None:
        await super().take_reply(partner, frame, is_ahead=is_ahead)
        self._close_cases(partner)

    async def exchange(self, partner: PartyCode, frame: bytes, *, wait_seconds: int) -> bytes:
        # Both nodes call, so a case may also come to its end in a call of the partner's.
        answer = await super().exchange(partner, frame, wait_seconds=wait_seconds)
        self._close_cases(partner)
        return answer

    def _close_cases(self, partner: PartyCode) -> None:
        # The side that only answers waits for nothing; looking would be counted as relto's time.
        if not self.waiting:
            return
        state = self.driver.node.state
        counts = self.driver.counts(partner)
        for case in tuple(self.waiting):
            file = None if case in self.closed_at else state.case(case)
            if file is not None and file.is_closed:
                self.closed_at[case] = counts.ours
            if case in self.closed_at and counts.acknowledged >= self.closed_at[case]:
                del self.closed_at[case]
                self.waiting.pop(case).set_result(None)


async def run_node(directory: Path, party: PartyCode, *, main) -> None:
    """Run a node without its officers' port, and `main` beside it."""
    with open_home(directory / party.lower()) as node:
        pins = Pins()

        def reach(partner: PartyCode) -> Calling:
            card = partner_card(node.driver.node.state.peers[partner].card)
            pins.replace(partner, (card.certificate,))
            caller = PartnerCaller(
                partner,
                [endpoint_of(one) for one in card.endpoints],
                identity=identity_of(node.keys),
                pins=pins,
            )
            return Calling(caller=caller, is_pulling=False)

        service = Bench(
            node.driver,
            card=node.card.signed,
            reach=reach,
            jitter=lambda: 0.5,
            report=lambda *_: None,
        )
        service.waiting, service.closed_at = {}, {}
        context = PinnedContext.listening(identity_of(node.keys), pins=pins)
        port = LinkPort(service, context=context, report=lambda *_: None)
        service.follow_partners()
        host, _, number = node.config.listen.rpartition(":")
        await port.open(host, int(number))
        running = asyncio.create_task(service.run())
        try:
            await main(service)
        finally:
            service.stop()
            await running
            await port.close()


async def ask_all(service: Bench, *, other: int, count: int, in_flight: int) -> dict:
    """Ask `count` times, `in_flight` at a time; a hop ends when its receipt is signed for."""
    seconds: list[float] = []
    loop = asyncio.get_running_loop()

    async def one() -> None:
        case = service.driver.new_case()
        service.waiting[case] = loop.create_future()
        done = service.waiting[case]
        begun = time.perf_counter()
        await service.command(
            Ask(
                case=case,
                holder=JPN,
                topics=(TOPIC,),
                purpose=PurposeId("defence.analysis"),
                assurance=Assurance(
                    cleared_to=LevelId("iii-kup"), needs_access=True, will_protect=True, by="bench"
                ),
                by=BY,
            )
        )
        await done
        seconds.append(time.perf_counter() - begun)

    async def worker(share: int) -> None:
        for _ in range(share):
            await one()

    await asyncio.gather(*(worker(REPEATS_WARM // in_flight + 1) for _ in range(in_flight)))
    seconds.clear()
    cpu, begun = Cpu(other), time.perf_counter()
    await asyncio.gather(*(worker(count // in_flight) for _ in range(in_flight)))
    took = time.perf_counter() - begun
    rate = round(len(seconds) / took)
    return {**percentiles(seconds), "per_second": rate, **cpu.each_ms(len(seconds))}


async def serve_node(directory: Path) -> None:
    async def main(_: Bench) -> None:
        print("ready", flush=True)
        await asyncio.Event().wait()

    await run_node(directory, JPN, main=main)


# ---------------------------------------------------------------- both


def start(role: str, directory: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.exchange", "--role", role, "--dir", str(directory)],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.sched_setaffinity(process.pid, {THERE})
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def measure(directory: Path, *, count: int, levels: list[int]) -> dict:
    result: dict = {"machine": machine(), "floor": {}, "protocol": {}, "hop": {}, "ratio": {}}
    os.sched_setaffinity(0, {HERE})
    process, port = start("floor", directory)
    try:
        for level in levels:
            result["floor"][level] = asyncio.run(
                call_floor(directory, int(port), other=process.pid, count=count, in_flight=level)
            )
        result["protocol"][1] = asyncio.run(
            call_floor(
                directory, int(port), other=process.pid, count=count, in_flight=1, is_hop=True
            )
        )
    finally:
        process.kill()
        process.wait()
    process, _ = start("node", directory)
    try:

        async def main(service: Bench) -> None:
            for level in levels:
                result["hop"][level] = await ask_all(
                    service, other=process.pid, count=count, in_flight=level
                )

        asyncio.run(run_node(directory, KOR, main=main))
    finally:
        process.kill()
        process.wait()
    for level in levels:
        floor, hop = result["floor"][level], result["hop"][level]
        result["ratio"][level] = {
            "latency": round(hop["p50_ms"] / floor["p50_ms"], 2),
            "throughput": round(hop["per_second"] / floor["per_second"], 2),
        }
        if level in result["protocol"]:
            bare = result["protocol"][level]
            result["ratio"][level]["protocol"] = round(hop["p50_ms"] / bare["p50_ms"], 2)
    return result


def machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
        model = next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        pass
    return f"{model}, {len(CORES)} cores, Python {platform.python_version()}"


def show(result: dict) -> None:
    print(result["machine"])
    names = ("p50_ms", "p99_ms", "per_second", "cpu_ms", "cpu_other_ms")
    titles = ("p50 ms", "p99 ms", "each s", "cpu ms", "cpu there")
    for level in result["floor"]:
        print(f"\n{level} in flight".ljust(16) + "".join(f"{title:>11}" for title in titles))
        for row in ("floor", "protocol", "hop"):
            if level not in result[row]:
                continue
            figures = result[row][level]
            print(f"  {row}".ljust(15) + "".join(f"{figures[name]:>11}" for name in names))
        ratio = result["ratio"][level]
        words = f"  latency {ratio['latency']} times the floor"
        if "protocol" in ratio:
            words += f", {ratio['protocol']} times what the protocol costs by itself"
        print(words)
    print()
    print("context: X-Road has published 110 transactions/s on 32 cores, elsewhere, another task")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--in-flight", default="1,8,64")
    parser.add_argument("--content-bytes", type=int, default=1_024)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--role", choices=("floor", "node"), help=argparse.SUPPRESS)
    parser.add_argument("--dir", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        asyncio.run({"floor": serve_floor, "node": serve_node}[options.role](options.dir))
        return
    levels = [int(one) for one in options.in_flight.split(",")]
    with tempfile.TemporaryDirectory() as directory:
        make_nodes(Path(directory), options.content_bytes)
        result = measure(Path(directory), count=options.count, levels=levels)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
