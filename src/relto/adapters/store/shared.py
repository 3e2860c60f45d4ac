"""A store in a PostgreSQL database that several workers of one node write in turns.

A turn is a transaction that holds one advisory lock from its first statement to its end, so a
worker always writes on what it has just read, and two histories cannot come about. What a worker
does between turns needs no lock. The database ends the turn of a worker that dies.

Each transaction that writes takes the next fence and tells the others, so that they know when they
have something to read. A claim has a fence of its own, checked at the beginning of every turn: a
worker whose claim was taken over, whatever became of its lock, fails there.
"""

from typing import Final

import psycopg

from relto.adapters.store.postgres import (
    PostgresStore,
    PostgresTransaction,
    as_sight,
    conninfo,
)
from relto.adapters.store.transaction import SqlTransaction
from relto.ports.store import StoreFencedError

_CHANNEL: Final = "relto"
_WORDS_BYTES_MAX: Final = 7_000  # a notification holds fewer than 8,000
# Whoever waits for a turn tries again after so long; whoever sits on one loses it.
_TURN_WAIT_MS: Final = 30_000
_TURN_IDLE_MS: Final = 120_000
# After so long without an answer the server takes a worker on another machine for dead.
_KEEPALIVE: Final = (
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3"
)
_SETTINGS: Final = (
    f"SET lock_timeout = {_TURN_WAIT_MS};"
    f" SET idle_in_transaction_session_timeout = {_TURN_IDLE_MS}; {_KEEPALIVE}"
)
_TURN: Final = "SELECT pg_advisory_xact_lock(hashtextextended('relto/turn', 0))"
# The row of the store itself; a claim is never called that.
_STORE: Final = ""
_FENCES: Final = (
    "SELECT ''::VARCHAR AS name, fence, (SELECT coalesce(max(position), 0) FROM entry) FROM store"
    " UNION ALL SELECT origin, fence, 0 FROM claim WHERE origin = ANY(%s::VARCHAR[])"
)


class SharedTransaction(PostgresTransaction):
    """One worker's turn."""

    def tell(self, words: str) -> None:
        """See `Transaction.tell`."""
        self.words = (*self.words, words)

    words: tuple[str, ...] = ()


class SharedPostgresStore(PostgresStore):
    """See `relto.ports.store.SharedStore`; must be connected directly, not through a pooler."""

    _lock_mode = "pg_advisory_lock_shared"
    _transaction = SharedTransaction

    def __init__(self, url: str) -> None:
        """Open the store, or begin one in an empty database; see `PostgresStore`."""
        self._claims: dict[str, int] = {}
        self._listening: psycopg.Connection[tuple[object, ...]] | None = None
        super().__init__(url)
        try:
            with self._watched():
                # A connection of its own: what is told in the middle of a turn is heard after it.
                self._listening = psycopg.connect(conninfo(url), autocommit=True)
                self._listening.execute(f"LISTEN {_CHANNEL}".encode())
                # Without values, a string of several statements is one way to the server and back.
                self._connection.execute(_SETTINGS.encode())
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------ turns

    def _take_fence(self) -> int:
        return self._read_fence()

    def _begin(self, begin: str, *, is_readonly: bool) -> tuple[int, int]:
        """Take a turn; the fences are read after the lock is held, each by a statement of its own.

        Raises:
            StoreFencedError: A claim of this worker was taken over.
        """
        if is_readonly:
            return super()._begin(begin, is_readonly=True)
        self._channel.execute(begin)
        self._channel.execute(_TURN)
        self._channel.execute(_FENCES, (list(self._claims),))
        fences = {name: sight for name, *sight in self._channel.fetchall()}
        for name, fence in self._claims.items():
            if fences.get(name) != [fence, 0]:
                raise StoreFencedError(f"`{name}` was claimed by another worker")
        return as_sight(fences[_STORE])

    def _commit(self, transaction: SqlTransaction) -> None:
        assert isinstance(transaction, SharedTransaction)
        if transaction.has_written:
            self._channel.execute("UPDATE store SET fence = fence + 1")
        words = "\n".join(transaction.words)
        if len(words.encode()) > _WORDS_BYTES_MAX:
            words = ""
        if words or transaction.has_written:
            self._channel.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, words))
        super()._commit(transaction)
        transaction.fence += transaction.has_written

    def newest(self) -> int:
        """See `Store.newest`."""
        with self._watched():
            return self._read_fence()

    # ------------------------------------------------------------ other workers

    def heard(self) -> tuple[str, ...]:
        """See `Store.heard`."""
        assert self._listening is not None
        own, told = self._connection.info.backend_pid, []
        with self._watched():
            self._listening.pgconn.consume_input()
        while (notify := self._listening.pgconn.notifies()) is not None:
            if notify.be_pid != own:
                told.extend(notify.extra.decode(errors="replace").splitlines())
        return tuple(told)

    def fileno(self) -> int:
        """See `SharedStore.fileno`."""
        assert self._listening is not None
        return self._listening.fileno()

    def close(self) -> None:
        """See `Store.close`."""
        if self._listening is not None:
            self._listening.close()
        super().close()

    def claim(self, name: str) -> bool:
        """See `SharedStore.claim`."""
        if name in self._claims:
            return True
        with self._watched():
            self._cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 2))", (name,))
            if self._cursor.fetchone() != (True,):
                return False
            self._cursor.execute(
                "INSERT INTO claim (origin, fence) VALUES (%s, 1)"
                " ON CONFLICT (origin) DO UPDATE SET fence = claim.fence + 1 RETURNING fence",
                (name,),
            )
            row = self._cursor.fetchone()
        assert row is not None
        assert isinstance(row[0], int)
        self._claims[name] = row[0]
        return True

    def release(self, name: str) -> None:
        """See `SharedStore.release`."""
        if self._claims.pop(name, None) is None:
            return
        with self._watched():
            self._cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 2))", (name,))
