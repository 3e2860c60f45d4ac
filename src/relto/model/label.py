"""Labels: what a party has said about how sensitive an item is, in its own scheme."""

from msgspec import Struct

from relto.units import CategoryId, LevelId, PartyCode, SchemeId


class Label(Struct, frozen=True, kw_only=True):
    """A classification in one party's own words; never overwritten, only accompanied.

    Args:
        scheme: The scheme whose words these are.
        level: A level of that scheme.
        categories: Caveats, sorted and without repeats; an unknown one denies.
        releasable_to: Parties named by the originator, sorted; `None` when the label names none,
            which restricts nothing; an empty tuple means releasable to nobody.

    Source: shared facts on labels; ADR-0004.
    """

    scheme: SchemeId
    level: LevelId
    categories: tuple[CategoryId, ...] = ()
    releasable_to: tuple[PartyCode, ...] | None = None
