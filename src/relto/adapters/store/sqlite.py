"""The default store: one SQLite file, one process.

WAL with `synchronous=FULL`, so that a transaction that has ended is on the disk. A lock on a file
beside it keeps a second process out; a fence inside it stops a writer that believes it still has
the lock (FL-18). Readers may look on.
"""

import errno
import fcntl
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.schema import CreateIndex, CreateTable

from relto.adapters.store.tables import METADATA, SCHEMA_VERSION, Statements, other_version
from relto.adapters.store.transaction import SqlTransaction
from relto.ports.store import (
    StoreCorruptError,
    StoreError,
    StoreFailedError,
    StoreFencedError,
    StoreFullError,
    StoreLockedError,
)

_DIALECT: Final = SQLiteDialect(paramstyle="qmark")
_BUSY_MS: Final = 5_000
# What SQLite says when it could not write, whatever the reason; it names a full disk alone.
_UNWRITTEN: Final = frozenset(
    {
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_SHMOPEN,
        sqlite3.SQLITE_IOERR_SHMSIZE,
        sqlite3.SQLITE_IOERR_TRUNCATE,
    }
)
# Less room than this is none: more than one transaction writes.
_ROOM_BYTES: Final = 1_048_576


class SqliteStore:
    """A store in one SQLite file; see `relto.ports.store.Store`."""

    def __init__(self, path: Path, *, is_readonly: bool = False) -> None:
        """Open the store, or begin one.

        Args:
            path: The file; its directory must exist.
            is_readonly: Look on beside a running node: no lock, no writing.

        Raises:
            StoreLockedError: Another process has it open.
            StoreVersionError: It was written by another version.
            StoreCorruptError: It is not a store.
        """
        self._path = path
        self._is_readonly = is_readonly
        self._process = os.getpid()
        self._failure: str | None = None
        self._log_ids: dict[str, int] = {}
        # What was destroyed may still be in the write-ahead log: also what a crash has kept there.
        self._is_wiping_due = not is_readonly
        self._lock: int | None = None if is_readonly else lock_file(path)
        try:
            with _translated(self._path):
                self._connection = self._connect()
                self._set_up()
            self._cursor = self._connection.cursor()
            self._statements = Statements(_DIALECT)
            self._fence = self._begin_store()
        except BaseException:
            self.close()
            raise

    @classmethod
    def look(cls, path: Path) -> Self:
        """Open an existing store for reading, beside whoever writes."""
        return cls(path, is_readonly=True)

    @property
    def fence(self) -> int:
        """See `Store.fence`."""
        return self._fence

    @contextmanager
    def transaction(self) -> Iterator[SqlTransaction]:
        """See `Store.transaction`."""
        if os.getpid() != self._process:
            raise StoreLockedError("the store was opened by another process than this one")
        if self._failure is not None:
            raise StoreFailedError(f"the store has failed before: {self._failure}")
        assert not self._connection.in_transaction, "a transaction is under way"
        transaction = SqlTransaction(
            self._cursor,
            self._statements,
            is_readonly=self._is_readonly,
            fence=self._fence,
            known=self._log_ids,
        )
        try:
            with self._watched():
                self._cursor.execute("BEGIN" if self._is_readonly else "BEGIN IMMEDIATE")
                self._check_fence()
                yield transaction
                self._cursor.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        if transaction.has_destroyed or self._is_wiping_due:
            self._wipe_log(is_patient=transaction.has_destroyed)

    def _wipe_log(self, *, is_patient: bool) -> None:
        """See to it that what was destroyed does not live on in the write-ahead log.

        The commit stands, so a full disk or a reader that takes its time only put this off until
        the next transaction has ended.

        Args:
            is_patient: Wait for whoever reads.
        """
        self._is_wiping_due = True
        with suppress(StoreFullError), self._watched():
            wait_ms = _BUSY_MS if is_patient else 0
            self._cursor.execute(f"PRAGMA busy_timeout={wait_ms}").fetchall()
            try:
                answer = self._cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self._is_wiping_due = answer[0] != 0
            finally:
                self._cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}").fetchall()

    def reading(self) -> AbstractContextManager[SqlTransaction]:
        """See `Store.reading`; nobody else writes."""
        return self.transaction()

    def newest(self) -> int:
        """See `Store.newest`."""
        return self._fence

    def heard(self) -> tuple[str, ...]:
        """See `Store.heard`; nobody else is there."""
        return ()

    def close(self) -> None:
        """See `Store.close`."""
        connection = self.__dict__.pop("_connection", None)
        if connection is not None:
            connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def backup(self, target: Path) -> None:
        """Copy the store, consistent and whole, while it is in use.

        Args:
            target: A file that does not exist yet.
        """
        if target.exists():
            raise StoreError(f"`{target.name}` exists already")
        _make_private(target)
        with _translated(target), closing(sqlite3.connect(target)) as copy:
            self._connection.backup(copy)
        _sync(target)

    def check(self) -> None:
        """Have SQLite check its own pages and indexes.

        Raises:
            StoreCorruptError: It found something wrong.
        """
        with _translated(self._path):
            (answer,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if answer != "ok":
            raise StoreCorruptError("the store's pages do not hold together")

    def _connect(self) -> sqlite3.Connection:
        if self._is_readonly:
            place = f"{self._path.absolute().as_uri()}?mode=ro"
            return sqlite3.connect(place, uri=True, isolation_level=None, timeout=_BUSY_MS / 1e3)
        _make_private(self._path)
        return sqlite3.connect(
            self._path, isolation_level=None, timeout=_BUSY_MS / 1e3, check_same_thread=False
        )

    def _set_up(self) -> None:
        if self._is_readonly:
            return
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            "cell_size_check=ON",
            "trusted_schema=OFF",
        ):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()

    def _begin_store(self) -> int:
        """Create the tables in an empty file, and take the next fence."""
        with _translated(self._path):
            tables = self._cursor.execute("SELECT name FROM sqlite_master").fetchall()
            if self._is_readonly:
                self._check_version()
                return int(self._cursor.execute(self._statements.fence.text).fetchone()[0])
            self._cursor.execute("BEGIN IMMEDIATE")
            if not tables:
                for table in METADATA.sorted_tables:
                    self._cursor.execute(str(CreateTable(table).compile(dialect=_DIALECT)))
                    for index in table.indexes:
                        self._cursor.execute(str(CreateIndex(index).compile(dialect=_DIALECT)))
                self._cursor.execute(
                    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
                )
                self._cursor.execute("INSERT INTO alembic_version VALUES (?)", (SCHEMA_VERSION,))
                self._cursor.execute("INSERT INTO store (id, fence) VALUES (1, 0)")
            self._check_version()
            self._cursor.execute("UPDATE store SET fence = fence + 1")
            (fence,) = self._cursor.execute(self._statements.fence.text).fetchone()
            self._cursor.execute("COMMIT")
        return int(fence)

    def _check_version(self) -> None:
        row = self._cursor.execute("SELECT version_num FROM alembic_version").fetchone()
        if row is None or row[0] != SCHEMA_VERSION:
            raise other_version(None if row is None else row[0])

    def _check_fence(self) -> None:
        (fence,) = self._cursor.execute(self._statements.fence.text).fetchone()
        if fence != self._fence and not self._is_readonly:
            raise StoreFencedError(f"fence {self._fence} is behind {fence}")

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Translate the driver's errors; once the disk has failed, take nothing more (FL-15)."""
        try:
            with _translated(self._path):
                yield
        except StoreFailedError as error:
            self._failure = error.message
            raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            try:
                self._cursor.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._failure = self._failure or str(error)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error, path) from error


def translate(error: sqlite3.Error, path: Path | None = None) -> StoreError:
    """Give the error of this room for one of SQLite's, about a file that could not be written."""
    extended = getattr(error, "sqlite_errorcode", None) or 0
    if path is not None and extended in _UNWRITTEN and not _has_room(path):
        return StoreFullError("no room on the disk for the journal")
    match extended & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StoreFullError("no room on the disk for the journal")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreLockedError("another process holds the store")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_ERROR:
            return StoreCorruptError(f"not a sound store: {error}")
        case _:
            return StoreFailedError(f"the disk failed: {error}")


def _has_room(path: Path) -> bool:
    """Tell whether a disk that did not take a write would take another: no quota, no limit is met.

    SQLite says of both what it says of a disk that fails, and that one must not be tried again.
    """
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit != resource.RLIM_INFINITY:
        beside = [path.with_name(path.name + suffix) for suffix in ("", "-wal")]
        if any(one.is_file() and one.stat().st_size + _ROOM_BYTES > limit for one in beside):
            return False
    probe = path.with_name(path.name + "-probe")
    try:
        handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(handle, 0, _ROOM_BYTES)
        finally:
            os.close(handle)
            probe.unlink()
    except OSError as error:
        return error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
    return True


def lock_file(path: Path) -> int:
    """Take the lock beside the file; the system frees it when the process ends, in any way."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    handle = os.open(path.with_name(path.name + ".lock"), flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreLockedError(f"`{path.name}` is in use by another process") from error
    return handle


def _make_private(path: Path) -> None:
    """Make the file for its owner alone, if it is not there; what SQLite puts beside it follows."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreFailedError(f"cannot open `{path.name}`: {error.strerror}") from error


def _sync(path: Path) -> None:
    for name, flags in ((path, os.O_RDONLY), (path.parent, os.O_RDONLY | os.O_DIRECTORY)):
        handle = os.open(name, flags)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
