"""Statements that wait for each other: all happen in order, and nothing lasts behind an error."""

import psycopg
import pytest

from relto.adapters.store.channel import Channel
from relto.adapters.store.postgres import PostgresStore
from relto.ports.store import StoreConflictError, StoreFailedError
from tests.support_journal import Log

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

NAMES = "CREATE TABLE name (id BIGINT PRIMARY KEY, text VARCHAR, content BYTEA)"
ADD = "INSERT INTO name (id, text, content) VALUES (%s::BIGINT, %s::VARCHAR, %s)"
ALL = "SELECT id, text, content FROM name ORDER BY id"


@pytest.fixture
def connection(database):
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as opened:
        opened.execute(NAMES)
        yield opened


@pytest.fixture
def channel(connection):
    return Channel(connection)


@pytest.fixture
def open_(database):
    opened = []

    def opener():
        opened.append(PostgresStore(database))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


def trips(monkeypatch):
    """Count the ways to the server and back."""
    made = []
    wait = psycopg.Connection.wait

    def counting(self, *args, **kwargs):
        made.append(1)
        return wait(self, *args, **kwargs)

    monkeypatch.setattr(psycopg.Connection, "wait", counting)
    return made


def test_what_waits_leaves_with_the_next_that_reads(channel, monkeypatch):
    made = trips(monkeypatch)
    channel.execute("BEGIN")
    channel.executemany(ADD, [(1, "one", b"\x00\xff"), (-2, None, None)])
    channel.execute(ALL)
    assert channel.fetchall() == [(-2, None, None), (1, "one", b"\x00\xff")]
    channel.execute("COMMIT")
    assert channel.settle() == "COMMIT"
    assert len(made) == 2


def test_a_statement_reads_what_those_before_it_have_written_and_gives_its_own_rows(channel):
    for number in range(1_100):
        channel.execute(ADD, (number, "x", b""))
    channel.execute("SELECT count(*) FROM name")
    assert channel.fetchone() == (1_100,)
    channel.execute("SELECT id FROM name WHERE id < 0")
    assert channel.fetchone() is None


@pytest.mark.parametrize("text", ['"', "\\", "a,b", "{}", "한", "' OR 1=1", "%s", "$1", ""])
def test_values_go_in_and_out_as_they_are_also_in_lists(channel, text):
    channel.execute(ADD, (1, text, text.encode()))
    channel.execute("SELECT text FROM name WHERE text = ANY(%s::VARCHAR[])", (["no", text],))
    assert channel.fetchall() == [(text,)]
    channel.execute(ALL)
    assert channel.fetchall() == [(1, text, text.encode())]


def test_more_than_the_line_holds_goes_both_ways_at_once(channel):
    """While we still send, the server may wait for us to take what it has sent."""
    content = bytes(range(256)) * 16_384
    channel.execute(ADD, (1, "x", content))
    for number in range(2, 6):
        channel.execute(ALL)
        channel.execute(ADD, (number, "x", content))
    channel.execute(ALL)
    assert [row[2] == content for row in channel.fetchall()] == [True] * 5


def test_behind_an_error_nothing_happens_and_the_commit_least_of_all(channel, connection):
    channel.execute("BEGIN")
    for number in (1, 2, 1, 3):
        channel.execute(ADD, (number, "x", b""))
    channel.execute("COMMIT")
    with pytest.raises(psycopg.errors.UniqueViolation):
        channel.settle()
    connection.rollback()
    channel.execute(ALL)
    assert channel.fetchall() == []
    channel.execute(ADD, (1, "x", b""))
    assert channel.settle() == "INSERT 0 1"


def test_what_is_prepared_in_an_undone_transaction_stays_prepared(channel, connection):
    channel.execute("BEGIN")
    channel.execute(ADD, (1, "x", b""))
    channel.execute("SELECT 1 / %s::BIGINT", (0,))
    with pytest.raises(psycopg.errors.DivisionByZero):
        channel.settle()
    connection.rollback()
    channel.execute(ADD, (1, "x", b""))
    channel.execute("SELECT 1 / %s::BIGINT", (1,))
    assert channel.fetchone() == (1,)


def test_what_was_thrown_away_never_leaves(channel):
    channel.execute(ADD, (1, "x", b""))
    channel.forget()
    assert channel.settle() == ""
    channel.execute(ALL)
    assert channel.fetchall() == []


def test_a_text_that_is_none_is_refused_and_not_cut_off(channel, connection):
    channel.execute(ADD, (1, "a\x00b", b""))
    with pytest.raises(psycopg.errors.CharacterNotInRepertoire):
        channel.settle()


def test_a_value_of_another_kind_is_a_bug_that_ends_the_connection(channel, connection):
    channel.execute(ADD, (1, "x", b""))
    channel.execute(ADD, (1.5, "x", b""))
    with pytest.raises(TypeError):
        channel.settle()
    assert connection.closed


def test_fl_15_a_connection_that_is_lost_is_an_error_and_no_end(channel, connection, database):
    channel.execute(ALL)
    channel.settle()
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    channel.execute(ADD, (1, "x", b""))
    with pytest.raises(psycopg.OperationalError):
        channel.settle()
    assert connection.closed


# ---------------------------------------------------------------- in a store


def test_a_turn_that_only_writes_is_two_ways_to_the_server_and_back(open_, monkeypatch):
    store = open_()
    with store.transaction() as tx:
        tx.put_value("card", b"x")
    made = trips(monkeypatch)
    with store.transaction() as tx:
        tx.put_value("card", b"y")
        tx.put_value("other", b"z")
    assert len(made) == 2
    with store.reading() as tx:
        assert (tx.value("card"), tx.value("other")) == (b"y", b"z")
    store.close()


def test_behind_the_final_entry_nothing_is_looked_for(open_, monkeypatch):
    """A worker that catches up asks until there is no more; where the end is it has been told."""
    store = open_()
    log = Log()
    log.say(b"m")
    log.say(b"m")
    with store.transaction() as tx:
        tx.append(log.held, log.state)
        assert [it.position for it in tx.since(0, limit=9)] == [1, 2]
        log.say(b"m")
        tx.append(log.held[2:], log.state)
        assert [it.position for it in tx.since(2, limit=9)] == [3]
    made = trips(monkeypatch)
    with store.reading() as tx:
        assert [it.position for it in tx.since(1, limit=9)] == [2, 3]
        assert tx.since(3, limit=9) == ()
    assert len(made) == 3
    store.close()


def test_what_fails_late_fails_the_transaction_and_none_of_it_lasts(open_):
    """FL-14, FL-15: a statement that waits may fail after its caller has gone on."""
    store = open_()

    def clash():
        with store.transaction() as tx:
            tx.put_value("card", b"x")
            store._channel.execute("INSERT INTO store (id, fence) SELECT id, 0 FROM store")

    with pytest.raises(StoreConflictError):
        clash()
    with store.transaction() as tx:
        assert tx.value("card") is None
        tx.put_value("card", b"y")
    store.close()
    with open_().reading() as tx:
        assert tx.value("card") == b"y"


def test_an_error_before_an_attempt_is_not_undone_with_it(open_):
    store = open_()

    def swallow():
        with store.transaction() as tx:
            store._channel.execute("INSERT INTO store (id, fence) SELECT id, 0 FROM store")
            try:
                with tx.attempt():
                    tx.put_value("card", b"x")
            except psycopg.Error:
                pass
            tx.put_value("card", b"y")

    with pytest.raises(StoreFailedError):
        swallow()
    store.close()
    with open_().reading() as tx:
        assert tx.value("card") is None


def test_what_the_server_undoes_instead_of_committing_is_a_failure(open_):
    """It answers a COMMIT with a ROLLBACK, and no error, when somebody has passed one over."""
    store = open_()

    def pass_over():
        with store.transaction() as tx:
            tx.put_value("card", b"x")
            tx._settle()
            with pytest.raises(psycopg.errors.DivisionByZero):
                store._cursor.execute("SELECT 1 / 0")

    with pytest.raises(StoreFailedError, match="did not commit: ROLLBACK"):
        pass_over()
    store.close()
    with open_().reading() as tx:
        assert tx.value("card") is None
