"""Routes as values: hops, costs, and what stands in the way of the others."""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct
from whenever import Instant

from relto.model import Finding, Outcome
from relto.units import InstrumentId, LevelId, PartyCode

Measured: TypeAlias = Mapping[tuple[PartyCode, PartyCode, InstrumentId], int]
"""Milliseconds that past releases took, by sender, recipient and instrument; never invented."""


class Hop(Struct, frozen=True, kw_only=True):
    """One release from one party to the next.

    Args:
        sender: Who holds it before.
        recipient: Who holds it after.
        instrument: Under which.
        outcome: `permit`, or `refer` when somebody has to take a step first.
        steps: The findings that ask for a step, in rule order; empty on `permit`.
        marking: The level, in the recipient's own scheme, that it marks by default.
        expected_ms: As measured for this hop; `None` when never measured.
    """

    sender: PartyCode
    recipient: PartyCode
    instrument: InstrumentId
    outcome: Outcome
    steps: tuple[Finding, ...]
    marking: LevelId
    expected_ms: int | None


class Route(Struct, frozen=True, kw_only=True):
    """A chain of hops from the holder to the requester; no party stands in it twice.

    Args:
        hops: In order, at least one.
        approvals: Hops at which an officer has to approve.
        expected_ms: Sum over the hops; `None` when one of them was never measured.
        holds_until: The next instant at which any hop's answer can change.
    """

    hops: tuple[Hop, ...]
    approvals: int
    expected_ms: int | None
    holds_until: Instant | None

    @property
    def parties(self) -> tuple[PartyCode, ...]:
        """The holder, those between, and the requester."""
        return (self.hops[0].sender, *(hop.recipient for hop in self.hops))


class Blocked(Struct, frozen=True, kw_only=True):
    """A way that the law closes, and the first rule that closes it.

    Args:
        parties: The way tried, up to the hop that fails.
        instrument: Under which the last hop of it fails.
        finding: The first failing rule, with its article.
        remedy: What would open this hop, and to which outcome; empty when nothing known would.
    """

    parties: tuple[PartyCode, ...]
    instrument: InstrumentId
    finding: Finding
    remedy: str


class Routes(Struct, frozen=True, kw_only=True):
    """The answer to: by which lawful ways can it get there?

    Args:
        routes: Best first: fewest approvals, then fewest hops, then the shortest measured time.
        blocked: Ways from the holder to the requester that are closed, the shortest first.
        limits: Names of the limits that cut the lists short; empty when they are complete.
        at: The instant decided for.
    """

    routes: tuple[Route, ...]
    blocked: tuple[Blocked, ...]
    limits: tuple[str, ...]
    at: Instant
