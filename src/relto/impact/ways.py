"""The best way of every kind of item, for the pairs asked about, under one law.

Direct releases are decided by an engine, all cells of a recipient in one pass. Where a release is
not simply permitted, the room of routes is asked once for each kind of item that the law tells
apart.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct

from relto.impact.cells import Cells, Places, group
from relto.impact.change import Pair
from relto.impact.classes import Classes, classes_of
from relto.impact.facts import BulkQuestion, case_of
from relto.impact.holdings import Engine, Holdings, Words
from relto.impact.point import Side
from relto.impact.tabulate import compile_tables
from relto.impact.way import Barrier, Way, barrier_of, direct_way, found_way
from relto.impact.words import BulkAnswer, BulkTables, read_answer
from relto.model import Assurance, Case, Outcome, Rule
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId

Progress = Callable[[int], None]

_NO_PROGRESS: Final[Progress] = lambda _: None  # noqa: E731 - a name for doing nothing


class Conditions(Struct, frozen=True, kw_only=True):
    """What is taken for granted of every request.

    Args:
        purpose: What it is wanted for.
        is_requested: The recipient asks.
        is_assured: The recipient gives the assurance, with a reader cleared to its highest level.
        hops_most: Ways of at most so many releases.
    """

    purpose: PurposeId | None = None
    is_requested: bool = True
    is_assured: bool = True
    hops_most: int = 2


class PairWays(Struct, frozen=True, kw_only=True, eq=False):
    """The ways from one holder to one recipient.

    Args:
        places: The holder's cells.
        ways: For each of these, the place of its way in `kinds`.
        kinds: The different ways.
    """

    places: Places
    ways: Places
    kinds: tuple[Way, ...]


class _Kept(Struct, frozen=True, kw_only=True, eq=False):
    """Ways of an earlier search; `None` in place of each that has to be searched anew."""

    ways: Places
    kinds: tuple[Way | None, ...]


class Prior(Struct, frozen=True, kw_only=True, eq=False):
    """Ways under another law, of which this one closes some and opens none.

    Args:
        ways: By pair.
        touched: Pairs that differ: a way over one of them is searched anew.
    """

    ways: Mapping[Pair, PairWays]
    touched: frozenset[Pair]

    def kept(self, holder: PartyCode, recipient: PartyCode) -> _Kept | None:
        """Return what still holds.

        Source: docs/spec/impact.md IMP-36.
        """
        found = self.ways.get((holder, recipient))
        if found is None or (holder, recipient) in self.touched:
            return None
        kinds = tuple(None if self._is_over(one) else one for one in found.kinds)
        return _Kept(ways=found.ways, kinds=kinds)

    def _is_over(self, way: Way) -> bool:
        return any(pair in self.touched for pair in pairwise(way.parties))


def assurance_of(side: Side, recipient: PartyCode, conditions: Conditions) -> Assurance | None:
    """Return the assurance that a request of this party carries.

    Source: docs/spec/impact.md IMP-38.
    """
    library = side.law.library
    party = library.parties.get(recipient)
    scheme = None if party is None or party.scheme is None else library.schemes.get(party.scheme)
    if not conditions.is_requested or not conditions.is_assured or scheme is None:
        return None
    return Assurance(
        cleared_to=scheme.levels[-1].id if scheme.levels else LevelId(""),
        needs_access=True,
        will_protect=True,
        by="taken for granted in a comparison",
    )


def question_of(side: Side, recipient: PartyCode, conditions: Conditions) -> BulkQuestion:
    """Return what is asked of every item for one recipient.

    Source: docs/spec/impact.md IMP-38.
    """
    return BulkQuestion(
        recipient=recipient,
        at=side.at,
        purpose=conditions.purpose,
        is_requested=conditions.is_requested,
        assurance=assurance_of(side, recipient, conditions),
    )


def find_ways(
    side: Side,
    cells: Cells,
    pairs: Iterable[Pair],
    conditions: Conditions,
    *,
    engine: Engine,
    classes: Classes | None = None,
    prior: Prior | None = None,
    progress: Progress = _NO_PROGRESS,
) -> Mapping[Pair, PairWays]:
    """Find the best way of every cell for every pair.

    Args:
        side: The law and the instant.
        cells: The kinds of items held.
        pairs: Holder and recipient; those whose holder holds nothing are left out.
        conditions: Of every request.
        engine: Decides the direct releases.
        classes: Of the facts under this side; found when not given.
        prior: What was found under a law from which this one differs only by what is closed.
        progress: Told after each pair that one is done.

    Source: docs/spec/impact.md IMP-35, IMP-36.
    """
    wanted = sorted(pair for pair in pairs if pair[0] in cells.parties)
    recipients = sorted({recipient for _, recipient in wanted})
    classes = classes or classes_of(side, cells.holdings.facts)
    found: dict[Pair, PairWays] = {}
    for recipient in recipients:
        holders = [holder for holder, other in wanted if other == recipient]
        question = question_of(side, recipient, conditions)
        tables = compile_tables(side.planner, cells.holdings.facts, question)
        words = engine.words(tables, cells.holdings)
        for holder in holders:
            search = _Search(
                side,
                cells.holdings,
                tables=tables,
                words=words,
                classes=classes,
                conditions=conditions,
            )
            kept = None if prior is None else prior.kept(holder, recipient)
            found[holder, recipient] = search.run(holder, cells.of(holder, to=recipient), kept)
            progress(1)
    return found


class _Search:
    """One pair under one law: each word is read once, each kind of item searched once."""

    def __init__(
        self,
        side: Side,
        holdings: Holdings,
        *,
        tables: BulkTables,
        words: Words,
        classes: Classes,
        conditions: Conditions,
    ) -> None:
        self.side, self.holdings, self.tables = side, holdings, tables
        self.words, self.classes, self.conditions = words, classes, conditions
        self.kinds: dict[Way, int] = {}

    def run(self, holder: PartyCode, places: Places, kept: _Kept | None) -> PairWays:
        """The ways of one holder's cells; a way that is kept is not searched again."""
        words = self.words[:, places]
        # One word is the common case, and sorts much faster than columns of several.
        if len(words) == 1:
            values, inverse = np.unique(words[0], return_inverse=True)
            distinct = values.reshape(1, -1)
        else:
            distinct, inverse = np.unique(words, axis=1, return_inverse=True)
        answers = [
            read_answer(self.tables, holder, distinct[:, index].tolist())
            for index in range(distinct.shape[1])
        ]
        ways = np.full(len(places), -1, dtype=np.int64)
        settled = np.full(len(answers), -1, dtype=np.int64)
        for index, answer in enumerate(answers):
            if answer.outcome is Outcome.PERMIT:
                way = direct_way(holder, self.tables.question.recipient, answer)
                settled[index] = self._number(way)
        inverse = inverse.reshape(-1)
        if answers:
            ways = settled[inverse]
        if kept is not None:
            numbers = [-1 if one is None else self._number(one) for one in kept.kinds]
            old = np.array(numbers, dtype=np.int64)[kept.ways]
            ways = np.where((ways < 0) & (old >= 0), old, ways)
        self._search(places, ways, inverse, answers)
        return PairWays(places=places, ways=ways, kinds=tuple(self.kinds))

    def _number(self, way: Way) -> int:
        return self.kinds.setdefault(way, len(self.kinds))

    def _search(
        self, places: Places, ways: Places, inverse: Places, answers: list[BulkAnswer]
    ) -> None:
        """Ask for a route once for each kind of item that is left."""
        left = np.flatnonzero(ways < 0)
        if not len(left):
            return
        cells = places[left]
        held = self.holdings
        first, members = group(*self.classes.of(held, cells))
        numbers = np.array(
            [self._best(int(cells[one]), answers[inverse[left[one]]]) for one in first.tolist()],
            dtype=np.int64,
        )
        ways[left] = numbers[members]

    def _best(self, cell: int, answer: BulkAnswer) -> int:
        case = case_at(self.holdings, cell, self.tables.question)
        route = self.side.finder.best(case, at=self.side.at, hops_most=self.conditions.hops_most)
        return self._number(found_way(route, barrier_of(answer)))


def way_of(side: Side, case: Case, *, hops_most: int) -> Way:
    """Return the best way of one item.

    Args:
        side: The law and the instant.
        case: The item, its holder, and the recipient.
        hops_most: Ways of at most so many releases.

    Source: docs/spec/impact.md IMP-35.
    """
    route = side.finder.best(case, at=side.at, hops_most=hops_most)
    if route is not None and len(route.hops) == 1:
        return found_way(route, Barrier(instrument=None, rule=None))
    considered = side.planner.decide(case, at=side.at).considered
    reason = considered[0].reason if considered else None
    barrier = Barrier(
        instrument=considered[0].instrument if considered else None,
        rule=None if reason is None else reason.rule,
    )
    return found_way(route, barrier)


def case_at(holdings: Holdings, row: int, question: BulkQuestion) -> Case:
    """Return a row of a table as a case.

    Args:
        holdings: The table.
        row: Its place, counted from 0; not one at fault.
        question: What is asked of it.

    Source: docs/spec/impact.md IMP-7.
    """
    facts = holdings.facts
    origin = facts.origins[holdings.origins[row]]
    assert origin is not None
    return case_of(
        question,
        label=facts.labels[holdings.labels[row]],
        topics=facts.topics[holdings.topics[row]],
        caveats=facts.caveats[holdings.caveats[row]],
        origin=origin,
    )


def barriers_of(side: Side, case: Case, *, hops_most: int) -> tuple[Barrier, ...]:
    """Return what closes every way that there might be, one rule for each instrument.

    Under an arrangement with an intermediary the first leg says more than that there is no direct
    one.

    Args:
        side: The law and the instant.
        case: The item, its holder, and the recipient.
        hops_most: Ways of at most so many releases.

    Source: docs/spec/impact.md IMP-37.
    """
    found: dict[InstrumentId, Barrier] = {}
    for one in side.finder.routes(case, at=side.at, hops_most=hops_most).blocked:
        known = found.get(one.instrument)
        if known is None or known.rule is Rule.TOPOLOGY:
            found[one.instrument] = Barrier(instrument=one.instrument, rule=one.finding.rule)
    return tuple(found.values())
