"""What only a store on a disk can suffer: locks, crashes, full and failing disks, wrong bytes."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from relto.adapters.store import SqliteStore
from relto.journal import append, empty_log
from relto.ports.store import (
    Kept,
    ReadOnlyError,
    Snapshot,
    StoreCorruptError,
    StoreError,
    StoreFailedError,
    StoreFencedError,
    StoreFullError,
    StoreLockedError,
    StoreVersionError,
)
from tests.support_journal import AT, JPN_KOR, KOR_JPN, Log

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


@pytest.fixture
def store(path):
    opened = SqliteStore(path)
    yield opened
    opened.close()


def fill(store, *, count=3, size=10):
    log = Log()
    for number in range(count):
        log.say(b"%d" % number + b"x" * size, b"title")
    with store.transaction() as tx:
        tx.append(log.held, log.state)
        tx.put_value("card", b"card")
        tx.put_snapshot("node", Snapshot(position=count, content=b"state"))
        tx.keep(Kept(kind="fork", at=AT, content=b"kept"))
    return log


def run(code, *arguments):
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], env=env, check=False, timeout=60
    ).returncode


def test_fl_18_another_process_is_refused_until_this_one_ends(path, store):
    code = """
import sys
from contextlib import closing
from pathlib import Path
from relto.adapters.store import SqliteStore
from relto.ports.store import StoreLockedError
try:
    SqliteStore(Path(sys.argv[1])).close()
except StoreLockedError:
    sys.exit(7)
"""
    assert run(code, path) == 7
    store.close()
    assert run(code, path) == 0


def test_fl_18_a_lock_does_not_outlive_a_killed_process(path):
    code = """
import os, signal, sys
from pathlib import Path
from relto.adapters.store import SqliteStore
store = SqliteStore(Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run(code, path) == -signal.SIGKILL
    SqliteStore(path).close()


def test_fl_18_a_writer_whose_lock_was_broken_is_fenced(path, store):
    """JN-32."""
    path.with_name(path.name + ".lock").unlink()
    other = SqliteStore(path)
    with pytest.raises(StoreFencedError), store.transaction():
        pass
    fill(other)
    other.close()


def test_fl_18_a_forked_child_cannot_write(store):
    child = os.fork()
    if child == 0:
        try:
            with store.transaction():
                os._exit(1)
        except StoreLockedError:
            os._exit(0)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("point", ["before commit", "after commit"])
def test_a_kill_before_the_commit_leaves_nothing_and_after_it_everything(path, point):
    """Durable or absent, nothing between."""
    code = """
import os, signal, sys
from pathlib import Path
from relto.adapters.store import SqliteStore
from tests.support_journal import Log
store, log = SqliteStore(Path(sys.argv[1])), Log()
log.say(b"a"); log.say(b"b")
with store.transaction() as tx:
    tx.append(log.held, log.state)
    if sys.argv[2] == "before commit":
        os.kill(os.getpid(), signal.SIGKILL)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run(code, path, point) == -signal.SIGKILL
    store = SqliteStore(path)
    with store.transaction() as tx:
        found = tx.log(JPN_KOR)
        assert tx.position() == (0 if point == "before commit" else 2)
        assert (found.size if found else 0) == tx.position()
    store.close()


def test_fl_14_a_full_disk_refuses_and_goes_on_without_repair(store):
    """JN-33."""
    log = fill(store)
    pages = store._cursor.execute("PRAGMA page_count").fetchone()[0]
    store._cursor.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    grown = Log()
    grown.state, grown.held = log.state, list(log.held)
    grown.say(bytes(200_000))
    with pytest.raises(StoreFullError), store.transaction() as tx:
        tx.append(grown.held[-1:], grown.state)
    with store.transaction() as tx:
        assert tx.log(JPN_KOR) == log.state
    store._cursor.execute("PRAGMA max_page_count = 1000000").fetchall()
    with store.transaction() as tx:
        tx.append(grown.held[-1:], grown.state)
    assert StoreFullError.retryable


def test_fl_15_after_a_failing_disk_nothing_is_taken_until_a_restart(store, path):
    """JN-33."""
    log = fill(store)

    class Failing:
        def __init__(self, cursor):
            self.cursor = cursor

        def execute(self, text, *values):
            if text == "COMMIT":
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
                raise error
            return self.cursor.execute(text, *values)

        def __getattr__(self, name):
            return getattr(self.cursor, name)

    store._cursor = Failing(store._cursor)
    with pytest.raises(StoreFailedError), store.transaction() as tx:
        tx.put_value("card", b"lost")
    with pytest.raises(StoreFailedError), store.transaction() as tx:
        pytest.fail("nothing may be taken")
    store.close()
    again = SqliteStore(path)
    with again.transaction() as tx:
        assert tx.value("card") == b"card"
        assert tx.log(JPN_KOR) == log.state
    again.close()


READS = {
    "entries": lambda tx: tx.entries(JPN_KOR, first=1, end=9),
    "since": lambda tx: tx.since(0, limit=9),
    "case": lambda tx: tx.case("c-1"),
    "log": lambda tx: tx.log(JPN_KOR),
    "logs": lambda tx: tx.logs(),
    "value": lambda tx: tx.value("card"),
    "snapshot": lambda tx: tx.snapshot("node"),
    "kept": lambda tx: tx.kept(),
}
WRONG = [
    ("entry", "header", ("entries", "since", "case")),
    ("entry", "bodies", ("entries", "since", "case")),
    ("entry", "leaf", ("entries", "since", "case")),
    ("log", "state", ("log", "logs")),
    ("log", "checksum", ("log", "logs")),
    ("value", "content", ("value",)),
    ("snapshot", "content", ("snapshot",)),
    ("kept", "content", ("kept",)),
]


@pytest.mark.parametrize(("table", "column", "reads"), WRONG)
@pytest.mark.parametrize("damage", ["flipped bit", "cut", "zeroed"])
def test_fl_16_a_wrong_row_is_never_an_answer(store, table, column, reads, damage):
    """FL-16, JN-31: flipped, torn and lost writes, row by row."""
    fill(store)
    (data,) = store._cursor.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
    match damage:
        case "flipped bit":
            wrong = (
                data[: len(data) // 2]
                + bytes([data[len(data) // 2] ^ 1])
                + data[len(data) // 2 + 1 :]
            )
        case "cut":
            wrong = data[:-1]
        case "zeroed":
            wrong = bytes(len(data))
    store._cursor.execute(
        f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT min(rowid) FROM {table})", (wrong,)
    )
    for name in reads:
        with pytest.raises(StoreCorruptError), store.transaction() as tx:
            READS[name](tx)


def test_fl_16_a_row_in_another_rows_place_is_never_an_answer(store):
    """FL-16: misdirected writes; each row by itself is sound."""
    fill(store)
    for place in ("number = 4 - number", "case_id = 'c-2'"):
        store._cursor.execute("UPDATE entry SET number = -number")
        store._cursor.execute("UPDATE entry SET number = -number")
        store._cursor.execute("BEGIN")
        if place.startswith("number"):
            store._cursor.execute("UPDATE entry SET number = number + 100")
            store._cursor.execute("UPDATE entry SET number = 104 - number")
        else:
            store._cursor.execute(f"UPDATE entry SET {place}")
        store._cursor.execute("COMMIT")
        with pytest.raises(StoreCorruptError), store.transaction() as tx:
            tx.since(0, limit=9)
    store._cursor.execute("UPDATE log SET origin = 'relto/KOR/JPN'")
    with pytest.raises(StoreCorruptError), store.transaction() as tx:
        tx.log(KOR_JPN)


def test_fl_16_sqlites_own_pages_are_checked(store, path):
    fill(store, count=200, size=500)
    store.check()
    store._cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()
    data = bytearray(path.read_bytes())
    for place in range(8_192, len(data) - 64, 4_096):
        data[place : place + 64] = b"\xa5" * 64
    path.write_bytes(data)
    with (
        pytest.raises((StoreCorruptError, StoreFailedError)),
        closing(SqliteStore(path)) as damaged,
    ):
        damaged.check()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\x00" * 5_000])
def test_what_is_no_store_is_not_overwritten(path, content):
    path.write_bytes(content)
    with pytest.raises(StoreError):
        SqliteStore(path)
    assert path.read_bytes()[: len(content)] == content


def test_a_store_of_another_version_is_left_alone(path, store):
    store._cursor.execute("UPDATE alembic_version SET version_num = '9999'")
    store.close()
    with pytest.raises(StoreVersionError):
        SqliteStore(path)


def test_a_reader_looks_on_and_cannot_write(path, store):
    log = fill(store)
    reader = SqliteStore.look(path)
    with reader.transaction() as tx:
        assert tx.log(JPN_KOR) == log.state
    with pytest.raises(ReadOnlyError), reader.transaction() as tx:
        tx.put_value("card", b"x")
    fresh = empty_log(KOR_JPN, is_exercise=False)
    from relto.journal import Draft

    state, entry = append(fresh, Draft(kind="receipt"), now=AT, entropy=log.entropy)
    with store.transaction() as tx:
        tx.append([entry], state)
    with reader.transaction() as tx:
        assert tx.log(KOR_JPN) == state
    assert reader.fence == store.fence
    reader.close()


def test_a_backup_is_whole_and_opens(path, store, tmp_path):
    log = fill(store)
    target = tmp_path / "backup.sqlite"
    store.backup(target)
    with pytest.raises(StoreError):
        store.backup(target)
    copy = SqliteStore(target)
    with copy.transaction() as tx:
        assert tx.log(JPN_KOR) == log.state
        assert tx.entries(JPN_KOR, first=1, end=9) == tuple(log.held)
    copy.close()


def test_the_journal_and_what_lies_beside_it_are_for_the_owner_alone(path, tmp_path):
    """JN-32: also where the directory is not."""
    before = os.umask(0o022)
    try:
        with closing(SqliteStore(path)) as store:
            store.backup(tmp_path / "copy.sqlite")
            beside = [one for one in tmp_path.iterdir() if one.is_file()]
            modes = {one.name: one.stat().st_mode & 0o777 for one in beside}
    finally:
        os.umask(before)
    assert path.name in modes
    assert set(modes.values()) == {0o600}


def test_what_was_destroyed_is_in_no_file(path, store):
    """JN-6: not in the pages, not in the write-ahead log."""
    secret = b"the title that must go" * 5
    log = Log()
    log.say(b"message", secret)
    with store.transaction() as tx:
        tx.append(log.held, log.state)
    files = [path, path.with_name(path.name + "-wal")]
    assert any(secret in file.read_bytes() for file in files if file.exists())
    with store.transaction() as tx:
        tx.destroy(JPN_KOR, number=1, part="part-1")
    assert not any(secret in file.read_bytes() for file in files if file.exists())


def test_a_content_that_was_destroyed_is_in_no_file(path, store):
    """Custody: a small content is a row; what is destroyed must not live on in the log either."""
    secret = b"the content that must go" * 5
    with store.transaction() as tx:
        tx.put_value("blob/1", secret)
    files = [path, path.with_name(path.name + "-wal")]
    assert any(secret in file.read_bytes() for file in files if file.exists())
    with store.transaction() as tx:
        tx.drop_value("blob/1", is_destroyed=True)
    assert not any(secret in file.read_bytes() for file in files if file.exists())
