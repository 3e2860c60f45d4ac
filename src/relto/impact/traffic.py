"""Traffic: what was released and when, what is asked for and still open, which feeds run.

A delay is only ever measured: from the instant of asking to that of receiving, both written down.
Where nobody wrote them down there is none, and no other figure takes its place.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from msgspec import Struct
from whenever import Instant

from relto.impact.way import Way, WayKind
from relto.model import Form
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId, SchemeId, TopicId


class TrafficKind(StrEnum):
    """What a line of traffic tells."""

    RELEASE = "release"
    REQUEST = "request"  # still open
    FEED = "feed"  # standing


class Exchange(Struct, frozen=True, kw_only=True):
    """One line of traffic.

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
        count: How many releases the line stands for.
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
    def delay_ms(self) -> int | None:
        """From asking to receiving; `None` when one of them was not written down."""
        if self.asked is None or self.received is None:
            return None
        return _ms(self.received) - _ms(self.asked)


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


class Measurements:
    """Delays by way, in earnest and in exercises apart.

    Args:
        traffic: Any lines; only releases with both instants count.

    Source: docs/spec/impact.md IMP-40.
    """

    def __init__(self, traffic: Iterable[Exchange]) -> None:
        """Sort the delays by the parties of the way."""
        self._found: dict[tuple[tuple[PartyCode, ...], bool], list[int]] = {}
        self._hops: dict[tuple[PartyCode, PartyCode, InstrumentId], list[int]] = {}
        for one in traffic:
            delay = one.delay_ms
            if one.kind is not TrafficKind.RELEASE or delay is None or delay < 0:
                continue
            is_exercise = bool({"all", "asked", "received"} & set(one.exercise))
            self._found.setdefault((one.parties, is_exercise), []).append(delay)
            if not one.via and one.instrument is not None and not is_exercise:
                key = (one.source, one.target, one.instrument)
                self._hops.setdefault(key, []).append(delay)

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
        for is_exercise in (False, True):
            found = self._found.get((parties, is_exercise))
            if found:
                return Delay(median_ms=_median(found), count=len(found), is_exercise=is_exercise)
        return None

    def hops(self) -> dict[tuple[PartyCode, PartyCode, InstrumentId], int]:
        """Return the medians of direct releases by instrument, as the room of routes takes them.

        Source: docs/spec/impact.md IMP-40.
        """
        return {key: _median(found) for key, found in self._hops.items()}


def _ms(instant: Instant) -> int:
    return int(instant.timestamp(unit="millisecond"))


def _median(values: Sequence[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]
