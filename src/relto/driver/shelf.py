"""What the node has forgotten, found again in the store.

A closed case is folded again from its entries; an item is read from the entry that a mark points
at. Both are read as of the entry up to which the node has forgotten, so that the same is found
while the entries after it are folded anew. What was found is remembered until the node forgets
again; at most so much, and losing it costs a reading.

Source: docs/spec/exchange.md EX-5; ADR-0024.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Final, TypeVar

from msgspec import Struct

from relto.driver.facts import fact_of
from relto.limits import RELEASE_ITEMS_MAX, REMEMBERED_MAX
from relto.model import Entry, LogId
from relto.node import Forgotten, Kept, Stock, fold_again, newest_first, stock_of
from relto.ports import Mark, StoreCorruptError, Transaction
from relto.units import CaseId, Digest, HoldingId, PartyCode, TopicId

K = TypeVar("K")
V = TypeVar("V")

_ALL: Final = "items"
# Ranks sort as texts, so an instant becomes digits, always as many, the latest the smallest: the
# end of the calendar is 253402300800 seconds away.
_RANK_NS: Final = 253_402_300_800 * 10**9
_RANK_DIGITS: Final = 21


class Base(Struct, frozen=True, kw_only=True):
    """Up to where the node has forgotten.

    Args:
        position: The final entry, over all logs.
        number: The final entry of the node's own log.
    """

    position: int = 0
    number: int = 0


class Shelf:
    """The node's archive (`relto.node.Archive`) over its own journal.

    Args:
        party: Whose node.
        reading: Gives the transaction under way, or one to read in.
    """

    def __init__(
        self, party: PartyCode, *, reading: Callable[[], AbstractContextManager[Transaction]]
    ) -> None:
        """Begin with nothing forgotten."""
        self._own = LogId(source=party, target=party)
        self._reading = reading
        self.rebase(Base())

    def rebase(self, base: Base) -> None:
        """Answer as of another entry from now on."""
        self._base = base
        self._cases: dict[CaseId, Kept | None] = {}
        self._items: dict[HoldingId, Stock | None] = {}
        self._pages: dict[TopicId | None, tuple[tuple[Mark, Stock], ...]] = {}

    def put(self, tx: Transaction, forgotten: Forgotten) -> None:
        """Let what the node has just forgotten be found; `rebase` follows."""
        tx.put_marks(self._own, [mark for one in forgotten.items for mark in _marks(one)])
        tx.drop_marks(
            self._own,
            [mark for one in forgotten.withdrawn for mark in _topic_marks(one)],
        )

    # ------------------------------------------------------------ the archive

    def case(self, case: CaseId) -> Kept | None:
        """See `Archive.case`."""
        if case not in self._cases:
            with self._reading() as tx:
                placed = tx.case(case, until=self._base.position)
            facts = (fact_of(one.entry) for one in placed)
            _remember(self._cases, case, fold_again(facts, party=self._own.source))
        return self._cases[case]

    def item(self, holding: HoldingId) -> Stock | None:
        """See `Archive.item`."""
        if holding not in self._items:
            found = self._page(_item_name(holding), after=None, limit=1)
            if found and found[0][1].holding.id != holding:
                raise StoreCorruptError("a mark points at another item")
            _remember(self._items, holding, found[0][1] if found else None)
        return self._items[holding]

    def items(self, topic: TopicId | None) -> Iterator[Stock]:
        """See `Archive.items`."""
        name = _ALL if topic is None else _topic_name(topic)
        if topic not in self._pages:
            _remember(self._pages, topic, self._page(name, after=None, limit=RELEASE_ITEMS_MAX))
        page = self._pages[topic]
        while page:
            for _, stock in page:
                yield stock
            if len(page) < RELEASE_ITEMS_MAX:
                return
            page = self._page(name, after=page[-1][0], limit=RELEASE_ITEMS_MAX)

    def with_content(self, content: Digest) -> Iterator[Stock]:
        """See `Archive.with_content`."""
        name, after = _content_name(content), None
        while page := self._page(name, after=after, limit=RELEASE_ITEMS_MAX):
            yield from (stock for _, stock in page)
            after = page[-1][0]

    def _page(self, name: str, *, after: Mark | None, limit: int) -> tuple[tuple[Mark, Stock], ...]:
        with self._reading() as tx:
            found = tx.marked(self._own, name, after=after, until=self._base.number, limit=limit)
        return tuple((mark, _stock(entry)) for mark, entry in found)


def _remember(known: dict[K, V], key: K, value: V) -> None:
    """Remember one more; the one that was asked first makes room."""
    while len(known) >= REMEMBERED_MAX:
        del known[next(iter(known))]
    known[key] = value


def _stock(entry: Entry) -> Stock:
    """Read an item back from the entry that registered it, as the fold took it."""
    stock = stock_of(fact_of(entry))
    if stock is None:
        raise StoreCorruptError("a mark points at an entry that registers no item")
    return stock


def _marks(stock: Stock) -> Iterator[Mark]:
    """Under what an item is found: by its id, in the list of all, by content and by topics."""
    rank = _rank(stock)
    yield Mark(name=_item_name(stock.holding.id), rank="", number=stock.number)
    yield Mark(name=_ALL, rank=rank, number=stock.number)
    yield Mark(name=_content_name(stock.holding.digest), rank="", number=stock.number)
    yield from _topic_marks(stock)


def _topic_marks(stock: Stock) -> Iterator[Mark]:
    """An item is found by each of its topics, and by all above them."""
    found: dict[str, None] = {}
    for topic in stock.holding.topics:
        parts = topic.split(".")
        found.update({".".join(parts[:depth]): None for depth in range(1, len(parts) + 1)})
    rank = _rank(stock)
    for name in found:
        yield Mark(name=_topic_name(TopicId(name)), rank=rank, number=stock.number)


def _rank(stock: Stock) -> str:
    """Sort as `newest_first` does."""
    negated, holding = newest_first(stock)
    return f"{_RANK_NS + negated:0{_RANK_DIGITS}d}/{holding}"


def _item_name(holding: HoldingId) -> str:
    return f"item/{holding}"


def _content_name(content: Digest) -> str:
    return f"content/{content}"


def _topic_name(topic: TopicId) -> str:
    return f"topic/{topic}"
