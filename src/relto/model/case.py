"""The facts of one case: what is asked, what is held, what has been consented to."""

from msgspec import Struct
from whenever import Instant

from relto.model.label import Label
from relto.model.party import Form, Precedence
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


class Assurance(Struct, frozen=True, kw_only=True):
    """The receiver's statement, before release, about the reader (Japan-ROK 2016, Art. 7(5)).

    Args:
        cleared_to: The level, in the receiver's own scheme, to which the reader holds a clearance.
        needs_access: The reader's official duties require access.
        will_protect: Substantially equivalent protection is assured.
        by: The officer's role who gives the assurance.
    """

    cleared_to: LevelId
    needs_access: bool
    will_protect: bool
    by: str


class Consent(Struct, frozen=True, kw_only=True):
    """The originator's written approval of release to a third party, or of another purpose.

    Args:
        originator: Who consents.
        recipient: To whom the item may go.
        topics: What it covers: topics or subtrees; empty means only `holding`.
        holding: The one item it covers; `None` when it covers the topics generally.
        purposes: Purposes allowed; empty means the purpose of the original release.
        given_at: From when it works.
        ends_at: Until when, half-open; `None` when open-ended.
    """

    originator: PartyCode
    recipient: PartyCode
    topics: tuple[TopicId, ...] = ()
    holding: HoldingId | None = None
    purposes: tuple[PurposeId, ...] = ()
    given_at: Instant
    ends_at: Instant | None = None


class ConsentedItem(Struct, frozen=True, kw_only=True):
    """What a consent was given for, so that nobody on the way puts another thing in its place.

    Args:
        label: The originator's label at that time; the item may later carry a higher one, never a
            lower.
        topics: As the originator registered them.
        form: The same.
        content: SHA-256 of what the package holds; `None` from an originator that is asked about
            an item which somebody else seals.
        inside: SHA-256 of the item itself, as the originator registered it; `None` where nobody
            knows.
    """

    label: Label
    topics: tuple[TopicId, ...]
    form: Form
    content: Digest | None = None
    inside: Digest | None = None


class Holding(Struct, frozen=True, kw_only=True):
    """An item that a party holds; the content lies beside it under `digest`.

    Args:
        id: The holder's own id for it.
        title: One line for people; treated as content, never sent in clear.
        originator: Who made it.
        label: The originator's label, kept for ever.
        marked: The holder's own equivalent of a received item's label; `None` for its own item.
        topics: What it is about; never empty.
        form: Its form.
        provenance: The instrument under which the holder received it; `None` for its own.
        received_for: The purpose it was received for; `None` for its own.
        digest: SHA-256 of the content.
        size_bytes: Length of the content.
        held_at: When the holder registered it.
    """

    id: HoldingId
    title: str
    originator: PartyCode
    label: Label
    marked: Label | None = None
    topics: tuple[TopicId, ...]
    form: Form
    provenance: InstrumentId | None = None
    received_for: PurposeId | None = None
    digest: Digest
    size_bytes: int
    held_at: Instant


class Request(Struct, frozen=True, kw_only=True):
    """A request for information (RFI), as the requester words it.

    Args:
        case: The id under which all that follows is filed; made by the requester.
        requester: Who wants to know.
        holder: Who is asked to release.
        on_behalf_of: The final recipient when an intermediary passes a request on; else `None`.
        holding: One known item; `None` asks for whatever is held on the topics.
        topics: What about.
        purpose: What the information is for.
        about: Free text for the officer on the other side.
        precedence: How urgent.
        assurance: The receiver's statement, where the instrument wants one.
        asked_at: The requester's clock.
        expires_at: After which an answer is of no use; `None` when open.
    """

    case: CaseId
    requester: PartyCode
    holder: PartyCode
    on_behalf_of: PartyCode | None = None
    holding: HoldingId | None = None
    topics: tuple[TopicId, ...]
    purpose: PurposeId
    about: str = ""
    precedence: Precedence = Precedence.ROUTINE
    assurance: Assurance | None = None
    asked_at: Instant
    expires_at: Instant | None = None


class Case(Struct, frozen=True, kw_only=True):
    """Everything a decision looks at, besides the law and the instant.

    Args:
        holder: Who would release.
        recipient: Who would receive on this hop.
        onward: The final recipient, when this hop is the first leg through an intermediary.
        originator: Who made the item.
        label: The originator's label.
        marked: The holder's own equivalent of a received item's label, as it marked it; used where
            an instrument's table does not know the originator's scheme. `None` for its own.
        topics: All must be covered; an empty tuple is an unknown fact and denies.
        form: The item's form.
        provenance: The instrument under which the holder got it; `None` for its own.
        purpose: What the recipient wants it for; `None` when not stated.
        received_for: The purpose the holder received it for; `None` for its own.
        requested: The recipient asked.
        assurance: The recipient's assurance, if one was given.
        consents: Consents at hand.
        holding: The item, so that a consent for one item can be matched.
    """

    holder: PartyCode
    recipient: PartyCode
    onward: PartyCode | None = None
    originator: PartyCode
    label: Label
    marked: Label | None = None
    topics: tuple[TopicId, ...]
    form: Form = Form.DOCUMENT
    provenance: InstrumentId | None = None
    purpose: PurposeId | None = None
    received_for: PurposeId | None = None
    requested: bool = False
    assurance: Assurance | None = None
    consents: tuple[Consent, ...] = ()
    holding: HoldingId | None = None
