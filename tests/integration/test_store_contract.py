"""One contract, every store: what `relto.ports.store` promises holds for each implementation."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relto.adapters.store import SqliteStore
from relto.journal import Draft, append, empty_log, frontier_of, peaks_of
from relto.model import Entry
from relto.ports.store import (
    Blob,
    BlobState,
    Kept,
    Mark,
    Snapshot,
    Store,
    StoreFencedError,
    StoreLockedError,
    Transaction,
)
from relto.seal import digest, leaf_hash
from relto.sim.store import Disk, MemoryStore
from tests.support_journal import AT, JPN_JPN, JPN_KOR, KOR_JPN, Log, SeededEntropy

Open = Callable[[], Store]


ALONE = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
SHARED = ["memory-shared", pytest.param("postgres-shared", marks=pytest.mark.postgres)]


@pytest.fixture(params=[*ALONE, *SHARED])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same store again and again."""
    opened: list[Store] = []
    disk = Disk()
    if request.param.startswith("postgres"):
        from relto.adapters.store.postgres import PostgresStore
        from relto.adapters.store.shared import SharedPostgresStore

        url = request.getfixturevalue("database")

    def open_() -> Store:
        match request.param:
            case "memory":
                store: Store = MemoryStore(disk)
            case "sqlite":
                store = SqliteStore(tmp_path / "journal.sqlite")
            case "memory-shared":
                store = MemoryStore(disk, is_shared=True)
            case "postgres":
                store = PostgresStore(url)
            case "postgres-shared":
                store = SharedPostgresStore(url)
        opened.append(store)
        return store

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Open) -> Store:
    return reopen()


def say(tx: Transaction, log=JPN_KOR, *, count: int = 1, case: str | None = "c-1") -> list[Entry]:
    state = tx.log(log) or empty_log(log, is_exercise=False)
    made = []
    for number in range(count):
        draft = Draft(
            kind="release", case=case, parts=(("message", b"m%d" % number), ("title", b"t"))
        )
        state, entry = append(state, draft, now=AT, entropy=SeededEntropy(state.size))
        made.append(entry)
    tx.append(made, state)
    return made


def test_a_new_store_is_empty(store):
    with store.transaction() as tx:
        assert tx.log(JPN_KOR) is None
        assert tx.logs() == ()
        assert tx.position() == 0
        assert tx.since(0, limit=10) == ()
        assert tx.entries(JPN_KOR, first=1, end=10) == ()
        assert tx.kept() == ()
        assert tx.blobs(BlobState.EXPECTED) == ()
        assert tx.value("card") is None
        assert tx.snapshot("node") is None


def test_entries_come_back_as_they_went_in_also_after_reopening(store, reopen):
    with store.transaction() as tx:
        made = say(tx, count=5)
        state = tx.log(JPN_KOR)
    store.close()
    with reopen().transaction() as tx:
        assert tx.entries(JPN_KOR, first=1, end=6) == tuple(made)
        assert tx.entries(JPN_KOR, first=2, end=4) == tuple(made[1:3])
        assert tx.entries(JPN_KOR, first=4, end=99) == tuple(made[3:])
        assert tx.log(JPN_KOR) == state
        peaks = peaks_of([leaf_hash(entry.raw) for entry in made])
        assert [tx.peak(JPN_KOR, number) for number in range(1, 6)] == list(peaks)


def test_peaks_go_on_over_transactions_and_lead_to_the_head(store):
    """JN-9."""
    for count in (1, 3, 1, 8, 1, 1, 5):
        with store.transaction() as tx:
            say(tx, count=count)
    with store.transaction() as tx:
        state = tx.log(JPN_KOR)
        assert frontier_of(lambda it: tx.peak(JPN_KOR, it), size=20) == state.frontier
        assert len(frontier_of(lambda it: tx.peak(JPN_KOR, it), size=15)) == 4


def test_positions_run_over_all_logs_without_gaps(store):
    with store.transaction() as tx:
        say(tx, JPN_KOR, count=2)
        say(tx, JPN_JPN, count=1)
    with store.transaction() as tx:
        say(tx, KOR_JPN, count=2)
        say(tx, JPN_KOR, count=1)
        assert tx.position() == 6
    with store.transaction() as tx:
        placed = tx.since(0, limit=100)
        assert [it.position for it in placed] == [1, 2, 3, 4, 5, 6]
        logs = [it.entry.header.log for it in placed]
        assert logs == [JPN_KOR, JPN_KOR, JPN_JPN, KOR_JPN, KOR_JPN, JPN_KOR]
        assert [it.position for it in tx.since(4, limit=1)] == [5]
        assert [state.log for state in tx.logs()] == [JPN_JPN, JPN_KOR, KOR_JPN]


def test_a_case_gathers_entries_of_all_logs_in_order(store):
    with store.transaction() as tx:
        say(tx, JPN_KOR, case="c-1")
        say(tx, JPN_JPN, case="c-2")
        say(tx, KOR_JPN, case="c-1")
        say(tx, KOR_JPN, case=None)
    with store.transaction() as tx:
        assert [it.position for it in tx.case("c-1")] == [1, 3]
        assert tx.case("c-9") == ()
        assert [it.position for it in tx.case("c-1", until=2)] == [1]
        assert tx.case("c-1", until=0) == ()


def test_marks_find_entries_by_rank_then_number_page_by_page(store, reopen):
    ranks = {1: "b", 2: "a", 3: "b", 4: "B", 5: "a"}
    marks = [Mark(name="topic/x", rank=rank, number=number) for number, rank in ranks.items()]
    with store.transaction() as tx:
        made = say(tx, count=5)
        say(tx, KOR_JPN, count=1)
        tx.put_marks(JPN_KOR, marks)
        tx.put_marks(JPN_KOR, marks[:2])
        tx.put_marks(JPN_KOR, [Mark(name="topic/y", rank="", number=4)])
        tx.put_marks(KOR_JPN, [Mark(name="topic/x", rank="", number=1)])
    store.close()
    with reopen().transaction() as tx:

        def numbers(name="topic/x", *, after=None, until=9, limit=9):
            found = tx.marked(JPN_KOR, name, after=after, until=until, limit=limit)
            assert [entry for _, entry in found] == [made[mark.number - 1] for mark, _ in found]
            return [mark.number for mark, _ in found]

        assert numbers() == [4, 2, 5, 1, 3]
        assert numbers("topic/y") == [4]
        assert numbers("topic/z") == []
        assert numbers(until=3) == [2, 1, 3]
        assert numbers(limit=2) == [4, 2]
        assert numbers(after=marks[1], limit=2) == [5, 1]
        assert numbers(after=marks[2]) == []
        tx.drop_marks(JPN_KOR, [marks[0], Mark(name="topic/z", rank="", number=1)])
        assert numbers() == [4, 2, 5, 3]
        tx.clear_marks()
        assert numbers() == []


def test_what_raises_has_not_happened(store):
    mark = Mark(name="a", rank="", number=1)
    with store.transaction() as tx:
        say(tx)
        tx.put_value("settings", b"s")
        tx.put_marks(JPN_KOR, [mark])
        before = tx.log(JPN_KOR)
    with pytest.raises(ZeroDivisionError), store.transaction() as tx:  # noqa: PT012
        say(tx, count=3)
        say(tx, KOR_JPN)
        tx.put_value("card", b"x")
        tx.drop_value("settings")
        tx.drop_marks(JPN_KOR, [mark])
        tx.put_marks(JPN_KOR, [Mark(name="b", rank="", number=1)])
        tx.clear_marks()
        tx.put_snapshot("node", Snapshot(position=2, content=b"y"))
        tx.keep(Kept(kind="fork", at=AT, content=b"z"))
        tx.put_blob(Blob(digest=digest(b""), size_bytes=0, state=BlobState.EXPECTED))
        tx.destroy(JPN_KOR, number=1, part="title")
        raise ZeroDivisionError
    with store.transaction() as tx:
        assert tx.log(JPN_KOR) == before
        assert tx.log(KOR_JPN) is None
        assert tx.position() == 1
        for name, found in (("a", 1), ("b", 0)):
            assert len(tx.marked(JPN_KOR, name, after=None, until=9, limit=9)) == found
        assert tx.case("c-1")[0].entry.content("title") == b"t"
        assert len(tx.case("c-1")) == 1
        assert tx.value("card") is None
        assert tx.value("settings") == b"s"
        assert tx.snapshot("node") is None
        assert tx.kept() == ()
        assert tx.blobs(BlobState.EXPECTED) == ()


@pytest.mark.parametrize("inner", ["transaction", "reading"])
@pytest.mark.parametrize("outer", ["transaction", "reading"])
def test_a_transaction_within_another_is_a_bug_and_harms_neither(store, outer, inner):
    """Nothing of the outer one is committed or undone by it."""
    with store.transaction() as tx:
        tx.put_value("before", b"1")
    with getattr(store, outer)() as tx:
        if outer == "transaction":
            tx.put_value("kept", b"2")
        with pytest.raises(AssertionError, match="under way"), getattr(store, inner)():
            raise NotImplementedError
        assert tx.value("before") == b"1"

    def nest() -> None:
        with store.transaction() as tx:
            tx.put_value("undone", b"3")
            with getattr(store, inner)():
                raise NotImplementedError

    with pytest.raises(AssertionError, match="under way"):
        nest()
    with store.reading() as tx:
        assert tx.value("undone") is None
        assert (tx.value("kept") == b"2") is (outer == "transaction")


def test_an_attempt_fails_alone(store):
    with store.transaction() as tx:
        say(tx)
        with pytest.raises(ZeroDivisionError), tx.attempt():  # noqa: PT012
            say(tx, KOR_JPN, count=2)
            with tx.attempt():
                say(tx, JPN_JPN)
            raise ZeroDivisionError
        assert tx.log(KOR_JPN) is None
        with tx.attempt():
            say(tx, KOR_JPN)
    with store.transaction() as tx:
        assert [it.entry.header.log for it in tx.since(0, limit=9)] == [JPN_KOR, KOR_JPN]


def test_a_destroyed_body_is_gone_and_the_rest_still_verifies(store):
    """JN-6: the header, its proofs and the other parts stay."""
    with store.transaction() as tx:
        (entry,) = say(tx)
    with store.transaction() as tx:
        assert tx.destroy(JPN_KOR, number=1, part="title")
        assert not tx.destroy(JPN_KOR, number=1, part="title")
        assert not tx.destroy(JPN_KOR, number=1, part="no-such-part")
        assert not tx.destroy(JPN_KOR, number=2, part="title")
    with store.transaction() as tx:
        (left,) = tx.entries(JPN_KOR, first=1, end=2)
        assert left.raw == entry.raw
        assert left.content("message") == b"m0"
        assert left.content("title") is None


def test_a_note_or_acknowledgement_is_stored_without_entries(store):
    with store.transaction() as tx:
        say(tx)
        state = tx.log(JPN_KOR)
        assert state is not None
        from msgspec.structs import replace

        noted = replace(state, note=b"note", acknowledged=1, acknowledgement=b"ack")
        tx.put_log(noted)
    with store.transaction() as tx:
        assert tx.log(JPN_KOR) == noted
        assert tx.append((), noted) == 1


def test_small_things_are_replaced_and_evidence_is_not(store):
    with store.transaction() as tx:
        for place in (b"1", b"2"):
            tx.put_value("card", place)
            tx.put_snapshot("node", Snapshot(position=3, content=place))
            tx.keep(Kept(kind="fork", at=AT, content=place))
    with store.transaction() as tx:
        assert tx.value("card") == b"2"
        assert tx.snapshot("node") == Snapshot(position=3, content=b"2")
        assert [it.content for it in tx.kept()] == [b"1", b"2"]


def test_what_a_transaction_reads_is_what_it_has_put_last(store):
    """Also after an attempt that has failed, and of more values than are remembered."""
    names = [f"value/{number}" for number in range(200)]
    with store.transaction() as tx:
        for name in names:
            assert tx.value(name) is None
            tx.put_value(name, name.encode())
        assert [tx.value(name) for name in names] == [name.encode() for name in names]
    with store.transaction() as tx:
        assert tx.value("value/1") == b"value/1"
        with pytest.raises(ZeroDivisionError), tx.attempt():  # noqa: PT012
            tx.put_value("value/1", b"other")
            tx.drop_value("value/2")
            assert (tx.value("value/1"), tx.value("value/2")) == (b"other", None)
            raise ZeroDivisionError
        assert (tx.value("value/1"), tx.value("value/2")) == (b"value/1", b"value/2")
        tx.drop_value("value/1")
        assert tx.value("value/1") is None
    with store.transaction() as tx:
        assert (tx.value("value/1"), tx.value("value/2")) == (None, b"value/2")


def test_many_values_are_read_at_once(store):
    """By any name: names are never part of a statement."""
    odd = ["it's", 'a "name"', "é", "%s?:x", "back\\slash"]
    with store.transaction() as tx:
        for name in odd:
            tx.put_value(name, name.encode())
        tx.put_value("empty", b"")
        assert tx.values(()) == {}
        assert tx.values(("nothing",)) == {}
        many = [*odd, "empty", "nothing", *(f"other/{number}" for number in range(1_000))]
        assert tx.values(many) == {"empty": b""} | {name: name.encode() for name in odd}
        assert tx.values((odd[0], odd[0])) == {odd[0]: odd[0].encode()}


def test_a_dropped_value_is_gone_and_may_be_put_again(store):
    with store.transaction() as tx:
        tx.put_value("card", b"1")
        tx.put_value("settings", b"2")
    with store.transaction() as tx:
        tx.drop_value("card")
        tx.drop_value("settings", is_destroyed=True)
        tx.drop_value("never put")
        assert tx.value("card") is None
        tx.put_value("card", b"3")
    with store.transaction() as tx:
        assert tx.value("card") == b"3"
        assert tx.value("settings") is None


def test_blobs_are_found_by_digest_and_by_state(store):
    one = Blob(digest=digest(b"1"), size_bytes=1, state=BlobState.EXPECTED, case="c-1")
    two = Blob(digest=digest(b"2"), size_bytes=1, state=BlobState.EXPECTED)
    done = Blob(digest=digest(b"1"), size_bytes=1, state=BlobState.COMPLETE, case="c-1")
    with store.transaction() as tx:
        tx.put_blob(one)
        tx.put_blob(two)
    with store.transaction() as tx:
        assert {it.digest for it in tx.blobs(BlobState.EXPECTED)} == {one.digest, two.digest}
        tx.put_blob(done)
        assert tx.blobs(BlobState.EXPECTED) == (two,)
        assert tx.blob(one.digest) == done
        assert tx.blob(digest(b"3")) is None


@pytest.mark.parametrize("reopen", ALONE, indirect=True)
def test_fl_18_a_second_instance_on_one_store_is_refused(store, reopen):
    with pytest.raises(StoreLockedError):
        reopen()
    store.close()
    reopen()


@pytest.mark.parametrize("reopen", ALONE, indirect=True)
def test_each_writer_has_a_greater_fence(store, reopen):
    first = store.fence
    store.close()
    store.close()
    assert reopen().fence > first


@pytest.mark.parametrize("reopen", SHARED, indirect=True)
def test_workers_take_turns_and_see_by_the_fence_that_another_has_written(store, reopen):
    """EX-50."""
    other = reopen()
    begin = store.newest()
    assert other.newest() == begin
    with store.transaction() as tx:
        say(tx)
        tx.tell("KOR 1 1")
    assert store.newest() == other.newest() == tx.fence == begin + 1
    with other.transaction() as tx:
        assert tx.fence == begin + 1
        assert tx.log(JPN_KOR).size == 1
    with other.reading() as tx:
        assert tx.fence == begin + 1


@pytest.mark.parametrize("reopen", SHARED, indirect=True)
def test_a_worker_that_claimed_a_link_has_it_until_it_gives_it_back_or_ends(store, reopen):
    """LK-22."""
    other = reopen()
    assert store.claim("link/KOR")
    assert store.claim("link/KOR")
    assert not other.claim("link/KOR")
    assert other.claim("link/USA")
    store.release("link/KOR")
    store.release("link/KOR")
    assert other.claim("link/KOR")
    other.close()
    assert store.claim("link/KOR")
    with store.transaction() as tx:
        say(tx)


def test_fl_18_a_writer_that_was_overtaken_is_fenced(tmp_path):
    store = MemoryStore()
    MemoryStore(store.steal())
    with pytest.raises(StoreFencedError), store.transaction():
        pass


def test_the_same_log_object_reads_as_a_store_does():
    log = Log()
    log.say(b"a")
    assert log.read(1, 2) == log.held
