"""What the journal costs, and what a restart costs when it is long.


Prints one line for each measurement. The floor of a durable append (the same rows, bare SQLite, the
same flags) is measured in the same run; figures are of this machine alone.
"""

import argparse
import sqlite3
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from whenever import Instant

from relto.adapters.keys import OsEntropy
from relto.adapters.store import SqliteStore
from relto.journal import (
    Draft,
    LogState,
    acknowledge,
    append,
    audit_log,
    check_inclusion,
    empty_log,
    first_ring,
    inclusion_proof,
    make_batch,
    sign_head,
    verify_batch,
    verify_checkpoint,
)
from relto.model import Entry, LogId, PartyKeys
from relto.seal import leaf_hash

LOG = LogId(source="JPN", target="KOR")
AT = Instant.from_utc(2019, 11, 22, 9)
BODY = b'{"kind":"release","text":"' + b"x" * 700 + b'"}'
PAGE = 5_000


class Signer:
    """Fresh keys in memory."""

    def __init__(self) -> None:
        self.ed25519 = Ed25519PrivateKey.generate()
        self.mldsa65 = MLDSA65PrivateKey.generate()
        self.keys = PartyKeys(
            ed25519=self.ed25519.public_key().public_bytes_raw(),
            mldsa65=self.mldsa65.public_key().public_bytes_raw(),
            sealing=bytes(1_216),
        )

    def sign(self, message: bytes) -> bytes:
        return self.ed25519.sign(message)

    def sign_durable(self, message: bytes, *, context: bytes) -> bytes:
        return self.mldsa65.sign(message, context)


def nothing_held(_first: int, _end: int) -> tuple[Entry, ...]:
    return ()


def say(what: str, seconds: float, count: int, unit: str = "each") -> None:
    each = seconds / count * 1e6
    print(f"{what:<58} {seconds:9.3f} s   {each:10.1f} µs {unit}   {count / seconds:12,.0f} /s")


def grow(state: LogState, count: int) -> tuple[LogState, list[Entry]]:
    entropy, made = OsEntropy(), []
    for _ in range(count):
        draft = Draft(kind="release", case=f"c-{state.size // 10}", parts=(("message", BODY),))
        state, entry = append(state, draft, now=AT, entropy=entropy)
        made.append(entry)
    return state, made


def measure_values(signer: Signer, partner: Signer) -> None:
    """The journal as a value: no disk."""
    began = time.perf_counter()
    state, made = grow(empty_log(LOG, is_exercise=False), 2_000)
    say("append (header, salt, commitment, tree)", time.perf_counter() - began, 2_000)
    ring = first_ring("JPN", signer.keys, begins_at=Instant.MIN)
    for size in (1, 64, 1_000):
        began = time.perf_counter()
        batch = make_batch(state, made[:size], signer=signer)
        say(f"make a signed batch of {size}", time.perf_counter() - began, size, "per entry")
        began = time.perf_counter()
        verified = verify_batch(
            batch,
            state=empty_log(LOG, is_exercise=False),
            ring=ring,
            read=nothing_held,
            now=AT,
        )
        acknowledge(verified, signer=partner, party="KOR", now=AT)
        spent = time.perf_counter() - began
        say(f"verify and acknowledge a batch of {size}", spent, size, "per entry")


def measure_commits(folder: Path, signer: Signer) -> None:
    """Durable appends, beside the same rows without any journal."""
    store = SqliteStore(folder / "commits.sqlite")
    state, made = grow(empty_log(LOG, is_exercise=False), 3_000)
    floor = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    floor.execute("PRAGMA journal_mode = WAL")
    floor.execute("PRAGMA synchronous = FULL")
    floor.execute("CREATE TABLE entry (n INTEGER PRIMARY KEY, header BLOB, body BLOB)")
    state = empty_log(LOG, is_exercise=False)
    done = 0
    for size, times in ((1, 500), (10, 100), (100, 10)):
        began = time.perf_counter()
        for _ in range(times):
            with store.transaction() as tx:
                state, entries = grow(state, size)
                tx.append(entries, sign_head(state, signer=signer))
        say(
            f"append, sign and commit {size} together",
            time.perf_counter() - began,
            times,
            "a commit",
        )
        began = time.perf_counter()
        for _ in range(times):
            floor.execute("BEGIN IMMEDIATE")
            for entry in made[:size]:
                done += 1
                floor.execute("INSERT INTO entry VALUES (?, ?, ?)", (done, entry.raw, BODY))
            floor.execute("COMMIT")
        say(f"  floor: bare commit of {size} rows", time.perf_counter() - began, times, "a commit")
    store.close()


def fill(path: Path, count: int, signer: Signer) -> None:
    store = SqliteStore(path)
    state = empty_log(LOG, is_exercise=False)
    began = time.perf_counter()
    while state.size < count:
        with store.transaction() as tx:
            state, entries = grow(state, min(PAGE, count - state.size))
            tx.append(entries, sign_head(state, signer=signer))
    store.close()
    say(f"fill a store with {count:,} entries", time.perf_counter() - began, count)
    print(f"{'its size':<58} {path.stat().st_size / 1e9:9.3f} GB")


def measure_restart(path: Path, signer: Signer) -> None:
    """From a cold start to the next durable entry, and what an auditor pays."""
    ring = first_ring("JPN", signer.keys, begins_at=Instant.MIN)
    began = time.perf_counter()
    store = SqliteStore(path)
    with store.transaction() as tx:
        (state,) = tx.logs()
    verify_checkpoint(state.note, log=LOG, ring=ring, at=state.at, is_durable=False)
    with store.transaction() as tx:
        state, entries = grow(state, 1)
        state = sign_head(state, signer=signer)
        tx.append(entries, state)
    say(
        f"restart with {state.size:,} entries, to the next durable entry",
        time.perf_counter() - began,
        1,
    )

    def peaks(number: int) -> tuple[bytes, bytes]:
        return tx.peak(LOG, number)

    for index in (0, state.size // 3, state.size - 2):
        with store.transaction() as tx:
            began = time.perf_counter()
            proof = inclusion_proof(peaks, index=index, size=state.size)
            say(f"inclusion proof of entry {index + 1:,}", time.perf_counter() - began, 1)
            (entry,) = tx.entries(LOG, first=index + 1, end=index + 2)
        check_inclusion(
            proof, leaf=leaf_hash(entry.raw), index=index, size=state.size, root=state.root
        )
    began = time.perf_counter()
    with store.transaction() as tx:
        pages = (
            entry
            for first in range(1, state.size + 1, PAGE)
            for entry in tx.entries(LOG, first=first, end=min(first + PAGE, state.size + 1))
        )
        audit_log(state, pages, author=ring, partner=None)
    say("audit: every entry read, hashed, chained", time.perf_counter() - began, state.size)
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    given = parser.parse_args()
    signer, partner = Signer(), Signer()
    measure_values(signer, partner)
    with tempfile.TemporaryDirectory() as folder:
        measure_commits(Path(folder), signer)
        path = Path(folder) / "long.sqlite"
        fill(path, given.entries, signer)
        measure_restart(path, signer)


if __name__ == "__main__":
    main()
