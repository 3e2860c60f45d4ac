"""A store in a PostgreSQL database, for a node that outgrows one process.

Alone (the default), one process holds the database through a session lock, like the lock beside a
SQLite file. Shared, several workers write at once: each claims the logs of its links, a log nobody
claimed is locked by whoever reads it in a transaction, and positions are given out under one short
lock, so that their order is the order of the commits.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, Self

import psycopg
from psycopg import errors
from sqlalchemy import create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from relto.adapters.store.schema import SCHEMA_VERSION, create_schema
from relto.adapters.store.tables import Statements
from relto.adapters.store.transaction import SqlTransaction
from relto.journal import LogState
from relto.model import LogId
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
_WHOLE: Final = "relto/store"
_WAIT_MS: Final = 1_000


class PostgresTransaction(SqlTransaction):
    """A transaction in a database that other workers may write at the same time."""

    def __init__(
        self,
        cursor: "psycopg.Cursor[tuple[object, ...]]",
        statements: Statements,
        *,
        is_readonly: bool,
        claims: dict[LogId, int] | None,
    ) -> None:
        """Take over a cursor; `claims` is `None` when this process is alone."""
        super().__init__(cursor, statements, is_readonly=is_readonly)
        self._claims = claims
        self._locked: set[LogId] = set()

    def log(self, log: LogId) -> LogState | None:
        """See `Transaction.log`; a log that nobody claimed is ours until the transaction ends."""
        self._lock(log)
        return super().log(log)

    def put_log(self, state: LogState) -> None:
        """See `Transaction.put_log`.

        Raises:
            StoreFencedError: The log was claimed by another worker.
        """
        # INVARIANT: what is written over was read under the same lock, or under a claim that still
        # holds.
        assert self._claims is None or state.log in self._locked or state.log in self._claims
        self._lock(state.log)
        super().put_log(state)

    def _lock(self, log: LogId) -> None:
        """Hold a log against other workers: by the claim, or for this transaction."""
        if self._claims is None or log in self._locked or self._is_readonly:
            return
        fence = self._claims.get(log)
        if fence is None:
            self._cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (log.origin,)
            )
            self._cursor.fetchone()
        self._cursor.execute("SELECT fence FROM claim WHERE origin = %s FOR SHARE", (log.origin,))
        row = self._cursor.fetchone()
        if fence is not None and (row is None or row[0] != fence):
            raise StoreFencedError(f"`{log.origin}` was claimed by another worker")
        self._locked.add(log)

    def _reserve(self) -> int:
        """Give the final position; nobody else gets the next one before this transaction ends."""
        if self._claims is not None:
            self._cursor.execute("SELECT fence FROM store FOR UPDATE")
            self._cursor.fetchone()
        return self.position()


class PostgresStore:
    """A store in PostgreSQL; see `relto.ports.store.Store`."""

    def __init__(self, url: str, *, is_readonly: bool = False, is_shared: bool = False) -> None:
        """Open the store, or begin one in an empty database.

        Args:
            url: `postgresql+psycopg://…`; one database for each node.
            is_readonly: Look on; no lock, no writing.
            is_shared: Other workers of the same node write as well.

        Raises:
            StoreLockedError: Another process holds it, alone or shared.
            StoreVersionError: It was written by another version.
            StoreUnsafeError: The server does not flush what it confirms.
            StoreError: It cannot be reached.
        """
        self._is_readonly = is_readonly
        self._claims: dict[LogId, int] | None = {} if is_shared else None
        self._failure: str | None = None
        self._statements = Statements(_DIALECT)
        with _translated():
            self._connection = psycopg.connect(_conninfo(url), autocommit=True)
        try:
            with _translated():
                self._cursor = self._connection.cursor(binary=True)
                self._check_safety()
                if not is_readonly:
                    self._lock_whole(is_shared=is_shared)
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
    def transaction(self) -> Iterator[PostgresTransaction]:
        """See `Store.transaction`.

        Raises:
            StoreConflictError: Another worker was faster; try again.
        """
        if self._failure is not None:
            raise StoreFailedError(f"the store has failed before: {self._failure}")
        transaction = PostgresTransaction(
            self._cursor, self._statements, is_readonly=self._is_readonly, claims=self._claims
        )
        try:
            with self._watched():
                # One snapshot for a reader, who wants a whole picture; the newest row for a writer.
                level = "REPEATABLE READ READ ONLY" if self._is_readonly else "READ COMMITTED"
                self._cursor.execute(f"BEGIN ISOLATION LEVEL {level}")
                self._check_fence()
                yield transaction
                self._cursor.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def claim(self, log: LogId) -> bool:
        """Take a log for this worker, until it closes or ends in any way.

        Args:
            log: The log of a link; the node's own log is never claimed, all workers write it.

        Returns:
            Whether it is ours now; false while another worker has it.
        """
        assert self._claims is not None
        assert not log.is_local
        with self._watched():
            self._cursor.execute(
                "SELECT pg_try_advisory_lock(hashtextextended(%s, 2))", (log.origin,)
            )
            row = self._cursor.fetchone()
            if row is None or not row[0]:
                return False
            # Whoever had it before and still believes so is fenced from here on.
            self._cursor.execute(
                "INSERT INTO claim (origin, fence) VALUES (%s, 1)"
                " ON CONFLICT (origin) DO UPDATE SET fence = claim.fence + 1 RETURNING fence",
                (log.origin,),
            )
            row = self._cursor.fetchone()
        assert row is not None
        fence = row[0]
        assert isinstance(fence, int)
        self._claims[log] = fence
        return True

    def close(self) -> None:
        """See `Store.close`."""
        if not self._connection.closed:
            # Given up here and now: the server ends a session in its own time.
            with suppress(psycopg.Error):
                self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()

    def _lock_whole(self, *, is_shared: bool) -> None:
        mode = "pg_advisory_lock_shared" if is_shared else "pg_advisory_lock"
        # The server takes a moment to notice that the process before us has ended.
        self._cursor.execute(f"SET lock_timeout = '{_WAIT_MS}ms'")
        try:
            self._cursor.execute(f"SELECT {mode}(hashtextextended(%s, 0))", (_WHOLE,))
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
            got = "none" if row is None else str(row[0])
            raise StoreVersionError(f"store of version `{got}`, expected `{SCHEMA_VERSION}`")

    def _take_fence(self) -> int:
        if self._is_readonly or self._claims is not None:
            self._cursor.execute("SELECT fence FROM store")
        else:
            self._cursor.execute("UPDATE store SET fence = fence + 1 RETURNING fence")
        row = self._cursor.fetchone()
        assert row is not None
        assert isinstance(row[0], int)
        return row[0]

    def _check_fence(self) -> None:
        self._cursor.execute("SELECT fence FROM store")
        row = self._cursor.fetchone()
        if row != (self._fence,) and not self._is_readonly:
            raise StoreFencedError(f"fence {self._fence} is not the one in the store")

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
        try:
            self._connection.rollback()
        except psycopg.Error as error:
            self._failure = self._failure or str(error)


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
        case errors.DataCorrupted() | errors.IndexCorrupted() | errors.UndefinedTable():
            return StoreCorruptError("not a sound store")
        case _:
            return StoreFailedError(f"the database failed: {_first_line(error)}")


def _first_line(error: psycopg.Error) -> str:
    return (str(error).splitlines() or ["no reason given"])[0]


def _conninfo(url: str) -> str:
    """Give the driver's form of an SQLAlchemy URL."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _create(url: str) -> None:
    """Create the tables; the caller holds the lock."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        create_schema(connection)
