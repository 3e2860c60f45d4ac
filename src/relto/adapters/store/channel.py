"""Statements to PostgreSQL, many at once: one way to the server and back, until rows are wanted.

A transaction asks for little and writes much. So a statement waits until somebody reads a row or
the transaction ends; then whatever waits leaves together, each prepared once. The server carries
statements out in order and skips all after one that fails, also a COMMIT, so nothing becomes
durable behind an error.

The driver's own pipeline sends each statement when it is given, which took as long as no pipeline
on the machine of the measurements; this one leaves in one piece (ADR-0067).
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Final

import psycopg
from psycopg import errors
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from psycopg.waiting import Ready, Wait

# So many statements wait at most: what they hold is in memory twice when they leave.
_WAITING_MAX: Final = 512
_TEXT: Final = 0
_BINARY: Final = 1
_DONE: Final = frozenset({ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK})


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


# What the columns of the store's tables are, by the server's number for their type, in its binary
# form: bytes, whole numbers, texts.
_KINDS: Final[Mapping[int, Callable[[bytes], object]]] = {
    17: bytes,
    20: _number,
    23: _number,
    25: bytes.decode,
    1043: bytes.decode,
}

Row = tuple[object, ...]
_Values = Sequence[object]


class Channel:
    """A cursor (`transaction.Cursor`) that lets statements wait for each other.

    An error shows at the next `fetchone`, `fetchall` or `settle`, and is the first that occurred.

    Args:
        connection: In autocommit; nothing else is under way on it.
    """

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._waiting: list[tuple[str, _Values]] = []
        self._prepared: dict[str, bytes] = {}
        self._final: PGresult | None = None

    def execute(self, query: str, values: _Values = ()) -> None:
        """Let a statement wait; a driver's text, with `%s` for each value."""
        self._waiting.append((query, values))
        if len(self._waiting) >= _WAITING_MAX:
            self.settle()

    def executemany(self, query: str, rows: Sequence[_Values]) -> None:
        """Let a statement wait for each row of values."""
        for values in rows:
            self.execute(query, values)

    def fetchone(self) -> Row | None:
        """Give the first row of the statement that was given last; may be called once for it."""
        rows = self.fetchall()
        return rows[0] if rows else None

    def fetchall(self) -> list[Row]:
        """Give all its rows."""
        self.settle()
        result, self._final = self._final, None
        assert result is not None
        return _rows(result)

    def settle(self) -> str:
        """Send what waits, and wait until it has been carried out; gives what the last one did.

        Raises:
            psycopg.Error: One of them failed; those after it were skipped.
        """
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._final = self._send(waiting)
        return "" if self._final is None else (self._final.command_status or b"").decode()

    def forget(self) -> None:
        """Throw away what waits: the transaction is undone."""
        self._waiting, self._final = [], None

    def _send(self, waiting: Sequence[tuple[str, _Values]]) -> PGresult:
        """Send statements in one piece, and give the result of the last one."""
        pgconn = self._connection.pgconn
        fresh: dict[str, bytes] = {}
        # What each result is of: a query that is prepared, or `None` for one that is carried out.
        asked: list[str | None] = []
        pgconn.enter_pipeline_mode()
        try:
            for query, values in waiting:
                name = self._prepared.get(query) or fresh.get(query)
                if name is None:
                    name = fresh[query] = b"relto_%d" % (len(self._prepared) + len(fresh))
                    pgconn.send_prepare(name, _numbered(query))
                    asked.append(query)
                sent = list(map(_sent, values))
                pgconn.send_query_prepared(
                    name, [it for it, _ in sent], [how for _, how in sent], _BINARY
                )
                asked.append(None)
            pgconn.pipeline_sync()
            results = self._connection.wait(_carried_out(pgconn, len(asked)))
        except BaseException:
            # What is under way on a connection that fails like this ends with it.
            self._connection.close()
            raise
        pgconn.exit_pipeline_mode()
        for prepared, result in zip(asked, results, strict=True):
            if result.status not in _DONE:
                raise errors.error_from_result(result)
            if prepared is not None:
                # It stays prepared, whatever becomes of the transaction.
                self._prepared[prepared] = fresh[prepared]
        return results[-1]


def _carried_out(pgconn: PGconn, count: int) -> Generator[Wait, Ready | int, list[PGresult]]:
    """Send what is ready to go, reading meanwhile, and collect so many results.

    Raises:
        psycopg.Error: The connection is lost.
    """
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()
    results: list[PGresult] = []
    while True:
        while pgconn.is_busy():
            yield Wait.R
            pgconn.consume_input()
        result = pgconn.get_result()
        if pgconn.status == ConnStatus.BAD:
            lost = b"the connection is lost" if result is None else result.error_message
            raise psycopg.OperationalError(lost.decode(errors="replace"))
        if result is None:
            # Between the results of two statements.
            continue
        if result.status == ExecStatus.PIPELINE_SYNC:
            assert len(results) == count
            return results
        results.append(result)


def _numbered(query: str) -> bytes:
    """Write the server's `$1` where the driver's text has `%s`."""
    first, *others = query.split("%s")
    pieces = (f"${number}{piece}" for number, piece in enumerate(others, start=1))
    return (first + "".join(pieces)).encode()


def _sent(value: object) -> tuple[bytes | None, int]:
    """Give a value as the server reads it, and whether that is its text or its bytes."""
    match value:
        case bytes():
            return value, _BINARY
        case str():
            # With its length, so that nothing is cut off; the server refuses what is no text.
            return value.encode(), _BINARY
        case int():
            return b"%d" % value, _TEXT
        case None:
            return None, _TEXT
        case list():
            return _listed(value), _TEXT
        case _:
            raise TypeError(type(value))


def _listed(names: Sequence[str]) -> bytes:
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return ("{" + ",".join(f'"{name}"' for name in quoted) + "}").encode()


def _rows(result: PGresult) -> list[Row]:
    columns = range(result.nfields)
    kinds = [_KINDS[result.ftype(column)] for column in columns]
    return [
        tuple(_got(result.get_value(row, column), kinds[column]) for column in columns)
        for row in range(result.ntuples)
    ]


def _got(value: bytes | None, kind: Callable[[bytes], object]) -> object:
    return None if value is None else kind(value)
