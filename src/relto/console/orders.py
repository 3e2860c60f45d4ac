"""What officers can order at a node, and what they are answered: the words of their port.

Orders and answers are values; JSON on the socket, the same values when a command opens the node
itself. An order names its officer in `By`. Nothing here has power of its own: each order becomes a
command of the node's core, or a look at what it knows.
"""

from typing import TypeAlias

from msgspec import Struct
from whenever import Instant

from relto.exchange import Fact
from relto.model import (
    Considered,
    Finding,
    Form,
    Holding,
    Label,
    Obligation,
    Precedence,
    Request,
)
from relto.model.entry import WireCase
from relto.model.message import Step
from relto.node import By
from relto.units import (
    CaseId,
    Digest,
    HoldingId,
    InstrumentId,
    LevelId,
    PartyCode,
    PurposeId,
    TopicId,
)


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Anything that can be ordered."""


class LookStatus(Order, frozen=True, kw_only=True, tag="status"):
    """How is the node?"""


class HoldItem(Order, frozen=True, kw_only=True, tag="hold"):
    """Register an item whose content lies among the node's blobs already.

    Args:
        digest: SHA-256 of the content.
        size_bytes: Its length.
        title: One line for people.
        originator: Who made it; `None` for the party itself.
        label: As the originator labelled it.
        topics: What it is about.
        form: Its form.
        by: The officer.
    """

    digest: Digest
    size_bytes: int
    title: str
    originator: PartyCode | None = None
    label: Label
    topics: tuple[TopicId, ...]
    form: Form
    by: By


class LookHoldings(Order, frozen=True, kw_only=True, tag="holdings"):
    """What does the party hold?"""


class AskFor(Order, frozen=True, kw_only=True, tag="request"):
    """Request information.

    Args:
        case: A fresh id of the caller's, so that an order sent twice is one request; `None` lets
            the node draw one.
        holder: Who is thought to hold it.
        topics: What about.
        holding: One known item; `None` for whatever is held.
        purpose: What for.
        about: Words for the officer on the other side.
        precedence: How urgent.
        cleared_to: The reader's clearance, when the assurance is given; `None` gives none.
        is_direct: Go directly even if the own reading says that the way is closed.
        by: The officer.
    """

    case: WireCase | None = None
    holder: PartyCode
    topics: tuple[TopicId, ...]
    holding: HoldingId | None = None
    purpose: PurposeId
    about: str = ""
    precedence: Precedence = Precedence.ROUTINE
    cleared_to: LevelId | None = None
    is_direct: bool = False
    by: By


class LookInbox(Order, frozen=True, kw_only=True, tag="inbox"):
    """Which cases wait for officers?"""


class LookCases(Order, frozen=True, kw_only=True, tag="cases"):
    """Which cases are there?"""


class ApproveCase(Order, frozen=True, kw_only=True, tag="approve"):
    """Say yes."""

    case: CaseId
    by: By


class RefuseCase(Order, frozen=True, kw_only=True, tag="refuse"):
    """Say no; the reason is shown to the other side."""

    case: CaseId
    by: By


class AskConsentOf(Order, frozen=True, kw_only=True, tag="ask-consent"):
    """Ask the originator for consent to a release that waits."""

    case: CaseId
    by: By


class CustodyOf(Order, frozen=True, kw_only=True, tag="custody"):
    """Do what is owed for an item that was given or received, or ask for it.

    Args:
        step: `recall` or `reclassify` what was given; `destroy` or `report-loss` what was received.
        case: In which it was.
        holding: The originator's id; `None` for the only item of the case.
        text: How it was destroyed, or what is known of the loss; the reason of the others is in
            `by`.
        label: The new label; only to reclassify.
        is_possible_only: The loss is possible and not certain.
        by: The officer.
    """

    step: Step
    case: CaseId
    holding: HoldingId | None = None
    text: str = ""
    label: Label | None = None
    is_possible_only: bool = False
    by: By


class LookCase(Order, frozen=True, kw_only=True, tag="show"):
    """What is the whole story of a case?"""

    case: CaseId


class LookFacts(Order, frozen=True, kw_only=True, tag="facts"):
    """Which entries has a case, with all they say? None for a case that is not known here."""

    case: CaseId


class LookCard(Order, frozen=True, kw_only=True, tag="card"):
    """What is the node's own card?"""


class PinCard(Order, frozen=True, kw_only=True, tag="peer-add"):
    """Pin a partner's card whose fingerprint was compared outside the network."""

    card: bytes
    fingerprint: str
    by: By


class LookLinks(Order, frozen=True, kw_only=True, tag="links"):
    """How are the links?"""


class ReconcileLink(Order, frozen=True, kw_only=True, tag="reconcile"):
    """Call a partner now and compare both logs."""

    partner: PartyCode


class PassOverPartner(Order, frozen=True, kw_only=True, tag="pass-over"):
    """Go on, after a restored backup, without what a partner could give back."""

    partner: PartyCode
    by: By


class ResumePartner(Order, frozen=True, kw_only=True, tag="resume"):
    """Let the stopped link to a partner run again."""

    partner: PartyCode
    by: By


class RevokePartner(Order, frozen=True, kw_only=True, tag="revoke"):
    """Believe nothing more that one of a partner's cards signs."""

    partner: PartyCode
    serial: int
    by: By


class RotateKeys(Order, frozen=True, kw_only=True, tag="key-rotate"):
    """Make new keys and announce them to all partners."""

    by: By


class MoveClock(Order, frozen=True, kw_only=True, tag="clock-set"):
    """Move the exercise clock forward to an instant."""

    at: Instant
    by: By


class AdoptFiles(Order, frozen=True, kw_only=True, tag="law-adopt"):
    """Adopt law files on top of those in force; a file of the same name replaces the old one.

    Args:
        files: Name to content.
        is_whole: They replace all files in force.
        known: Acts known until then count; `None` for all in the files.
        by: The officer.
    """

    files: dict[str, bytes]
    is_whole: bool = False
    known: Instant | None = None
    by: By


class AdoptAuthorities(Order, frozen=True, kw_only=True, tag="delegations-adopt"):
    """Adopt the standing authorities written in a file of TOML.

    Args:
        file: Its name, for errors.
        content: The file.
        margin_seconds: A release must also be lawful this long ahead (FL-34).
        by: The officer.
    """

    file: str
    content: bytes
    margin_seconds: int = 0
    by: By


AnyOrder: TypeAlias = (
    LookStatus
    | HoldItem
    | LookHoldings
    | AskFor
    | LookInbox
    | LookCases
    | ApproveCase
    | RefuseCase
    | AskConsentOf
    | CustodyOf
    | LookCase
    | LookFacts
    | LookCard
    | PinCard
    | LookLinks
    | ReconcileLink
    | PassOverPartner
    | ResumePartner
    | RevokePartner
    | RotateKeys
    | MoveClock
    | AdoptFiles
    | AdoptAuthorities
)


# ---------------------------------------------------------------- answers


class Answer(Struct, frozen=True, kw_only=True):
    """Anything that is answered."""


class Status(Answer, frozen=True, kw_only=True, tag="status"):
    """How the node is.

    Args:
        party: Whose.
        is_exercise: On an exercise clock.
        is_running: Answered by a running node.
        now: Its clock.
        listens_at: Address and port; empty when it does not listen.
        law: Digest of the law adopted; `None` when none has been.
        peers: Partners pinned.
        open_cases: Cases in which somebody has to act.
        waiting: Of those, how many wait for this party's officers.
        holdings: Items held.
        certificate_until: When the links' certificate runs out; `None` where nobody looked.
        ahead_until: The time of its newest entry, where the clock stands before it: until then it
            writes nothing in that log.
    """

    party: PartyCode
    is_exercise: bool
    is_running: bool
    now: Instant
    listens_at: str = ""
    law: Digest | None = None
    peers: tuple[PartyCode, ...] = ()
    open_cases: int = 0
    waiting: int = 0
    holdings: int = 0
    certificate_until: Instant | None = None
    ahead_until: Instant | None = None


class Done(Answer, frozen=True, kw_only=True, tag="done"):
    """Done; there is nothing more to say than this."""

    text: str


class HoldingAnswer(Answer, frozen=True, kw_only=True, tag="holding"):
    """One item held."""

    holding: Holding


class Holdings(Answer, frozen=True, kw_only=True, tag="holdings"):
    """Items held, by id: the newest, and whether there are no others."""

    holdings: tuple[Holding, ...]
    is_whole: bool = True


class CaseLine(Struct, frozen=True, kw_only=True):
    """A case in a list.

    Args:
        case: Its id.
        role: What this node is in it.
        state: Where it stands.
        partner: Whom an answer would go to, or is expected from.
        requester: Who wants to know.
        topics: What about.
        purpose: What for.
        precedence: How urgent.
        opened_at: When it began here.
        waits_for: What it waits for, in words; empty when for nothing of ours.
        needs: How many officers must approve.
        approved: How many have.
        instrument: Which would carry the release.
    """

    case: CaseId
    role: str
    state: str
    partner: PartyCode | None
    requester: PartyCode | None = None
    topics: tuple[TopicId, ...] = ()
    purpose: PurposeId | None = None
    precedence: Precedence
    opened_at: Instant
    waits_for: str = ""
    needs: int = 0
    approved: int = 0
    instrument: InstrumentId | None = None


class Cases(Answer, frozen=True, kw_only=True, tag="cases"):
    """Cases; the most urgent first in an inbox, the oldest first otherwise; and whether all."""

    cases: tuple[CaseLine, ...]
    is_whole: bool = True


class StoryLine(Struct, frozen=True, kw_only=True):
    """One entry of a case's story.

    Args:
        position: Its place among all entries this node stores.
        source: Who wrote it.
        target: To whom; the same in a node's own log.
        number: Its place in that log.
        at: The author's clock.
        kind: What it is.
        text: What it says, in a line.
    """

    position: int
    source: PartyCode
    target: PartyCode
    number: int
    at: Instant
    kind: str
    text: str


class StoryItem(Struct, frozen=True, kw_only=True):
    """An item in a case.

    Args:
        holding: The originator's id.
        originator: Who made it.
        label: The originator's label.
        marked: How this node marked it; `None` when it did not receive it.
        markings: The words on it.
        title: From the opened package; empty before.
        size_bytes: Of the content; 0 before it is opened.
        path: Where the content lies on this machine; empty when it is not here.
        destroyed_at: When its receiver certified that it was destroyed; `None` while it is held.
    """

    holding: HoldingId
    originator: PartyCode
    label: Label
    marked: Label | None = None
    markings: tuple[str, ...] = ()
    title: str = ""
    size_bytes: int = 0
    path: str = ""
    destroyed_at: Instant | None = None


class BlockedWay(Struct, frozen=True, kw_only=True):
    """A way that the law closes.

    Args:
        way: The parties on it, holder first.
        instrument: Which instrument; `None` when none links them.
        finding: The first rule that closes it.
    """

    way: tuple[PartyCode, ...]
    instrument: InstrumentId | None
    finding: Finding


class Story(Answer, frozen=True, kw_only=True, tag="story"):
    """The whole story of a case, as this node knows it.

    Args:
        line: The case.
        is_closed: Nobody has to act in it any more.
        request: What is asked; `None` when its words are gone.
        route: The parties on the way, holder first; empty when the holder was to choose.
        instrument: Under which it was released.
        entries: Both ways and the node's own, in the order in which they came.
        items: What was released.
        obligations: What the receiver owes.
        considered: What the law said, where somebody had to be told no.
        blocked: Why there is no lawful way.
        refusal: Code of the refusal; empty when there was none.
        reason: An officer's words with it.
        holds_until: When the decision behind a release could change.
        assumed: Rules with evidence `assumed` that it rests on.
    """

    line: CaseLine
    is_closed: bool
    request: Request | None = None
    route: tuple[PartyCode, ...] = ()
    instrument: InstrumentId | None = None
    entries: tuple[StoryLine, ...] = ()
    items: tuple[StoryItem, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    considered: tuple[Considered, ...] = ()
    blocked: tuple[BlockedWay, ...] = ()
    refusal: str = ""
    reason: str = ""
    holds_until: Instant | None = None
    assumed: tuple[str, ...] = ()


class Facts(Answer, frozen=True, kw_only=True, tag="facts"):
    """The entries of a case over all logs of this node, in the order in which they were stored."""

    facts: tuple[Fact, ...]


class CardAnswer(Answer, frozen=True, kw_only=True, tag="card"):
    """A node's own card.

    Args:
        card: Signed, to be handed over.
        party: Whose.
        fingerprint: To be compared outside the network.
        serial: Counts up with each change.
        endpoints: Where it is reached.
        is_exercise: Of an exercise node.
    """

    card: bytes
    party: PartyCode
    fingerprint: Digest
    serial: int
    endpoints: tuple[str, ...]
    is_exercise: bool


class LinkLine(Struct, frozen=True, kw_only=True):
    """One link.

    Args:
        partner: With whom.
        calls: Which side calls as the node runs: `us`, `them`, `both` or `nobody`. A side without
            an endpoint or a trusted card is not called, whatever `node.toml` says.
        state: How it is doing.
        error: The last failure; empty after a success.
        failures: Calls that failed in a row.
        heard_at: When the partner was last heard; `None` since the node started.
        ours: Entries in our log to the partner.
        acknowledged: Of those, how many it holds for certain.
        theirs: Entries of the partner's log that are here.
        packages: Packages that still have to move.
        fork: Why the link is stopped for good; empty when it is not.
        slowed: How often the partner had to wait since the node (or this worker of it) started,
            because it sent more than its share.
        is_awaited: A restored node says nothing new before this partner has given back the rest.
        certificate_until: When the partner's own certificate runs out; `None` where nobody looked.
    """

    partner: PartyCode
    calls: str
    state: str
    error: str = ""
    failures: int = 0
    heard_at: Instant | None = None
    ours: int = 0
    acknowledged: int = 0
    theirs: int = 0
    packages: int = 0
    fork: str = ""
    slowed: int = 0
    is_awaited: bool = False
    certificate_until: Instant | None = None


class Links(Answer, frozen=True, kw_only=True, tag="links"):
    """All links, by partner."""

    links: tuple[LinkLine, ...]


AnyAnswer: TypeAlias = (
    Status | Done | HoldingAnswer | Holdings | Cases | Story | Facts | CardAnswer | Links
)
