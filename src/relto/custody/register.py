"""The register of what was received and of what was given: one line per item, folded from entries.

A duty does not end with the pact (Japan-ROK 2016, Art. 21(4)): a line leaves only by a certificate
of destruction, and even then it stays in the register. Nothing here asks the law: what is owed was
fixed when the item was released, and travels with the release.

Spec: docs/spec/exchange.md EX-24 to EX-27.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import replace
from whenever import Instant

from relto.errors import PeerError
from relto.model.finding import Obligation, ObligationKind
from relto.model.label import Label
from relto.model.message import Destroyed, Item, LossReported, Recalled, Reclassified, Released
from relto.units import CaseId, HoldingId, InstrumentId, PartyCode, PurposeId


class NotInRegisterError(PeerError):
    """A custody message about an item that the register does not have, or has in another state."""

    code = "peer.not_in_register"
    hint_default = "compare the two registers; the entry is kept"


class Side(StrEnum):
    """Which side of a release this node was on."""

    RECEIVED = "received"
    GIVEN = "given"


class CustodyState(StrEnum):
    """Where an item stands."""

    HELD = "held"
    RECALLED = "recalled"  # the giver wants it destroyed
    LOST = "lost"  # lost or compromised, or possibly so: an investigation is owed
    DESTROYED = "destroyed"


CUSTODY: Final[Mapping[CustodyState, Mapping[str, CustodyState]]] = {
    CustodyState.HELD: {
        "recall": CustodyState.RECALLED,
        "reclassified": CustodyState.HELD,
        "loss-reported": CustodyState.LOST,
        "destroyed": CustodyState.DESTROYED,
    },
    CustodyState.RECALLED: {
        "recall": CustodyState.RECALLED,
        "reclassified": CustodyState.RECALLED,
        "loss-reported": CustodyState.LOST,
        "destroyed": CustodyState.DESTROYED,
    },
    CustodyState.LOST: {
        "recall": CustodyState.LOST,
        "reclassified": CustodyState.LOST,
        "loss-reported": CustodyState.LOST,
        "destroyed": CustodyState.DESTROYED,
    },
    CustodyState.DESTROYED: {"recall": CustodyState.DESTROYED},
}


class RegisterLine(Struct, frozen=True, kw_only=True):
    """One item in custody.

    Args:
        side: Received or given.
        partner: From whom it came, or to whom it went.
        case: Under which it was released.
        holding: The originator's id for it.
        originator: Who made it.
        instrument: Under which it was released; its duties outlive it.
        purpose: What it may be used for.
        label: The originator's label, as changed by the originator.
        marked: What the receiver marked.
        obligations: What is owed.
        since: When it was receipted.
        state: Where it stands.
        changed_at: The clock of the latest change.
        note: Words of the latest recall, report or certificate.
    """

    side: Side
    partner: PartyCode
    case: CaseId
    holding: HoldingId
    originator: PartyCode
    instrument: InstrumentId
    purpose: PurposeId | None
    label: Label
    marked: Label | None
    obligations: tuple[Obligation, ...]
    since: Instant
    state: CustodyState = CustodyState.HELD
    changed_at: Instant
    note: str = ""

    @property
    def key(self) -> str:
        """The line's handle in a register."""
        return line_key(side=self.side, case=self.case, holding=self.holding)


def line_key(*, side: Side, case: CaseId, holding: HoldingId) -> str:
    """Name a line: an item may be received, and given on, in one and the same case."""
    return f"{side} {case} {holding}"


def enter(
    item: Item,
    release: Released,
    *,
    side: Side,
    partner: PartyCode,
    case: CaseId,
    marked: Label | None,
    at: Instant,
) -> RegisterLine:
    """Enter an item when its receipt is journaled.

    Args:
        item: What was released.
        release: The release it came in.
        side: Received or given.
        partner: The other side.
        case: The case.
        marked: The receiver's own marking.
        at: The clock of the receipt.

    Source: docs/spec/exchange.md EX-24.
    """
    return RegisterLine(
        side=side,
        partner=partner,
        case=case,
        holding=item.holding,
        originator=item.originator,
        instrument=release.instrument,
        purpose=release.purpose,
        label=item.label,
        marked=marked,
        obligations=release.obligations,
        since=at,
        changed_at=at,
    )


def change(
    line: RegisterLine,
    message: Recalled | Reclassified | Destroyed | LossReported,
    *,
    kind: str,
    at: Instant,
) -> RegisterLine:
    """Change a line by a custody message, from either side.

    Raises:
        NotInRegisterError: The line's state does not allow it.

    Source: docs/spec/exchange.md EX-25.
    """
    after = CUSTODY[line.state].get(kind)
    if after is None:
        raise NotInRegisterError(f"a `{kind}` about an item that is `{line.state}`")
    line = replace(line, state=after, changed_at=at)
    match message:
        case Reclassified(label=label, reason=reason):
            return replace(line, label=label, note=reason)
        case Recalled(reason=reason):
            return replace(line, note=reason)
        case LossReported(text=text):
            return replace(line, note=text)
        case Destroyed(method=method):
            return replace(line, note=method)
        case _:
            assert_never(message)


def owed(line: RegisterLine) -> tuple[Obligation, ...]:
    """Tell what is still owed for an item, whatever has become of the pact.

    Returns:
        The duties that go on, in the release's order; empty after destruction. The receipt is not
        among them: a line exists only once it has been given.

    Source: docs/spec/exchange.md EX-26; Japan-ROK 2016, Art. 21(4).
    """
    if line.side is Side.GIVEN or line.state is CustodyState.DESTROYED:
        return ()
    return tuple(duty for duty in line.obligations if duty.kind is not ObligationKind.RECEIPT)
