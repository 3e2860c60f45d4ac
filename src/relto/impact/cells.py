"""Rows with equal codes counted together: a law decides each kind of item once, however many."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from relto.impact.holdings import Holdings
from relto.units import PartyCode

# Beyond so many possible combinations rows are sorted instead of counted in place: two arrays of
# 256 MB.
_DENSE_CELLS_MAX: Final = 33_554_432
_STEP_ROWS: Final = 8_388_608
_CHUNK_ROWS: Final = 65_536

Places = npt.NDArray[np.int64]


class Cells(Struct, frozen=True, kw_only=True, eq=False):
    """The distinct rows of a table of holdings.

    Args:
        holdings: One row for each distinct combination; rows at fault are not among them.
        counts: How many rows each stands for.
        holders: By row, the place of its holder in `parties`.
        parties: All holders, sorted.
        at_fault: By holder, how many rows could not be used.
    """

    holdings: Holdings
    counts: Places
    holders: Places
    parties: tuple[PartyCode, ...]
    at_fault: tuple[int, ...]

    def of(self, holder: PartyCode, *, to: PartyCode) -> Places:
        """Return the places of one holder's rows, without those that the recipient made itself.

        Args:
            holder: Whose rows.
            to: The recipient; giving an item back to its originator is no flow.

        Source: docs/spec/impact.md IMP-34.
        """
        if holder not in self.parties:
            return np.empty(0, dtype=np.int64)
        made = np.array(
            [one is not None and one.originator == to for one in self.holdings.facts.origins],
            dtype=bool,
        )
        is_held = self.holders == self.parties.index(holder)
        return np.flatnonzero(is_held & ~made[self.holdings.origins])


def count_cells(holdings: Holdings) -> Cells:
    """Count equal rows together; those at fault are counted apart, by holder.

    Source: docs/spec/impact.md IMP-34.
    """
    facts = holdings.facts
    parties = facts.holders()
    place = {party: index for index, party in enumerate(parties)}
    owners = np.array([place[one.holder] for one in facts.labels], dtype=np.int64)
    parts, size = _parts(holdings, place)
    if size <= _DENSE_CELLS_MAX:
        rows, counts = _count_in_place(holdings, parts, size)
    else:
        rows, counts = _count_by_sorting(holdings, parts)
    labels, topics, caveats, origins = (
        column[rows].astype(np.uint32) for column in holdings.columns()
    )
    usable = origins != 0
    holders = owners[labels]
    faulty = np.zeros(len(parties), dtype=np.int64)
    np.add.at(faulty, holders[~usable], counts[~usable])
    return Cells(
        holdings=Holdings(
            facts=facts,
            labels=labels[usable],
            topics=topics[usable],
            caveats=caveats[usable],
            origins=origins[usable],
        ),
        counts=counts[usable],
        holders=holders[usable],
        parties=parties,
        at_fault=tuple(faulty.tolist()),
    )


def _parts(holdings: Holdings, place: dict[PartyCode, int]) -> tuple[tuple[Places, ...], int]:
    """What each code adds to a row's key, and how many keys there can be.

    The holder stands in three of the four codes, so a code is counted within its holder.
    """
    facts = holdings.facts
    labels = [place[one.holder] for one in facts.labels]
    topics = [place[one.holder] for one in facts.topics]
    origins = [place.get(one.holder, 0) for one in facts.origins[1:] if one is not None]
    label, label_count = _within(labels)
    topic, topic_count = _within(topics)
    origin, origin_count = _within(origins)
    origin, origin_count = np.concatenate([np.zeros(1, np.int64), origin + 1]), origin_count + 1
    caveat_count = max(1, len(facts.caveats))
    owner = np.array(labels, dtype=np.int64) * label_count
    parts = (
        (owner + label) * topic_count * caveat_count * origin_count,
        topic * caveat_count * origin_count,
        np.arange(len(facts.caveats), dtype=np.int64) * origin_count,
        origin,
    )
    size = max(1, len(place)) * label_count * topic_count * caveat_count * origin_count
    return parts, size


def _within(holders: Sequence[int]) -> tuple[Places, int]:
    """The place of each code among those of its holder, and the greatest number of places."""
    seen: dict[int, int] = {}
    found = []
    for holder in holders:
        found.append(seen.get(holder, 0))
        seen[holder] = found[-1] + 1
    return np.array(found, dtype=np.int64), max(seen.values(), default=1)


def _keys(holdings: Holdings, parts: tuple[Places, ...], start: int, end: int) -> Places:
    """The keys of a stretch of rows, chunk by chunk, so that what is in hand stays in the cache."""
    total = np.empty(end - start, dtype=np.int64)
    scratch = np.empty(_CHUNK_ROWS, dtype=np.int64)
    columns = holdings.columns()
    for first in range(start, end, _CHUNK_ROWS):
        final = min(first + _CHUNK_ROWS, end)
        out, added = total[first - start : final - start], scratch[: final - first]
        for place, (part, column) in enumerate(zip(parts, columns, strict=True)):
            codes = column[first:final].astype(np.intp)
            part.take(codes, out=out if place == 0 else added, mode="clip")
            if place:
                np.add(out, added, out=out)
    return total


def _count_in_place(
    holdings: Holdings, parts: tuple[Places, ...], size: int
) -> tuple[Places, Places]:
    """A counter for every key there can be, and some row that has it."""
    counters = np.zeros(size, dtype=np.int64)
    some = np.zeros(size, dtype=np.int64)
    for start in range(0, holdings.rows, _STEP_ROWS):
        end = min(start + _STEP_ROWS, holdings.rows)
        keys = _keys(holdings, parts, start, end)
        counters += np.bincount(keys, minlength=size)
        some[keys] = np.arange(start, end)
    found = np.flatnonzero(counters)
    return some[found], counters[found]


def _count_by_sorting(holdings: Holdings, parts: tuple[Places, ...]) -> tuple[Places, Places]:
    keys = _keys(holdings, parts, 0, holdings.rows)
    _, rows, counts = np.unique(keys, return_index=True, return_counts=True)
    return rows.astype(np.int64), counts.astype(np.int64)


def group(*columns: npt.NDArray[np.int64]) -> tuple[Places, Places]:
    """Put rows with equal values together.

    Args:
        columns: Integers from 0, one array for each column.

    Returns:
        For each group the place of its first row, and for each row the place of its group.

    Source: docs/spec/impact.md IMP-34.
    """
    key = np.zeros(len(columns[0]), dtype=np.int64)
    size = 1
    for column in columns:
        width = int(column.max(initial=0)) + 1
        size *= width
        # One integer holds them all; where it would not, what is there is numbered anew first.
        if size >= 1 << 62:
            _, key = np.unique(key, return_inverse=True)
            size = (int(key.max(initial=0)) + 1) * width
        key = key * width + column
    _, first, members = np.unique(key, return_index=True, return_inverse=True)
    return first.astype(np.int64), members.astype(np.int64)
