"""How an item can get from its holder to a recipient: directly, through others, or not at all."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

from relto.impact.point import FoundRoute
from relto.impact.words import BulkAnswer
from relto.model import Rule
from relto.units import InstrumentId, PartyCode


class WayKind(StrEnum):
    """The three that a flow can have, best first."""

    DIRECT = "direct"
    VIA = "via"
    NONE = "none"


_RANKS: Final[Mapping[WayKind, int]] = {kind: rank for rank, kind in enumerate(WayKind)}


class Barrier(Struct, frozen=True, kw_only=True):
    """What stands in the way first: the rule of one instrument that is nearest to allowing it.

    Args:
        instrument: Which; `None` when no instrument links the two.
        rule: The first rule that fails; `None` when no instrument links the two.
    """

    instrument: InstrumentId | None
    rule: Rule | None


class Way(Struct, frozen=True, kw_only=True):
    """The best way that the law leaves open.

    Args:
        kind: Direct, through others, or none.
        parties: The holder, those between, and the recipient; empty when there is none.
        instruments: Under which each hop goes.
        approvals: Hops at which an officer has to approve; by the law, before any delegation.
        barrier: Why there is no direct way; `None` when there is one.
    """

    kind: WayKind
    parties: tuple[PartyCode, ...] = ()
    instruments: tuple[InstrumentId, ...] = ()
    approvals: int = 0
    barrier: Barrier | None = None

    @property
    def hops(self) -> int:
        """How many releases it takes."""
        return len(self.instruments)

    @property
    def between(self) -> tuple[PartyCode, ...]:
        """Those between the holder and the recipient."""
        return self.parties[1:-1]

    def cost(self) -> tuple[int, int, int]:
        """Return what makes one way better than another: the smaller, the better.

        Source: docs/spec/impact.md IMP-36.
        """
        return _RANKS[self.kind], self.approvals, self.hops


def direct_way(holder: PartyCode, recipient: PartyCode, answer: BulkAnswer) -> Way:
    """Return the way of a row that may go directly.

    Source: docs/spec/impact.md IMP-35.
    """
    assert answer.instrument is not None
    return Way(
        kind=WayKind.DIRECT,
        parties=(holder, recipient),
        instruments=(answer.instrument,),
        approvals=1 if answer.approvals else 0,
    )


def found_way(route: FoundRoute | None, barrier: Barrier) -> Way:
    """Return the way that a search found, with what stands in the way of a direct one.

    Source: docs/spec/impact.md IMP-35.
    """
    if route is None:
        return Way(kind=WayKind.NONE, barrier=barrier)
    is_direct = len(route.hops) == 1
    return Way(
        kind=WayKind.DIRECT if is_direct else WayKind.VIA,
        parties=route.parties,
        instruments=tuple(hop.instrument for hop in route.hops),
        approvals=route.approvals,
        barrier=None if is_direct else barrier,
    )


def barrier_of(answer: BulkAnswer) -> Barrier:
    """Return the first failing rule of the instrument nearest to allowing it.

    Source: docs/spec/impact.md IMP-37.
    """
    if not answer.considered:
        return Barrier(instrument=None, rule=None)
    best = answer.considered[0]
    return Barrier(instrument=best.instrument, rule=best.reason)
