"""The link between two nodes: HTTPS with certificates pinned by cards, both ends.

Spec: `docs/spec/link.md`. `tls` says who is let in, `listener` how many, `server` what a partner
may ask, `client` how we ask, `address` where. The node behind the port is a `Desk`; this room
knows no rule of the exchange and keeps nothing.
"""

from relto.adapters.https_link.address import Endpoint, JudgingResolver, endpoint_of
from relto.adapters.https_link.client import PartnerCaller, Piece
from relto.adapters.https_link.desk import Desk
from relto.adapters.https_link.errors import (
    AnswerError,
    EndpointError,
    LinkDownError,
    PortError,
    RefusedError,
)
from relto.adapters.https_link.listener import bind, free_port
from relto.adapters.https_link.server import LinkPort, Progress, Refusal
from relto.adapters.https_link.tls import Identity, PinnedContext, Pins, server_name

__all__ = [
    "AnswerError",
    "Desk",
    "Endpoint",
    "EndpointError",
    "Identity",
    "JudgingResolver",
    "LinkDownError",
    "LinkPort",
    "PartnerCaller",
    "Piece",
    "PinnedContext",
    "Pins",
    "PortError",
    "Progress",
    "Refusal",
    "RefusedError",
    "bind",
    "endpoint_of",
    "free_port",
    "server_name",
]
