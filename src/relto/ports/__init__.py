"""Ports: what a world must offer, as protocols. The core and the driver know these and no adapter.

`store` is a node's memory, `world` bundles it with time, chance and keys. Each adapter passes the
same contract tests as its virtual twin.
"""

from relto.ports.store import (
    Blob,
    BlobGapError,
    BlobMismatchError,
    BlobMissingError,
    BlobState,
    BlobStore,
    Kept,
    Lying,
    Mark,
    Placed,
    ReadOnlyError,
    SharedStore,
    Snapshot,
    Store,
    StoreCorruptError,
    StoreError,
    StoreFailedError,
    StoreFencedError,
    StoreFullError,
    StoreLockedError,
    StoreVersionError,
    Transaction,
)
from relto.ports.world import Clock, Progress, World, no_progress

__all__ = [
    "Blob",
    "BlobGapError",
    "BlobMismatchError",
    "BlobMissingError",
    "BlobState",
    "BlobStore",
    "Clock",
    "Kept",
    "Lying",
    "Mark",
    "Placed",
    "Progress",
    "ReadOnlyError",
    "SharedStore",
    "Snapshot",
    "Store",
    "StoreCorruptError",
    "StoreError",
    "StoreFailedError",
    "StoreFencedError",
    "StoreFullError",
    "StoreLockedError",
    "StoreVersionError",
    "Transaction",
    "World",
    "no_progress",
]
