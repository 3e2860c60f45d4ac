"""Delegations as values: a party's own standing authority to release without asking a superior.

What they mean is in `relto.decide.delegation`. A node journals them when they are adopted.
"""

from typing import Final

from msgspec import Struct
from whenever import Instant

from relto.model.party import Form
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId, TopicId

DELEGATIONS_FORMAT: Final = "relto.delegations/1"


class Delegation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A standing decision to release without an officer.

    Args:
        id: Named in the journal with each release under it.
        recipients: To whom.
        instruments: Under which.
        topics: About what: topics or subtrees.
        up_to: The highest level, in the holder's own scheme.
        forms: In which form; empty means any that the instrument allows.
        purposes: For what: purposes or subtrees; empty means any that the instrument allows.
        is_for_received: Whether it also covers items that the holder did not make.
        valid_from: From when; `None` from the beginning.
        valid_until: Until when, half-open; `None` until taken back.
        by: The office that gave it.
    """

    id: str
    recipients: tuple[PartyCode, ...]
    instruments: tuple[InstrumentId, ...]
    topics: tuple[TopicId, ...]
    up_to: LevelId
    forms: tuple[Form, ...] = ()
    purposes: tuple[PurposeId, ...] = ()
    is_for_received: bool = False
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    by: str


class Delegations(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All delegations of one holder.

    Args:
        format: `relto.delegations/1`.
        holder: Whose.
        two_persons_from: The level from which two officers are needed; `None` for never.
        delegations: In the file's order; the first that covers a case is named.
    """

    format: str = DELEGATIONS_FORMAT
    holder: PartyCode
    two_persons_from: LevelId | None = None
    delegations: tuple[Delegation, ...] = ()
