"""What the store in memory can suffer beyond its contract."""

import pytest

from relto.journal import Draft, append, empty_log
from relto.ports.store import StoreCorruptError, StoreFailedError
from relto.sim.store import Disk, MemoryStore
from tests.support_journal import AT, JPN_KOR, SeededEntropy


def _write(store: MemoryStore, count: int) -> None:
    with store.transaction() as tx:
        state = tx.log(JPN_KOR) or empty_log(JPN_KOR, is_exercise=False)
        for _ in range(count):
            draft = Draft(kind="release", case="c-1", parts=(("message", b"m"),))
            state, entry = append(state, draft, now=AT, entropy=SeededEntropy(state.size))
            tx.append([entry], state)


def test_a_damaged_row_raises_wherever_it_is_read_and_harms_no_other_fl_16() -> None:
    disk = Disk()
    store = MemoryStore(disk)
    _write(store, 3)
    disk.damage(JPN_KOR, 2)
    with store.transaction() as tx:
        assert len(tx.entries(JPN_KOR, first=1, end=2)) == 1
        assert len(tx.entries(JPN_KOR, first=3, end=4)) == 1
        for read in (
            lambda: tx.entries(JPN_KOR, first=1, end=4),
            lambda: tx.peak(JPN_KOR, 2),
            lambda: tx.since(0, limit=9),
            lambda: tx.case("c-1"),
        ):
            with pytest.raises(StoreCorruptError):
                read()


def test_a_backup_taken_before_the_damage_is_sound() -> None:
    disk = Disk()
    store = MemoryStore(disk)
    _write(store, 1)
    backup = disk.copy()
    disk.damage(JPN_KOR, 1)
    with MemoryStore(backup).transaction() as tx:
        assert len(tx.since(0, limit=9)) == 1


def test_a_disk_that_fails_after_writing_is_not_believed_before_a_restart_fl_15() -> None:
    disk = Disk()

    def fail(point: str) -> None:
        if point == "store.committed":
            raise StoreFailedError("the disk failed: fsync")

    store = MemoryStore(disk, hook=fail)
    with pytest.raises(StoreFailedError):
        _write(store, 1)
    with pytest.raises(StoreFailedError), store.transaction():
        pass
    store.close()
    with MemoryStore(disk).transaction() as tx:
        assert tx.position() == 1
