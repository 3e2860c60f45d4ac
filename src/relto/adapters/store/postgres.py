"""A store in a PostgreSQL database, held by one process through a session lock.

That lock is like the one beside a SQLite file. `shared` lets several workers write in turns.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, Self

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import make_url

from relto.adapters.store.channel import Channel
from relto.adapters.store.schema import SCHEMA_VERSION, WHOLE_LOCK, create_schema, engine_of
from relto.adapters.store.tables import Statements, other_version
from relto.adapters.store.transaction import SqlTransaction
from relto.ports.store import (
    StoreConflictError,
    StoreCorruptError,
    StoreError,
    StoreFailedError,
    StoreFencedError,
    StoreFullError,
    StoreLockedError,
    StoreUnsafeError,
    StoreVersionError,
)

_DIALECT: Final = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]  # theirs
_WAIT_MS: Final = 1_000
_WRITE: Final = "BEGIN ISOLATION LEVEL READ COMMITTED"
_SIGHT: Final = "SELECT fence, (SELECT coalesce(max(position), 0) FROM entry) FROM store"
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresTransaction(SqlTransaction):
    """A transaction whose statements wait for the next that reads, or for its end."""

    def _settle(self) -> None:
        assert isinstance(self._cursor, Channel)
        self._cursor.settle()


class PostgresStore:
    """A store in PostgreSQL; see `relto.ports.store.Store`."""

    def __init__(self, url: str, *, is_readonly: bool = False) -> None:
        """Open the store, or begin one in an empty database.

        Args:
            url: `postgresql+psycopg://…`; one database for each node.
            is_readonly: Look on; no lock, no writing.

        Raises:
            StoreLockedError: Another process holds it, alone or shared.
            StoreVersionError: It was written by another version.
            StoreUnsafeError: The server does not flush what it confirms.
            StoreError: It cannot be reached.
        """
        self._is_readonly = is_readonly
        self._failure: str | None = None
        self._log_ids: dict[str, int] = {}
        self._statements = Statements(_DIALECT)
        with _translated():
            self._connection = psycopg.connect(conninfo(url), autocommit=True)
        try:
            with _translated():
                self._cursor = self._connection.cursor(binary=True)
                self._channel = Channel(self._connection)
                self._check_safety()
                if not is_readonly:
                    self._lock_whole()
                    if not self._has_tables():
                        _create(url)
                self._check_version()
                self._fence = self._take_fence()
        except BaseException:
            self.close()
            raise

    @classmethod
    def look(cls, url: str) -> Self:
        """Open an existing store for reading, beside whoever writes."""
        return cls(url, is_readonly=True)

    @property
    def fence(self) -> int:
        """See `Store.fence`."""
        return self._fence

    @contextmanager
    def transaction(self) -> Iterator[SqlTransaction]:
        """See `Store.transaction`."""
        # One snapshot for a reader, who wants a whole picture; the newest row for a writer.
        begin = _READ if self._is_readonly else _WRITE
        with self._spanned(begin, is_readonly=self._is_readonly) as transaction:
            yield transaction

    @contextmanager
    def reading(self) -> Iterator[SqlTransaction]:
        """See `Store.reading`."""
        with self._spanned(_READ, is_readonly=True) as transaction:
            yield transaction

    @contextmanager
    def _spanned(self, begin: str, *, is_readonly: bool) -> Iterator[SqlTransaction]:
        if self._failure is not None:
            raise StoreFailedError(f"the store has failed before: {self._failure}")
        # The server itself would take the inner one for a part of the outer one, and end both.
        status = self._connection.info.transaction_status
        assert status != TransactionStatus.INTRANS, "a transaction is under way"
        try:
            with self._watched():
                fence, position = self._begin(begin, is_readonly=is_readonly)
                transaction = self._transaction(
                    self._channel,
                    self._statements,
                    is_readonly=is_readonly,
                    fence=fence,
                    known=self._log_ids,
                    position=position,
                )
                yield transaction
                self._commit(transaction)
        except BaseException:
            self._roll_back()
            raise

    def picture(self) -> str:
        """Name what the transaction under way sees, so that another connection can see the same."""
        with self._watched():
            self._cursor.execute("SELECT pg_export_snapshot()")
            row = self._cursor.fetchone()
        assert row is not None
        return str(row[0])

    def newest(self) -> int:
        """See `Store.newest`."""
        return self._fence

    def heard(self) -> tuple[str, ...]:
        """See `Store.heard`; nobody else is there."""
        return ()

    def close(self) -> None:
        """See `Store.close`."""
        if not self._connection.closed:
            # Given up here and now: the server ends a session in its own time.
            with suppress(psycopg.Error):
                self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()

    # ------------------------------------------------------------ what a shared one does otherwise

    _lock_mode = "pg_advisory_lock"
    _transaction = PostgresTransaction

    def _begin(self, begin: str, *, is_readonly: bool) -> tuple[int, int]:
        """Begin a transaction; gives the fence and the final position that it sees."""
        fence, position = self._sight(begin)
        if fence != self._fence and not is_readonly:
            raise StoreFencedError(f"fence {self._fence} is not the one in the store")
        return fence, position

    def _sight(self, *before: str) -> tuple[int, int]:
        """Carry statements out, and read where the store stands."""
        for query in before:
            self._channel.execute(query)
        self._channel.execute(_SIGHT)
        return as_sight(self._channel.fetchone())

    def _commit(self, _transaction: SqlTransaction) -> None:
        self._channel.execute("COMMIT")
        self._committed()

    def _committed(self) -> None:
        """Send what waits, a COMMIT the last; what the server undid instead has not happened."""
        told = self._channel.settle()
        if told != "COMMIT":
            raise StoreFailedError(f"the database did not commit: {told}")

    def _take_fence(self) -> int:
        if self._is_readonly:
            return self._read_fence()
        self._cursor.execute("UPDATE store SET fence = fence + 1")
        return self._read_fence()

    # ------------------------------------------------------------ helpers

    def _read_fence(self) -> int:
        self._cursor.execute("SELECT fence FROM store")
        row = self._cursor.fetchone()
        assert row is not None
        assert isinstance(row[0], int)
        return row[0]

    def _lock_whole(self) -> None:
        # The server takes a moment to notice that the process before us has ended.
        self._cursor.execute(f"SET lock_timeout = '{_WAIT_MS}ms'")
        try:
            self._cursor.execute(
                f"SELECT {self._lock_mode}(hashtextextended(%s, 0))", (WHOLE_LOCK,)
            )
        except errors.LockNotAvailable as error:
            raise StoreLockedError(
                "the database is in use by another process of this node"
            ) from error
        self._cursor.fetchone()
        self._cursor.execute("SET lock_timeout = 0")

    def _check_safety(self) -> None:
        self._cursor.execute("SET synchronous_commit = on")
        for name in ("fsync", "full_page_writes"):
            self._cursor.execute(f"SHOW {name}")
            if self._cursor.fetchone() != ("on",):
                raise StoreUnsafeError(f"the server has `{name} = off`")

    def _has_tables(self) -> bool:
        self._cursor.execute("SELECT to_regclass('alembic_version') IS NOT NULL")
        return self._cursor.fetchone() == (True,)

    def _check_version(self) -> None:
        if not self._has_tables():
            raise StoreVersionError("no store in the database")
        self._cursor.execute("SELECT version_num FROM alembic_version")
        row = self._cursor.fetchone()
        if row != (SCHEMA_VERSION,):
            raise other_version(None if row is None else row[0])

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Translate the driver's errors; after a failure nothing more is taken (FL-15)."""
        try:
            with _translated():
                yield
        except StoreFailedError as error:
            self._failure = error.message
            raise

    def _roll_back(self) -> None:
        self._channel.forget()
        try:
            self._connection.rollback()
        except psycopg.Error as error:
            self._failure = self._failure or str(error)


def as_sight(row: Sequence[object] | None) -> tuple[int, int]:
    """Check a fence and a position."""
    assert row is not None
    fence, position = row
    assert isinstance(fence, int)
    assert isinstance(position, int)
    return fence, position


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise _translate(error) from error


def _translate(error: psycopg.Error) -> StoreError:
    match error:
        case errors.DiskFull() | errors.InsufficientResources():
            return StoreFullError("no room in the database for the journal")
        case errors.SerializationFailure() | errors.DeadlockDetected() | errors.UniqueViolation():
            return StoreConflictError("another worker was faster")
        case errors.LockNotAvailable():
            return StoreConflictError("another worker takes too long over its turn")
        case errors.DataCorrupted() | errors.IndexCorrupted() | errors.UndefinedTable():
            return StoreCorruptError("not a sound store")
        case _:
            return StoreFailedError(f"the database failed: {_first_line(error)}")


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]


def conninfo(url: str) -> str:
    """Give the driver's form of an SQLAlchemy URL."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _create(url: str) -> None:
    """Create the tables; the caller holds the lock."""
    engine = engine_of(url)
    with engine.begin() as connection:
        create_schema(connection)
