"""After a restored backup: what partners give back, and in which order it is folded again (FL-17).

A node that was set back must not say anything new before it knows what it had said. It asks every
partner first for its own entries, out of the partner's mirror and under its own signed head, then
for the partner's. When all have answered, everything is stored and folded at once.

Source: docs/spec/exchange.md EX-42; docs/spec/journal.md JN-21.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct, field
from whenever import Instant, TimeDelta

from relto.codec import CARD, SIGNED_CARD, decode_entry
from relto.driver.facts import fact_of
from relto.errors import LocalError, PeerError
from relto.exchange import Fact
from relto.journal import KeyRing, VerifiedBatch, rotate, verify_successor
from relto.limits import KEY_OVERLAP_SECONDS
from relto.model import Batch, Entry, NodeCard, Rejection
from relto.model.message import KeyChanged
from relto.ports import Store
from relto.units import PartyCode

# The row of the store that says so.
RESTORED_VALUE: Final = "restored"

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
    hint_default = (
        "`relto link reconcile` asks them; for one that is gone there is `relto link pass-over`"
    )


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
        ring: The partner's keys, with those that its log has announced so far.
        acknowledgement: The partner's own signature over what it holds of our log.
    """

    phase: Phase = Phase.OURS
    batches: list[Batch] = field(default_factory=list)
    ours: VerifiedBatch | None = None
    theirs: list[Entry] = field(default_factory=list)
    mirror: VerifiedBatch | None = None
    ring: KeyRing | None = None
    acknowledgement: bytes = b""

    @property
    def returned(self) -> tuple[Fact, ...]:
        """What it gave back of what was said here, when all of it is here."""
        return () if self.ours is None else tuple(map(fact_of, self.ours.entries))

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
    that they do not, and of several the one with the earliest time. Where none is allowed, what
    they would have followed is lost, and the one is passed over that is missed least.

    Args:
        helpers: All partners.
        fits: Whether a fact has its place in the state as it is now.
        take: Stores and folds one entry; changes what `fits` says next.
    """
    queues = [
        [(entry, fact_of(entry)) for entry in entries]
        for helper in helpers
        for entries in (() if helper.ours is None else helper.ours.entries, helper.theirs)
    ]
    waiting = [queue for queue in queues if queue]
    while waiting:
        ready = [queue for queue in waiting if fits(queue[0][1])]
        if ready:
            chosen = min(ready, key=lambda queue: (queue[0][1].at, queue[0][1].source))
        else:
            chosen = min(waiting, key=lambda queue: _least_missed(queue, waiting))
        entry, _ = chosen.pop(0)
        take(entry)
        waiting = [queue for queue in waiting if queue]


# What stands beside a release or a refusal, and moves no case to its end.
_ASIDE: Final = frozenset({"referral", "consent-given", "consent-asked"})
# What ends a case wherever it stands (EX-48), and what others wait for.
_ANSWERS: Final = frozenset({"release", "refusal"})

_Queue: TypeAlias = list[tuple[Entry, Fact]]


def _least_missed(
    queue: _Queue, waiting: Sequence[_Queue]
) -> tuple[bool, bool, bool, Instant, PartyCode]:
    """Order entries without a place: those that never will have one, what only informs, answers.

    A request has its place at the beginning, or behind the one that it passes on, and nowhere else.
    """
    fact = queue[0][1]
    may_fit = fact.case is not None and any(
        later.case == fact.case and (fact.kind != "request" or later.kind == "request")
        for other in waiting
        if other is not queue
        for _, later in other
    )
    is_late = fact.kind not in _ANSWERS
    return (may_fit, fact.kind not in _ASIDE, is_late, fact.at, fact.source)


def card_of(changed: KeyChanged) -> NodeCard:
    """Read the card in an announcement of new keys; what it proves is not checked here.

    Raises:
        PeerError: It is no card.
    """
    return CARD.decode(SIGNED_CARD.decode(changed.card).card)


def ring_through(batch: Batch, *, ring: KeyRing, card: bytes) -> KeyRing:
    """Add the keys that a partner announced in entries which this node has lost (FL-20).

    What comes after the announcement may be signed with the new keys alone, because this node had
    acknowledged it once. The old keys announce the new ones, so the entry speaks for itself.

    Args:
        batch: The partner's entries; nothing about them is believed.
        ring: The partner's keys as this node knows them.
        card: The partner's card that is pinned here.

    Returns:
        The ring with every successor that the pinned card's owner has signed, in order.
    """
    current = CARD.decode(SIGNED_CARD.decode(card).card)
    for wire in batch.entries:
        fact = fact_of(decode_entry(wire))
        if not isinstance(fact.message, KeyChanged):
            continue
        try:
            new = verify_successor(fact.message.card, current=current).card
        except PeerError:
            continue
        until = fact.at + TimeDelta(seconds=KEY_OVERLAP_SECONDS)
        if new.serial > ring.spans[0].serial:
            ring = rotate(ring, new.keys, serial=new.serial, at=fact.at, until=until)
        current = new
    return ring


def everybody(partners: Iterable[PartyCode]) -> dict[PartyCode, Helper]:
    """Begin to ask every partner."""
    return {partner: Helper() for partner in sorted(partners)}


def mark_restored(store: Store) -> None:
    """Mark a store that was brought back from a backup: its node hears from its partners first.

    Source: docs/spec/exchange.md EX-42.
    """
    with store.transaction() as tx:
        tx.put_value(RESTORED_VALUE, b"1")
