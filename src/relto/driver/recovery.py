"""After a restored backup: what partners give back, and in which order it is folded again (FL-17).

A node that was set back must not say anything new before it knows what it had said. It asks every
partner first for its own entries, out of the partner's mirror and under its own signed head, then
for the partner's. When all have answered, everything is stored and folded at once.

Source: docs/spec/exchange.md EX-42; docs/spec/journal.md JN-21.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

from msgspec import Struct, field

from relto.driver.facts import fact_of
from relto.errors import LocalError
from relto.exchange import Fact
from relto.journal import VerifiedBatch
from relto.model import Batch, Entry, Rejection
from relto.units import PartyCode

# Codes that a recovering node and its partner say to each other in place of entries.
REWOUND: Final = "world.rewound"  # I have lost what I said after entry `held`: give it back
GAP: Final = "peer.gap"  # I hold your log up to `held`: send the rest
GIVEN_BACK: Final = "peer.given_back"  # your log, as I hold it, has `held` entries; here are some
CAUGHT_UP: Final = "peer.caught_up"  # my log has `held` entries; here are some
RECONCILING: Final = "world.reconciling"  # you have given all; others have not yet

# Answers that are no refusals.
HELPFUL: Final = frozenset({REWOUND, GAP, GIVEN_BACK, CAUGHT_UP})


class NotReconciledError(LocalError):
    """A restored node may not say anything new before it has heard from its partners."""

    code = "local.not_reconciled"
    hint_default = "`relto link reconcile` asks them; a partner that is gone can be passed over"


class Phase(StrEnum):
    """How far a partner has helped."""

    OURS = "ours"
    THEIRS = "theirs"
    DONE = "done"


class Helper(Struct, kw_only=True):
    """One partner, and what it has given so far; in memory alone, since it can be asked again.

    Args:
        phase: What is being fetched.
        batches: Segments of our own log, verified together when all are here.
        ours: Our own entries, verified.
        theirs: The partner's entries, verified.
        mirror: The newest verified batch of the partner's log.
    """

    phase: Phase = Phase.OURS
    batches: list[Batch] = field(default_factory=list)
    ours: VerifiedBatch | None = None
    theirs: list[Entry] = field(default_factory=list)
    mirror: VerifiedBatch | None = None

    @property
    def given_count(self) -> int:
        """How many of our own entries have been given back."""
        return sum(len(batch.entries) for batch in self.batches)

    def asks(self, *, ours: int, theirs: int) -> Rejection:
        """What to say to the partner now.

        Args:
            ours: How many entries our log to it has here.
            theirs: How many entries of its log are here.
        """
        match self.phase:
            case Phase.OURS:
                return Rejection(code=REWOUND, held=ours + self.given_count)
            case Phase.THEIRS:
                return Rejection(code=GAP, held=theirs + len(self.theirs))
            case Phase.DONE:
                return Rejection(code=RECONCILING, held=theirs + len(self.theirs))


def in_order(
    helpers: Iterable[Helper], *, fits: Callable[[Fact], bool], take: Callable[[Entry], None]
) -> None:
    """Fold what was given back so that each entry finds its place, as far as there is one.

    The order within a log is fixed; between logs, an entry that the tables allow comes before one
    that they do not, and of several that they allow the one with the earliest time.

    Args:
        helpers: All partners.
        fits: Whether a fact has its place in the state as it is now.
        take: Stores and folds one entry; changes what `fits` says next.
    """
    queues = [
        list(entries)
        for helper in helpers
        for entries in ((() if helper.ours is None else helper.ours.entries), helper.theirs)
        if entries
    ]
    waiting = [[(entry, fact_of(entry)) for entry in queue] for queue in queues]
    while waiting:
        ready = [queue for queue in waiting if fits(queue[0][1])] or waiting
        chosen = min(ready, key=lambda queue: (queue[0][1].at, queue[0][1].source))
        entry, _ = chosen.pop(0)
        take(entry)
        waiting = [queue for queue in waiting if queue]


def everybody(partners: Iterable[PartyCode]) -> dict[PartyCode, Helper]:
    """Begin to ask every partner."""
    return {partner: Helper() for partner in sorted(partners)}
