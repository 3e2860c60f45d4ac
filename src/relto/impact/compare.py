"""Two laws over the same holdings and the same traffic: the comparison, from end to end."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from relto.decide.view import is_known
from relto.impact.answer import (
    Alternative,
    Direction,
    FeedEffect,
    Flow,
    Impact,
    PartyBalance,
    RequestEffect,
    SideView,
    Tally,
)
from relto.impact.cells import Cells, count_cells, group
from relto.impact.change import (
    InstrumentChange,
    Pair,
    changes,
    reached_pairs,
    states_alone,
    touched_pairs,
)
from relto.impact.classes import Classes, classes_of
from relto.impact.effects import feed_effects, past_flows, request_effects, request_pairs
from relto.impact.holdings import Engine, Holdings
from relto.impact.point import Side
from relto.impact.traffic import Exchange, Measurements, TrafficKind
from relto.impact.way import Barrier, WayKind
from relto.impact.ways import (
    Conditions,
    PairWays,
    Prior,
    Progress,
    barriers_of,
    case_at,
    find_ways,
    question_of,
)
from relto.law import STATES_IN_FORCE, Terms
from relto.model import Evidence, Ground
from relto.units import InstrumentId, LevelId, PartyCode, SchemeId

NOTHING_MEASURED: Final = Measurements()

_NO_PROGRESS: Final[Progress] = lambda _: None  # noqa: E731 - a name for doing nothing

WaysByPair = Mapping[Pair, PairWays]


class Other(Struct, frozen=True, kw_only=True, eq=False):
    """Another act to try: the law with it, at the instant of the side after.

    Args:
        side: The law with the act.
        remark: Why the law gives it no effect, where it says so; else empty.
    """

    side: Side
    remark: str = ""


class _Sides(Struct, frozen=True, kw_only=True, eq=False):
    """The two sides with the ways of every pair looked at, and the classes under the second."""

    before: Side
    after: Side
    ways_before: WaysByPair
    ways_after: WaysByPair
    classes_after: Classes


def compare(
    before: Side,
    after: Side,
    *,
    holdings: Holdings,
    traffic: Sequence[Exchange] = (),
    measured: Measurements = NOTHING_MEASURED,
    conditions: Conditions,
    engine: Engine,
    others: Sequence[Other] = (),
    known: str = "",
    exercise: Sequence[str] = (),
    progress: Progress = _NO_PROGRESS,
) -> Impact:
    """Compare two laws over the same holdings and traffic.

    Only pairs of parties that a changed instrument can touch are computed, and those of open
    requests.

    Args:
        before: The one side.
        after: The other.
        holdings: What everybody holds, as far as known.
        traffic: Past releases, open requests, standing feeds.
        measured: Delays of past releases.
        conditions: What is taken for granted of every request.
        engine: Decides the direct releases.
        others: Acts whose effect is wanted as well.
        known: What the law was taken to know, in words.
        exercise: Columns with values made up for an exercise.
        progress: Told after each pair of each side that one is done.

    Source: docs/spec/impact.md IMP-30 to IMP-49.
    """
    changed = changes(before, after)
    requests = [one for one in traffic if one.kind is TrafficKind.REQUEST]
    cells = count_cells(holdings)
    sides, reached = _evaluate(
        before,
        after,
        cells,
        changed=changed,
        asked=request_pairs(requests),
        conditions=conditions,
        engine=engine,
        progress=progress,
    )
    flows = _flows(cells, sides, reached, conditions, measured)
    directions = _directions(cells, sides, reached)
    effects = request_effects(
        requests, cells, (before, sides.ways_before), (after, sides.ways_after), conditions
    )
    feeds = [one for one in traffic if one.kind is TrafficKind.FEED]
    feed = feed_effects(feeds, before, after, conditions)
    return Impact(
        before=SideView(title=before.title, at=before.at),
        after=SideView(title=after.title, at=after.at),
        known=known,
        changes=changed,
        states_alone=states_alone(before, after),
        items=holdings.rows,
        items_at_fault=sum(cells.at_fault),
        pairs_looked_at=len(reached),
        flows=flows,
        directions=directions,
        balances=_balances(directions, traffic),
        past=past_flows(traffic, before, after, conditions, measured),
        requests=effects,
        feeds=feed,
        alternatives=tuple(
            _alternative(
                other,
                sides,
                cells,
                (effects, feed),
                conditions,
                engine=engine,
                progress=progress,
            )
            for other in others
        ),
        assumed=_assumed(before, after, changed, flows),
        exercise=tuple(exercise),
    )


def _evaluate(
    before: Side,
    after: Side,
    cells: Cells,
    *,
    changed: Sequence[InstrumentChange],
    asked: frozenset[Pair],
    conditions: Conditions,
    engine: Engine,
    progress: Progress,
) -> tuple[_Sides, frozenset[Pair]]:
    """Find the ways of both sides, for pairs that the change can reach and those asked about."""
    touched = touched_pairs(before, after, changed)
    reached = reached_pairs(before, after, touched, hops_most=conditions.hops_most)
    pairs = reached | asked
    ways_before = find_ways(before, cells, pairs, conditions, engine=engine, progress=progress)
    prior = None if opens(changed) else Prior(ways=ways_before, touched=touched)
    classes = classes_of(after, cells.holdings.facts)
    ways_after = find_ways(
        after,
        cells,
        pairs,
        conditions,
        engine=engine,
        classes=classes,
        prior=prior,
        progress=progress,
    )
    sides = _Sides(
        before=before,
        after=after,
        ways_before=ways_before,
        ways_after=ways_after,
        classes_after=classes,
    )
    return sides, reached


def opens(changed: Sequence[InstrumentChange]) -> bool:
    """Tell whether a change may open anything, and does not only close.

    Source: docs/spec/impact.md IMP-36.
    """
    return any(
        one.is_reworded
        or any(
            row.after in STATES_IN_FORCE and row.before not in STATES_IN_FORCE
            for row in one.readings
        )
        for one in changed
    )


def _flows(
    cells: Cells,
    sides: _Sides,
    pairs: frozenset[Pair],
    conditions: Conditions,
    measured: Measurements,
) -> tuple[Flow, ...]:
    """Items by direction, topics, level and the two ways; without those that never had one."""
    found: list[Flow] = []
    facts, held = cells.holdings.facts, cells.holdings
    levels: dict[tuple[SchemeId, LevelId], int] = {}
    level_of = np.array(
        [levels.setdefault((one.scheme, one.level), len(levels)) for one in facts.labels],
        dtype=np.int64,
    )
    named = list(levels)
    closures = _Closures(sides.after, cells, sides.classes_after, conditions)
    for pair in sorted(pairs & set(sides.ways_before)):
        old, new = sides.ways_before[pair], sides.ways_after[pair]
        never = ~(_has_way(old)[old.ways] | _has_way(new)[new.ways])
        rows = np.flatnonzero(~never)
        places = old.places[rows]
        columns = (
            held.topics[places].astype(np.int64),
            level_of[held.labels[places]],
            old.ways[rows],
            new.ways[rows],
        )
        first, members = group(*columns)
        counts = np.zeros(len(first), dtype=np.int64)
        np.add.at(counts, members, cells.counts[places])
        table = [column[first].tolist() for column in columns]
        delays_before = [measured.of(way) for way in old.kinds]
        delays_after = [measured.of(way) for way in new.kinds]
        for topics, level, one, other, count, cell in zip(
            *table, counts.tolist(), places[first].tolist(), strict=True
        ):
            was, will = old.kinds[one], new.kinds[other]
            found.append(
                Flow(
                    source=pair[0],
                    target=pair[1],
                    topics=facts.topics[topics].topics,
                    scheme=named[level][0],
                    level=named[level][1],
                    items=count,
                    before=was,
                    after=will,
                    delay_before=delays_before[one],
                    delay_after=delays_after[other],
                    closed_by=closures.of(pair[1], cell) if will.kind is WayKind.NONE else (),
                )
            )
    return tuple(sorted(found, key=_flow_order))


class _Closures:
    """What closes every way of an item, searched once for each kind of item."""

    def __init__(self, side: Side, cells: Cells, classes: Classes, conditions: Conditions) -> None:
        self._side, self._cells, self._conditions = side, cells, conditions
        self._classes = classes
        self._found: dict[tuple[object, ...], tuple[Barrier, ...]] = {}

    def of(self, recipient: PartyCode, cell: int) -> tuple[Barrier, ...]:
        """What closes them for one cell and one recipient."""
        held = self._cells.holdings
        rows = np.array([cell], dtype=np.int64)
        key = (recipient, *(int(column[0]) for column in self._classes.of(held, rows)))
        known = self._found.get(key)
        if known is None:
            case = case_at(held, cell, question_of(self._side, recipient, self._conditions))
            hops_most = self._conditions.hops_most
            known = self._found[key] = barriers_of(self._side, case, hops_most=hops_most)
        return known


def _flow_order(flow: Flow) -> tuple[object, ...]:
    """Changed ones first."""
    before, after = flow.before.cost(), flow.after.cost()
    return (
        before == after,
        flow.source,
        flow.target,
        flow.topics,
        flow.scheme,
        flow.level,
        before,
        after,
    )


def _directions(cells: Cells, sides: _Sides, pairs: frozenset[Pair]) -> tuple[Direction, ...]:
    found = []
    for pair in sorted(pairs & set(sides.ways_before)):
        old, new = sides.ways_before[pair], sides.ways_after[pair]
        if not (_has_way(old).any() or _has_way(new).any()):
            continue
        counts = cells.counts[old.places]
        both = _has_way(old)[old.ways] & _has_way(new)[new.ways]
        found.append(
            Direction(
                source=pair[0],
                target=pair[1],
                before=_tally(old, counts),
                after=_tally(new, counts),
                approvals_added=_added_up(old, new, counts * both, approvals=True),
                hops_added=_added_up(old, new, counts * both, approvals=False),
            )
        )
    return tuple(found)


def _has_way(ways: PairWays) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([one.kind is not WayKind.NONE for one in ways.kinds], dtype=bool)


def _tally(ways: PairWays, counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Tally:
    found = Tally()
    sums = np.zeros(len(ways.kinds), dtype=np.int64)
    np.add.at(sums, ways.ways, counts)
    for way, count in zip(ways.kinds, sums.tolist(), strict=True):
        found = found.plus(way.kind, count)
    return found


def _added_up(
    old: PairWays,
    new: PairWays,
    counts: np.ndarray[tuple[int], np.dtype[np.int64]],
    *,
    approvals: bool,
) -> int:
    def of(ways: PairWays) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        numbers = [one.approvals if approvals else one.hops for one in ways.kinds]
        return np.array(numbers, dtype=np.int64)[ways.ways]

    return int(((of(new) - of(old)) * counts).sum())


def _balances(
    directions: Sequence[Direction], traffic: Sequence[Exchange]
) -> tuple[PartyBalance, ...]:
    """What each party gets; the one that loses most first."""
    releases = [one for one in traffic if one.kind is TrafficKind.RELEASE]
    found = []
    for party in sorted({one.target for one in directions}):
        before, after = Tally(), Tally()
        for one in directions:
            if one.target == party:
                before, after = _sum(before, one.before), _sum(after, one.after)
        found.append(
            PartyBalance(
                party=party,
                before=before,
                after=after,
                got=sum(one.count for one in releases if one.target == party),
                gave=sum(one.count for one in releases if one.source == party),
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.direct_lost, -one.lost, one.party)))


def _sum(one: Tally, other: Tally) -> Tally:
    return Tally(
        direct=one.direct + other.direct, via=one.via + other.via, none=one.none + other.none
    )


def _alternative(
    other: Other,
    sides: _Sides,
    cells: Cells,
    effects: tuple[Sequence[RequestEffect], Sequence[FeedEffect]],
    conditions: Conditions,
    *,
    engine: Engine,
    progress: Progress,
) -> Alternative:
    """Compare the side with the act to the one without, item by item."""
    requests, feeds = effects
    changed = changes(sides.before, other.side)
    touched = touched_pairs(sides.before, other.side, changed)
    prior = None if opens(changed) else Prior(ways=sides.ways_before, touched=touched)
    ways = find_ways(
        other.side,
        cells,
        sides.ways_before,
        conditions,
        engine=engine,
        prior=prior,
        progress=progress,
    )
    restored_direct = restored_any = still_lost = 0
    for pair, old in sides.ways_before.items():
        counts = cells.counts[old.places]
        without, with_it = sides.ways_after[pair], ways[pair]
        was, is_without, is_with = (_is_direct(one)[one.ways] for one in (old, without, with_it))
        restored_direct += int(counts[is_with & ~is_without].sum())
        restored_any += int(
            counts[_has_way(with_it)[with_it.ways] & ~_has_way(without)[without.ways]].sum()
        )
        still_lost += int(counts[was & ~is_with].sum())
    lines = [one.request for one in requests]
    again = request_effects(
        lines, cells, (sides.before, sides.ways_before), (other.side, ways), conditions
    )
    streams = feed_effects([one.feed for one in feeds], sides.before, other.side, conditions)
    return Alternative(
        title=other.side.title,
        restored_direct=restored_direct,
        restored_any=restored_any,
        restored_requests=_restored(
            [one.effect for one in requests], [one.effect for one in again]
        ),
        restored_feeds=_restored([one.effect for one in feeds], [one.effect for one in streams]),
        still_lost=still_lost,
        remark=other.remark,
    )


def _is_direct(ways: PairWays) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([one.kind is WayKind.DIRECT for one in ways.kinds], dtype=bool)


def _restored(without: Sequence[str], with_it: Sequence[str]) -> int:
    hurt = {"breaks", "slower"}
    return sum(
        one in hurt and other not in hurt for one, other in zip(without, with_it, strict=True)
    )


def _assumed(
    before: Side, after: Side, changed: Sequence[InstrumentChange], flows: Sequence[Flow]
) -> tuple[str, ...]:
    """Rules that rest on an assumption, of the instruments that the answer speaks of."""
    names: set[InstrumentId] = {one.instrument for one in changed}
    for flow in flows:
        names.update(flow.before.instruments, flow.after.instruments)
    found = []
    for name in sorted(names):
        side = after if is_known(after.law, name) else before
        found += [
            f"{name}: {rule} ({ground.article})"
            for rule, ground in _grounds_of(side.law.terms(name))
            if ground.evidence is Evidence.ASSUMED
        ]
    found += [
        f"{one.instrument}: state {row.after} in the reading of {row.party}"
        for one in changed
        for row in one.readings
        if row.evidence is Evidence.ASSUMED
    ]
    return tuple(dict.fromkeys(found))


def _grounds_of(terms: Terms) -> list[tuple[str, Ground]]:
    return [
        ("in-force", terms.force_ground),
        *(("reliance", one.ground) for one in terms.reliance),
        ("topology", terms.topology.ground),
        ("topic", terms.topics.ground),
        ("form", terms.forms.ground),
        *(("level", one.ground) for one in terms.equivalence),
        *(("level", one.ground) for one in terms.caps),
        ("third-party", terms.third_party.ground),
        ("purpose", terms.purposes.ground),
        ("assurance", terms.assurance.ground),
        ("initiative", terms.initiative.ground),
    ]
