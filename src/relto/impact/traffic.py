"""Traffic: what was released and when, what is asked for and still open, which feeds run.

A delay is only ever measured: from the instant of asking to that of receiving, both written down.
Where nobody wrote them down there is none, and no other figure takes its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from whenever import Instant

from relto.impact.way import Way, WayKind
from relto.model import Form
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId, SchemeId, TopicId

Hop = tuple[PartyCode, PartyCode, InstrumentId]


class TrafficKind(StrEnum):
    """What a line of traffic tells."""

    RELEASE = "release"
    REQUEST = "request"  # still open
    FEED = "feed"  # standing


class Exchange(Struct, frozen=True, kw_only=True):
    """One line of traffic; for past releases the first of several that tell the same.

    Args:
        row: Its number in the table, from 1.
        id: As the table has it; empty when it has none.
        kind: Release, open request, or feed.
        source: Who released, or would release.
        target: Who received, or would receive.
        topics: What about.
        scheme: The scheme of its label; `None` when not recorded.
        level: The level; `None` when not recorded.
        form: Its form.
        purpose: What it was wanted for; `None` when not recorded.
        via: Parties between the two, in order; empty for a direct release.
        instrument: Under which it went; `None` when not recorded.
        asked: When it was asked for; `None` when not recorded.
        received: When it arrived; `None` when not recorded.
        on: The day or the year, as recorded, where no hour is known.
        count: How many releases the line, and those that tell the same, stand for.
        exercise: Names of the columns whose values are made up for an exercise.
    """

    row: int
    id: str = ""
    kind: TrafficKind
    source: PartyCode
    target: PartyCode
    topics: tuple[TopicId, ...]
    scheme: SchemeId | None = None
    level: LevelId | None = None
    form: Form = Form.DOCUMENT
    purpose: PurposeId | None = None
    via: tuple[PartyCode, ...] = ()
    instrument: InstrumentId | None = None
    asked: Instant | None = None
    received: Instant | None = None
    on: str = ""
    count: int = 1
    exercise: tuple[str, ...] = ()

    @property
    def parties(self) -> tuple[PartyCode, ...]:
        """The whole way it took."""
        return (self.source, *self.via, self.target)

    @property
    def is_timed_in_exercise(self) -> bool:
        """Its instants are made up."""
        return bool({"all", "asked", "received"} & set(self.exercise))


class Delay(Struct, frozen=True, kw_only=True):
    """What was measured on one way.

    Args:
        median_ms: The middle one; the lower of two.
        count: Of how many.
        is_exercise: Measured in an exercise, not in earnest.
    """

    median_ms: int
    count: int
    is_exercise: bool

    def in_words(self) -> str:
        """Say it in the unit that fits.

        Source: docs/spec/impact.md IMP-40.
        """
        seconds = self.median_ms // 1000
        if seconds < 120:
            return f"{seconds} s"
        if seconds < 7200:
            return f"{seconds // 60} min"
        return f"{seconds // 3600} h"


class Measured(Struct, frozen=True, kw_only=True, eq=False):
    """The delays of some past releases over the same parties.

    Args:
        parties: The whole way they took.
        instrument: Under which; `None` when not recorded.
        is_exercise: The instants are made up for an exercise.
        delays_ms: From asking to receiving; in any order.
    """

    parties: tuple[PartyCode, ...]
    instrument: InstrumentId | None
    is_exercise: bool
    delays_ms: npt.NDArray[np.int64]


class Measurements:
    """Delays by way, in earnest and in exercises apart.

    Args:
        found: What was measured; only that counts, and nothing takes its place.

    Source: docs/spec/impact.md IMP-40.
    """

    def __init__(self, found: Iterable[Measured] = ()) -> None:
        """Put delays of one way together, and keep their middle."""
        ways: dict[tuple[tuple[PartyCode, ...], bool], list[npt.NDArray[np.int64]]] = {}
        hops: dict[Hop, list[npt.NDArray[np.int64]]] = {}
        for one in found:
            if not len(one.delays_ms):
                continue
            ways.setdefault((one.parties, one.is_exercise), []).append(one.delays_ms)
            if len(one.parties) == 2 and one.instrument is not None and not one.is_exercise:
                hop = (one.parties[0], one.parties[1], one.instrument)
                hops.setdefault(hop, []).append(one.delays_ms)
        self._ways = {
            (parties, is_exercise): Delay(
                median_ms=_median(parts),
                count=sum(map(len, parts)),
                is_exercise=is_exercise,
            )
            for (parties, is_exercise), parts in ways.items()
        }
        self._hops = {hop: _median(parts) for hop, parts in hops.items()}

    def of(self, way: Way) -> Delay | None:
        """Return what was measured on a way; in earnest if at all, else in an exercise.

        Args:
            way: Any way; there is no delay where there is no way.

        Returns:
            `None` when nothing was measured.

        Source: docs/spec/impact.md IMP-40.
        """
        return None if way.kind is WayKind.NONE else self.of_parties(way.parties)

    def of_parties(self, parties: tuple[PartyCode, ...]) -> Delay | None:
        """Return what was measured on the way over these parties.

        Source: docs/spec/impact.md IMP-40.
        """
        return self._ways.get((parties, False)) or self._ways.get((parties, True))

    def hops(self) -> Mapping[Hop, int]:
        """Return the medians of direct releases by instrument, as the room of routes takes them.

        Source: docs/spec/impact.md IMP-40.
        """
        return self._hops


def _median(parts: Sequence[npt.NDArray[np.int64]]) -> int:
    values = np.concatenate(parts)
    middle = (len(values) - 1) // 2
    return int(np.partition(values, middle)[middle])
