"""What a store must offer: one transaction at a time, durable when it ends, and never two at once.

The store keeps what the core gives it and gives it back, or raises. It decides nothing. Within
`with store.transaction() as tx:` everything is written or nothing is; when the block has ended
without an error it has reached the disk. Every row read is checked against a checksum first: a
wrong row is never an answer (FL-16).

One contract test suite runs over every implementation: `tests/integration/test_store_contract.py`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import ClassVar, Protocol

from msgspec import Struct
from whenever import Instant

from relto.errors import LocalError, WorldError
from relto.journal import LogState
from relto.model import Entry, LogId
from relto.units import CaseId, Digest


class StoreError(WorldError):
    """The store cannot do what it must; nothing of the transaction has happened."""

    code = "world.store"


class StoreLockedError(StoreError):
    """Another process has this store open (FL-18)."""

    code = "world.store_locked"
    hint_default = "stop the node that serves it, then try again"


class StoreFencedError(StoreError):
    """Another writer has taken over since this one opened the store (FL-18)."""

    code = "world.store_fenced"
    hint_default = "this process must end; the other one goes on"


class StoreCorruptError(StoreError):
    """A row is not what was written (FL-16)."""

    code = "world.store_corrupt"
    hint_default = "stop the node, keep the files, restore a backup and reconcile with the partners"


class StoreFullError(StoreError):
    """The disk is full; nothing was written, and the store goes on when there is room (FL-14)."""

    code = "world.store_full"
    hint_default = "free some space; nothing is lost and nothing needs repair"
    retryable: ClassVar[bool] = True


class StoreFailedError(StoreError):
    """The disk has failed; nothing is believed until a restart has checked the store (FL-15)."""

    code = "world.store_failed"
    hint_default = "restart the node; it verifies the store before it goes on"


class StoreConflictError(StoreError):
    """Another worker was faster; nothing has happened, and the same can be tried again."""

    code = "world.store_conflict"
    hint_default = "the transaction is tried again on what the other worker has written"
    retryable: ClassVar[bool] = True


class StoreUnsafeError(StoreError):
    """The database would lose what it has confirmed."""

    code = "world.store_unsafe"
    hint_default = "a journal needs `fsync = on` and `full_page_writes = on` in postgresql.conf"


class StoreVersionError(StoreError):
    """The store was written by another version of relto."""

    code = "world.store_version"
    hint_default = "stop the node, back it up, and run `relto store upgrade`"


class ReadOnlyError(LocalError):
    """Something was to be written through a store opened for reading."""

    code = "local.read_only"


class Placed(Struct, frozen=True, kw_only=True):
    """An entry and its place in the order in which this node stored all its logs.

    Args:
        position: From 1, without gaps, over all logs together; the order in which a node folds.
        entry: The entry.
    """

    position: int
    entry: Entry


class Mark(Struct, frozen=True, kw_only=True):
    """A pointer at an entry of a log, so that it is found by what it is about.

    Args:
        name: What it is about, such as `topic/dprk.missile`.
        rank: Its place among those of the same name, the smallest first.
        number: The entry's number in its log.
    """

    name: str
    rank: str
    number: int


class Snapshot(Struct, frozen=True, kw_only=True):
    """A cache of what folding the entries has given; losing it costs time only.

    Args:
        position: The final entry that is in it.
        content: The state, as its owner encodes it.
    """

    position: int
    content: bytes


class BlobState(StrEnum):
    """How much of a package is here."""

    EXPECTED = "expected"
    COMPLETE = "complete"
    DESTROYED = "destroyed"


class Blob(Struct, frozen=True, kw_only=True):
    """What the journal knows about a package that lies beside it.

    Args:
        digest: Its content address: SHA-256 of its sealed bytes.
        size_bytes: Its length.
        state: How much of it is here.
        case: The case it came with; `None` for one's own holdings.
    """

    digest: Digest
    size_bytes: int
    state: BlobState
    case: CaseId | None = None


class Kept(Struct, frozen=True, kw_only=True):
    """Something kept as evidence: a fork, a conflicting entry, a refused frame.

    Args:
        kind: What it is, dotted.
        at: When it was kept.
        content: The bytes as they came.
    """

    kind: str
    at: Instant
    content: bytes


class Lying(Struct, frozen=True, kw_only=True):
    """A file that lies among the blobs, as the blob store sees it.

    Args:
        digest: Its name.
        size_bytes: Its length.
        is_complete: It is whole; otherwise a part that was resumed or not.
        age_seconds: Since somebody wrote it or said that it is wanted, by the machine's clock;
            below 0 when that clock went back.
    """

    digest: Digest
    size_bytes: int
    is_complete: bool
    age_seconds: int


class Transaction(Protocol):
    """Reads and writes that happen together or not at all."""

    @property
    def fence(self) -> int:
        """The store's token as this transaction sees it; see `Store.newest`."""

    def log(self, log: LogId) -> LogState | None:
        """Give a log's state; `None` when the log has never been written."""

    def logs(self) -> tuple[LogState, ...]:
        """Give all logs, by source and target."""

    def append(self, entries: Sequence[Entry], *states: LogState) -> int:
        """Store entries that follow those held of their logs, and the logs' states with them.

        Args:
            entries: In the order in which they are folded; those of one log are consecutive,
                beginning after the final one held; may be empty.
            states: Of each of their logs, the state after its final entry.

        Returns:
            The position of the final entry; the store's final position when there are none.
        """

    def put_log(self, state: LogState) -> None:
        """Store a log's state without new entries: a note or an acknowledgement."""

    def entries(self, log: LogId, *, first: int, end: int) -> tuple[Entry, ...]:
        """Give the entries with numbers in `[first, end)`; fewer when the log ends before."""

    def peak(self, log: LogId, number: int) -> tuple[bytes, bytes]:
        """Give an entry's leaf hash and its peak, for proofs (see `relto.journal.tree`).

        Args:
            log: Which log.
            number: An entry that the log has.
        """

    def case(self, case: CaseId, *, until: int | None = None) -> tuple[Placed, ...]:
        """Give the entries of a case, over all logs, by position.

        Args:
            case: Which case.
            until: Only those up to this position; `None` for all.
        """

    def put_marks(self, log: LogId, marks: Sequence[Mark]) -> None:
        """Point at entries of a log; a mark that is here already stays as it is."""

    def drop_marks(self, log: LogId, marks: Sequence[Mark]) -> None:
        """Take pointers back; one that is not here is passed over."""

    def clear_marks(self) -> None:
        """Take all pointers back."""

    def marked(
        self, log: LogId, name: str, *, after: Mark | None, until: int, limit: int
    ) -> tuple[tuple[Mark, Entry], ...]:
        """Give the entries that marks of a name point at, by rank and number.

        Args:
            log: Their log.
            name: What they are about.
            after: The mark to begin after; `None` to begin at the first.
            until: Only entries up to this number.
            limit: At most so many.
        """

    def since(self, position: int, *, limit: int) -> tuple[Placed, ...]:
        """Give the entries after a position, by position, at most `limit`."""

    def position(self) -> int:
        """Give the position of the final entry; 0 when there is none."""

    def destroy(self, log: LogId, *, number: int, part: str) -> bool:
        """Destroy a part's body and salt; the header and its proofs stay.

        Returns:
            Whether there was something to destroy.
        """

    def put_snapshot(self, name: str, snapshot: Snapshot) -> None:
        """Replace a named snapshot."""

    def snapshot(self, name: str) -> Snapshot | None:
        """Give a named snapshot; `None` when there is none."""

    def put_blob(self, blob: Blob) -> None:
        """Register a package, or change what is known about it."""

    def blob(self, digest: Digest) -> Blob | None:
        """Give what is known about a package; `None` when nothing is."""

    def blobs(self, state: BlobState) -> tuple[Blob, ...]:
        """Give the packages in a state, by digest."""

    def keep(self, kept: Kept) -> None:
        """Keep something as evidence; it is never changed or removed."""

    def kept(self) -> tuple[Kept, ...]:
        """Give all that was kept, oldest first."""

    def put_value(self, name: str, content: bytes) -> None:
        """Replace a small named value: the node's card, its settings."""

    def drop_value(self, name: str, *, is_destroyed: bool = False) -> None:
        """Forget a named value, whether it is there or not.

        Args:
            name: Which.
            is_destroyed: Nothing of it may be left in the store's files after the commit.
        """

    def value(self, name: str) -> bytes | None:
        """Give a named value; `None` when it was never put, or was dropped."""

    def values(self, names: Sequence[str]) -> dict[str, bytes]:
        """Give many named values at once, by name; what is not there is left out."""

    def attempt(self) -> AbstractContextManager[None]:
        """Open a part that can fail alone: an error undoes it and goes on outward."""

    def tell(self, words: str) -> None:
        """Tell the other workers of a shared store something when this is durable.

        Only a hint: it may get lost, and nobody hears it where there are no other workers.
        """


class Store(Protocol):
    """A node's memory, written by one process, or by several workers in turns where it is shared.

    In a shared store each transaction waits for the one before it to end, whichever worker's it
    is, and each that writes takes the next fence. A worker that finds another fence than the one
    it left has to read what others have stored before it does anything.
    """

    @property
    def fence(self) -> int:
        """The token of this writer; each later writer has a greater one."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Open a transaction; it is durable when the block ends, and undone when the block raises.

        One at a time: to open another one within is a bug, and leaves the outer one as it is.

        Raises:
            StoreFencedError: Another writer has taken over.
            StoreFullError: No room; nothing has happened.
            StoreFailedError: The disk has failed, now or before.
        """

    def reading(self) -> AbstractContextManager[Transaction]:
        """Open a transaction that only reads: one picture, for which no other worker waits.

        Raises:
            StoreError: As for `transaction`.
        """

    def newest(self) -> int:
        """Give the fence of the newest writer, quickly; the store's own where it is not shared."""

    def heard(self) -> tuple[str, ...]:
        """Take what other workers have told since the last call, oldest first; usually nothing."""

    def close(self) -> None:
        """Give up the lock. Closing twice is fine."""


class SharedStore(Store, Protocol):
    """A store that several workers of one node write in turns.

    A claim belongs to one worker until that worker gives it back or ends in any way. It keeps two
    workers from doing the same work; what keeps them from writing two histories are the turns.
    """

    def claim(self, name: str) -> bool:
        """Take a piece of work for this worker.

        Args:
            name: What: `link/KOR`. Who had it before and still believes so is fenced from here on.

        Returns:
            Whether it is this worker's now; false while another one has it.
        """

    def release(self, name: str) -> None:
        """Give a claim back; one that is not held is passed over."""

    def fileno(self) -> int:
        """Give the file that becomes readable when `heard` has something, or the store is lost."""


class BlobStore(Protocol):
    """Packages by content address. What is here complete has the digest of its name; always."""

    def held(self, digest: Digest) -> int:
        """Tell how many bytes are here of a package that is not complete yet; 0 when none."""

    def is_complete(self, digest: Digest) -> bool:
        """Tell whether the whole package is here."""

    def has_any(self, digest: Digest) -> bool:
        """Tell whether anything of a package is here, whole or in part."""

    def write(self, digest: Digest, *, offset: int, data: bytes) -> int:
        """Add bytes at the end of what is here.

        Args:
            digest: The package.
            offset: Where `data` begins; a range that is here already is passed over.
            data: The next bytes.

        Returns:
            How many bytes are here now.

        Raises:
            BlobGapError: `offset` lies beyond what is here.
        """

    def finish(self, digest: Digest, *, size_bytes: int) -> None:
        """Check what is here against its name and size, and make it durable.

        Raises:
            BlobMismatchError: It is not that package; what was here is thrown away.
        """

    def read(self, digest: Digest, *, offset: int, count: int) -> bytes:
        """Read a range of a complete package; shorter at its end.

        Raises:
            BlobMissingError: It is not here.
        """

    def destroy(self, digest: Digest) -> bool:
        """Remove a package, complete or not; tells whether there was one."""

    def touch(self, digest: Digest) -> bool:
        """Tell whether the whole package is here; if so, it is as young as if just written."""

    def lying(self, *, after: Lying | None, limit: int) -> tuple[Lying, ...]:
        """Give what lies here, complete ones before parts, each by digest.

        Args:
            after: The one to begin after; `None` to begin at the first.
            limit: At most so many.
        """

    def sweep(self, digest: Digest, *, older_than_seconds: int) -> bool:
        """Remove a package, complete or not, that is older than that; tells whether it did.

        Whoever writes or touches it at the same time is either before, and keeps it, or finds it
        gone.
        """


class BlobGapError(LocalError):
    """A range of a package does not follow what is here."""

    code = "local.blob_gap"


class BlobMismatchError(WorldError):
    """What arrived is not the package that was named."""

    code = "world.blob_mismatch"
    hint_default = "it is fetched again from the partner"
    retryable: ClassVar[bool] = True


class BlobMissingError(LocalError):
    """A package is not here."""

    code = "local.blob_missing"
