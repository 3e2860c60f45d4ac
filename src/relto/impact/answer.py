"""The answer of a comparison, as values: what changes, for whom, and what would restore it."""

from msgspec import Struct
from whenever import Instant

from relto.impact.change import InstrumentChange
from relto.impact.traffic import Delay, Exchange
from relto.impact.way import Barrier, Way, WayKind
from relto.units import LevelId, PartyCode, SchemeId, TopicId


class SideView(Struct, frozen=True, kw_only=True):
    """A side, named for a reader."""

    title: str
    at: Instant


class Tally(Struct, frozen=True, kw_only=True):
    """How many items go which way."""

    direct: int = 0
    via: int = 0
    none: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.direct + self.via + self.none

    def plus(self, kind: WayKind, count: int) -> "Tally":
        """Count some more.

        Source: docs/spec/impact.md IMP-41.
        """
        return Tally(
            direct=self.direct + (count if kind is WayKind.DIRECT else 0),
            via=self.via + (count if kind is WayKind.VIA else 0),
            none=self.none + (count if kind is WayKind.NONE else 0),
        )


class Flow(Struct, frozen=True, kw_only=True):
    """Items of one direction, topic and level that go one way before and one way after.

    Args:
        source: Who holds them.
        target: Who would receive them.
        topics: All topics of each item.
        scheme: The scheme of their label.
        level: Their level.
        items: How many.
        before: Their best way before.
        after: Their best way after.
        delay_before: Measured on that way; `None` when not measured.
        delay_after: The same for the way after.
        closed_by: Where no way is left: what closes each that there might be, by instrument.
    """

    source: PartyCode
    target: PartyCode
    topics: tuple[TopicId, ...]
    scheme: SchemeId
    level: LevelId
    items: int
    before: Way
    after: Way
    delay_before: Delay | None = None
    delay_after: Delay | None = None
    closed_by: tuple[Barrier, ...] = ()

    @property
    def is_changed(self) -> bool:
        """The way differs in kind, approvals or hops."""
        return self.before.cost() != self.after.cost()

    @property
    def approvals_added(self) -> int | None:
        """More approvals than before; `None` where one side has no way."""
        if WayKind.NONE in {self.before.kind, self.after.kind}:
            return None
        return self.after.approvals - self.before.approvals

    @property
    def hops_added(self) -> int | None:
        """More releases than before; `None` where one side has no way."""
        if WayKind.NONE in {self.before.kind, self.after.kind}:
            return None
        return self.after.hops - self.before.hops


class Direction(Struct, frozen=True, kw_only=True):
    """All items of one direction.

    Args:
        source: Who holds them.
        target: Who would receive them.
        before: How they go before.
        after: How they go after.
        approvals_added: More approvals in all, over the items that have a way on both sides.
        hops_added: The same for hops.
    """

    source: PartyCode
    target: PartyCode
    before: Tally
    after: Tally
    approvals_added: int
    hops_added: int


class PartyBalance(Struct, frozen=True, kw_only=True):
    """What one party gets from the others, and what it gave and got in the past.

    Args:
        party: Who receives.
        before: Items held by others, by the way they can reach it before.
        after: The same after.
        got: Releases it received in the past, as far as recorded.
        gave: Releases it made.
    """

    party: PartyCode
    before: Tally
    after: Tally
    got: int
    gave: int

    @property
    def direct_lost(self) -> int:
        """Items it got directly and does not get directly any more."""
        return self.before.direct - self.after.direct

    @property
    def lost(self) -> int:
        """Items that had a way to it and have none any more."""
        return self.after.none - self.before.none

    @property
    def direct_lost_percent(self) -> int:
        """Of what it got directly, rounded; 0 where it got nothing."""
        if not self.before.direct:
            return 0
        return (self.direct_lost * 200 + self.before.direct) // (2 * self.before.direct)


class PastFlow(Struct, frozen=True, kw_only=True):
    """Past releases of one direction, topic, level and way, and how the same would go now.

    Args:
        example: One of the lines, for direction, topics and level.
        count: How many releases.
        delay: Measured on the way they took; `None` when not measured.
        before: The best way for such an item before; `None` when its level was not recorded.
        after: The same after.
        delay_after: Measured on the way after; `None` when not measured.
    """

    example: Exchange
    count: int
    delay: Delay | None
    before: Way | None
    after: Way | None
    delay_after: Delay | None


class RequestEffect(Struct, frozen=True, kw_only=True):
    """What happens to an open request.

    Args:
        request: The line.
        matched: Items of the holder that answer it; 0 when none is known.
        before: The best way of any of them before; without a match, of an item as the line
            describes it; `None` when that cannot be told.
        after: The same after.
        tally_before: The ways of all of them before.
        tally_after: The same after.
    """

    request: Exchange
    matched: int
    before: Way | None
    after: Way | None
    tally_before: Tally
    tally_after: Tally

    @property
    def effect(self) -> str:
        """In a word: `breaks`, `slower`, `opens`, `faster`, `unchanged` or `not known`."""
        return effect_of(self.before, self.after)


class FeedEffect(Struct, frozen=True, kw_only=True):
    """What happens to a standing feed: lawful directly before and after, or not.

    Args:
        feed: The line.
        before: Its way before; `None` when its level was not recorded.
        after: The same after; a way through others is no feed, and is shown as what is left.
    """

    feed: Exchange
    before: Way | None
    after: Way | None

    @property
    def effect(self) -> str:
        """In a word, as for a request; only what is direct is a feed, so others are `no feed`."""
        if self.before is None or self.after is None:
            return "not known"
        was, will = (one.kind is WayKind.DIRECT for one in (self.before, self.after))
        if not will:
            return "breaks" if was else "no feed"
        return effect_of(self.before, self.after) if was else "opens"


def effect_of(before: Way | None, after: Way | None) -> str:
    """Say in a word what happens to something that had one way and has another.

    Source: docs/spec/impact.md IMP-43.
    """
    if before is None or after is None:
        return "not known"
    if before.cost() == after.cost():
        return "unchanged"
    if after.kind is WayKind.NONE:
        return "breaks"
    if before.kind is WayKind.NONE:
        return "opens"
    return "slower" if after.cost() > before.cost() else "faster"


class Alternative(Struct, frozen=True, kw_only=True):
    """What another act would restore.

    Args:
        title: The act, in words.
        restored_direct: Items that go directly with it and not without.
        restored_any: Items that have a way with it and none without.
        restored_requests: Open requests that it keeps from breaking or slowing.
        restored_feeds: Standing feeds that it keeps.
        still_lost: Items that went directly before and still do not with it.
        remark: Why it restores nothing, where the law gives a reason; else empty.
    """

    title: str
    restored_direct: int
    restored_any: int
    restored_requests: int
    restored_feeds: int
    still_lost: int
    remark: str = ""


class Impact(Struct, frozen=True, kw_only=True):
    """The whole answer.

    Args:
        before: The one side.
        after: The other.
        known: What the law was taken to know, in words; empty when everything.
        changes: Instruments that differ.
        states_alone: Instruments in another state under which releases are as lawful as before.
        items: Rows of holdings compared.
        items_at_fault: Rows that could not be used; denied on both sides, in no tally.
        pairs_looked_at: Ordered pairs of parties that the change can touch; no other was computed.
        flows: Every kind of item with a way on either side.
        directions: The same by direction, for directions with a way on either side.
        balances: By receiving party, the one that loses most first.
        past: What the traffic shows.
        requests: Open requests.
        feeds: Standing feeds.
        alternatives: Other acts.
        assumed: Rules with evidence `assumed` that a way rests on.
        exercise: Columns with values made up for an exercise, in the tables given.
    """

    before: SideView
    after: SideView
    known: str
    changes: tuple[InstrumentChange, ...]
    states_alone: tuple[InstrumentChange, ...]
    items: int
    items_at_fault: int
    pairs_looked_at: int
    flows: tuple[Flow, ...]
    directions: tuple[Direction, ...]
    balances: tuple[PartyBalance, ...]
    past: tuple[PastFlow, ...]
    requests: tuple[RequestEffect, ...]
    feeds: tuple[FeedEffect, ...]
    alternatives: tuple[Alternative, ...]
    assumed: tuple[str, ...]
    exercise: tuple[str, ...]
