"""What can be said of a link: how far its logs have got, and why nothing passes on it."""

from msgspec import Struct

from relto.errors import PeerError


class UnpinnedPartnerError(PeerError):
    """The caller is no pinned partner."""

    code = "peer.stranger"


class StoppedError(PeerError):
    """The link is stopped: the partner has shown two different logs (FL-19)."""

    code = "peer.stopped"
    hint_default = "both signed heads are kept as evidence; talk to the partner outside the network"


class RefusedFrameError(PeerError):
    """The partner would not take what it was sent."""

    code = "peer.refused_frame"
    hint_default = "its operator sees why; nothing is lost here"


class LinkCounts(Struct, frozen=True, kw_only=True):
    """How far the two logs of a link have got.

    Args:
        ours: Entries in our log to the partner.
        acknowledged: Of those, how many the partner has signed for.
        theirs: Entries of the partner's log that are here.
        stopped: The code of what stopped the link for good; empty while it runs.
    """

    ours: int
    acknowledged: int
    theirs: int
    stopped: str = ""
