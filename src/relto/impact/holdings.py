"""Tables of holdings as codes: one small integer for each kind of fact of a row.

The facts themselves stand once, in `RowFacts`. What could not be used is not dropped: the row
stays, its origin is code 0, and a fault says which column and why.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct, structs

from relto.impact.facts import ItemFacts, OriginFacts, RowFacts
from relto.impact.words import BulkError, BulkTables
from relto.units import HoldingId

Codes = npt.NDArray[np.uint8] | npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
Words = npt.NDArray[np.uint64]
Outcomes = npt.NDArray[np.uint8]


Rows = npt.NDArray[np.int64]


class Ids(Protocol):
    """Ids by row, wherever they are kept."""

    def __getitem__(self, index: int, /) -> str:
        """The id of a row counted from 0."""

    def rows_of(self, ids: Collection[str], /) -> Rows:
        """The rows, counted from 0, that have one of these ids; ascending."""


class Flaw(Struct, frozen=True, kw_only=True):
    """What can be wrong with a row.

    Args:
        column: Where.
        kind: `missing`, `unknown`, `duplicate`, `type` or `zone`.
        value: What stood there; empty when nothing did.
    """

    column: str
    kind: str
    value: str = ""


class Fault(Struct, frozen=True, kw_only=True):
    """One thing that is wrong with one row of a table.

    Args:
        row: Counted from 1, the first row after a header.
        flaw: What is wrong.
    """

    row: int
    flaw: Flaw


class Faults(Struct, frozen=True, kw_only=True, eq=False):
    """Everything found wrong with a table, also where it is millions of rows.

    Args:
        rows: Row numbers, counted from 1; a row with two flaws stands twice.
        flaws: For each of these, the place of its flaw in `kinds`.
        kinds: The different flaws.
    """

    rows: npt.NDArray[np.int64]
    flaws: npt.NDArray[np.int64]
    kinds: tuple[Flaw, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Fault]:
        for row, flaw in zip(self.rows.tolist(), self.flaws.tolist(), strict=True):
            yield Fault(row=row, flaw=self.kinds[flaw])

    def rows_at_fault(self) -> int:
        """How many rows have at least one flaw."""
        return len(np.unique(self.rows))

    def counts(self, *, first: int) -> tuple[tuple[Flaw, int, tuple[int, ...]], ...]:
        """How often each flaw was found, and in which rows first; the most frequent before others.

        Args:
            first: How many rows to name for each.
        """
        order = np.argsort(self.flaws, kind="stable")
        rows, found = self.rows[order], np.bincount(self.flaws, minlength=len(self.kinds))
        starts = np.cumsum(found) - found
        counted = (
            (flaw, count, tuple(rows[start : start + min(first, count)].tolist()))
            for flaw, count, start in zip(self.kinds, found.tolist(), starts.tolist(), strict=True)
        )
        return tuple(sorted(counted, key=lambda one: (-one[1], one[0].column, one[0].value)))


NO_FAULTS: Final = Faults(
    rows=np.empty(0, dtype=np.int64), flaws=np.empty(0, dtype=np.int64), kinds=()
)


class Holdings(Struct, frozen=True, kw_only=True, eq=False):
    """A table of holdings; every column has one code for each row.

    Args:
        facts: What the codes stand for.
        labels: Code of the label and form, by row.
        topics: Code of the set of topics.
        caveats: Code of categories and releasability.
        origins: Code of originator, provenance and purpose received for; 0 for a row at fault.
        ids: The items' ids, by row; `None` when they were not kept.
        faults: Everything found wrong, by row.
        exercise: Columns with values made up for an exercise, as the table itself says.
    """

    facts: RowFacts
    labels: Codes
    topics: Codes
    caveats: Codes
    origins: Codes
    ids: Ids | None = None
    faults: Faults = NO_FAULTS
    exercise: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows there are, those at fault included."""
        return len(self.labels)

    def columns(self) -> tuple[Codes, Codes, Codes, Codes]:
        """The four columns, in the order of the tables."""
        return self.labels, self.topics, self.caveats, self.origins


def name_items(holdings: Holdings, items: Iterable[HoldingId]) -> Holdings:
    """Give each of some items an origin of its own, so that a consent for one reaches it alone.

    Args:
        holdings: A table that kept its ids.
        items: Ids, as consents name them; those that the table has not are passed over.

    Returns:
        The same rows, with more origins; rows at fault stay at fault.

    Raises:
        BulkError: The table kept no ids.

    Source: docs/spec/impact.md IMP-9.
    """
    wanted = frozenset(items) - holdings.facts.items
    if not wanted:
        return holdings
    if holdings.ids is None:
        raise BulkError(
            "a consent names a single item, and the table was read without ids",
            hint="read it with ids",
        )
    facts = holdings.facts
    rows = holdings.ids.rows_of(wanted)
    codes: dict[OriginFacts | None, int] = {one: code for code, one in enumerate(facts.origins)}
    named = []
    for row in rows.tolist():
        origin = facts.origins[holdings.origins[row]]
        if origin is not None:
            topics = facts.topics[holdings.topics[row]].topics
            item = ItemFacts(holding=HoldingId(holdings.ids[row]), topics=topics)
            origin = structs.replace(origin, item=item)
        named.append(codes.setdefault(origin, len(codes)))
    origins = holdings.origins.astype(np.min_scalar_type(len(codes)), copy=True)
    origins[rows] = named
    return structs.replace(
        holdings,
        facts=structs.replace(facts, origins=tuple(codes), items=facts.items | wanted),
        origins=origins,
    )


class Engine(Protocol):
    """Looks up and adds, for every row; knows nothing of law."""

    def outcomes(self, tables: BulkTables, holdings: Holdings) -> Outcomes:
        """For each row 0, 1 or 2: permit, refer, deny."""

    def words(self, tables: BulkTables, holdings: Holdings) -> Words:
        """For each row its words, the whole verdict: an array of `tables.words` rows of numbers."""
