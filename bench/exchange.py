"""How fast two nodes exchange, beside the floor under any durable exchange over mutual TLS.

The floor, in the same run and on the same cores: a bare request over mutual TLS (aiohttp at both
ends, 1 KiB each way) and one SQLite commit with `synchronous=FULL` on each side. A full hop is what
relto does for one request: request entry, decision, sealing, release entry, delivery, verification,
opening, marking, receipt, all durable and signed for by both sides. Each side is a process of its
own, pinned to its own core.

With `--store postgres` both nodes keep their journals in PostgreSQL, each on a server of its own on
its own core, and the floor commits there with `synchronous_commit=on`. With `--workers` so many
processes serve the holder, and answer the floor's requests; the requester, who measures, is one.

Beside the floor stands what the protocol itself costs, one hop at a time and without a line of
relto: two requests, four commits, the signatures, checks, sealing and opening of one hop.

    python -m bench.exchange [--count 2000] [--in-flight 1,8,64] [--store postgres [--workers 3]]
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
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

from bench.stores import Server, count_trips, migrate, rows_of, servers, trips
from relto.adapters.https_link import (
    LinkPort,
    PartnerCaller,
    PinnedContext,
    Pins,
    bind,
    endpoint_of,
    free_port,
)
from relto.adapters.keys import NodeKeys
from relto.adapters.service import Calling, NodeService
from relto.console import Home, create_home, identity_of, open_home, partner_card
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
BODY = b"x" * 1_024
REPEATS_WARM = 50
# Read before anything is pinned: a process begins on the core of the one that started it.
CORES = sorted(os.sched_getaffinity(0))
HERE, THERE = CORES[-1], CORES[0]


class Side:
    """What works for the side that answers: its processes, and the databases of both sides."""

    def __init__(self, directory: Path, processes: Sequence[int], databases: Sequence[Server]):
        self.directory, self._processes, self._databases = directory, processes, databases

    def look(self) -> tuple[float, float, float, int]:
        """Processor seconds here, there and of the databases, and ways to these and back."""
        databases = [pid for server in self._databases for pid in server.pids()]
        return (
            cpu_seconds("self"),
            sum(map(cpu_seconds, self._processes)),
            sum(map(cpu_seconds, databases)),
            trips(self.directory),
        )


def cpu_seconds(process: int | str) -> float:
    """Processor time a process has used; says more than the clock on a machine that is shared."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Cpu:
    """Processor time of both sides between two looks, for each piece of work."""

    def __init__(self, other: Side) -> None:
        self._other = other
        self._begun = other.look()

    def each_ms(self, count: int) -> dict[str, float]:
        here, there, databases, ways = (
            (after - before) / count
            for before, after in zip(self._begun, self._other.look(), strict=True)
        )
        return {
            "cpu_ms": round(here * 1e3, 2),
            "cpu_other_ms": round(there * 1e3, 2),
            "cpu_database_ms": round(databases * 1e3, 2),
            "trips": round(ways, 1),
        }


def percentiles(seconds: list[float]) -> dict[str, float]:
    """The middle and the tail, in milliseconds."""
    ranked = sorted(seconds)
    return {
        "p50_ms": round(statistics.median(ranked) * 1e3, 2),
        "p99_ms": round(ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))] * 1e3, 2),
    }


# ---------------------------------------------------------------- the floor


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


async def serve_floor(directory: Path, taken: socket.socket, *, is_shared: bool) -> None:
    del is_shared  # one row is not another's
    rows = rows_of(directory / "jpn", directory / f"floor-server-{os.getpid()}.sqlite")
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
    await asyncio.get_running_loop().create_server(
        server, sock=taken, ssl=bare_context(mine, theirs.certificate, ssl.PROTOCOL_TLS_SERVER)
    )
    print("ready", flush=True)
    await asyncio.Event().wait()


async def call_floor(
    port: int, *, other: Side, count: int, in_flight: int, is_hop: bool = False
) -> dict:
    """Time bare requests with one commit on each side; or what a hop's protocol costs, bare."""
    directory = other.directory
    mine, theirs = NodeKeys.load(directory / "kor/keys"), NodeKeys.load(directory / "jpn/keys")
    rows = rows_of(directory / "kor", directory / f"floor-client-{in_flight}-{is_hop}.sqlite")
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
    used = cpu.each_ms(len(seconds))
    rows.close()
    rate = round(len(seconds) / took)
    return {**percentiles(seconds), "per_second": rate, **used}


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


async def run_node(
    directory: Path,
    party: PartyCode,
    *,
    main,
    taken: socket.socket | None = None,
    is_shared: bool = False,
) -> None:
    """Run a node without its officers' port, and `main` beside it."""
    with open_home(directory / party.lower(), is_shared=is_shared) as node:
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
            crew=node.crew,
        )
        service.waiting, service.closed_at = {}, {}
        context = PinnedContext.listening(identity_of(node.keys), pins=pins)
        port = LinkPort(service, context=context, report=lambda *_: None)
        service.follow_partners()
        if taken is None:
            host, _, number = node.config.listen.rpartition(":")
            taken = bind(host, int(number))
        await port.open_on(taken)
        running = asyncio.create_task(service.run())
        try:
            await main(service)
        finally:
            service.stop()
            await running
            await port.close()


async def ask_all(service: Bench, *, other: Side, count: int, in_flight: int) -> dict:
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


async def serve_node(directory: Path, taken: socket.socket, *, is_shared: bool) -> None:
    async def main(_: Bench) -> None:
        print("ready", flush=True)
        await asyncio.Event().wait()

    await run_node(directory, JPN, main=main, taken=taken, is_shared=is_shared)


# ---------------------------------------------------------------- both


@contextmanager
def answering(role: str, directory: Path, *, port: int, workers: int) -> Iterator[tuple[int, ...]]:
    """Run what answers, with one process or several workers at one socket; gives their ids."""
    taken = bind("127.0.0.1", port)
    command = [sys.executable, "-m", "bench.exchange", "--role", role, "--dir", str(directory)]
    command += ["--workers", str(workers), "--taken", str(taken.fileno())]
    started: list[subprocess.Popen[str]] = []
    try:
        for _ in range(workers or 1):
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, pass_fds=[taken.fileno()]
            )
            os.sched_setaffinity(process.pid, {THERE})
            started.append(process)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield tuple(process.pid for process in started)
    finally:
        for process in started:
            process.kill()
            process.wait()
        taken.close()


def measure(
    directory: Path,
    *,
    databases: Sequence[Server],
    workers: int,
    count: int,
    levels: list[int],
) -> dict:
    result: dict = {"machine": machine(), "floor": {}, "protocol": {}, "hop": {}, "ratio": {}}
    os.sched_setaffinity(0, {HERE})
    if databases:
        count_trips(directory)
    port = free_port("127.0.0.1")
    with answering("floor", directory, port=port, workers=workers) as processes:
        side = Side(directory, processes, databases)
        for level in levels:
            result["floor"][level] = asyncio.run(
                call_floor(port, other=side, count=count, in_flight=level)
            )
        result["protocol"][1] = asyncio.run(
            call_floor(port, other=side, count=count, in_flight=1, is_hop=True)
        )
    listens_at = Home(directory / JPN.lower()).config().listen
    port = int(listens_at.rpartition(":")[2])
    with answering("node", directory, port=port, workers=workers) as processes:
        side = Side(directory, processes, databases)

        async def main(service: Bench) -> None:
            for level in levels:
                result["hop"][level] = await ask_all(
                    service, other=side, count=count, in_flight=level
                )

        asyncio.run(run_node(directory, KOR, main=main, is_shared=bool(workers)))
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
    workers = f", {result['workers']} workers" if result["workers"] else ""
    print(f"{result['store']}{workers}; {result['machine']}")
    names = ["p50_ms", "p99_ms", "per_second", "cpu_ms", "cpu_other_ms"]
    titles = ["p50 ms", "p99 ms", "each s", "cpu ms", "cpu there"]
    if result["store"] == "postgres":
        names += ["cpu_database_ms", "trips"]
        titles += ["cpu db", "trips"]
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
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--workers", type=int, default=0, help="processes that serve the holder")
    parser.add_argument("--role", choices=("floor", "node"), help=argparse.SUPPRESS)
    parser.add_argument("--dir", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--taken", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        serve = {"floor": serve_floor, "node": serve_node}[options.role]
        taken = socket.socket(fileno=options.taken)
        taken.setblocking(False)
        if (options.dir / JPN.lower() / "store.url").exists():
            count_trips(options.dir)
        asyncio.run(serve(options.dir, taken, is_shared=bool(options.workers)))
        return
    if options.workers and options.store == "sqlite":
        parser.error("a journal in a file has one writer: --workers needs --store postgres")
    levels = [int(one) for one in options.in_flight.split(",")]
    # Whoever ends us early leaves no server behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        make_nodes(directory, options.content_bytes)
        databases: Sequence[Server] = ()
        if options.store == "postgres":
            databases = stack.enter_context(servers(THERE, HERE))
            for party, server in zip((JPN, KOR), databases, strict=True):
                migrate(directory / party.lower(), server.url)
        result = measure(
            directory,
            databases=databases,
            workers=options.workers,
            count=options.count,
            levels=levels,
        )
    result = {"store": options.store, "workers": options.workers, **result}
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


if __name__ == "__main__":
    main()
