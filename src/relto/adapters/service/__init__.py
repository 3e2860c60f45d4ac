"""A node, running: the loop around a driver in the real world.

Spec: `docs/spec/link.md` LK-15 to LK-18 and LK-24 to LK-26. `writer` puts what waits together into
one transaction, `pump` keeps one partner supplied, `allowance` bounds what one may add, `service`
holds them together. States of a link: new, up, slowed, down, refused; waiting where only the
partner calls. Sockets and files are other adapters' business.
"""

from relto.adapters.service.allowance import Rates, TooFastError
from relto.adapters.service.pump import (
    Caller,
    Direction,
    Fetched,
    Health,
    LinkState,
    Move,
    PieceError,
    Post,
    Pump,
    PumpBrokeError,
)
from relto.adapters.service.service import Calling, NodeService, PoisonError
from relto.adapters.service.writer import Grouping, StoppingError, Writer

__all__ = [
    "Caller",
    "Calling",
    "Direction",
    "Fetched",
    "Grouping",
    "Health",
    "LinkState",
    "Move",
    "NodeService",
    "PieceError",
    "PoisonError",
    "Post",
    "Pump",
    "PumpBrokeError",
    "Rates",
    "StoppingError",
    "TooFastError",
    "Writer",
]
