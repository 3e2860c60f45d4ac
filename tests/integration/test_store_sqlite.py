"""What only a store on a disk can suffer: locks, crashes, full and failing disks, wrong bytes."""

import errno
import os
import resource
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


def test_fl_14_a_size_limit_refuses_like_a_full_disk_and_goes_on_without_repair(path):
    """FL-14, JN-33: SQLite says of a limit, as of a quota, that the disk failed; it has not."""
    code = """
import resource, sys
from pathlib import Path
from relto.adapters.store import SqliteStore
from relto.ports.store import StoreFullError
from tests.support_journal import JPN_KOR, Log

def limit(count):
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, resource.RLIM_INFINITY))

path = Path(sys.argv[1])
store, log = SqliteStore(path), Log()
log.say(b"a")
with store.transaction() as tx:
    tx.append(log.held, log.state)
before = log.state
log.say(bytes(200_000))
wal = path.with_name(path.name + "-wal")
limit(wal.stat().st_size + 20_000)
for _ in range(3):
    try:
        with store.transaction() as tx:
            tx.append(log.held[-1:], log.state)
    except StoreFullError as error:
        assert str(error) and error.retryable
    else:
        sys.exit(1)
    with store.reading() as tx:
        assert tx.log(JPN_KOR) == before
limit(resource.RLIM_INFINITY)
with store.transaction() as tx:
    tx.append(log.held[-1:], log.state)
store.check()
"""
    assert run(code, path) == 0
    with closing(SqliteStore(path)) as store, store.transaction() as tx:
        assert tx.position() == 2
    assert sorted(it.name for it in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


@pytest.mark.parametrize("is_new", [True, False])
def test_fl_14_a_store_that_finds_no_room_when_it_opens_says_so_and_opens_when_there_is(
    path, is_new
):
    """FL-14: not that the disk has failed."""
    if not is_new:
        with closing(SqliteStore(path)) as store:
            fill(store)
    code = """
import resource, sys
from pathlib import Path
from relto.adapters.store import SqliteStore
from relto.ports.store import StoreFullError
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    SqliteStore(Path(sys.argv[1]))
except StoreFullError:
    sys.exit(0)
sys.exit(1)
"""
    assert run(code, path) == 0
    with closing(SqliteStore(path)) as store, store.transaction() as tx:
        assert tx.position() == (0 if is_new else 3)


class Breaking:
    """A cursor that fails at one statement, with a code of SQLite's."""

    def __init__(self, cursor, statement, code):
        self.cursor, self.statement, self.code = cursor, statement, code

    def execute(self, text, *values):
        if text == self.statement:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        return self.cursor.execute(text, *values)

    def __getattr__(self, name):
        return getattr(self.cursor, name)


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StoreFullError),
        (errno.EDQUOT, StoreFullError),
        (errno.EFBIG, StoreFullError),
        (errno.EIO, StoreFailedError),
        (None, StoreFailedError),
    ],
)
def test_fl_14_a_quota_is_told_from_a_disk_that_fails(store, path, monkeypatch, number, error):
    """FL-14, FL-15: where a write fails, the disk is asked whether it has room."""
    honest = store._cursor

    def ask(*_):
        if number is not None:
            raise OSError(number, "no")

    store._cursor = Breaking(honest, "COMMIT", sqlite3.SQLITE_IOERR_WRITE)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", ask)
        with pytest.raises(error), store.transaction() as tx:
            tx.put_value("card", b"1")
    store._cursor = honest
    assert not path.with_name(path.name + "-probe").exists()
    if error is StoreFailedError:
        with pytest.raises(StoreFailedError), store.transaction():
            pass
        return
    with store.transaction() as tx:
        assert tx.value("card") is None
        tx.put_value("card", b"2")


def test_a_size_limit_that_is_far_away_is_not_why_a_disk_failed(store):
    """FL-15."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, limit[1]))
    try:
        store._cursor = Breaking(store._cursor, "COMMIT", sqlite3.SQLITE_IOERR_WRITE)
        with pytest.raises(StoreFailedError), store.transaction() as tx:
            tx.put_value("card", b"1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


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


SECRET = b"a launch at 07:10" * 40


def put_and_destroy(store):
    with store.transaction() as tx:
        tx.put_value("blob/1", SECRET)
    with store.transaction() as tx:
        tx.drop_value("blob/1", is_destroyed=True)


def lies_in(path):
    return [it.name for it in path.parent.iterdir() if SECRET[:100] in it.read_bytes()]


def test_a_destruction_on_a_full_disk_stands_and_its_traces_go_when_there_is_room(store, path):
    """FL-14, EX-27: the commit was durable, so nobody may be told that nothing has happened."""
    honest = store._cursor
    store._cursor = Breaking(honest, "PRAGMA wal_checkpoint(TRUNCATE)", sqlite3.SQLITE_FULL)
    put_and_destroy(store)
    assert lies_in(path)
    store._cursor = honest
    with store.reading() as tx:
        assert tx.value("blob/1") is None
    assert not lies_in(path)


def test_a_reader_that_takes_its_time_only_puts_it_off(store, path, monkeypatch):
    """EX-27."""
    monkeypatch.setattr("relto.adapters.store.sqlite._BUSY_MS", 10)
    with store.transaction() as tx:
        tx.put_value("blob/1", SECRET)
    with closing(SqliteStore.look(path)) as reader:
        with reader.reading() as tx:
            assert tx.value("blob/1") == SECRET
            with store.transaction() as writing:
                writing.drop_value("blob/1", is_destroyed=True)
            with store.transaction():
                pass
            assert lies_in(path)
        with store.transaction():
            pass
    assert not lies_in(path)


def test_what_a_crash_has_kept_of_a_destroyed_content_goes_with_the_next_start(path):
    """EX-27, EX-34: killed between the commit and the cleaning."""
    code = """
import os, signal, sys
from pathlib import Path
from relto.adapters.store import SqliteStore
from tests.integration.test_store_sqlite import put_and_destroy
store = SqliteStore(Path(sys.argv[1]))
with store.transaction():
    pass
SqliteStore._wipe_log = lambda self, is_patient: os.kill(os.getpid(), signal.SIGKILL)
put_and_destroy(store)
"""
    assert run(code, path) == -signal.SIGKILL
    assert lies_in(path)
    with closing(SqliteStore(path)) as store:
        with store.transaction() as tx:
            assert tx.value("blob/1") is None
        assert not lies_in(path)
