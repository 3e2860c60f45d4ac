"""One party's node in a storm: it crashes, comes back, and goes on where its disk says.

The node, the driver and their order of steps are the product's. What is virtual is what they are
handed: clock, disk, chance and keys; and the loop around them, which sends, waits and tries again.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from relto.driver import Driver, LawBook, NotReconciledError
from relto.errors import WorldError
from relto.limits import SNAPSHOT_ENTRIES
from relto.ports import (
    StoreCorruptError,
    StoreFailedError,
    StoreFencedError,
    StoreFullError,
    World,
)
from relto.sim.agenda import SECOND, Agenda
from relto.sim.clock import VirtualClock
from relto.sim.store import Disk, MemoryBlobs, MemoryStore
from relto.sim.storm.lab import Make
from relto.sim.twins import SeededEntropy, TwinKeys, TwinOpener, TwinSealer
from relto.units import PartyCode

T = TypeVar("T")

RESTART_NS: Final = 5 * SECOND
_WORKERS: Final = 2
# How often a worker hears in time what another has told; hints may get lost.
_HEEDING: Final = 0.7
# A node that forgets at once, soon, or not within a storm.
_MEMORIES: Final = (1, 7, 40, SNAPSHOT_ENTRIES)
# How many lives work on large packages beside their turns, and how long that may take.
_PUT_OFF_SHARE: Final = 0.7
_WORK_NS_MAX: Final = 3 * SECOND


class Crash(BaseException):
    """The process ends here and now."""


class Armed:
    """A crash or a disk failure that waits for its place.

    Args:
        point: Where it strikes.
        down_ns: How long the node stays down.
        error: What the disk says; `None` for a crash.
    """

    def __init__(self, point: str, *, down_ns: int, error: StoreFailedError | None = None) -> None:
        """Wait."""
        self.point = point
        self.down_ns = down_ns
        self.error = error


class Site:
    """A party's machine.

    Args:
        party: Whose.
        agenda: The true time.
        disk: What it finds when it starts.
        keys: Its keys.
        luck: Its chance.
        memory: Chance of its own: after how many entries each life of it forgets, and how long
            its work on large packages takes.
        laws: Compiled laws, shared because they are pure.
        make: Opens a driver; a test hands in one with a planted bug.
        crew: Which of several workers on one store takes a call; `None` where one process is alone.
        open_: Opens the store on a disk; a test hands in another.
    """

    def __init__(
        self,
        party: PartyCode,
        agenda: Agenda,
        *,
        disk: Disk,
        keys: TwinKeys,
        luck: random.Random,
        memory: random.Random,
        laws: LawBook,
        make: Make = Driver,
        crew: random.Random | None = None,
        open_: type[MemoryStore] = MemoryStore,
    ) -> None:
        """Stand there, switched off."""
        self.party = party
        self.disk = disk
        self.clock = VirtualClock(agenda)
        self.blobs = MemoryBlobs(self.clock)
        self.keys = keys
        self.driver: Driver | None = None
        self.life = 0
        self.armed: list[Armed] = []
        self.is_full = False
        self.is_troubled = False
        self.former: tuple[TwinKeys, ...] = ()
        self.stopped: set[PartyCode] = set()
        self.why_down = ""
        self._agenda = agenda
        self._entropy = SeededEntropy(luck)
        self._laws = laws
        self._memory = memory
        self._make = make
        self._crew = crew
        self._open = open_
        self._workers: list[tuple[Driver, MemoryStore]] = []
        self.on_down: Callable[[int], None] = lambda _down_ns: None
        self.points: dict[str, int] = {}

    @property
    def is_up(self) -> bool:
        """Whether a process runs."""
        return self.driver is not None

    @property
    def is_crewed(self) -> bool:
        """Whether several workers run here."""
        return self._crew is not None

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """All processes that run."""
        return tuple(driver for driver, _ in self._workers)

    def boot(self) -> bool:
        """Start the process, or all of them; tells whether it runs."""
        assert self.driver is None
        self.life += 1
        for _ in range(1 if self._crew is None else _WORKERS):
            if not self._begin():
                return self.is_up
        return self.do(_tick) is True

    def _begin(self) -> bool:
        """Start one process."""
        store: MemoryStore | None = None
        try:
            store = self._open(self.disk, hook=self._strike, is_shared=self.is_crewed)
            driver = self._make(
                self._world(store),
                laws=self._laws,
                fault=self._strike,
                snapshot_entries=self._memory.choice(_MEMORIES),
            )
            if self._memory.random() < _PUT_OFF_SHARE:
                driver.put_off_large()
        except Crash:
            return self._end(store)
        except WorldError as error:
            return self._end(store, error)
        self._workers.append((driver, store))
        self.driver = driver
        return True

    def do(self, act: Callable[[Driver], T], *, by: Driver | None = None) -> T | None:
        """Let the running process do something; `None` when it could not, or is no more.

        Args:
            act: One call of the driver.
            by: Which of several workers; `None` for any.

        Raises:
            LocalError: Its caller broke a rule.
            PeerError: Its partner did.
        """
        self.is_troubled = False
        if self.driver is None:
            return None
        if self._crew is not None:
            self.driver = by or self._crew.choice(self.drivers)
            if self._crew.random() < _HEEDING:
                self.driver.heed()
        try:
            return act(self.driver)
        except Crash:
            self._lose()
        except (StoreFailedError, StoreFencedError, StoreCorruptError) as error:
            self._lose(error)
        except NotReconciledError:
            # It was set back and has to hear from its partners first.
            return None
        except WorldError:
            # No room, or a clock that went back: nothing has happened, and it is tried again.
            self.is_troubled = True
            return None
        return None

    def _lose(self, error: WorldError | None = None) -> None:
        """The process that did the last thing is no more."""
        (lost,) = [one for one in self._workers if one[0] is self.driver]
        self._workers.remove(lost)
        self._end(lost[1], error)

    def _end(self, store: MemoryStore | None, error: WorldError | None = None) -> bool:
        """One process has ended; others on the same store go on, and it is started again."""
        if store is not None:
            store.crash()
        if not self._workers or isinstance(error, StoreCorruptError):
            return self._down(error)
        self.driver = self._workers[0][0]
        self.is_troubled = True
        down_ns, self._down_ns = self._down_ns, RESTART_NS
        self._agenda.after(down_ns, partial(self._join, self.life))
        return False

    def _join(self, life: int) -> None:
        """Start one more worker in the place of one that has ended."""
        if self.driver is not None and self.life == life and self._begin():
            self.do(_tick, by=self.driver)

    def work_ns(self) -> int:
        """Draw how long the work on a large package takes."""
        return self._memory.randrange(_WORK_NS_MAX)

    def is_reconciling(self) -> bool:
        """Whether it was set back and has not heard from every partner yet."""
        return bool(self.do(lambda driver: driver.reconciling()))

    def steal(self) -> "Driver | None":
        """Let another process take the store; gives the one that still believes in its lock."""
        assert self._crew is None
        if self.driver is None:
            return None
        ((zombie, store),) = self._workers
        store.steal()
        self.driver, self._workers = None, []
        return zombie

    def has_room(self) -> None:
        """Somebody has tidied up the disk."""
        self.is_full = False

    def switch_off(self) -> None:
        """End every process without warning."""
        for _, store in self._workers:
            store.crash()
        self.driver, self._workers = None, []

    def _down(self, error: WorldError | None = None) -> bool:
        down_ns, self._down_ns = self._down_ns, RESTART_NS
        self.why_down = "" if error is None else error.code
        self.switch_off()
        self.on_down(down_ns)
        return False

    _down_ns = RESTART_NS

    def _strike(self, point: str) -> None:
        """Called at every named place of driver and store."""
        self.points[point] = self.points.get(point, 0) + 1
        if self.is_full and point == "store.append":
            raise StoreFullError("no room on the disk for the journal")
        for one in self.armed:
            if one.point == point:
                self.armed.remove(one)
                self._down_ns = one.down_ns
                if one.error is not None:
                    raise one.error
                raise Crash(point)

    def _world(self, store: MemoryStore) -> World:
        return World(
            store=store,
            blobs=self.blobs,
            clock=self.clock,
            entropy=self._entropy,
            signer=self.keys,
            sealer=TwinSealer(),
            opener=TwinOpener((self.keys, *self.former)),
            former=self.former,
        )


def _tick(driver: Driver) -> bool:
    driver.tick()
    return True
