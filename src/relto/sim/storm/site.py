"""One party's node in a storm: it crashes, comes back, and goes on where its disk says.

The node, the driver and their order of steps are the product's. What is virtual is what they are
handed: clock, disk, chance and keys; and the loop around them, which sends, waits and tries again.
"""

import random
from collections.abc import Callable
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
# A node that forgets at once, soon, or not within a storm.
_MEMORIES: Final = (1, 7, 40, SNAPSHOT_ENTRIES)


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
        memory: Chance of its own: after how many entries each life of it forgets.
        laws: Compiled laws, shared because they are pure.
        make: Opens a driver; a test hands in one with a planted bug.
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
    ) -> None:
        """Stand there, switched off."""
        self.party = party
        self.disk = disk
        self.blobs = MemoryBlobs()
        self.clock = VirtualClock(agenda)
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
        self._store: MemoryStore | None = None
        self.on_down: Callable[[int], None] = lambda _down_ns: None
        self.points: dict[str, int] = {}

    @property
    def is_up(self) -> bool:
        """Whether a process runs."""
        return self.driver is not None

    def boot(self) -> bool:
        """Start the process; tells whether it runs."""
        assert self.driver is None
        self.life += 1
        try:
            self._store = MemoryStore(self.disk, hook=self._strike)
            driver = self._make(
                self._world(self._store),
                laws=self._laws,
                fault=self._strike,
                snapshot_entries=self._memory.choice(_MEMORIES),
            )
        except Crash:
            return self._down()
        except WorldError as error:
            return self._down(error)
        self.driver = driver
        return self.do(_tick) is True

    def do(self, act: Callable[[Driver], T]) -> T | None:
        """Let the running process do something; `None` when it could not, or is no more.

        Args:
            act: One call of the driver.

        Raises:
            LocalError: Its caller broke a rule.
            PeerError: Its partner did.
        """
        self.is_troubled = False
        if self.driver is None:
            return None
        try:
            return act(self.driver)
        except Crash:
            self._down()
        except (StoreFailedError, StoreFencedError, StoreCorruptError) as error:
            self._down(error)
        except NotReconciledError:
            # It was set back and has to hear from its partners first.
            return None
        except WorldError:
            # No room, or a clock that went back: nothing has happened, and it is tried again.
            self.is_troubled = True
            return None
        return None

    def is_reconciling(self) -> bool:
        """Whether it was set back and has not heard from every partner yet."""
        return bool(self.do(lambda driver: driver.reconciling()))

    def steal(self) -> "Driver | None":
        """Let another process take the store; gives the one that still believes in its lock."""
        zombie = self.driver
        if zombie is None or self._store is None:
            return None
        self._store.steal()
        self.driver, self._store = None, None
        return zombie

    def has_room(self) -> None:
        """Somebody has tidied up the disk."""
        self.is_full = False

    def switch_off(self) -> None:
        """End the process without warning."""
        if self._store is not None:
            self._store.crash()
        self.driver, self._store = None, None

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
