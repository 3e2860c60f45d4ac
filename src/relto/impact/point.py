"""One side of a comparison: a law, an instant, and the means to decide and to find ways."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct
from whenever import Instant

from relto.decide import LawView, LibraryView, Planner
from relto.law import Span, Terms
from relto.model import Case, Finding
from relto.units import InstrumentId, PartyCode


class FoundHop(Protocol):
    """One release of a way."""

    @property
    def instrument(self) -> InstrumentId:
        """Under which."""

    @property
    def steps(self) -> Sequence[Finding]:
        """What somebody has to do first."""


class FoundRoute(Protocol):
    """A lawful way, as the room of routes finds it."""

    @property
    def parties(self) -> tuple[PartyCode, ...]:
        """The holder, those between, and the recipient."""

    @property
    def approvals(self) -> int:
        """Hops at which an officer has to approve."""

    @property
    def hops(self) -> Sequence[FoundHop]:
        """In order."""


class FoundBlock(Protocol):
    """A way that the law closes."""

    @property
    def instrument(self) -> InstrumentId:
        """Under which it is closed."""

    @property
    def finding(self) -> Finding:
        """The first rule that closes it."""


class FoundRoutes(Protocol):
    """All ways, and those that are closed."""

    @property
    def blocked(self) -> Sequence[FoundBlock]:
        """The closed ones, the shortest first."""


class Finder(Protocol):
    """Finds the best lawful way, and what closes the others; the room of routes has one."""

    def best(self, case: Case, *, at: Instant, hops_most: int) -> FoundRoute | None:
        """Return the best way of at most so many hops, or `None`."""

    def routes(self, case: Case, *, at: Instant, hops_most: int) -> FoundRoutes:
        """Return all ways, and what closes the others."""


class Side(Struct, frozen=True, kw_only=True, eq=False):
    """A law at an instant.

    Args:
        title: In words, for a reader: `without the suspension of 22 November`.
        at: The instant.
        planner: Holds the law and decides.
        finder: Finds ways under the same law.
    """

    title: str
    at: Instant
    planner: Planner
    finder: Finder

    @property
    def law(self) -> LawView:
        """The law."""
        return self.planner.law


class ReadAs(Struct, frozen=True, kw_only=True, eq=False):
    """A law as one party reads it, whoever asks.

    Args:
        law: The law.
        reading: The party whose reading counts for all.
    """

    law: LawView
    reading: PartyCode

    @property
    def library(self) -> LibraryView:
        """The words are the same."""
        return self.law.library

    def links(self, a: PartyCode, b: PartyCode, /) -> Sequence[InstrumentId]:
        """The instruments are the same.

        Source: docs/spec/impact.md IMP-31.
        """
        return self.law.links(a, b)

    def terms(self, instrument: InstrumentId, /) -> Terms:
        """The terms are the same.

        Source: docs/spec/impact.md IMP-31.
        """
        return self.law.terms(instrument)

    def spans(self, instrument: InstrumentId, /, *, reading: PartyCode) -> Sequence[Span]:
        """The life as the one party reads it; the reading asked for does not count.

        Source: docs/spec/impact.md IMP-31.
        """
        del reading
        return self.law.spans(instrument, reading=self.reading)

    def state(self, instrument: InstrumentId, /, *, at: Instant, reading: PartyCode) -> Span:
        """The state as the one party reads it; the reading asked for does not count.

        Source: docs/spec/impact.md IMP-31.
        """
        del reading
        return self.law.state(instrument, at=at, reading=self.reading)
