"""The virtual wire: it delays, loses, doubles, reorders, replays, and parts nodes from each other.

Each direction between two nodes has its own weather, so a partition can be one-way. What arrives is
always something that was once sent: bytes are changed by liars (`relto.sim.storm.liar`), not by the
wire, because on a real one TLS stands between.
"""

import random
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from relto.sim.agenda import MILLISECOND, Agenda
from relto.units import PartyCode

Deliver: TypeAlias = Callable[[bytes], None]

_MILLION: Final = 1_000_000
_REMEMBERED: Final = 16


class Weather:
    """How one direction behaves at the moment. Shares are in millionths of what is sent.

    Args:
        delay_ns: The shortest and the longest time on the way.
    """

    def __init__(self, delay_ns: tuple[int, int]) -> None:
        """Begin with fair weather."""
        self.delay_ns = delay_ns
        self.loss = 0
        self.doubled = 0
        self.replayed = 0
        self.is_cut = False
        self.clogged_until_ns = 0

    def clear(self) -> None:
        """Let everything pass from now on."""
        self.loss = self.doubled = self.replayed = 0
        self.is_cut = False
        self.clogged_until_ns = 0


class Wire:
    """All directions of a federation.

    Args:
        agenda: Gives the time.
        luck: What is lost, doubled and replayed, and how long it takes.
    """

    def __init__(self, agenda: Agenda, *, luck: random.Random) -> None:
        """Begin without any traffic."""
        self._agenda = agenda
        self._luck = luck
        self._weather: dict[tuple[PartyCode, PartyCode], Weather] = {}
        self._past: dict[tuple[PartyCode, PartyCode], deque[tuple[bytes, Deliver]]] = {}
        self.sent = 0
        self.lost = 0

    def weather(self, source: PartyCode, target: PartyCode) -> Weather:
        """Give the weather of one direction."""
        return self._weather.setdefault(
            (source, target), Weather((2 * MILLISECOND, 40 * MILLISECOND))
        )

    def directions(self) -> tuple[tuple[PartyCode, PartyCode], ...]:
        """Name the directions that have been used."""
        return tuple(self._weather)

    def calm(self) -> None:
        """End all bad weather; what is on the way still arrives."""
        for weather in self._weather.values():
            weather.clear()

    def send(self, source: PartyCode, target: PartyCode, data: bytes, deliver: Deliver) -> None:
        """Send bytes one way.

        Args:
            source: From whom.
            target: To whom.
            data: The bytes.
            deliver: Called once for each arrival: perhaps never, perhaps more than once.
        """
        self.sent += 1
        weather = self.weather(source, target)
        if weather.is_cut or self._luck.randrange(_MILLION) < weather.loss:
            self.lost += 1
            return
        self._carry(weather, data, deliver)
        if self._luck.randrange(_MILLION) < weather.doubled:
            self._carry(weather, data, deliver)
        past = self._past.setdefault((source, target), deque(maxlen=_REMEMBERED))
        if past and self._luck.randrange(_MILLION) < weather.replayed:
            old, again = past[self._luck.randrange(len(past))]
            self._carry(weather, old, again)
        past.append((data, deliver))

    def _carry(self, weather: Weather, data: bytes, deliver: Deliver) -> None:
        shortest, longest = weather.delay_ns
        delay = self._luck.randrange(shortest, longest + 1)
        held = max(0, weather.clogged_until_ns - self._agenda.passed_ns)
        self._agenda.after(held + delay, lambda: deliver(data))
