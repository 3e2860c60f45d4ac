"""What a node's own log says about partners: their cards pinned and revoked, their links.

Officer, role and reason stand in it wherever somebody decided something that others will ask about.

Spec: docs/spec/exchange.md EX-32, EX-41, EX-47, EX-52, EX-54.
"""

from whenever import Instant

from relto.model.entry import MessageBase, PartyKeys
from relto.units import OfficerRole, PartyCode


class PeerAdded(MessageBase, frozen=True, kw_only=True, tag="peer-added"):
    """A partner's card was pinned after its fingerprint had been compared.

    Or replaced by its successor.

    Args:
        party: Whose card.
        card: The signed card's bytes.
        fingerprint: Of that card.
        keys: The keys that the card names.
        serial: The card's serial; a greater one than before is a change of keys.
        since: From when the partner may sign with these keys: when it announced them; `None` for a
            card that was compared, since evidence is often older than the comparison.
        by: Who compared it; `node` when the partner announced it under its old keys.
    """

    party: PartyCode
    card: bytes
    fingerprint: str
    keys: PartyKeys
    serial: int
    since: Instant | None = None
    by: OfficerRole


class PassedOver(MessageBase, frozen=True, kw_only=True, tag="passed-over"):
    """A restored node went on without what a partner could have given back (EX-47).

    Officer, role and reason tell who says that it is gone for good, and why.
    """

    party: PartyCode
    officer: str
    role: OfficerRole
    reason: str


class KeyRevoked(MessageBase, frozen=True, kw_only=True, tag="key-revoked"):
    """From here on nothing that arrives signed with this card of a partner is believed (EX-52).

    Officer, role and reason tell who says that its keys are not its owner's alone, and why.
    """

    party: PartyCode
    serial: int
    officer: str
    role: OfficerRole
    reason: str


class LinkResumed(MessageBase, frozen=True, kw_only=True, tag="link-resumed"):
    """From here on a link runs again that had been stopped (EX-54).

    Args:
        party: Whose link.
        code: What had stopped it.
        officer: Who lets it run again; role and reason tell as whom, and why.
        role: The officer's role.
        reason: Why.
    """

    party: PartyCode
    code: str
    officer: str
    role: OfficerRole
    reason: str
