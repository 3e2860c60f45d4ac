"""What a change does to traffic: to what used to flow, to open requests, to standing feeds."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from relto.impact.answer import FeedEffect, PastFlow, RequestEffect, Tally
from relto.impact.cells import Cells, Places
from relto.impact.change import Pair
from relto.impact.point import Side
from relto.impact.traffic import Exchange, Measurements, TrafficKind
from relto.impact.way import Way
from relto.impact.ways import Conditions, PairWays, assurance_of, way_of
from relto.model import Case, Label
from relto.units import PartyCode, SchemeId, covers

WaysByPair = Mapping[Pair, PairWays]


def past_flows(
    traffic: Iterable[Exchange],
    before: Side,
    after: Side,
    conditions: Conditions,
    measured: Measurements,
) -> tuple[PastFlow, ...]:
    """Put past releases of a kind together, and say how the same would go on both sides.

    Args:
        traffic: All lines; only releases count.
        before: The one side.
        after: The other.
        conditions: Of every request.
        measured: Delays.

    Source: docs/spec/impact.md IMP-42.
    """
    groups: dict[tuple[object, ...], list[Exchange]] = {}
    for one in traffic:
        if one.kind is TrafficKind.RELEASE:
            key = (one.parties, one.topics, one.scheme, one.level, one.form, one.purpose)
            groups.setdefault(key, []).append(one)
    found = []
    for lines in groups.values():
        example = lines[0]
        old = _way(before, example, conditions)
        new = _way(after, example, conditions)
        found.append(
            PastFlow(
                example=example,
                count=sum(one.count for one in lines),
                delay=measured.of_parties(example.parties),
                before=old,
                after=new,
                delay_after=None if new is None else measured.of(new),
            )
        )
    return tuple(
        sorted(found, key=lambda one: (one.example.source, one.example.target, -one.count))
    )


def request_effects(
    requests: Sequence[Exchange],
    cells: Cells,
    before: tuple[Side, WaysByPair],
    after: tuple[Side, WaysByPair],
    conditions: Conditions,
) -> tuple[RequestEffect, ...]:
    """Say of each open request what answers it on both sides.

    Args:
        requests: Open requests.
        cells: The kinds of items held.
        before: The one side, with the ways of each pair.
        after: The other.
        conditions: Of every request.

    Source: docs/spec/impact.md IMP-43.
    """
    found = []
    for one in requests:
        matching = _matching(one, cells)
        tallies = [_tally(one, matching, cells, ways) for _, ways in (before, after)]
        best = [_best(one, matching, ways) for _, ways in (before, after)]
        if not len(matching):
            best = [_way(side, one, conditions) for side, _ in (before, after)]
        found.append(
            RequestEffect(
                request=one,
                matched=int(cells.counts[matching].sum()),
                before=best[0],
                after=best[1],
                tally_before=tallies[0],
                tally_after=tallies[1],
            )
        )
    return tuple(found)


def feed_effects(
    feeds: Iterable[Exchange], before: Side, after: Side, conditions: Conditions
) -> tuple[FeedEffect, ...]:
    """Say of each standing feed whether it is lawful on both sides; nobody asks for its items.

    Source: docs/spec/impact.md IMP-44.
    """
    standing = Conditions(
        purpose=conditions.purpose,
        is_requested=False,
        is_assured=False,
        hops_most=conditions.hops_most,
    )
    return tuple(
        FeedEffect(feed=one, before=_way(before, one, standing), after=_way(after, one, standing))
        for one in feeds
    )


def _way(side: Side, line: Exchange, conditions: Conditions) -> Way | None:
    """The best way of an item as a line describes it, made by the one who released it."""
    own = side.law.library.parties.get(line.source)
    scheme = line.scheme or (None if own is None else own.scheme)
    if line.level is None or scheme is None:
        return None
    case = Case(
        holder=line.source,
        recipient=line.target,
        originator=line.source,
        label=Label(scheme=SchemeId(scheme), level=line.level),
        topics=line.topics,
        form=line.form,
        purpose=line.purpose or conditions.purpose,
        requested=conditions.is_requested,
        assurance=assurance_of(side, line.target, conditions),
    )
    return way_of(side, case, hops_most=conditions.hops_most)


def _matching(request: Exchange, cells: Cells) -> Places:
    """The holder's cells all of whose topics the request covers, at its level if it names one."""
    facts = cells.holdings.facts
    fits = np.array(
        [
            bool(one.topics)
            and all(any(covers(root, topic) for root in request.topics) for topic in one.topics)
            for one in facts.topics
        ],
        dtype=bool,
    )
    levels = np.array(
        [
            request.level is None
            or (one.level == request.level and request.scheme in {None, one.scheme})
            for one in facts.labels
        ],
        dtype=bool,
    )
    places = cells.of(request.source, to=request.target)
    if not len(places):
        return places
    held = cells.holdings
    found: Places = places[fits[held.topics[places]] & levels[held.labels[places]]]
    return found


def _ways_at(request: Exchange, matching: Places, ways: WaysByPair) -> list[tuple[int, Way]]:
    """The cells that match, each with its way."""
    pair = ways.get((request.source, request.target))
    if pair is None:
        return []
    chosen = np.searchsorted(pair.places, matching)
    return list(zip(matching.tolist(), (pair.kinds[way] for way in pair.ways[chosen]), strict=True))


def _tally(request: Exchange, matching: Places, cells: Cells, ways: WaysByPair) -> Tally:
    found = Tally()
    for cell, way in _ways_at(request, matching, ways):
        found = found.plus(way.kind, int(cells.counts[cell]))
    return found


def _best(request: Exchange, matching: Places, ways: WaysByPair) -> Way | None:
    found = [way for _, way in _ways_at(request, matching, ways)]
    return min(found, key=Way.cost, default=None)


def request_pairs(requests: Iterable[Exchange]) -> frozenset[Pair]:
    """Return the pairs of open requests, holder first.

    Source: docs/spec/impact.md IMP-43.
    """
    return frozenset((PartyCode(one.source), PartyCode(one.target)) for one in requests)
