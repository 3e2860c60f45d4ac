"""What comes into a node: officers' commands, entries, packages, time.

A command names its officer in `By`: who, in which role, why. A command that breaks a rule raises a
`LocalError` and changes nothing.
"""

from typing import TypeAlias

from msgspec import Struct
from whenever import Instant

from relto.exchange import Fact
from relto.model.case import Assurance, Holding
from relto.model.delegation import Delegations
from relto.model.entry import PartyKeys
from relto.model.label import Label
from relto.model.message import FileRef, LawRef, PackageRef, Proof
from relto.model.party import Precedence
from relto.units import (
    CaseId,
    Digest,
    HoldingId,
    OfficerRole,
    PartyCode,
    PurposeId,
    TopicId,
)


class By(Struct, frozen=True, kw_only=True):
    """The officer behind a command.

    Args:
        officer: A name or staff number; stays in the node's own log.
        role: `analyst`, `disclosure-officer`, `registrar`, `administrator` …; may be shown to
            partners.
        reason: Why, in words; stays in the node's own log unless a command says otherwise.
    """

    officer: str
    role: OfficerRole
    reason: str = ""


class Hold(Struct, frozen=True, kw_only=True):
    """Register an item whose content has been stored under `holding.digest`."""

    holding: Holding
    by: By


class Ask(Struct, frozen=True, kw_only=True):
    """Request information.

    Args:
        case: A fresh id; repeating a command with the same id changes nothing.
        holder: Who is thought to hold it.
        topics: What about.
        holding: One known item of the holder; else `None`.
        purpose: What for.
        about: Free text for the other side.
        precedence: How urgent.
        assurance: Where an instrument wants one.
        expires_at: After which an answer is of no use.
        is_forced: Go directly, even if this node's own reading says the direct way is closed.
        by: The officer.
    """

    case: CaseId
    holder: PartyCode
    topics: tuple[TopicId, ...]
    holding: HoldingId | None = None
    purpose: PurposeId
    about: str = ""
    precedence: Precedence = Precedence.ROUTINE
    assurance: Assurance | None = None
    expires_at: Instant | None = None
    is_forced: bool = False
    by: By


class Approve(Struct, frozen=True, kw_only=True):
    """Say yes to what waits in the queue."""

    case: CaseId
    by: By


class Refuse(Struct, frozen=True, kw_only=True):
    """Say no to what waits in the queue; `by.reason` is shown to the other side."""

    case: CaseId
    by: By


class AskConsent(Struct, frozen=True, kw_only=True):
    """Ask the originator whether a queued item may go to the requester."""

    case: CaseId
    by: By


class AddPeer(Struct, frozen=True, kw_only=True):
    """Pin a partner's card; the caller has compared the fingerprint."""

    party: PartyCode
    card: bytes
    fingerprint: str
    keys: PartyKeys
    serial: int
    is_exercise: bool
    by: By


class ChangeKeys(Struct, frozen=True, kw_only=True):
    """Announce the node's own new card to every partner, under the keys that they know.

    Args:
        card: The new signed card, signed with the old keys too.
        fingerprint: Of that card.
        by: Who changed the keys.
    """

    card: bytes
    fingerprint: str
    by: By


class RevokeCard(Struct, frozen=True, kw_only=True):
    """Believe nothing more that a partner's card signs: its keys may be in other hands.

    Args:
        party: Whose card.
        serial: Which.
        by: Who says so; the reason is evidence.
    """

    party: PartyCode
    serial: int
    by: By


class PassOver(Struct, frozen=True, kw_only=True):
    """Go on, after a restored backup, without what a partner could give back: it is gone for good.

    Args:
        party: Which partner.
        by: Who says so; the reason is evidence.
    """

    party: PartyCode
    by: By


class ResumeLink(Struct, frozen=True, kw_only=True):
    """Let a stopped link run again: its cause has been removed, outside the network.

    Args:
        party: Whose link.
        code: What had stopped it.
        by: Who says so; the reason is evidence.
    """

    party: PartyCode
    code: str
    by: By


class AdoptLaw(Struct, frozen=True, kw_only=True):
    """Adopt law files, already checked and stored as blobs."""

    law: LawRef
    files: tuple[FileRef, ...]
    by: By


class AdoptDelegations(Struct, frozen=True, kw_only=True):
    """Adopt the party's standing authorities; replaces all earlier ones."""

    delegations: Delegations
    margin_seconds: int = 0
    by: By


class SetClock(Struct, frozen=True, kw_only=True):
    """Move the exercise clock, forward only."""

    offset_seconds: int
    by: By


class Recall(Struct, frozen=True, kw_only=True):
    """Ask for an item back that went out in a case."""

    case: CaseId
    holding: HoldingId
    by: By


class Reclassify(Struct, frozen=True, kw_only=True):
    """Tell the receiver of a case that the label has changed."""

    case: CaseId
    holding: HoldingId
    label: Label
    by: By


class Destroy(Struct, frozen=True, kw_only=True):
    """Certify that an item received in a case has been destroyed."""

    case: CaseId
    holding: HoldingId
    method: str
    by: By


class ReportLoss(Struct, frozen=True, kw_only=True):
    """Report that an item received in a case is, or may be, lost or compromised."""

    case: CaseId
    holding: HoldingId
    is_possible_only: bool
    text: str
    by: By


Command: TypeAlias = (
    Hold
    | Ask
    | Approve
    | Refuse
    | AskConsent
    | AddPeer
    | ChangeKeys
    | PassOver
    | ResumeLink
    | RevokeCard
    | AdoptLaw
    | AdoptDelegations
    | SetClock
    | Recall
    | Reclassify
    | Destroy
    | ReportLoss
)


class Received(Struct, frozen=True, kw_only=True):
    """A partner's entry, already mirrored and folded.

    Args:
        fact: The entry.
        fault: Why the fold would not take it; `None` when it did.
    """

    fact: Fact
    fault: "Fault | None" = None


class Fault(Struct, frozen=True, kw_only=True):
    """Why the fold left an entry aside: the error's code and message."""

    code: str
    message: str


class SealedItem(Struct, frozen=True, kw_only=True):
    """A package made for an item."""

    holding: HoldingId
    content: Digest
    content_bytes: int
    package: PackageRef


class Sealed(Struct, frozen=True, kw_only=True):
    """The answer to a `Seal` effect, in its order.

    Args:
        case: The case.
        items: One per order.
        proofs: One per entry that was to be proved.
    """

    case: CaseId
    items: tuple[SealedItem, ...]
    proofs: tuple[Proof, ...] = ()


class OpenedItem(Struct, frozen=True, kw_only=True):
    """A package that was opened: what was inside, now stored under `content`."""

    holding: HoldingId
    title: str
    content: Digest
    size_bytes: int


class Opened(Struct, frozen=True, kw_only=True):
    """The answer to an `Open` effect when every package fits."""

    case: CaseId
    items: tuple[OpenedItem, ...]


class Unopenable(Struct, frozen=True, kw_only=True):
    """The answer to an `Open` effect when a package does not fit its release.

    And to a `Seal` effect when none can be made: the content is not here, or too large.
    """

    case: CaseId
    detail: str


class PackageArrived(Struct, frozen=True, kw_only=True):
    """A package that the node wanted is complete and has its digest."""

    digest: Digest


class PackageAsked(Struct, frozen=True, kw_only=True):
    """A partner fetches (or would be sent) bytes of a package: may they still go? (FL-36)."""

    digest: Digest
    partner: PartyCode


class Proceed(Struct, frozen=True, kw_only=True):
    """The answer to a `Then` effect: take the next step of a case."""

    case: CaseId


class PackageLost(Struct, frozen=True, kw_only=True):
    """A package that a partner may fetch went with a disk (FL-17), or was changed on it (FL-16)."""

    digest: Digest
    partner: PartyCode


class Tick(Struct, frozen=True, kw_only=True):
    """Time has passed, or the node has just started."""


Input: TypeAlias = (
    Command
    | Received
    | Sealed
    | Opened
    | Unopenable
    | PackageArrived
    | PackageAsked
    | PackageLost
    | Proceed
    | Tick
)
