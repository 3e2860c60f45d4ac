"""Virtual time: what happens next, and chance that repeats itself.

A run is a function of its seed. Actions are done in the order of their instants, and actions of one
instant in the order in which they were put down, so nothing depends on how a set or a hash is laid
out. Each stream of chance has a name: leaving out one fault does not change what the others draw.
"""

import heapq
import random
from collections.abc import Callable
from typing import Final, TypeAlias

from whenever import Instant, TimeDelta

Action: TypeAlias = Callable[[], None]

SECOND: Final = 1_000_000_000
MILLISECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE


def chance(seed: int, stream: str) -> random.Random:
    """Give a named stream of chance; the same seed and name always give the same.

    Args:
        seed: Of the run.
        stream: A name, such as `wire/JPN/KOR`.
    """
    # Seeding with text goes through SHA-512, not through `hash`, which differs between processes.
    return random.Random(f"{seed}/{stream}")


class Agenda:
    """The true time of a virtual world, and what is still to happen in it.

    Args:
        start: The instant at which the world begins.
    """

    def __init__(self, *, start: Instant) -> None:
        """Begin with nothing to do."""
        self._start = start
        self._heap: list[tuple[int, int, Action]] = []
        self._put = 0
        self.passed_ns = 0
        self.done = 0

    @property
    def now(self) -> Instant:
        """The true time; no node sees it."""
        return self.at(self.passed_ns)

    def at(self, passed_ns: int) -> Instant:
        """Give the instant so many nanoseconds after the beginning."""
        return self._start + TimeDelta(nanoseconds=passed_ns)

    def after(self, delay_ns: int, action: Action) -> None:
        """Put an action down for later.

        Args:
            delay_ns: From now; never negative.
            action: What to do then.
        """
        assert delay_ns >= 0
        self._put += 1
        heapq.heappush(self._heap, (self.passed_ns + delay_ns, self._put, action))

    def step(self, *, until_ns: int) -> bool:
        """Do the next action, if it is due before an instant.

        Args:
            until_ns: Nanoseconds since the beginning, half-open.

        Returns:
            Whether something was done. When not, the time is now `until_ns`.
        """
        if not self._heap or self._heap[0][0] >= until_ns:
            self.passed_ns = max(self.passed_ns, until_ns)
            return False
        self.passed_ns, _, action = heapq.heappop(self._heap)
        self.done += 1
        action()
        return True
