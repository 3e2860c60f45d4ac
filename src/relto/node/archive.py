"""What a node looks up instead of keeping it: closed cases and items, which grow with the years.

The journal says all of it, and the core reads nothing: the archive is handed in. It answers as of
the moment at which the state last forgot something (`State.forget`); what came later is in memory.

Source: docs/spec/exchange.md EX-5; ADR-0024.
"""

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from relto.custody import RegisterLine
from relto.exchange import CaseFile
from relto.model.case import Holding
from relto.model.label import Label
from relto.units import CaseId, Digest, HoldingId, PartyCode, TopicId


class Stock(Struct, frozen=True, kw_only=True):
    """A holding, with where it came from.

    Args:
        holding: As registered; its `id` is this party's own.
        reference: The originator's id, the same on every hop.
        source: Who gave it; `None` for the party's own.
        marked: This party's own marking of received material.
        case: The case it came in; `None` for the party's own.
        number: Its entry's number in this party's own log.
    """

    holding: Holding
    reference: HoldingId
    source: PartyCode | None = None
    marked: Label | None = None
    case: CaseId | None = None
    number: int


class Kept(Struct, frozen=True, kw_only=True):
    """A closed case as later entries are checked against it: no texts, and its register lines."""

    file: CaseFile
    lines: tuple[RegisterLine, ...]


class Archive(Protocol):
    """Finds what the state has forgotten."""

    def case(self, case: CaseId) -> Kept | None:
        """Give a case, folded from its entries; `None` when there was none."""

    def item(self, holding: HoldingId) -> Stock | None:
        """Give an item by this party's own id; `None` when there was none."""

    def items(self, topic: TopicId | None) -> Iterator[Stock]:
        """Give items in the order of `newest_first`.

        Args:
            topic: Those at or below a topic that may still go out; `None` for all.
        """

    def with_content(self, content: Digest) -> Iterator[Stock]:
        """Give the items with a content, whatever has become of them."""


class Forgotten(Struct, frozen=True, kw_only=True):
    """What has left the memory, so that it can be found again.

    Args:
        items: Items that were registered since the last time.
        withdrawn: Received items that will never go out again, since they were recalled, lost or
            destroyed (EX-44).
    """

    items: tuple[Stock, ...]
    withdrawn: tuple[Stock, ...]


def newest_first(stock: Stock) -> tuple[int, HoldingId]:
    """Sort items: the newest first, then by id."""
    return (-stock.holding.held_at.timestamp(unit="nanosecond"), stock.holding.id)
