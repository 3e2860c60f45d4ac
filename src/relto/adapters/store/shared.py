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
from psycopg.sql import SQL, Composable, Literal

from relto.adapters.store.postgres import PostgresStore, conninfo
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
_TURN: Final = SQL("SELECT pg_advisory_xact_lock(hashtextextended('relto/turn', 0))")


class SharedTransaction(SqlTransaction):
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
                self._plain = self._connection.cursor()
                self._plain.execute(
                    f"SET lock_timeout = {_TURN_WAIT_MS};"
                    f" SET idle_in_transaction_session_timeout = {_TURN_IDLE_MS}; {_KEEPALIVE}"
                )
                self._phrase_begin()
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------ turns

    def _take_fence(self) -> int:
        return self._read_fence()

    def _begin(self, begin: str, *, is_readonly: bool) -> int:
        """Take a turn; the fences are read after the lock is held, each by a statement of its own.

        Raises:
            StoreFencedError: A claim of this worker was taken over.
        """
        if is_readonly:
            return super()._begin(begin, is_readonly=True)
        self._plain.execute(f"{begin}; {self._begun_with}".encode())
        while self._plain.nextset():
            pass
        fences: dict[str, int] = dict(self._plain.fetchall())
        for name, fence in self._claims.items():
            if fences.get(name) != fence:
                raise StoreFencedError(f"`{name}` was claimed by another worker")
        return fences[""]

    def _phrase_begin(self) -> None:
        """Put together what begins a turn; it names the claims, so it changes with them."""
        claims: Composable = SQL("")
        if self._claims:
            claims = SQL(" UNION ALL SELECT origin, fence FROM claim WHERE origin IN ({})").format(
                SQL(", ").join(map(Literal, sorted(self._claims)))
            )
        query = SQL("{}; SELECT '' AS name, fence FROM store{}").format(_TURN, claims)
        self._begun_with = query.as_string(self._connection)

    def _commit(self, transaction: SqlTransaction) -> None:
        assert isinstance(transaction, SharedTransaction)
        statements = []
        if transaction.has_written:
            statements.append("UPDATE store SET fence = fence + 1")
        words = "\n".join(transaction.words)
        if len(words.encode()) > _WORDS_BYTES_MAX:
            words = ""
        if words or transaction.has_written:
            notify = SQL("SELECT pg_notify({}, {})").format(Literal(_CHANNEL), Literal(words))
            statements.append(notify.as_string(self._connection))
        self._plain.execute("; ".join((*statements, "COMMIT")).encode())
        while self._plain.nextset():
            pass
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
        self._phrase_begin()
        return True

    def release(self, name: str) -> None:
        """See `SharedStore.release`."""
        if self._claims.pop(name, None) is None:
            return
        self._phrase_begin()
        with self._watched():
            self._cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 2))", (name,))
