"""What a node costs after years: its start, its memory, its snapshots, and the longest wait.

Two real nodes with homes, keys and SQLite journals stand in one process and exchange until the
requester's journal has the entries asked for: requests, decisions, sealed packages, releases,
receipts, each verified, signed and acknowledged by both, only carried by hand and many to a frame.
Nothing in the journals is copied or made up. A new process then opens the home, and the clock runs
from its start to the first durable answer to a partner's frame.

    python -m bench.years [--entries 1000000]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from msgspec.structs import replace

from bench.exchange import BY, JPN, KOR, TOPIC, item, make_nodes, percentiles
from relto.console import open_home
from relto.driver import Driver
from relto.model.case import Assurance
from relto.node import Ask, Parcel
from relto.units import CaseId, HoldingId, LevelId, PurposeId

GROUP = 64
CONTENT_BYTES = 1_024


def memory_mb(field: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1e3
    raise ValueError(field)


def request(case: CaseId) -> Ask:
    return Ask(
        case=case,
        holder=JPN,
        topics=(TOPIC,),
        holding=HoldingId("item"),
        purpose=PurposeId("defence.analysis"),
        assurance=Assurance(
            cleared_to=LevelId("iii-kup"), needs_access=True, will_protect=True, by="bench"
        ),
        by=BY,
    )


class Pair:
    """Two nodes in one process, and how long each call of a driver took."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.homes = {
            party: stack.enter_context(open_home(folder / party.lower())) for party in (JPN, KOR)
        }
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []
        for home in self.homes.values():
            home.driver.tick()

    def __getitem__(self, party: str) -> Driver:
        return self.homes[party].driver

    def entries(self, party: str) -> int:
        with self.homes[party].store.reading() as tx:
            return tx.position()

    def timed(self, call):
        begun, cpu = time.perf_counter(), time.thread_time()
        result = call()
        self.cpu_seconds.append(time.thread_time() - cpu)
        self.seconds.append(time.perf_counter() - begun)
        return result

    def forget_times(self) -> None:
        self.seconds.clear()
        self.cpu_seconds.clear()

    def tell_times(self, what: str) -> None:
        """The clock, and the processor beside it: on a busy machine the clock measures others."""
        told, cpu = percentiles(self.seconds), percentiles(self.cpu_seconds)
        longest = (max(self.seconds) * 1e3, max(self.cpu_seconds) * 1e3)
        print(f"{what}, one call of a driver: median, p99, longest")
        print(f"{'':<58} {told['p50_ms']:.1f}, {told['p99_ms']:.1f}, {longest[0]:.1f} ms")
        print(
            f"{'  of it processor':<58} "
            f"{cpu['p50_ms']:.1f}, {cpu['p99_ms']:.1f}, {longest[1]:.1f} ms"
        )

    def hops(self, count: int) -> list[CaseId]:
        """Ask so often, together, and carry frames until both fall silent."""
        cases = [self[KOR].new_case() for _ in range(count)]
        self.timed(lambda: self[KOR].command_many([request(case) for case in cases]))
        while any(self.carry(*pair) for pair in ((KOR, JPN), (JPN, KOR))):
            pass
        return cases

    def carry(self, source, target) -> bool:
        frame = self.timed(lambda: self[source].next_batch(target))
        if frame is None:
            return False
        answer = self.timed(lambda: self[target].handle_exchange(source, frame))
        self.timed(lambda: self[source].receive_reply(target, answer))
        return True


def grow(folder: Path, entries: int) -> tuple[CaseId, bytes]:
    """Let the two exchange; gives the first case, and a frame with a new request for the other."""
    with ExitStack() as stack:
        pair = Pair(folder, stack)
        first = pair.hops(GROUP)[0]
        begun, said = time.perf_counter(), 0
        while (held := pair.entries(KOR)) < entries:
            pair.hops(GROUP)
            if held // 100_000 > said:
                said = held // 100_000
                rate = (held - GROUP) / (time.perf_counter() - begun)
                print(f"  {held:>9,} entries, {rate:,.0f} /s", file=sys.stderr)
        spent = time.perf_counter() - begun
        for party in (KOR, JPN):
            size = (folder / party.lower() / "journal.sqlite").stat().st_size
            print(f"{party}: {pair.entries(party):,} entries, {size / 1e9:.2f} GB")
        print(f"{'made in':<58} {spent:9.1f} s")
        steady(pair)
        report_snapshots(pair)
        # What KOR is to answer after its restart.
        pair[JPN].command(asked_by_jpn(pair[JPN].new_case()))
        frame = pair[JPN].next_batch(KOR)
        assert frame is not None
        return first, frame


def asked_by_jpn(case: CaseId) -> Ask:
    """A request the other way: nothing is held on it, and the answer is a refusal."""
    assurance = Assurance(
        cleared_to=LevelId("gokuhi"), needs_access=True, will_protect=True, by="bench"
    )
    return replace(request(case), holder=KOR, assurance=assurance)


def steady(pair: Pair) -> None:
    """One request after the other, through several snapshots: how long may one call take."""
    pair.hops(1)
    pair.forget_times()
    for _ in range(2_000):
        pair.hops(1)
    pair.tell_times("2,000 hops one by one")


def report_snapshots(pair: Pair) -> None:
    for party in (KOR, JPN):
        driver = pair[party]
        begun = time.perf_counter()
        driver.close()
        spent = time.perf_counter() - begun
        with pair.homes[party].store.reading() as tx:
            snapshot = tx.snapshot("node")
        assert snapshot is not None
        what = f"{party}: its snapshot, and writing it"
        print(f"{what:<58} {len(snapshot.content) / 1e3:9.1f} kB in {spent * 1e3:.1f} ms")


def begin(folder: Path, case: str, frame: Path, since: float) -> None:
    """In a process of its own: open the node and answer."""
    with open_home(folder) as home:
        opened = time.monotonic() - since
        answer = home.driver.handle_exchange(JPN, frame.read_bytes())
        answered = time.monotonic() - since
        assert answer
        processor = time.process_time()
        resident = memory_mb("VmRSS")
        begun = time.perf_counter()
        story = home.driver.story(CaseId(case))
        old = time.perf_counter() - begun
        assert story is not None
        begun = time.perf_counter()
        listed = home.driver.cases(limit=200)
        listing = time.perf_counter() - begun
        found = home.driver.node.state.case(CaseId(case))
        assert found is not None
        assert found.is_closed
        print(
            json.dumps(
                {
                    "opened": opened,
                    "answered": answered,
                    "processor": processor,
                    "resident_mb": resident,
                    "peak_mb": memory_mb("VmHWM"),
                    "old_case_ms": old * 1e3,
                    "listing_ms": listing * 1e3,
                    "listed": len(listed.files),
                }
            )
        )


def measure_start(folder: Path, case: CaseId, frame: bytes, *, what: str) -> None:
    place = folder / "frame"
    place.write_bytes(frame)
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "bench.years",
            "--begin",
            str(folder / "kor"),
            "--case",
            case,
            "--frame",
            str(place),
            "--since",
            str(time.monotonic()),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    told = json.loads(said)
    print(f"{what + ': process start to open':<58} {told['opened']:9.2f} s")
    print(f"{what + ': process start to the first durable answer':<58} {told['answered']:9.2f} s")
    print(f"{'  of it processor, imports and all':<58} {told['processor']:9.2f} s")
    print(f"{'  memory then, and at most':<58} {told['resident_mb']:.0f}, {told['peak_mb']:.0f} MB")
    print(f"{'  the story of the oldest case':<58} {told['old_case_ms']:9.1f} ms")
    print(f"{'  a list of cases':<58} {told['listing_ms']:9.1f} ms for {told['listed']}")


def measure_large(folder: Path, megabytes: int) -> None:
    """One large package from asking to receipt: all at once, and beside the turns."""
    with ExitStack() as stack:
        pair = Pair(folder, stack)
        held = item(pair[JPN].now())
        large = replace(held, holding=replace(held.holding, id=HoldingId("large")))
        pair[JPN].hold(large, os.urandom(1_048_576) * megabytes)
        for way in ("at once", "beside the turns"):
            pair.forget_times()
            begun = time.perf_counter()
            carry_large(pair)
            spent = time.perf_counter() - begun
            pair.tell_times(f"a package of {megabytes} MB {way}, in {spent:.1f} s")
            for party in (JPN, KOR):
                pair[party].put_off_large()


def carry_large(pair: Pair) -> None:
    case = pair[KOR].new_case()
    ask = replace(request(case), holding=HoldingId("large"))
    pair.timed(lambda: pair[KOR].command(ask))
    while (file := pair[KOR].node.state.case(case)) is None or not file.is_closed:
        while any(pair.carry(*two) for two in ((KOR, JPN), (JPN, KOR))):
            pass
        for parcel in pair[KOR].wanted(JPN):
            move(pair, parcel)
        for driver in (pair[JPN], pair[KOR]):
            job = driver.next_job()
            if job is not None:
                thread = threading.Thread(target=job.run)
                thread.start()
                while thread.is_alive():
                    pair.hops(1)
                pair.timed(lambda driver=driver, job=job: driver.finish(job))


def move(pair: Pair, parcel: Parcel) -> None:
    offset = 0
    while offset < parcel.size_bytes:
        piece = pair.timed(
            lambda at=offset: pair[JPN].read_package(KOR, parcel.digest, offset=at, size=1_048_576)
        )
        offset = pair.timed(
            lambda at=offset, piece=piece: pair[KOR].write_package(
                JPN, parcel.digest, offset=at, piece=piece
            )
        )


def forget_snapshot(folder: Path) -> None:
    """As after an upgrade: the journal alone."""
    import sqlite3

    with sqlite3.connect(folder / "kor" / "journal.sqlite") as connection:
        connection.execute("DELETE FROM snapshot")
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--large", type=int, default=256, help="megabytes of a large package")
    parser.add_argument("--whole", action="store_true", help="measure a start without snapshot too")
    for name in ("--begin", "--case", "--frame", "--since"):
        parser.add_argument(name)
    given = parser.parse_args()
    if given.begin:
        begin(Path(given.begin), given.case, Path(given.frame), float(given.since))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_nodes(folder, CONTENT_BYTES)
        case, frame = grow(folder, given.entries)
        measure_start(folder, case, frame, what="start")
        measure_large(folder, given.large)
        if given.whole:
            forget_snapshot(folder)
            measure_start(folder, case, frame, what="start without a snapshot")


if __name__ == "__main__":
    main()
