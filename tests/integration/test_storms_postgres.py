"""Storms over the real PostgreSQL store: each transaction runs on it and on its twin in memory.

Whatever a driver reads must be the same in both, so the twin is as good as the store; the watch
looks at the twin's disk. Faults that replace or damage a disk are left out: there is one of each.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import pytest
from msgspec.structs import replace

from relto.adapters.lawfiles import digest_of, packaged_files
from relto.adapters.store import open_shared, open_store
from relto.adapters.store.postgres import PostgresStore
from relto.ports import Mark
from relto.sim.store import Disk, MemoryStore
from relto.sim.storm.lab import Files, Lab
from relto.sim.storm.plan import PARTIES, Kind, Plan
from relto.sim.storm.sweep import plan_of, play

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.sim,
    pytest.mark.timeout(900),
]


class BothTransaction:
    """Writes to both, reads from both, and holds the answers against each other."""

    def __init__(self, memory: Any, base: Any) -> None:
        self._memory, self._base = memory, base

    @property
    def fence(self) -> int:
        return self._base.fence

    def tell(self, words: str) -> None:
        """In memory alone: when a server's notice arrives is no function of a seed."""
        self._memory.tell(words)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self._base.attempt())
            stack.enter_context(self._memory.attempt())
            yield

    def __getattr__(self, name: str) -> Callable[..., object]:
        def both(*given: object, **named: object) -> object:
            here = getattr(self._memory, name)(*given, **named)
            there = getattr(self._base, name)(*given, **named)
            assert here == there, name
            return there

        return both


class BothStore(MemoryStore):
    """A disk in memory, and the same in a database."""

    databases: ClassVar[Callable[[], str]]
    places: ClassVar[dict[int, str]]
    opened: ClassVar[list["BothStore"]]

    def __init__(self, disk: Disk, *, hook: Callable[[str], None], is_shared: bool) -> None:
        def committed(point: str) -> None:
            if point == "store.committed":
                self._end_base(None)
            hook(point)

        super().__init__(disk, hook=committed, is_shared=is_shared)
        if id(disk) not in self.places:
            self.places[id(disk)] = type(self).databases()
            fill(self.places[id(disk)], disk)
        place = self.places[id(disk)]
        self._base = open_shared(place) if is_shared else open_store(place)
        assert isinstance(self._base, PostgresStore)
        self._under_way: Any = None
        self.opened.append(self)

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        self._under_way = self._base.transaction()
        base = self._under_way.__enter__()
        try:
            with super().transaction() as memory:
                yield BothTransaction(memory, base)
        except BaseException as error:
            self._end_base(error)
            raise

    def _end_base(self, error: BaseException | None) -> None:
        ending, self._under_way = self._under_way, None
        if ending is None:
            return
        if error is None:
            ending.__exit__(None, None, None)
            return
        try:
            ending.__exit__(type(error), error, error.__traceback__)
        except BaseException as raised:
            if raised is not error:
                raise

    def newest(self) -> int:
        return self._base.newest()

    def steal(self) -> Disk:
        self._base._cursor.execute("SELECT pg_advisory_unlock_all()")
        return super().steal()

    def close(self) -> None:
        self._base.close()
        super().close()


def fill(place: str, disk: Disk) -> None:
    """Bring a disk's rows into an empty database."""
    store = open_store(place)
    with store.transaction() as tx:
        entries = [disk.logs[log][number - 1] for log, number in disk.order]
        tx.append(entries, *disk.states.values())
        for name, content in disk.values.items():
            tx.put_value(name, content)
        for name, snapshot in disk.snapshots.items():
            tx.put_snapshot(name, snapshot)
        for (log, name), marks in disk.marks.items():
            tx.put_marks(log, [Mark(name=name, rank=rank, number=it) for rank, it in marks])
    store.close()


@pytest.fixture
def lab(databases: Callable[[], str]) -> Iterator[Lab]:
    files = packaged_files()

    class Here(BothStore):
        places: ClassVar[dict[int, str]] = {}
        opened: ClassVar[list[BothStore]] = []

    Here.databases = staticmethod(databases)
    yield Lab(Files(files=files, digest=digest_of(files)), open_=Here)
    for store in Here.opened:
        store.close()


def sturdy(seed: int) -> Plan:
    """A storm without damaged or replaced disks."""
    plan = plan_of(seed)
    faults = [one for one in plan.faults if one.kind not in {Kind.ROT, Kind.RESTORE}]
    return replace(plan, faults=tuple(faults))


@pytest.mark.parametrize("crews", [(), PARTIES], ids=["alone", "workers"])
def test_storms_over_a_database_break_no_promise(crews: tuple[str, ...], lab: Lab) -> None:
    """EX-34, EX-50, FL-1, FL-18: crashes, full disks, disks that fail, changed keys."""
    stormy = [plan for plan in map(sturdy, range(60)) if len(plan.faults) >= 6]
    for plan in stormy[:4]:
        outcome = play(replace(plan, crews=crews), lab)
        assert not outcome.failure, f"seed {plan.seed}, {crews}: {outcome.failure}"
        assert outcome.entries
