"""Named places at which a crash is interesting: the simulator and the kill tests stop a node there.

In a real node the hook does nothing. What must hold at each place is in docs/spec/exchange.md
EX-34.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

FAULT_POINTS: Final[tuple[str, ...]] = (
    "begin",  # a transaction has begun, nothing is done
    "after-verify",  # a partner's batch is believed, nothing is stored
    "after-mirror",  # a partner's entries are stored, not committed
    "after-append",  # an own entry is made, not committed
    "after-seal",  # a package is made, its release is not
    "after-blob",  # a large package or content is on the disk, nothing names it yet
    "before-commit",  # everything is done, nothing is durable
    "after-commit",  # everything is durable, nobody knows
    "before-send",  # a batch is made, not sent
    "after-reply",  # an answer is taken in
)

Hook: TypeAlias = Callable[[str], None]


def no_fault(point: str) -> None:
    """Let every place pass."""
    assert point in FAULT_POINTS
