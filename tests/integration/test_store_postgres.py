"""What only a store in a database can suffer, and what only it can do: several workers at once."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from relto.adapters.store import (
    SqliteStore,
    StoreCopyError,
    copy_store,
    open_shared,
    open_store,
    upgrade,
)
from relto.adapters.store.places import StorePlaceError
from relto.adapters.store.postgres import PostgresStore, _translate
from relto.adapters.store.schema import create_schema, run_migrations
from relto.adapters.store.shared import SharedPostgresStore
from relto.adapters.store.tables import METADATA
from relto.journal import AuditError, Draft, append, audit_log, empty_log
from relto.model import LogId
from relto.ports.store import (
    Blob,
    BlobState,
    Kept,
    Mark,
    ReadOnlyError,
    Snapshot,
    StoreConflictError,
    StoreCorruptError,
    StoreFailedError,
    StoreFencedError,
    StoreFullError,
    StoreLockedError,
    StoreUnsafeError,
    StoreVersionError,
)
from relto.seal import digest
from tests.support_crew import Crew
from tests.support_journal import AT, JPN_JPN, JPN_KOR, Log, SeededEntropy

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
JPN_USA = LogId(source="JPN", target="USA")


def run(code, *arguments):
    env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], env=env)


def say(tx, log=JPN_KOR, *, count=1):
    state = tx.log(log) or empty_log(log, is_exercise=False)
    made = []
    for _ in range(count):
        draft = Draft(kind="release", case="c-1", parts=(("message", b"m"),))
        state, entry = append(state, draft, now=AT, entropy=SeededEntropy(state.size))
        made.append(entry)
    tx.append(made, state)
    return state


@pytest.fixture
def open_(database):
    opened = []

    def opener(*, is_shared=False, **how):
        made = SharedPostgresStore(database) if is_shared else PostgresStore(database, **how)
        opened.append(made)
        return made

    yield opener
    for store in opened:
        store.close()


def test_fl_18_alone_means_alone_and_shared_means_shared(open_):
    alone = open_()
    for how in ({}, {"is_shared": True}):
        with pytest.raises(StoreLockedError):
            open_(**how)
    alone.close()
    open_(is_shared=True)
    open_(is_shared=True)
    with pytest.raises(StoreLockedError):
        open_()


def test_tables_are_not_changed_under_a_worker(open_, database):
    """FL-18."""
    worker = open_(is_shared=True)
    with pytest.raises(StoreLockedError):
        upgrade(database)
    worker.close()
    upgrade(database)


def test_tables_of_a_database_that_is_away_are_not_changed():
    with pytest.raises(StoreFailedError, match="the database failed"):
        upgrade("postgresql+psycopg://relto@127.0.0.1:1/x")


def test_a_reader_looks_on_and_cannot_write(open_):
    store = open_()
    with store.transaction() as tx:
        state = say(tx)
    reader = open_(is_readonly=True)
    with reader.transaction() as tx:
        assert tx.log(JPN_KOR) == state
    with pytest.raises(ReadOnlyError), reader.transaction() as tx:
        tx.put_value("card", b"x")


def test_an_empty_database_is_no_store_to_a_reader(open_):
    with pytest.raises(StoreVersionError):
        open_(is_readonly=True)


def test_a_store_of_another_version_is_left_alone(open_, database):
    open_().close()
    with create_engine(database, poolclass=NullPool).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreVersionError):
        open_()


def test_a_server_that_is_not_there_is_a_failure():
    with pytest.raises(StoreFailedError):
        PostgresStore("postgresql+psycopg://nobody@127.0.0.1:1/none")


def test_a_server_that_does_not_flush_is_refused(open_, monkeypatch):
    """A journal confirmed by such a server can be lost with the power."""
    store = open_()

    class Cursor:
        def execute(self, query):
            self.query = query

        def fetchone(self):
            return ("off",) if "fsync" in self.query else ("on",)

    monkeypatch.setattr(store, "_cursor", Cursor())
    with pytest.raises(StoreUnsafeError):
        store._check_safety()


def test_fl_18_a_worker_whose_claim_was_taken_over_is_fenced(open_):
    one, two = open_(is_shared=True), open_(is_shared=True)
    assert one.claim("link/KOR")
    with one.transaction() as tx:
        say(tx)
    # The server forgets the lock, as it does when it believes that the worker is gone.
    one._cursor.execute("SELECT pg_advisory_unlock_all()")
    assert two.claim("link/KOR")
    with pytest.raises(StoreFencedError), one.transaction() as tx:
        say(tx)
    with two.transaction() as tx:
        assert say(tx).size == 2


def test_each_transaction_that_writes_takes_the_next_fence_and_tells_the_others(open_):
    one, two = open_(is_shared=True), open_(is_shared=True)
    before = two.newest()
    with one.transaction() as tx:
        assert tx.fence == before
        tx.tell("KOR 1 1")
        tx.tell("USA 2 2")
    assert two.newest() == before == tx.fence
    assert select.select([two.fileno()], [], [], 5)[0]
    assert two.heard() == ("KOR 1 1", "USA 2 2")
    assert select.select([one.fileno()], [], [], 5)[0]
    assert one.heard() == two.heard() == ()
    with one.transaction() as tx:
        tx.tell("x" * 8_000)
        say(tx)
    assert two.newest() == before + 1 == tx.fence
    assert select.select([two.fileno()], [], [], 5)[0]
    assert two.heard() == ()
    with pytest.raises(ReadOnlyError), one.reading() as tx:
        say(tx)


def test_what_was_undone_is_told_to_nobody(open_):
    one, two = open_(is_shared=True), open_(is_shared=True)
    before = two.newest()

    def fail():
        with one.transaction() as tx:
            say(tx)
            tx.tell("KOR 1 1")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert two.newest() == before
    assert two.heard() == ()


def test_a_turn_that_never_ends_costs_the_others_a_wait_and_nothing_else(open_):
    one, two = open_(is_shared=True), open_(is_shared=True)
    two._cursor.execute("SET lock_timeout = 10")
    with one.transaction() as tx:
        say(tx)
        with pytest.raises(StoreConflictError), two.transaction():
            pass
        # Whoever only reads waits for nobody.
        with two.reading() as other:
            assert other.log(JPN_KOR) is None
    with two.transaction() as tx:
        assert say(tx).size == 2


def test_fl_18_a_worker_that_the_server_gave_up_fails_at_its_next_write(open_):
    """It sat on its turn for too long, as a process that is stopped does."""
    one, two = open_(is_shared=True), open_(is_shared=True)
    one._cursor.execute("SET idle_in_transaction_session_timeout = 20")

    def dawdle():
        with one.transaction() as tx:
            tx.put_value("card", b"x")
            with two.transaction() as other:
                say(other)

    with pytest.raises(StoreFailedError):
        dawdle()
    with pytest.raises(StoreFailedError):
        one.newest()
    with two.transaction() as tx:
        assert tx.position() == 1


WORKER = """
import sys
from relto.adapters.store.shared import SharedPostgresStore
from relto.model import LogId
from tests.integration.test_store_postgres import JPN_JPN, say
store = SharedPostgresStore(sys.argv[1])
log = LogId(source="JPN", target=sys.argv[2])
assert store.claim("link/" + sys.argv[2])
for _ in range(30):
    with store.transaction() as tx:
        say(tx, log)
        say(tx, JPN_JPN)
"""


def test_workers_write_at_once_and_nothing_is_lost_or_out_of_place(open_, database):
    """Two processes, each with its own link, both with the node's own log."""
    open_().close()
    workers = [run(WORKER, database, party) for party in ("KOR", "USA")]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    store = open_()
    with store.transaction() as tx:
        assert {state.log: state.size for state in tx.logs()} == {
            JPN_JPN: 60,
            JPN_KOR: 30,
            JPN_USA: 30,
        }
        placed = tx.since(0, limit=1_000)
        assert [it.position for it in placed] == list(range(1, 121))
        for state in tx.logs():
            entries = tx.entries(state.log, first=1, end=state.size + 1)
            assert audit_log(state, entries, author=None, partner=None) == state.size


def test_a_worker_that_is_killed_leaves_whole_transactions_and_no_locks(open_, database):
    open_().close()
    code = WORKER.replace("range(30)", "range(100000)")
    worker = run(code, database, "KOR")
    reader = open_(is_readonly=True)
    while True:
        with reader.transaction() as tx:
            if tx.position() >= 20:
                break
    worker.send_signal(signal.SIGKILL)
    worker.wait(timeout=60)
    store = open_(is_shared=True)
    deadline = time.monotonic() + 10
    while not store.claim("link/KOR"):
        assert time.monotonic() < deadline, "the server kept a dead worker's claim"
        time.sleep(0.02)
    with store.transaction() as tx:
        sizes = {state.log: state.size for state in tx.logs()}
        assert sizes[JPN_KOR] == sizes[JPN_JPN] == tx.position() // 2
        say(tx)


@pytest.mark.parametrize("seed", range(2))
def test_drivers_take_turns_on_one_database_and_write_one_history(seed, open_):
    """EX-50: three workers, each with a connection of its own; any of them takes any call."""
    crew = Crew(seed, count=3, open_=lambda: open_(is_shared=True))
    for number in range(3):
        crew.hold("JPN", f"jpn.item-{number}")
        crew.hold("KOR", f"kor.item-{number}")
    for number in range(9):
        crew.ask(f"k-{number}", holding=f"jpn.item-{number % 3}")
        crew.ask(f"j-{number}", by="JPN", holder="KOR", holding=f"kor.item-{number % 3}")
        if number % 3 == 0:
            crew.settle()
        if number == 5:
            crew.jpn.stores.pop(0).close()
            del crew.jpn.workers[0]
            crew.jpn.join()
    crew.settle()
    for number in range(9):
        crew.approve("KOR", f"j-{number}")
    crew.settle()
    crew.check()
    for number in range(9):
        for case in (f"k-{number}", f"j-{number}"):
            kinds = [fact.kind for fact in crew["JPN"].story(case).facts]
            assert kinds.count("release") == kinds.count("receipt") == 1


def test_a_journal_in_a_file_has_one_writer(tmp_path):
    with pytest.raises(StorePlaceError):
        open_shared(f"sqlite:///{tmp_path / 'a.sqlite'}")


def test_fl_15_a_server_that_goes_away_stops_the_store(open_, database):
    store = open_()
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    for _ in range(2):
        with pytest.raises(StoreFailedError), store.transaction() as tx:
            say(tx)
    store.close()
    with open_().transaction() as tx:
        assert tx.position() == 0


ERRORS = [
    (psycopg.errors.DiskFull(), StoreFullError),
    (psycopg.errors.SerializationFailure(), StoreConflictError),
    (psycopg.errors.DeadlockDetected(), StoreConflictError),
    (psycopg.errors.UniqueViolation(), StoreConflictError),
    (psycopg.errors.DataCorrupted(), StoreCorruptError),
    (psycopg.errors.IoError(), StoreFailedError),
    (psycopg.OperationalError(), StoreFailedError),
]


@pytest.mark.parametrize(("error", "expected"), ERRORS)
def test_each_error_of_the_driver_has_its_own_meaning(error, expected):
    """FL-14, FL-15."""
    assert isinstance(_translate(error), expected)


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_migrations_make_the_same_tables_as_a_new_store(kind, tmp_path, request):
    """A store brought up step by step, and one made at once, cannot be told apart."""
    url = (
        f"sqlite:///{tmp_path / 'm.sqlite'}"
        if kind == "sqlite"
        else request.getfixturevalue("database")
    )
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        run_migrations(connection)
    upgrade(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
    store = open_store(url)
    with store.transaction() as tx:
        say(tx)
    store.close()


def test_a_new_sqlite_store_has_the_tables_that_sqlalchemy_makes(tmp_path):
    SqliteStore(tmp_path / "a.sqlite").close()
    engine = create_engine(f"sqlite:///{tmp_path / 'b.sqlite'}", poolclass=NullPool)
    with engine.begin() as connection:
        create_schema(connection)

    def tables(name):
        with create_engine(f"sqlite:///{tmp_path / name}").connect() as connection:
            rows = connection.execute(text("SELECT sql FROM sqlite_master ORDER BY name"))
            return [" ".join((sql or "").split()) for (sql,) in rows]

    assert tables("a.sqlite") == tables("b.sqlite")


# ---------------------------------------------------------------- copying


def fill(url):
    log = Log()
    for number in range(70):
        log.say(b"%d" % number, b"title")
    store = open_store(url)
    with store.transaction() as tx:
        tx.append(log.held, log.state)
        say(tx, JPN_JPN, count=3)
        tx.destroy(JPN_KOR, number=7, part="part-1")
        tx.put_value("card", b"card")
        tx.put_snapshot("node", Snapshot(position=3, content=b"state"))
        tx.put_marks(JPN_KOR, [Mark(name="topic/x", rank="1", number=7)])
        tx.keep(Kept(kind="fork", at=AT, content=b"kept"))
        tx.put_blob(Blob(digest=digest(b"1"), size_bytes=1, state=BlobState.COMPLETE))
    store.close()
    return log


def test_a_store_moves_from_sqlite_to_postgres_and_back_with_the_same_heads(tmp_path, database):
    first = f"sqlite:///{tmp_path / 'a.sqlite'}"
    back = f"sqlite:///{tmp_path / 'b.sqlite'}"
    log = fill(first)
    copied = copy_store(first, database)
    assert copied.heads["relto/JPN/KOR"] == (70, log.state.root.hex())
    assert copied.rows["entry"] == 73
    assert copy_store(database, back).heads == copied.heads
    for url in (database, back):
        store = open_store(url)
        with store.transaction() as tx:
            assert tx.entries(JPN_KOR, first=7, end=8)[0].content("part-1") is None
            assert tx.value("card") == b"card"
            assert tx.snapshot("node") == Snapshot(position=3, content=b"state")
            assert len(tx.blobs(BlobState.COMPLETE)) == 1
            ((mark, _),) = tx.marked(JPN_KOR, "topic/x", after=None, until=70, limit=9)
            assert mark.number == 7
            # Numbering goes on where it stopped.
            say(tx, LogId(source="JPN", target="USA"))
            tx.keep(Kept(kind="fork", at=AT, content=b"later"))
            assert len(tx.kept()) == 2
        store.close()


def test_a_store_is_not_copied_over_another(tmp_path):
    first, second = (f"sqlite:///{tmp_path / name}" for name in ("a.sqlite", "b.sqlite"))
    fill(first)
    fill(second)
    with pytest.raises(StoreCopyError):
        copy_store(first, second)


def test_a_damaged_store_does_not_become_a_sound_copy(tmp_path):
    first, second = (f"sqlite:///{tmp_path / name}" for name in ("a.sqlite", "b.sqlite"))
    fill(first)
    with create_engine(first, poolclass=NullPool).begin() as connection:
        connection.execute(text("DELETE FROM entry WHERE number = 30"))
    with pytest.raises(AuditError):
        copy_store(first, second)
