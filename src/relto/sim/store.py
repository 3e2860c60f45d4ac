"""A store in memory, with a disk that can fail: the twin of the stores in `relto.adapters.store`.

What has been committed survives a crash, what has not is gone. A hook is called at every named
point and may raise to fail there; `StoreFullError` leaves the store usable, as a full disk does.
Rows can be damaged while nobody looks; reading one then raises, as a checksum does (FL-16).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final, TypeVar

from whenever import Instant

from relto.journal import LogState, peak_of
from relto.model import Entry, LogId
from relto.ports.store import (
    Blob,
    BlobGapError,
    BlobMismatchError,
    BlobMissingError,
    BlobState,
    Kept,
    Lying,
    Mark,
    Placed,
    Snapshot,
    StoreCorruptError,
    StoreFailedError,
    StoreFencedError,
    StoreLockedError,
)
from relto.ports.world import Clock
from relto.seal import digest as _digest
from relto.seal import leaf_hash
from relto.units import CaseId, Digest

FAULT_POINTS: Final = ("store.begin", "store.append", "store.commit", "store.committed")

K = TypeVar("K")
V = TypeVar("V")

Hook = Callable[[str], None]


def _nothing(point: str) -> None:
    """Let every point pass."""


class Disk:
    """What survives a crash: the committed rows of one store. Open it with `MemoryStore`."""

    def __init__(self) -> None:
        """Begin empty."""
        self.fence = 0
        self.owner: MemoryStore | None = None
        # The workers that share it, and what each has been told and not heard yet.
        self.workers: dict[MemoryStore, list[str]] = {}
        self.claims: dict[str, MemoryStore] = {}
        self.states: dict[LogId, LogState] = {}
        self.logs: dict[LogId, list[Entry]] = {}
        self.peaks: dict[LogId, list[tuple[bytes, bytes]]] = {}
        self.order: list[tuple[LogId, int]] = []
        self.cases: dict[CaseId, list[int]] = {}
        self.marks: dict[tuple[LogId, str], set[tuple[str, int]]] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.blobs: dict[Digest, Blob] = {}
        self.kept: list[Kept] = []
        self.values: dict[str, bytes] = {}
        self.damaged: set[tuple[LogId, int]] = set()

    def damage(self, log: LogId, number: int) -> None:
        """Let an entry's row be torn, misdirected or flipped: reading it raises from now on."""
        assert 0 < number <= len(self.logs[log])
        self.damaged.add((log, number))

    def copy(self) -> "Disk":
        """Give a backup: an independent disk with the same rows."""
        other = Disk()
        other.fence = self.fence
        other.states = dict(self.states)
        other.logs = {log: list(entries) for log, entries in self.logs.items()}
        other.peaks = {log: list(peaks) for log, peaks in self.peaks.items()}
        other.order = list(self.order)
        other.cases = {case: list(places) for case, places in self.cases.items()}
        other.marks = {place: set(marks) for place, marks in self.marks.items()}
        other.snapshots = dict(self.snapshots)
        other.blobs = dict(self.blobs)
        other.kept = list(self.kept)
        other.values = dict(self.values)
        return other


def _before(peaks: Sequence[tuple[bytes, bytes]], number: int) -> tuple[bytes, bytes]:
    return peaks[number - 1]


class MemoryTransaction:
    """A transaction that writes at once and remembers how to undo."""

    def __init__(self, disk: Disk, hook: Hook) -> None:
        """Begin on a disk."""
        self.fence = disk.fence
        self.words: list[str] = []
        self._disk = disk
        self._hook = hook
        self._undo: list[Callable[[], object]] = []

    def log(self, log: LogId) -> LogState | None:
        """See `Transaction.log`."""
        return self._disk.states.get(log)

    def logs(self) -> tuple[LogState, ...]:
        """See `Transaction.logs`."""
        return tuple(self._disk.states[log] for log in sorted(self._disk.states))

    def append(self, entries: Sequence[Entry], *states: LogState) -> int:
        """See `Transaction.append`."""
        for state in states:
            self.put_log(state)
        for entry in entries:
            self._hook("store.append")
            log = entry.header.log
            held = self._disk.logs.setdefault(log, [])
            peaks = self._disk.peaks.setdefault(log, [])
            assert entry.header.number == len(held) + 1
            held.append(entry)
            leaf = leaf_hash(entry.raw)
            peak = peak_of(leaf, number=len(held), peaks=partial(_before, peaks))
            peaks.append((leaf, peak))
            self._disk.order.append((log, len(held)))
            self._undo.append(held.pop)
            self._undo.append(peaks.pop)
            self._undo.append(self._disk.order.pop)
            if entry.header.case is not None:
                places = self._disk.cases.setdefault(entry.header.case, [])
                places.append(len(self._disk.order))
                self._undo.append(places.pop)
        assert all(len(self._disk.logs.get(state.log, [])) == state.size for state in states)
        return len(self._disk.order)

    def put_log(self, state: LogState) -> None:
        """See `Transaction.put_log`."""
        self._put(self._disk.states, state.log, state)

    def entries(self, log: LogId, *, first: int, end: int) -> tuple[Entry, ...]:
        """See `Transaction.entries`."""
        found = tuple(self._disk.logs.get(log, [])[max(first, 1) - 1 : max(end, 1) - 1])
        for entry in found:
            self._check(log, entry.header.number)
        return found

    def peak(self, log: LogId, number: int) -> tuple[bytes, bytes]:
        """See `Transaction.peak`."""
        self._check(log, number)
        return self._disk.peaks[log][number - 1]

    def case(self, case: CaseId, *, until: int | None = None) -> tuple[Placed, ...]:
        """See `Transaction.case`."""
        return tuple(
            self._placed(position)
            for position in self._disk.cases.get(case, [])
            if until is None or position <= until
        )

    def put_marks(self, log: LogId, marks: Sequence[Mark]) -> None:
        """See `Transaction.put_marks`."""
        for mark in marks:
            held, place = self._marks(log, mark.name), (mark.rank, mark.number)
            if place not in held:
                held.add(place)
                self._undo.append(partial(held.discard, place))

    def drop_marks(self, log: LogId, marks: Sequence[Mark]) -> None:
        """See `Transaction.drop_marks`."""
        for mark in marks:
            held, place = self._marks(log, mark.name), (mark.rank, mark.number)
            if place in held:
                held.discard(place)
                self._undo.append(partial(held.add, place))

    def clear_marks(self) -> None:
        """See `Transaction.clear_marks`."""
        for held in self._disk.marks.values():
            before = frozenset(held)
            held.clear()
            self._undo.append(partial(held.update, before))

    def marked(
        self, log: LogId, name: str, *, after: Mark | None, until: int, limit: int
    ) -> tuple[tuple[Mark, Entry], ...]:
        """See `Transaction.marked`."""
        begin = ("", 0) if after is None else (after.rank, after.number)
        found: list[tuple[Mark, Entry]] = []
        for rank, number in sorted(self._marks(log, name)):
            if (rank, number) > begin and number <= until and len(found) < limit:
                (entry,) = self.entries(log, first=number, end=number + 1)
                found.append((Mark(name=name, rank=rank, number=number), entry))
        return tuple(found)

    def _marks(self, log: LogId, name: str) -> set[tuple[str, int]]:
        return self._disk.marks.setdefault((log, name), set())

    def since(self, position: int, *, limit: int) -> tuple[Placed, ...]:
        """See `Transaction.since`."""
        end = min(position + limit, len(self._disk.order))
        return tuple(self._placed(place) for place in range(position + 1, end + 1))

    def position(self) -> int:
        """See `Transaction.position`."""
        return len(self._disk.order)

    def destroy(self, log: LogId, *, number: int, part: str) -> bool:
        """See `Transaction.destroy`."""
        held = self._disk.logs.get(log, [])
        if not 0 < number <= len(held):
            return False
        entry = held[number - 1]
        bodies = tuple(
            None if commitment.name == part else body
            for commitment, body in zip(entry.header.parts, entry.bodies, strict=True)
        )
        if bodies == entry.bodies:
            return False
        held[number - 1] = Entry(raw=entry.raw, header=entry.header, bodies=bodies)
        self._undo.append(lambda: held.__setitem__(number - 1, entry))
        return True

    def put_snapshot(self, name: str, snapshot: Snapshot) -> None:
        """See `Transaction.put_snapshot`."""
        self._put(self._disk.snapshots, name, snapshot)

    def snapshot(self, name: str) -> Snapshot | None:
        """See `Transaction.snapshot`."""
        return self._disk.snapshots.get(name)

    def put_blob(self, blob: Blob) -> None:
        """See `Transaction.put_blob`."""
        self._put(self._disk.blobs, blob.digest, blob)

    def blob(self, digest: Digest) -> Blob | None:
        """See `Transaction.blob`."""
        return self._disk.blobs.get(digest)

    def blobs(self, state: BlobState) -> tuple[Blob, ...]:
        """See `Transaction.blobs`."""
        return tuple(
            self._disk.blobs[name]
            for name in sorted(self._disk.blobs)
            if self._disk.blobs[name].state is state
        )

    def keep(self, kept: Kept) -> None:
        """See `Transaction.keep`."""
        self._disk.kept.append(kept)
        self._undo.append(self._disk.kept.pop)

    def kept(self) -> tuple[Kept, ...]:
        """See `Transaction.kept`."""
        return tuple(self._disk.kept)

    def put_value(self, name: str, content: bytes) -> None:
        """See `Transaction.put_value`."""
        self._put(self._disk.values, name, content)

    def drop_value(self, name: str, *, is_destroyed: bool = False) -> None:  # noqa: ARG002
        """See `Transaction.drop_value`; what is dropped here is gone in any case."""
        before = self._disk.values.pop(name, None)
        if before is not None:
            self._undo.append(lambda: self._disk.values.update({name: before}))

    def value(self, name: str) -> bytes | None:
        """See `Transaction.value`."""
        return self._disk.values.get(name)

    def values(self, names: Sequence[str]) -> dict[str, bytes]:
        """See `Transaction.values`."""
        return {name: self._disk.values[name] for name in names if name in self._disk.values}

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """See `Transaction.attempt`."""
        outer, self._undo = self._undo, []
        try:
            yield
        except BaseException:
            self.undo()
            raise
        finally:
            self._undo = outer + self._undo

    @property
    def has_written(self) -> bool:
        """Whether there is anything to take back."""
        return bool(self._undo)

    def tell(self, words: str) -> None:
        """See `Transaction.tell`."""
        self.words.append(words)

    def undo(self) -> None:
        """Take everything back, newest first."""
        while self._undo:
            self._undo.pop()()

    def _put(self, rows: dict[K, V], key: K, value: V) -> None:
        if key in rows:
            before = rows[key]
            self._undo.append(lambda: rows.__setitem__(key, before))
        else:
            self._undo.append(lambda: rows.__delitem__(key))
        rows[key] = value

    def _check(self, log: LogId, number: int) -> None:
        if (log, number) in self._disk.damaged:
            raise StoreCorruptError(f"entry {number} of `{log.origin}` is not what was written")

    def _placed(self, position: int) -> Placed:
        log, number = self._disk.order[position - 1]
        self._check(log, number)
        return Placed(position=position, entry=self._disk.logs[log][number - 1])


class MemoryStore:
    """A store over a `Disk`; see `relto.ports.store.Store`."""

    def __init__(
        self, disk: Disk | None = None, *, hook: Hook = _nothing, is_shared: bool = False
    ) -> None:
        """Open a disk; a new one when none is given.

        Args:
            disk: What survived.
            hook: Called at each of `FAULT_POINTS`; raises to fail there.
            is_shared: Other workers have it open as well, and all write in turns.

        Raises:
            StoreLockedError: Another store has it open and was not closed or crashed.
        """
        self.disk = Disk() if disk is None else disk
        self._is_shared = is_shared
        if self.disk.owner is not None or (self.disk.workers and not is_shared):
            raise StoreLockedError("the disk is in use by another process")
        if is_shared:
            self.disk.workers[self] = []
        else:
            self.disk.owner = self
        self.disk.fence += 1
        self._fence = self.disk.fence
        self._hook = hook
        self._failure: str | None = None
        self._is_under_way = False

    @property
    def fence(self) -> int:
        """See `Store.fence`."""
        return self._fence

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        """See `Store.transaction`."""
        if self._failure is not None:
            raise StoreFailedError(f"the store has failed before: {self._failure}")
        if self.disk.fence != self._fence and not self._is_shared:
            raise StoreFencedError(f"fence {self._fence} is behind {self.disk.fence}")
        assert not self._is_under_way, "a transaction is under way"
        transaction = MemoryTransaction(self.disk, self._hook)
        self._is_under_way = True
        try:
            self._hook("store.begin")
            yield transaction
            self._hook("store.commit")
        except BaseException as error:
            transaction.undo()
            if isinstance(error, StoreFailedError):
                self._failure = error.message
            raise
        finally:
            self._is_under_way = False
        if self._is_shared:
            self._pass_on(transaction)
        try:
            self._hook("store.committed")
        except StoreFailedError as error:
            # The rows were written and the disk failed: nobody can tell, so nothing is believed.
            self._failure = error.message
            raise

    def _pass_on(self, transaction: MemoryTransaction) -> None:
        """Take the next fence if anything was written, and tell the other workers."""
        if transaction.has_written:
            self.disk.fence += 1
            transaction.fence = self.disk.fence
        for other, told in self.disk.workers.items():
            if other is not self:
                told.extend(transaction.words)

    def reading(self) -> AbstractContextManager[MemoryTransaction]:
        """See `Store.reading`."""
        return self.transaction()

    def newest(self) -> int:
        """See `Store.newest`."""
        return self.disk.fence if self._is_shared else self._fence

    def heard(self) -> tuple[str, ...]:
        """See `Store.heard`."""
        told = self.disk.workers.get(self, [])
        found = tuple(told)
        told.clear()
        return found

    def claim(self, name: str) -> bool:
        """See `SharedStore.claim`."""
        assert self._is_shared
        return self.disk.claims.setdefault(name, self) is self

    def release(self, name: str) -> None:
        """See `SharedStore.release`."""
        if self.disk.claims.get(name) is self:
            del self.disk.claims[name]

    def steal(self) -> Disk:
        """Let another process take the disk while this one still runs, as a broken lock would."""
        self.disk.owner = None
        return self.disk

    def close(self) -> None:
        """See `Store.close`."""
        if self.disk.owner is self:
            self.disk.owner = None
        self.disk.workers.pop(self, None)
        for name in [name for name, owner in self.disk.claims.items() if owner is self]:
            del self.disk.claims[name]

    def crash(self) -> Disk:
        """End without warning and give back what survives; a transaction under way is undone."""
        self.close()
        self._failure = "the process has ended"
        return self.disk


class MemoryBlobs:
    """Packages in memory; the twin of `relto.adapters.blobs.FileBlobs`. Parts survive a crash."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Begin empty.

        Args:
            clock: The machine's, for what is old; without one nothing ever is.
        """
        self._clock = clock
        self._whole: dict[Digest, bytes] = {}
        self._parts: dict[Digest, bytes] = {}
        self._written: dict[Digest, Instant] = {}

    def copy(self) -> "MemoryBlobs":
        """Give a backup."""
        other = MemoryBlobs(self._clock)
        other._whole, other._parts = dict(self._whole), dict(self._parts)
        other._written = dict(self._written)
        return other

    def parts(self) -> Mapping[Digest, bytes]:
        """Give what is under way, oldest first: for whoever searches the disk."""
        return self._parts

    def whole(self) -> Mapping[Digest, bytes]:
        """Give all complete packages, oldest first: for whoever searches the disk."""
        return self._whole

    def spoil(self, digest: Digest, *, is_lost: bool) -> None:
        """Lose a complete one, or flip a bit of it, while nobody looks (FL-16)."""
        content = self._whole.pop(digest)
        if not is_lost:
            place = len(content) // 2
            flipped = bytes([content[place] ^ 0x80])
            self._whole[digest] = content[:place] + flipped + content[place + 1 :]

    def held(self, digest: Digest) -> int:
        """See `BlobStore.held`."""
        return len(self._parts.get(digest, b""))

    def is_complete(self, digest: Digest) -> bool:
        """See `BlobStore.is_complete`."""
        return digest in self._whole

    def has_any(self, digest: Digest) -> bool:
        """See `BlobStore.has_any`."""
        return digest in self._whole or digest in self._parts

    def write(self, digest: Digest, *, offset: int, data: bytes) -> int:
        """See `BlobStore.write`."""
        if self.touch(digest):
            return len(self._whole[digest])
        part = self._parts.get(digest, b"")
        if offset > len(part):
            raise BlobGapError(f"range begins at {offset}, {len(part)} bytes are here")
        self._parts[digest] = part + data[len(part) - offset :]
        self._stamp(digest)
        return len(self._parts[digest])

    def finish(self, digest: Digest, *, size_bytes: int) -> None:
        """See `BlobStore.finish`."""
        if self.touch(digest):
            return
        part = self._parts.pop(digest, b"")
        if len(part) != size_bytes or _digest(part) != digest:
            raise BlobMismatchError(f"{len(part)} bytes are not the package that was named")
        self._whole[digest] = part

    def read(self, digest: Digest, *, offset: int, count: int) -> bytes:
        """See `BlobStore.read`."""
        if digest not in self._whole:
            raise BlobMissingError(f"package `{digest}` is not here")
        return self._whole[digest][offset : offset + count]

    def destroy(self, digest: Digest) -> bool:
        """See `BlobStore.destroy`."""
        whole, part = self._whole.pop(digest, None), self._parts.pop(digest, None)
        self._written.pop(digest, None)
        return whole is not None or part is not None

    def touch(self, digest: Digest) -> bool:
        """See `BlobStore.touch`."""
        if digest not in self._whole:
            return False
        self._stamp(digest)
        return True

    def lying(self, *, after: Lying | None, limit: int) -> tuple[Lying, ...]:
        """See `BlobStore.lying`."""
        last = None if after is None else (not after.is_complete, after.digest)
        found = [
            Lying(
                digest=digest,
                size_bytes=len(rows[digest]),
                is_complete=not is_part,
                age_seconds=self._age_seconds(digest),
            )
            for is_part, rows in ((False, self._whole), (True, self._parts))
            for digest in sorted(rows)
            if last is None or (is_part, digest) > last
        ]
        return tuple(found[:limit])

    def sweep(self, digest: Digest, *, older_than_seconds: int) -> bool:
        """See `BlobStore.sweep`."""
        return self._age_seconds(digest) > older_than_seconds and self.destroy(digest)

    def _stamp(self, digest: Digest) -> None:
        if self._clock is not None:
            self._written[digest] = self._clock.now()

    def _age_seconds(self, digest: Digest) -> int:
        if self._clock is None or digest not in self._written:
            return 0
        return int(self._clock.now().difference(self._written[digest]).total("seconds"))
