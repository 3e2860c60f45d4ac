"""Delegations: a party's own standing authority to release without asking a superior."""

from msgspec import Struct
from whenever import Instant

from relto.units import InstrumentId, LevelId, PartyCode, TopicId


class Delegation(Struct, frozen=True, kw_only=True):
    """A standing authority to release (a delegation of disclosure authority).

    Every condition narrows; the law is asked first, so a delegation never makes lawful what is not.

    Args:
        id: Its name in the party's own file; release entries cite it.
        recipients: To whom; empty means nobody.
        instruments: Under which instruments; empty means nothing.
        topics: Subtrees covered; every topic of an item must lie in one of them.
        level_max: The highest level of the party's own scheme.
        own_only: Only items that the party made itself.
        starts_at: From then; `None` for always.
        ends_at: Until then, half-open; `None` for open.
        by: The authority that delegated, in words.
    """

    id: str
    recipients: tuple[PartyCode, ...]
    instruments: tuple[InstrumentId, ...]
    topics: tuple[TopicId, ...]
    level_max: LevelId
    own_only: bool = True
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    by: str
