"""What entries say: one struct for every kind of entry, between two parties or in a node's own log.

Rules kept here: a message tells what has happened, so every name is in the past tense; a refusal
never echoes content; whatever comes in numbers is a tuple, in an order that its author chose.
`KINDS` maps the kind in an entry's header to the struct of its part `message`; `PAIR_KINDS` are
those that may stand between parties.

Spec: docs/spec/exchange.md EX-1 to EX-6.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias, get_args

from msgspec import Struct
from whenever import Instant

from relto.model.case import Consent, ConsentedItem, Holding, Request
from relto.model.delegation import Delegations
from relto.model.entry import MessageBase
from relto.model.finding import Considered, Finding, Obligation
from relto.model.label import Label
from relto.model.partner import KeyRevoked, LinkResumed, PassedOver, PeerAdded
from relto.model.party import Form, Precedence
from relto.units import (
    Digest,
    HoldingId,
    InstrumentId,
    OfficerRole,
    PartyCode,
    PurposeId,
    TopicId,
)


class LawRef(Struct, frozen=True, kw_only=True):
    """Under which law a step was taken, so that an arbiter can load the same.

    Args:
        digest: Over the law files, as `relto.law` computes it.
        known: Acts known until then count; `None` when all acts in the files count.
    """

    digest: Digest
    known: Instant | None = None


class HopRef(Struct, frozen=True, kw_only=True):
    """One hop of the way that a requester means."""

    source: PartyCode
    target: PartyCode
    instrument: InstrumentId


class Approval(Struct, frozen=True, kw_only=True):
    """One officer's yes, as it is shown to the other side: role and time, never a name.

    Args:
        party: Whose officer.
        role: In which role.
        at: When.
    """

    party: PartyCode
    role: OfficerRole
    at: Instant


class RefusalCode(StrEnum):
    """Why something was refused: the closed list that travels."""

    NOT_LAWFUL = "not-lawful"
    NOTHING_HELD = "nothing-held"
    OFFICER_REFUSED = "officer-refused"
    ID_CONFLICT = "id-conflict"
    EXPIRED_MESSAGE = "expired-message"
    CLOCK_SKEW = "clock-skew"
    NOT_ACCEPTED = "not-accepted"
    BAD_PACKAGE = "bad-package"
    BAD_EVIDENCE = "bad-evidence"
    OUT_OF_PLACE = "out-of-place"
    MALFORMED = "malformed"
    NO_LINK = "no-link"
    TOO_MANY = "too-many"
    LAPSED_IN_TRANSFER = "lapsed-in-transfer"


class PackageRef(Struct, frozen=True, kw_only=True):
    """A sealed package beside the journal.

    Args:
        digest: SHA-256 of the sealed bytes: its address.
        size_bytes: Length of the sealed bytes.
        sealed_key: A secret sealed to `recipient`, and the salt that makes the content key of it.
        source: Who sealed it.
        recipient: Who can open it: the next hop, or the final recipient where the intermediary
            sees labels only.
        instrument: The instrument in the sealed context.
    """

    digest: Digest
    size_bytes: int
    sealed_key: bytes
    source: PartyCode
    recipient: PartyCode
    instrument: InstrumentId


class Item(Struct, frozen=True, kw_only=True):
    """One item of a release: facts that sender and receiver check the law against.

    Args:
        holding: The originator's id for it; the same on every hop.
        originator: Who made it.
        label: The originator's label, unchanged on every hop.
        marked: The sender's own equivalent, when the sender is not the originator; else `None`.
        markings: The words on the item for this recipient, top line first, from the schemes'
            phrases.
        topics: What it is about.
        form: Its form.
        content: SHA-256 of what the package holds; part of the sealed context.
        content_bytes: Its length.
        package: Where its content is.
        findings: What each rule of the instrument said.
    """

    holding: HoldingId
    originator: PartyCode
    label: Label
    marked: Label | None = None
    markings: tuple[str, ...] = ()
    topics: tuple[TopicId, ...]
    form: Form
    content: Digest
    content_bytes: int
    package: PackageRef
    findings: tuple[Finding, ...] = ()


class Proof(Struct, frozen=True, kw_only=True):
    """An entry of another log, with all that a third person needs to believe it.

    Args:
        source: Author of the log.
        target: Its reader.
        header: The entry's header, as it was signed.
        part: Name of the part shown.
        salt: The part's salt.
        body: The part's bytes.
        path: Inclusion proof, lowest sibling first.
        checkpoint: The author's signed note over the tree that holds the entry.
    """

    source: PartyCode
    target: PartyCode
    header: bytes
    part: str
    salt: bytes
    body: bytes
    path: tuple[bytes, ...]
    checkpoint: bytes


# ---------------------------------------------------------------- between two parties


class Requested(MessageBase, frozen=True, kw_only=True, tag="request"):
    """A request, as the requester words it; an intermediary passes it on with `on_behalf_of` set.

    Args:
        request: What is asked.
        hops: The way the sender means, holder first; empty leaves it to the holder.
        is_forced: The requester insists on the direct way although its own reading says no.
    """

    request: Request
    hops: tuple[HopRef, ...] = ()
    is_forced: bool = False


class Referred(MessageBase, frozen=True, kw_only=True, tag="referral"):
    """The request was passed on, or waits for somebody; no answer yet.

    Args:
        holder: Who has to act now.
        instrument: Under which instrument.
        waits_for: What it waits for, in a word that the glossary knows.
    """

    holder: PartyCode
    instrument: InstrumentId | None = None
    waits_for: str


class Released(MessageBase, frozen=True, kw_only=True, tag="release"):
    """A release: the item's facts, the decision behind it, and the key to its package.

    Args:
        instrument: Under which it was released.
        onward: The final recipient, when it goes through an intermediary; else `None`.
        purpose: What it may be used for; `None` when the request named none.
        precedence: Packages travel in this order.
        law: Under which law.
        obligations: What the receiver owes.
        holds_until: When the decision behind it could change.
        assumed: Rules with evidence `assumed` that it rests on.
        approvals: Officers who said yes, the holder's first; empty under a standing delegation.
        delegation: The delegation used when no officer was asked; empty otherwise.
        consents: The originators' consents it rests on, each with its proof unless the sender is
            the originator.
        items: What is released; never empty.
    """

    instrument: InstrumentId
    onward: PartyCode | None = None
    purpose: PurposeId | None = None
    precedence: Precedence
    law: LawRef
    obligations: tuple[Obligation, ...] = ()
    holds_until: Instant | None = None
    assumed: tuple[str, ...] = ()
    approvals: tuple[Approval, ...] = ()
    delegation: str = ""
    consents: tuple[Proof, ...] = ()
    items: tuple[Item, ...]


class Refused(MessageBase, frozen=True, kw_only=True, tag="refusal"):
    """A no, with reasons and without any content.

    Args:
        code: Why.
        considered: What the law said, per instrument; empty when the law was not the reason.
        law: Under which law; `None` when the law was not asked.
        reason: An officer's words for the other side, or empty.
        approvals: Officers who took part, when an officer refused.
        number: The refused entry's number in the recipient's log, when the case is not the right
            handle.
    """

    code: RefusalCode
    number: int = 0
    considered: tuple[Considered, ...] = ()
    law: LawRef | None = None
    reason: str = ""
    approvals: tuple[Approval, ...] = ()


class Receipted(MessageBase, frozen=True, kw_only=True, tag="receipt"):
    """The receiver opened every item of a release, marked and registered it.

    Args:
        number: The release's number in the sender's log.
        header: Digest of the release's header, as it was signed.
        packages: Digests of the packages opened, in the release's order.
        marked: The label the receiver gave each item in its own scheme, in the same order.
        law: The receiver's law when it checked.
    """

    number: int
    header: Digest
    packages: tuple[Digest, ...]
    marked: tuple[Label, ...]
    law: LawRef


class ConsentAsked(MessageBase, frozen=True, kw_only=True, tag="consent-asked"):
    """A holder asks the originator whether it may release to somebody else."""

    recipient: PartyCode
    holding: HoldingId
    topics: tuple[TopicId, ...]
    purpose: PurposeId | None = None
    precedence: Precedence
    about: str = ""


class ConsentGiven(MessageBase, frozen=True, kw_only=True, tag="consent-given"):
    """The originator's written approval, signed as an entry of its log.

    Args:
        consent: To whom, for which purposes, until when.
        item: What it was given for; `None` from a consent that names no item.
        approvals: The officers who approved.
    """

    consent: Consent
    item: ConsentedItem | None = None
    approvals: tuple[Approval, ...]


class ConsentRefused(MessageBase, frozen=True, kw_only=True, tag="consent-refused"):
    """The originator says no."""

    recipient: PartyCode
    holding: HoldingId
    reason: str = ""
    approvals: tuple[Approval, ...]


class Recalled(MessageBase, frozen=True, kw_only=True, tag="recall"):
    """The giver asks for an item back: destroy it and say so. It never pretends to undo."""

    holding: HoldingId
    reason: str


class Reclassified(MessageBase, frozen=True, kw_only=True, tag="reclassified"):
    """The originator's label has changed.

    The receiver alters its marking (Japan-ROK 2016, Art. 6(g)).
    """

    holding: HoldingId
    label: Label
    reason: str


class Destroyed(MessageBase, frozen=True, kw_only=True, tag="destroyed"):
    """The receiver's certificate that it destroyed an item."""

    holding: HoldingId
    by: OfficerRole
    method: str


class LossReported(MessageBase, frozen=True, kw_only=True, tag="loss-reported"):
    """The receiver tells of a loss or compromise, or a possible one (Japan-ROK 2016, Art. 17)."""

    holding: HoldingId
    is_possible_only: bool
    text: str


class KeyChanged(MessageBase, frozen=True, kw_only=True, tag="key-change"):
    """A new card of the author; the entry is signed with the key that the old card names."""

    card: bytes
    fingerprint: str


class Aborted(MessageBase, frozen=True, kw_only=True, tag="aborted"):
    """A release whose package was not handed over in time.

    Its content key opens nothing any more.
    """

    number: int
    code: RefusalCode
    considered: tuple[Considered, ...] = ()


# ---------------------------------------------------------------- a node's own log


class Held(MessageBase, frozen=True, kw_only=True, tag="held"):
    """An item entered the register of holdings.

    Args:
        holding: As registered.
        reference: The originator's id for it.
        source: Who gave it; `None` for the party's own.
        marked: The party's own marking of received material; `None` for its own.
        by: Who registered it.
    """

    holding: Holding
    reference: HoldingId
    source: PartyCode | None = None
    marked: Label | None = None
    by: OfficerRole


class FileRef(Struct, frozen=True, kw_only=True):
    """A law file by name and digest; its bytes are kept as a blob."""

    name: str
    digest: Digest


class LawAdopted(MessageBase, frozen=True, kw_only=True, tag="law-adopted"):
    """From here on this law is the law."""

    law: LawRef
    files: tuple[FileRef, ...]
    by: OfficerRole
    reason: str = ""


class DelegationsAdopted(MessageBase, frozen=True, kw_only=True, tag="delegations-adopted"):
    """From here on these standing authorities hold.

    Args:
        delegations: All of them; what is not listed has ended.
        margin_seconds: A release also needs to be lawful this long ahead (FL-34).
        by: Who adopted them.
    """

    delegations: Delegations
    margin_seconds: int = 0
    by: OfficerRole


class Step(StrEnum):
    """What an officer did."""

    ASK = "ask"
    APPROVE = "approve"
    REFUSE = "refuse"
    ASK_CONSENT = "ask-consent"
    RECALL = "recall"
    RECLASSIFY = "reclassify"
    DESTROY = "destroy"
    REPORT_LOSS = "report-loss"
    CHANGE_KEYS = "change-keys"


class OfficerStepped(MessageBase, frozen=True, kw_only=True, tag="officer-step"):
    """An officer's step: who, what, why. The time is the entry's."""

    step: Step
    officer: str
    role: OfficerRole
    reason: str


class Queued(MessageBase, frozen=True, kw_only=True, tag="queued"):
    """A case waits for officers: what the law said, and what they have to supply.

    Args:
        holdings: The party's own ids of the items meant, in order.
        instrument: The one that would carry the release.
        considered: What the law said about the first item.
        law: Under which law.
        needs: How many different officers have to approve.
        why: Why it was not released at once.
    """

    holdings: tuple[HoldingId, ...]
    instrument: InstrumentId | None
    considered: tuple[Considered, ...] = ()
    law: LawRef
    needs: int = 1
    why: str


class Blocked(Struct, frozen=True, kw_only=True):
    """One way that the law closes, and the first rule that closes it.

    Args:
        way: The parties on it, holder first.
        instrument: Which instrument.
        finding: The first rule that failed.
    """

    way: tuple[PartyCode, ...]
    instrument: InstrumentId | None
    finding: Finding


class Unroutable(MessageBase, frozen=True, kw_only=True, tag="unroutable"):
    """No lawful way: the answer to the officer who asked."""

    request: Request
    law: LawRef
    blocked: tuple[Blocked, ...]


class ClockSet(MessageBase, frozen=True, kw_only=True, tag="clock-set"):
    """The exercise clock was moved; only an exercise node can.

    Args:
        offset_seconds: Exercise time minus the world's time.
        by: Who set it.
    """

    offset_seconds: int
    by: OfficerRole


class Quarantined(MessageBase, frozen=True, kw_only=True, tag="quarantined"):
    """Something that a partner sent and that this node did not accept; the entry itself is kept.

    Args:
        source: Whose entry.
        number: Its number.
        code: Why.
        considered: What the law said, when the law was the reason.
        detail: In words, for the officer; never content.
    """

    source: PartyCode
    number: int
    code: RefusalCode
    considered: tuple[Considered, ...] = ()
    detail: str = ""


PairMessage: TypeAlias = (
    Requested
    | Referred
    | Released
    | Refused
    | Receipted
    | ConsentAsked
    | ConsentGiven
    | ConsentRefused
    | Recalled
    | Reclassified
    | Destroyed
    | LossReported
    | KeyChanged
    | Aborted
)
LocalMessage: TypeAlias = (
    Held
    | PeerAdded
    | PassedOver
    | KeyRevoked
    | LinkResumed
    | LawAdopted
    | DelegationsAdopted
    | OfficerStepped
    | Queued
    | Unroutable
    | ClockSet
    | Quarantined
)
Message: TypeAlias = PairMessage | LocalMessage


def kind_of(message: type[MessageBase] | MessageBase) -> str:
    """Name the kind that an entry's header carries for this body."""
    tag = message.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


_PAIR: Final[tuple[type[PairMessage], ...]] = get_args(PairMessage)
_LOCAL: Final[tuple[type[LocalMessage], ...]] = get_args(LocalMessage)
PAIR_KINDS: Final[Mapping[str, type[PairMessage]]] = {kind_of(body): body for body in _PAIR}
LOCAL_KINDS: Final[Mapping[str, type[LocalMessage]]] = {kind_of(body): body for body in _LOCAL}
KINDS: Final[Mapping[str, type[Message]]] = {**PAIR_KINDS, **LOCAL_KINDS}
