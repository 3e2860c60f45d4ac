"""What a node wants done, in the order in which it must happen."""

from typing import TypeAlias

from msgspec import Struct

from relto.exchange import EntryRef
from relto.model.label import Label
from relto.model.message import Message, PackageRef
from relto.model.party import Precedence
from relto.node.assess import Go
from relto.node.inspect import Accepted
from relto.units import CaseId, Digest, HoldingId, InstrumentId, PartyCode


class Append(Struct, frozen=True, kw_only=True):
    """Append an entry to one of the node's own logs, then fold it.

    Args:
        target: To whom; the node's own party for its own log.
        case: The case; `None` when it belongs to none.
        message: What it says.
        precedence: For the header.
    """

    target: PartyCode
    case: CaseId | None
    message: Message
    precedence: Precedence = Precedence.ROUTINE


class SealOrder(Struct, frozen=True, kw_only=True):
    """One item to be sealed, with what it is bound to.

    Args:
        holding: The originator's id, for the context.
        title: Goes inside the package.
        blob: Where the content is stored.
        recipient: Who can open it.
        instrument: Under which it is released.
        originator: Who made it.
        label: The originator's label.
    """

    holding: HoldingId
    title: str
    blob: Digest
    recipient: PartyCode
    instrument: InstrumentId
    originator: PartyCode
    label: Label


class Seal(Struct, frozen=True, kw_only=True):
    """Seal packages and collect proofs, store the packages, then come back with `Sealed`.

    The driver may do this at once or after the transaction; the law is asked again when it comes
    back, unless it comes back at the same instant and nothing has been folded since.

    Args:
        case: For which case.
        orders: The packages.
        prove: Consents whose place in their logs is to be proved.
        rests_on: The answer of the law that this follows from.
    """

    case: CaseId
    orders: tuple[SealOrder, ...]
    prove: tuple[EntryRef, ...] = ()
    rests_on: Go


class OpenOrder(Struct, frozen=True, kw_only=True):
    """One package to be opened, with the context it must be bound to."""

    holding: HoldingId
    originator: PartyCode
    label: Label
    content: Digest
    content_bytes: int
    package: PackageRef


class Open(Struct, frozen=True, kw_only=True):
    """Open packages, store what is inside, then come back with `Opened` or `Unopenable`.

    When a package is not here yet, do nothing: the node asks again with `PackageArrived`.

    Args:
        case: The case.
        orders: What to open.
        is_sealed_past: The packages are for somebody further on; keep them as they are. What is
            inside is then the package itself, without a title.
        rests_on: What the inspection of the release has found, on which this rests.
    """

    case: CaseId
    orders: tuple[OpenOrder, ...]
    rests_on: Accepted
    is_sealed_past: bool = False


class Drop(Struct, frozen=True, kw_only=True):
    """Destroy a sealed package, whole or in part; after the commit.

    Args:
        digest: Which; a content that lies under this name stays.
        is_content: It is a content that is meant, because an officer has destroyed its item.
    """

    digest: Digest
    is_content: bool = False


class Then(Struct, frozen=True, kw_only=True):
    """Come back with `Proceed` for this case, after everything before has been folded."""

    case: CaseId


class Alarm(Struct, frozen=True, kw_only=True):
    """Something that an officer or engineer has to see; carries no content.

    Args:
        code: Stable and dotted.
        partner: Whom it is about; `None` when nobody.
        case: The case; `None` when none.
        text: In words.
    """

    code: str
    partner: PartyCode | None
    case: CaseId | None
    text: str


Effect: TypeAlias = Append | Seal | Open | Drop | Then | Alarm
