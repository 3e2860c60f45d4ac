"""One transaction over a driver's cursor: what SQLite and PostgreSQL have in common.

Every row is checked when it is read. An entry's header is hashed to its leaf and each body to its
commitment, so an entry needs no checksum of its own; every other row carries one over its key and
its content.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

import msgspec

from relto.adapters.store.tables import Statement, Statements
from relto.codec import Codec, decode_entry
from relto.errors import PeerError
from relto.journal import LOG_STATE, LogState, peak_of
from relto.model import Body, Entry, LogId, WireEntry
from relto.ports.store import (
    Blob,
    BlobState,
    Kept,
    Mark,
    Placed,
    ReadOnlyError,
    Snapshot,
    StoreCorruptError,
)
from relto.seal import digest_bytes, leaf_hash
from relto.units import CaseId, Digest

T = TypeVar("T")

# Of the values that one transaction has read or put: at most so many small packages.
_VALUES_KEPT_MAX: Final = 64
_BODIES: Final = msgspec.msgpack.Decoder(tuple[Body | None, ...])
_POSITION_MAX: Final = 2**63 - 1
_BLOB: Final = Codec(Blob, name="blob row", limit=4_096)
_KEPT: Final = Codec(Kept, name="kept row", limit=64_000_000)


class Cursor(Protocol):
    """What both drivers' cursors offer."""

    def execute(self, query: str, values: Sequence[object] = ..., /) -> object:
        """Run one statement."""

    def executemany(self, query: str, values: Sequence[Sequence[object]], /) -> object:
        """Run one statement for many rows."""

    def fetchone(self) -> tuple[object, ...] | None:
        """Give the next row."""

    def fetchall(self) -> list[tuple[object, ...]]:
        """Give all rows."""


class SqlTransaction:
    """A transaction that has begun; the store that opened it ends it."""

    def __init__(
        self,
        cursor: Cursor,
        statements: Statements,
        *,
        is_readonly: bool,
        fence: int,
        known: dict[str, int],
        position: int | None = None,
    ) -> None:
        """Take over a cursor inside a transaction.

        Args:
            cursor: The driver's.
            statements: For its database.
            is_readonly: Nothing may be written.
            fence: What the transaction sees.
            known: The row numbers of logs, by origin, kept by the store from one transaction to the
                next; a log's row never goes.
            position: Of the final entry; `None` is read when it is needed.
        """
        self.fence = fence
        self._known = known
        self._cursor = cursor
        self._statements = statements
        self._is_readonly = is_readonly
        self._log_ids: dict[str, int] = {}
        self._position = position
        # Values read or put in this transaction; nobody else changes them meanwhile.
        self._values: dict[str, bytes | None] = {}
        self._attempts = 0
        self.has_destroyed = False
        self.has_written = False

    # ------------------------------------------------------------ logs and entries

    def log(self, log: LogId) -> LogState | None:
        """See `Transaction.log`."""
        row = self._one(self._statements.log, p_origin=log.origin)
        return None if row is None else self._log_state(row)

    def logs(self) -> tuple[LogState, ...]:
        """See `Transaction.logs`."""
        rows = self._all(self._statements.logs)
        return tuple(sorted(map(self._log_state, rows), key=lambda state: state.log))

    def append(self, entries: Sequence[Entry], *states: LogState) -> int:
        """See `Transaction.append`."""
        for state in states:
            self.put_log(state)
        position = self.position()
        placed = {
            (state.log.source, state.log.target): _Placing(
                state, log_id=self._log_id(state.log.origin), read=self.peak
            )
            for state in states
        }
        rows = [
            self._statements.add_entry.values(
                {
                    **placed[entry.header.source, entry.header.target].place(entry),
                    "p_position": position + place,
                }
            )
            for place, entry in enumerate(entries, start=1)
        ]
        assert all(one.is_done for one in placed.values())
        if rows:
            self._cursor.executemany(self._statements.add_entry.text, rows)
        self._position = position + len(entries)
        return self._position

    def put_log(self, state: LogState) -> None:
        """See `Transaction.put_log`."""
        origin = state.log.origin
        content = LOG_STATE.encode(state)
        values = {"p_state": content, "p_checksum": _checksum(origin, content), "p_origin": origin}
        if self._log_id(origin) is not None:
            self._run(self._statements.put_log, **values)
            return
        row = self._one(self._statements.log, p_origin=origin)
        if row is not None:
            self._known[origin] = _integer(row[0])
            self._run(self._statements.put_log, **values)
            return
        self._run(self._statements.add_log, **values)
        row = self._one(self._statements.log, p_origin=origin)
        assert row is not None
        # Known to this transaction alone, until another one finds it: this one may be undone.
        self._log_ids[origin] = _integer(row[0])

    def _log_id(self, origin: str) -> int | None:
        return self._known.get(origin) or self._log_ids.get(origin)

    def entries(self, log: LogId, *, first: int, end: int) -> tuple[Entry, ...]:
        """See `Transaction.entries`."""
        rows = self._all(self._statements.entries, p_origin=log.origin, p_first=first, p_end=end)
        return tuple(_placed(row).entry for row in rows)

    def peak(self, log: LogId, number: int) -> tuple[bytes, bytes]:
        """See `Transaction.peak`; a wrong one shows in the root it leads to."""
        row = self._one(self._statements.peak, p_origin=log.origin, p_number=number)
        if row is None:
            raise StoreCorruptError(f"entry {number} of `{log.origin}` is missing")
        return _bytes(row[0]), _bytes(row[1])

    def case(self, case: CaseId, *, until: int | None = None) -> tuple[Placed, ...]:
        """See `Transaction.case`."""
        end = _POSITION_MAX if until is None else until
        return tuple(map(_placed, self._all(self._statements.case, p_case=case, p_until=end)))

    def put_marks(self, log: LogId, marks: Sequence[Mark]) -> None:
        """See `Transaction.put_marks`."""
        self._run_many(self._statements.add_mark, log, marks)

    def drop_marks(self, log: LogId, marks: Sequence[Mark]) -> None:
        """See `Transaction.drop_marks`."""
        self._run_many(self._statements.drop_mark, log, marks)

    def clear_marks(self) -> None:
        """See `Transaction.clear_marks`."""
        self._run(self._statements.clear_marks)

    def marked(
        self, log: LogId, name: str, *, after: Mark | None, until: int, limit: int
    ) -> tuple[tuple[Mark, Entry], ...]:
        """See `Transaction.marked`."""
        rows = self._all(
            self._statements.marked,
            p_origin=log.origin,
            p_name=name,
            p_rank="" if after is None else after.rank,
            p_number=0 if after is None else after.number,
            p_until=until,
            p_limit=limit,
        )
        found = []
        for *row, rank in rows:
            entry = _placed(tuple(row)).entry
            found.append((Mark(name=name, rank=str(rank), number=entry.header.number), entry))
        return tuple(found)

    def since(self, position: int, *, limit: int) -> tuple[Placed, ...]:
        """See `Transaction.since`."""
        if self._position is not None and position >= self._position:
            return ()
        rows = self._all(self._statements.since, p_position=position, p_limit=limit)
        return tuple(map(_placed, rows))

    def position(self) -> int:
        """See `Transaction.position`."""
        if self._position is None:
            row = self._one(self._statements.final_position)
            self._position = 0 if row is None or row[0] is None else _integer(row[0])
        return self._position

    def destroy(self, log: LogId, *, number: int, part: str) -> bool:
        """See `Transaction.destroy`."""
        rows = self._all(
            self._statements.entries, p_origin=log.origin, p_first=number, p_end=number + 1
        )
        if not rows:
            return False
        placed = _placed(rows[0])
        left = tuple(
            None if commitment.name == part else body
            for commitment, body in zip(placed.entry.header.parts, placed.entry.bodies, strict=True)
        )
        if left == placed.entry.bodies:
            return False
        self._run(
            self._statements.put_bodies,
            p_bodies=msgspec.msgpack.encode(left),
            p_position=placed.position,
        )
        self.has_destroyed = True
        return True

    # ------------------------------------------------------------ what lies beside

    def put_snapshot(self, name: str, snapshot: Snapshot) -> None:
        """See `Transaction.put_snapshot`."""
        key = f"{name}/{snapshot.position}"
        self._run(self._statements.drop_snapshot, p_name=name)
        self._run(
            self._statements.add_snapshot,
            p_name=name,
            p_position=snapshot.position,
            p_content=snapshot.content,
            p_checksum=_checksum(key, snapshot.content),
        )

    def snapshot(self, name: str) -> Snapshot | None:
        """See `Transaction.snapshot`."""
        row = self._one(self._statements.snapshot, p_name=name)
        if row is None:
            return None
        position = _integer(row[0])
        content = _checked(f"{name}/{position}", row[1], row[2])
        return Snapshot(position=position, content=content)

    def put_blob(self, blob: Blob) -> None:
        """See `Transaction.put_blob`."""
        content = _BLOB.encode(blob)
        self._run(self._statements.drop_blob, p_digest=blob.digest)
        self._run(
            self._statements.add_blob,
            p_digest=blob.digest,
            p_state=blob.state.value,
            p_content=content,
            p_checksum=_checksum(f"{blob.digest}/{blob.state.value}", content),
        )

    def blob(self, digest: Digest) -> Blob | None:
        """See `Transaction.blob`."""
        row = self._one(self._statements.blob, p_digest=digest)
        return None if row is None else _blob(row)

    def blobs(self, state: BlobState) -> tuple[Blob, ...]:
        """See `Transaction.blobs`."""
        return tuple(map(_blob, self._all(self._statements.blobs, p_state=state.value)))

    def keep(self, kept: Kept) -> None:
        """See `Transaction.keep`."""
        content = _KEPT.encode(kept)
        self._run(
            self._statements.add_kept, p_content=content, p_checksum=_checksum("kept", content)
        )

    def kept(self) -> tuple[Kept, ...]:
        """See `Transaction.kept`."""
        return tuple(
            _read(_KEPT, _checked("kept", *row)) for row in self._all(self._statements.kept)
        )

    def put_value(self, name: str, content: bytes) -> None:
        """See `Transaction.put_value`."""
        self._run(self._statements.drop_value, p_name=name)
        self._run(
            self._statements.add_value,
            p_name=name,
            p_content=content,
            p_checksum=_checksum(name, content),
        )
        self._remember(name, content)

    def drop_value(self, name: str, *, is_destroyed: bool = False) -> None:
        """See `Transaction.drop_value`."""
        self._run(self._statements.drop_value, p_name=name)
        self._remember(name, None)
        self.has_destroyed = self.has_destroyed or is_destroyed

    def value(self, name: str) -> bytes | None:
        """See `Transaction.value`."""
        if name not in self._values:
            row = self._one(self._statements.value, p_name=name)
            self._remember(name, None if row is None else _checked(name, *row))
        return self._values[name]

    def _remember(self, name: str, content: bytes | None) -> None:
        if len(self._values) >= _VALUES_KEPT_MAX:
            self._values.clear()
        self._values[name] = content

    def values(self, names: Sequence[str]) -> dict[str, bytes]:
        """See `Transaction.values`."""
        if not names:
            return {}
        rows = self._all(self._statements.values, p_names=self._statements.names(names))
        return {str(name): _checked(str(name), *row) for name, *row in rows}

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """See `Transaction.attempt`."""
        self._attempts += 1
        name = f"attempt_{self._attempts}"
        known, position = dict(self._log_ids), self._position
        self._cursor.execute(f"SAVEPOINT {name}")
        # What was written before fails here, and what is written within fails within.
        self._settle()
        try:
            yield
            self._settle()
        except BaseException:
            self._log_ids, self._position = known, position
            self._values.clear()
            self._cursor.execute(f"ROLLBACK TO SAVEPOINT {name}")
            self._cursor.execute(f"RELEASE SAVEPOINT {name}")
            raise
        self._cursor.execute(f"RELEASE SAVEPOINT {name}")

    def tell(self, words: str) -> None:
        """See `Transaction.tell`; nobody else is there."""

    # ------------------------------------------------------------ helpers

    def _settle(self) -> None:
        """Wait for what has been written, where the cursor lets statements wait."""

    def _run(self, statement: Statement, **values: object) -> None:
        if self._is_readonly:
            raise ReadOnlyError("the store is open for reading only")
        self.has_written = True
        self._cursor.execute(statement.text, statement.values(values))

    def _run_many(self, statement: Statement, log: LogId, marks: Sequence[Mark]) -> None:
        if self._is_readonly:
            raise ReadOnlyError("the store is open for reading only")
        if not marks:
            return
        self.has_written = True
        if log.origin not in self._log_ids:
            self.log(log)
        log_id = self._log_ids[log.origin]
        rows = [
            statement.values(
                {
                    "p_log_id": log_id,
                    "p_name": mark.name,
                    "p_rank": mark.rank,
                    "p_number": mark.number,
                }
            )
            for mark in marks
        ]
        self._cursor.executemany(statement.text, rows)

    def _one(self, statement: Statement, **values: object) -> tuple[object, ...] | None:
        self._cursor.execute(statement.text, statement.values(values))
        return self._cursor.fetchone()

    def _all(self, statement: Statement, **values: object) -> list[tuple[object, ...]]:
        self._cursor.execute(statement.text, statement.values(values))
        return self._cursor.fetchall()

    def _log_state(self, row: tuple[object, ...]) -> LogState:
        log_id, origin, content, checksum = row
        state = _read(LOG_STATE, _checked(str(origin), content, checksum))
        if state.log.origin != origin:
            raise StoreCorruptError(f"log row of `{origin}` holds another log")
        self._log_ids.setdefault(origin, _integer(log_id))
        return state


class _Placing:
    """Gives the new entries of one log their leaves and peaks, in order.

    Args:
        state: The log after the last of them.
        log_id: Its row.
        read: Gives a peak that is stored already.
    """

    def __init__(
        self,
        state: LogState,
        *,
        log_id: int | None,
        read: Callable[[LogId, int], tuple[bytes, bytes]],
    ) -> None:
        self._state = state
        self._log_id = log_id
        self._read = read
        self._final: int | None = None
        self._peaks: dict[int, tuple[bytes, bytes]] = {}

    @property
    def is_done(self) -> bool:
        """Whether the entries, if there were any, lead to the state."""
        return self._final in {None, self._state.size}

    def place(self, entry: Entry) -> dict[str, object]:
        """Give what of a row an entry fills by itself."""
        number = entry.header.number
        assert self._final in {None, number - 1}
        self._final = number
        leaf = leaf_hash(entry.raw)
        if number == self._state.size:
            # The smallest subtree of the frontier ends with the final leaf.
            peak = self._state.frontier[-1]
        else:
            peak = peak_of(leaf, number=number, peaks=self._peak)
        self._peaks[number] = leaf, peak
        return {
            "p_log_id": self._log_id,
            "p_number": number,
            "p_case_id": entry.header.case,
            "p_leaf": leaf,
            "p_peak": peak,
            "p_header": entry.raw,
            "p_bodies": msgspec.msgpack.encode(entry.bodies),
        }

    def _peak(self, number: int) -> tuple[bytes, bytes]:
        if number not in self._peaks:
            self._peaks[number] = self._read(self._state.log, number)
        return self._peaks[number]


def _placed(row: tuple[object, ...]) -> Placed:
    position, origin, number, case, leaf, header, bodies = row
    raw = _bytes(header)
    where = f"entry {number} of `{origin}`"
    if leaf_hash(raw) != _bytes(leaf):
        raise StoreCorruptError(f"{where} is not what was written: header")
    try:
        decoded = _BODIES.decode(_bytes(bodies))
        entry = decode_entry(WireEntry(header=raw, bodies=decoded))
    except (msgspec.MsgspecError, PeerError) as error:
        raise StoreCorruptError(f"{where} is not what was written: bodies") from error
    told = (entry.header.log.origin, entry.header.number, entry.header.case)
    if told != (origin, number, case):
        raise StoreCorruptError(f"{where} stands in another entry's place")
    return Placed(position=_integer(position), entry=entry)


def _blob(row: tuple[object, ...]) -> Blob:
    digest, state, content, checksum = row
    return _read(_BLOB, _checked(f"{digest}/{state}", content, checksum))


def _checksum(key: str, content: bytes) -> bytes:
    return digest_bytes(key.encode() + b"\x00" + content)


def _checked(key: str, content: object, checksum: object) -> bytes:
    data = _bytes(content)
    if _checksum(key, data) != _bytes(checksum):
        raise StoreCorruptError(f"row `{key}` is not what was written")
    return data


def _read(codec: Codec[T], content: bytes) -> T:
    try:
        return codec.decode(content)
    except PeerError as error:
        raise StoreCorruptError(f"{codec.name} is not what was written") from error


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes | memoryview):
        raise StoreCorruptError("a row holds something else than bytes where bytes belong")
    return bytes(value)


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise StoreCorruptError("a row holds something else than a number where one belongs")
    return value
