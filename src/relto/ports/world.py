"""What a node needs of the world besides a link: time, chance, keys, memory, in one bundle.

Two worlds offer it: the real one (`relto.adapters`) and the virtual one (`relto.sim`). The driver
takes either.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from msgspec import Struct
from whenever import Instant

from relto.ports.store import BlobStore, Store
from relto.seal import Entropy, Opener, Sealer, Signer


class Clock(Protocol):
    """Tells the time, and nothing else; waiting is the event loop's business."""

    def now(self) -> Instant:
        """Give the present instant. It may jump; whoever uses it checks that it never goes back."""


Progress: TypeAlias = Callable[[int, int], None]
"""Told how many of how many are done."""


def no_progress(_done: int, _of: int) -> None:
    """Progress that nobody watches."""


class World(Struct, frozen=True, kw_only=True):
    """Everything a driver is handed.

    Args:
        store: Logs, mirrors, snapshots, small blobs; one transaction at a time.
        blobs: Packages and contents that are too large for the store.
        clock: The time; on an exercise node the driver adds the exercise offset.
        entropy: Salts, secrets, case ids.
        signer: The party's signing keys.
        former: The keys before, newest first. Partners that have not heard of the change yet know
            only these; empty when the keys were never changed.
        sealer: Closes secrets for others.
        opener: Opens secrets sealed to this party.
        progress: Told how many entries of how many have been read, while a start without a snapshot
            reads the whole journal.
    """

    store: Store
    blobs: BlobStore
    clock: Clock
    entropy: Entropy
    signer: Signer
    sealer: Sealer
    opener: Opener
    former: tuple[Signer, ...] = ()
    progress: Progress = no_progress
