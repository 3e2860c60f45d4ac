"""The life of one case, as tables: who I am in it, where it stands, what may happen next.

A case is one request and all that follows from it. A node plays one role in it. What happens is a
move: a kind of entry, and the way it goes. A move that is not in the table is out of place: the
entry is kept, the case does not change, and the author hears about it (EX-7).

Spec: docs/spec/exchange.md EX-7 to EX-12, with the same tables.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias


class Role(StrEnum):
    """What a node is in one case."""

    REQUESTER = "requester"
    HOLDER = "holder"
    INTERMEDIARY = "intermediary"
    ORIGINATOR = "originator"  # asked for its consent to a release by another holder


class CaseState(StrEnum):
    """Where a case stands, seen by one node."""

    NEW = "new"
    ASKED = "asked"
    REFERRED = "referred"
    RECEIVED = "received"
    QUEUED = "queued"
    CONSENT_ASKED = "consent-asked"
    RELEASED = "released"
    ARRIVED = "arrived"
    OBTAINED = "obtained"
    DENIED = "denied"
    RECEIPTED = "receipted"
    REFUSED = "refused"
    QUARANTINED = "quarantined"
    ABORTED = "aborted"
    UNROUTABLE = "unroutable"
    ANSWERED = "answered"


class Way(StrEnum):
    """From whom to whom an entry goes, seen by this node in this case."""

    FROM_REQUESTER = "from-requester"
    TO_REQUESTER = "to-requester"
    FROM_HOLDER = "from-holder"
    TO_HOLDER = "to-holder"
    FROM_ORIGINATOR = "from-originator"
    TO_ORIGINATOR = "to-originator"
    OWN = "own"


Move: TypeAlias = tuple[str, Way]
Table: TypeAlias = Mapping[CaseState, Mapping[Move, CaseState]]

_S = CaseState
_W = Way

# After a release both sides may still speak about what was received; the case stays where it is.
_CUSTODY_IN: Final[Mapping[Move, CaseState]] = {
    ("recall", _W.FROM_HOLDER): _S.RECEIPTED,
    ("reclassified", _W.FROM_HOLDER): _S.RECEIPTED,
    ("destroyed", _W.TO_HOLDER): _S.RECEIPTED,
    ("loss-reported", _W.TO_HOLDER): _S.RECEIPTED,
    ("officer-step", _W.OWN): _S.RECEIPTED,
    ("held", _W.OWN): _S.RECEIPTED,
    # The holder gave up at the very moment at which the package was complete.
    ("aborted", _W.FROM_HOLDER): _S.RECEIPTED,
}
_CUSTODY_OUT: Final[Mapping[Move, CaseState]] = {
    ("recall", _W.TO_REQUESTER): _S.RECEIPTED,
    ("reclassified", _W.TO_REQUESTER): _S.RECEIPTED,
    ("destroyed", _W.FROM_REQUESTER): _S.RECEIPTED,
    ("loss-reported", _W.FROM_REQUESTER): _S.RECEIPTED,
    ("officer-step", _W.OWN): _S.RECEIPTED,
}

# An intermediary has the item in its own custody from its receipt on, whatever becomes of the case.
_CUSTODY_AT_HUB: Final = (
    ("recall", _W.FROM_HOLDER),
    ("reclassified", _W.FROM_HOLDER),
    ("destroyed", _W.TO_HOLDER),
    ("loss-reported", _W.TO_HOLDER),
    ("officer-step", _W.OWN),
)


def _stays(state: CaseState) -> Mapping[Move, CaseState]:
    return dict.fromkeys(_CUSTODY_AT_HUB, state)


REQUESTER: Final[Table] = {
    _S.NEW: {
        ("officer-step", _W.OWN): _S.NEW,
        ("request", _W.TO_HOLDER): _S.ASKED,
        ("unroutable", _W.OWN): _S.UNROUTABLE,
    },
    _S.ASKED: {
        ("referral", _W.FROM_HOLDER): _S.REFERRED,
        ("release", _W.FROM_HOLDER): _S.ARRIVED,
        ("refusal", _W.FROM_HOLDER): _S.REFUSED,
    },
    _S.REFERRED: {
        ("referral", _W.FROM_HOLDER): _S.REFERRED,
        ("release", _W.FROM_HOLDER): _S.ARRIVED,
        ("refusal", _W.FROM_HOLDER): _S.REFUSED,
    },
    _S.ARRIVED: {
        ("held", _W.OWN): _S.ARRIVED,
        ("receipt", _W.TO_HOLDER): _S.RECEIPTED,
        ("quarantined", _W.OWN): _S.QUARANTINED,
        ("aborted", _W.FROM_HOLDER): _S.ABORTED,
    },
    _S.RECEIPTED: _CUSTODY_IN,
    _S.QUARANTINED: {
        ("refusal", _W.TO_HOLDER): _S.QUARANTINED,
        ("aborted", _W.FROM_HOLDER): _S.QUARANTINED,
    },
    _S.REFUSED: {},
    _S.ABORTED: {},
    _S.UNROUTABLE: {},
}

HOLDER: Final[Table] = {
    _S.NEW: {("request", _W.FROM_REQUESTER): _S.RECEIVED},
    _S.RECEIVED: {
        ("queued", _W.OWN): _S.QUEUED,
        ("release", _W.TO_REQUESTER): _S.RELEASED,
        ("refusal", _W.TO_REQUESTER): _S.REFUSED,
    },
    # Consent for somebody further on is an officer's to give, so it comes from here only.
    _S.QUEUED: {
        ("referral", _W.TO_REQUESTER): _S.QUEUED,
        ("queued", _W.OWN): _S.QUEUED,
        ("officer-step", _W.OWN): _S.QUEUED,
        ("consent-asked", _W.TO_ORIGINATOR): _S.CONSENT_ASKED,
        ("consent-given", _W.TO_REQUESTER): _S.QUEUED,
        ("release", _W.TO_REQUESTER): _S.RELEASED,
        ("refusal", _W.TO_REQUESTER): _S.REFUSED,
    },
    _S.CONSENT_ASKED: {
        ("consent-given", _W.FROM_ORIGINATOR): _S.QUEUED,
        ("consent-refused", _W.FROM_ORIGINATOR): _S.QUEUED,
        ("refusal", _W.FROM_ORIGINATOR): _S.QUEUED,
        ("officer-step", _W.OWN): _S.CONSENT_ASKED,
        ("refusal", _W.TO_REQUESTER): _S.REFUSED,
    },
    _S.RELEASED: {
        ("receipt", _W.FROM_REQUESTER): _S.RECEIPTED,
        ("refusal", _W.FROM_REQUESTER): _S.QUARANTINED,
        ("aborted", _W.TO_REQUESTER): _S.ABORTED,
    },
    _S.RECEIPTED: _CUSTODY_OUT,
    _S.REFUSED: {
        ("consent-given", _W.FROM_ORIGINATOR): _S.REFUSED,
        ("consent-refused", _W.FROM_ORIGINATOR): _S.REFUSED,
        ("refusal", _W.FROM_ORIGINATOR): _S.REFUSED,
    },
    _S.QUARANTINED: {},
    _S.ABORTED: {
        ("receipt", _W.FROM_REQUESTER): _S.RECEIPTED,
        ("refusal", _W.FROM_REQUESTER): _S.ABORTED,
    },
}

INTERMEDIARY: Final[Table] = {
    _S.NEW: {("request", _W.FROM_REQUESTER): _S.RECEIVED},
    _S.RECEIVED: {
        ("request", _W.TO_HOLDER): _S.ASKED,
        ("refusal", _W.TO_REQUESTER): _S.REFUSED,
    },
    _S.ASKED: {
        ("referral", _W.TO_REQUESTER): _S.ASKED,
        ("referral", _W.FROM_HOLDER): _S.ASKED,
        ("consent-given", _W.FROM_HOLDER): _S.ASKED,
        ("release", _W.FROM_HOLDER): _S.ARRIVED,
        ("refusal", _W.FROM_HOLDER): _S.DENIED,
    },
    # The holder has said no; the requester is told next.
    _S.DENIED: {("refusal", _W.TO_REQUESTER): _S.REFUSED},
    # The holder's release is here, its package not yet opened.
    _S.ARRIVED: {
        ("held", _W.OWN): _S.ARRIVED,
        ("receipt", _W.TO_HOLDER): _S.OBTAINED,
        ("quarantined", _W.OWN): _S.QUARANTINED,
        ("aborted", _W.FROM_HOLDER): _S.DENIED,
    },
    _S.OBTAINED: {
        ("queued", _W.OWN): _S.QUEUED,
        ("release", _W.TO_REQUESTER): _S.RELEASED,
        ("refusal", _W.TO_REQUESTER): _S.REFUSED,
        **_stays(_S.OBTAINED),
    },
    _S.QUEUED: {
        ("referral", _W.TO_REQUESTER): _S.QUEUED,
        ("queued", _W.OWN): _S.QUEUED,
        ("release", _W.TO_REQUESTER): _S.RELEASED,
        ("refusal", _W.TO_REQUESTER): _S.REFUSED,
        **_stays(_S.QUEUED),
    },
    _S.QUARANTINED: {
        ("refusal", _W.TO_HOLDER): _S.QUARANTINED,
        ("refusal", _W.TO_REQUESTER): _S.REFUSED,
        ("aborted", _W.FROM_HOLDER): _S.QUARANTINED,
        **_stays(_S.QUARANTINED),
    },
    _S.RELEASED: {
        ("receipt", _W.FROM_REQUESTER): _S.RECEIPTED,
        ("refusal", _W.FROM_REQUESTER): _S.QUARANTINED,
        ("aborted", _W.TO_REQUESTER): _S.ABORTED,
        **_stays(_S.RELEASED),
    },
    _S.RECEIPTED: {**_CUSTODY_IN, **_CUSTODY_OUT},
    _S.REFUSED: _stays(_S.REFUSED),
    _S.ABORTED: {
        ("receipt", _W.FROM_REQUESTER): _S.RECEIPTED,
        ("refusal", _W.FROM_REQUESTER): _S.ABORTED,
        **_stays(_S.ABORTED),
    },
}

ORIGINATOR: Final[Table] = {
    _S.NEW: {("consent-asked", _W.FROM_HOLDER): _S.QUEUED},
    _S.QUEUED: {
        ("officer-step", _W.OWN): _S.QUEUED,
        ("consent-given", _W.TO_HOLDER): _S.ANSWERED,
        ("consent-refused", _W.TO_HOLDER): _S.ANSWERED,
        ("refusal", _W.TO_HOLDER): _S.ANSWERED,
    },
    # The holder may ask again: about another item of the case, or after a no.
    _S.ANSWERED: {("consent-asked", _W.FROM_HOLDER): _S.QUEUED},
}

TABLES: Final[Mapping[Role, Table]] = {
    Role.REQUESTER: REQUESTER,
    Role.HOLDER: HOLDER,
    Role.INTERMEDIARY: INTERMEDIARY,
    Role.ORIGINATOR: ORIGINATOR,
}

# States in which nobody has to do anything any more; custody may go on.
CLOSED: Final[frozenset[CaseState]] = frozenset(
    {
        CaseState.RECEIPTED,
        CaseState.REFUSED,
        CaseState.QUARANTINED,
        CaseState.ABORTED,
        CaseState.UNROUTABLE,
        CaseState.ANSWERED,
    }
)
