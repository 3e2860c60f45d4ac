"""What can be said of a link: how far its logs have got, and why nothing passes on it."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from relto.errors import LocalError, PeerError, ReltoError
from relto.node import Alarm
from relto.ports import Transaction
from relto.units import PartyCode

# The rows of the store that say so: which error has stopped the link to a partner, empty for none.
STOPPED_VALUE: Final = "stopped/"


def partner_values(
    tx: Transaction, prefix: str, partners: Iterable[PartyCode]
) -> dict[PartyCode, bytes]:
    """Read the rows of a kind that partners have, at once; none and an empty one are the same.

    Args:
        tx: Reads.
        prefix: With what the rows' names begin, before the partner.
        partners: Whose.
    """
    names = {prefix + partner: partner for partner in partners}
    return {names[name]: value for name, value in tx.values(tuple(names)).items() if value}


class UnpinnedPartnerError(PeerError):
    """The caller is no pinned partner."""

    code = "peer.stranger"


class StoppedError(PeerError):
    """The link is stopped: the partner has shown two different logs (FL-19)."""

    code = "peer.stopped"
    hint_default = (
        "`relto journal evidence` gives both heads; talk to the partner outside the network, "
        "then `relto link resume`"
    )


class NotStoppedError(LocalError):
    """The link runs: there is nothing to resume."""

    code = "local.link_not_stopped"
    hint_default = "`relto link status` says which links are stopped"


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
        stopped: The code of what stopped the link; empty while it runs.
    """

    ours: int
    acknowledged: int
    theirs: int
    stopped: str = ""


class Growth(Struct, frozen=True, kw_only=True):
    """By how much a partner has made a journal grow.

    Args:
        entries: Entries of its log.
        size_bytes: Their headers and bodies.
    """

    entries: int = 0
    size_bytes: int = 0

    def and_these(self, entries: int, *, size_bytes: int) -> "Growth":
        """Count more."""
        return Growth(entries=self.entries + entries, size_bytes=self.size_bytes + size_bytes)


NO_GROWTH: Final = Growth()


def alarm_of(partner: PartyCode, error: ReltoError) -> Alarm:
    """Tell people of an error on a link."""
    return Alarm(code=error.code, partner=partner, case=None, text=error.message)
