"""The tables of one (holder, recipient): for each rule, from a fact to what it decides.

Bit `i` of a mask stands for the i-th instrument that links the two, in the order of their ids.
What the law knows beforehand (topics, forms, states) is laid out at once; other facts are worked
out when they come. Tables are bounded. Masks come from the rules; words are made only when they
are asked for.

Source: docs/spec/decide.md DEC-26 to DEC-28; ADR on the mask plan.
"""

from array import array
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Sequence
from itertools import accumulate
from operator import xor
from typing import Final, TypeAlias, TypeVar

from whenever import Instant

from relto.decide import rules
from relto.decide.cell import Cell, cell_of
from relto.decide.obligations import obligations_of
from relto.decide.reference import contested_words
from relto.decide.view import LawView, Leg, is_known, legs_of, links_of, state_of, table_at
from relto.law import Equivalence, Span, TopologyKind
from relto.limits import PLAN_FACTS_MAX
from relto.model import Assurance, Case, Finding, Form, Label, Obligation
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId, TopicId

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Owed: TypeAlias = tuple[tuple[LevelId, ...], tuple[Obligation, ...]]
"""The recipient's own levels for an item, the default first, and what comes with a release."""
NOTHING_OWED: Final[Owed] = ((), ())
_FORMS: Final = tuple(Form)


class Book:
    """What depends on the tables between schemes; shared by all segments with the same tables."""

    __slots__ = ("assurances", "levels", "tables")

    def __init__(self, tables: tuple[Equivalence | None, ...]) -> None:
        """Begin empty."""
        self.tables = tables
        self.levels: dict[Hashable, Cell] = {}
        self.assurances: dict[Hashable, Cell] = {}


class Roots:
    """Scopes of several instruments, turned over: from a root to the instruments that name it.

    Args:
        scopes: For each instrument: whether it is open, the roots it covers, those it excludes.
    """

    __slots__ = ("_above", "_excluded", "_named", "_open")

    def __init__(self, scopes: Iterable[tuple[bool, Sequence[str], Sequence[str]]]) -> None:
        """Note every root once."""
        self._open = 0
        self._named: dict[str, int] = {}
        self._excluded: dict[str, int] = {}
        self._above: dict[str, int] = {}
        for index, (is_open, roots, excluded) in enumerate(scopes):
            bit = 1 << index
            self._open |= bit * is_open
            for root in roots:
                self._named[root] = self._named.get(root, 0) | bit
            for root in excluded:
                self._excluded[root] = self._excluded.get(root, 0) | bit
                for above in _upwards(root):
                    self._above[above] = self._above.get(above, 0) | bit

    def mask(self, word: str) -> int:
        """The instruments whose scope covers a known word; the same as `rules.is_in_scope`."""
        mask, out = self._open, self._above.get(word, 0)
        for above in _upwards(word):
            mask |= self._named.get(above, 0)
            out |= self._excluded.get(above, 0)
        return mask & ~out


def _upwards(dotted: str) -> list[str]:
    """An id and all above it: `a.b` gives `a.b` and `a`."""
    found = [dotted]
    while (cut := dotted.rfind(".")) > 0:
        dotted = dotted[:cut]
        found.append(dotted)
    return found


class Segment:
    """A stretch of time in which no state and no table of the pair changes."""

    __slots__ = ("_at", "_contested", "_plan", "book", "force", "holds_until", "index", "reliance")

    def __init__(self, plan: "Plan", *, at: Instant, index: int) -> None:
        """Begin with what is laid out; words come later, from any instant of the stretch."""
        self.index = index
        self.holds_until = plan.ends[index]
        self.book = plan.book(at)
        self._plan = plan
        self._at = at
        self._contested: tuple[str, ...] | None = None
        mask = plan.force_masks[index]
        self.force = Cell(
            count=len(plan.legs), passes=mask, stands=mask, make=lambda: plan.force_words(at)
        )
        self.reliance = plan.no_reliance or cell_of(
            rules.reliance(leg, _relied_states(plan.law, leg, at, plan.holder)) for leg in plan.legs
        )

    @property
    def contested(self) -> tuple[str, ...]:
        """For each instrument, how the recipient reads it where it reads another state."""
        found = self._contested
        if found is None:
            plan, at = self._plan, self._at
            found = self._contested = tuple(
                _contested(plan.law, name, at, plan.holder, plan.recipient) if is_disputed else ""
                for name, is_disputed in zip(plan.names, plan.disputed, strict=True)
            )
        return found


class Plan:
    """Every table of one (holder, recipient).

    Args:
        law: The law.
        holder: Who would release.
        recipient: Who would receive.
    """

    def __init__(self, law: LawView, *, holder: PartyCode, recipient: PartyCode) -> None:
        """Find the instruments, the instants at which something changes, and what is plain."""
        self.law = law
        self.holder = holder
        self.recipient = recipient
        self.names = links_of(law, holder=holder, recipient=recipient)
        self.legs = legs_of(law, self.names, holder=holder, recipient=recipient)
        self.full = (1 << len(self.legs)) - 1
        self._find_cuts()
        self._lay_out()

    def _find_cuts(self) -> None:
        ours = _bounds(self.law, self.legs, self.holder)
        theirs = _bounds(self.law, self.legs, self.recipient)
        self.cuts = tuple(sorted(ours | theirs))
        self.moments = moments_of(self.cuts)
        ends = sorted(ours)
        starts = (0, *(bisect_right(ends, cut) for cut in self.cuts))
        self.ends = tuple(ends[one] if one < len(ends) else None for one in starts)
        self.segments: list[Segment | None] = [None] * (len(self.cuts) + 1)
        self.force_masks = self._sweep()
        self._books: dict[tuple[int, ...], Book] = {}
        self._disputed: tuple[bool, ...] | None = None
        self._force_words: dict[tuple[int, Instant | None], Finding] = {}
        self.plain_book = None
        if all(_is_lasting(leg.tables) for leg in self.legs):
            self.plain_book = Book(tuple(next(iter(leg.tables), None) for leg in self.legs))

    def _sweep(self) -> tuple[int, ...]:
        """For each segment, the instruments in force; a bound flips those that change."""
        flips = [0] * (len(self.cuts) + 1)
        for bit, name in enumerate(self.names):
            was = False
            for span in self.law.spans(name, reading=self.holder):
                if rules.is_in_force(span) is not was:
                    flips[0 if span.start is None else bisect_right(self.cuts, span.start)] ^= (
                        1 << bit
                    )
                    was = not was
        return tuple(accumulate(flips, xor))

    def _lay_out(self) -> None:
        legs = self.legs
        self.has_hub = any(leg.terms.topology.kind is TopologyKind.INTERMEDIARY for leg in legs)
        self.has_form_caps = any(cap.form for leg in legs for cap in rules.caps_of(leg))
        self.has_assurance = any(leg.terms.assurance.is_required for leg in legs)
        self.no_reliance = None
        if not any(leg.relied for leg in legs):
            self.no_reliance = cell_of(rules.reliance(leg, ()) for leg in legs)
        self.is_plain = bool(legs) and self.plain_book is not None and not self.has_form_caps
        self.no_assurance = cell_of(rules.assurance(leg, None, markings=()) for leg in legs)
        self.initiatives: dict[bool, Cell] = {}
        self.forms: dict[Form, Cell] = {}
        self._form_masks = dict.fromkeys(_FORMS, 0)
        for bit, leg in enumerate(legs):
            for one in rules.allowed_forms(leg):
                self._form_masks[one] |= 1 << bit
        self._topic_roots = Roots(
            (leg.terms.topics.is_open, leg.terms.topics.topics, leg.terms.topics.excluded)
            for leg in legs
        )
        self._purpose_roots = Roots(
            (leg.terms.purposes.is_open, leg.terms.purposes.purposes, ()) for leg in legs
        )
        self.topics: dict[tuple[TopicId, ...], Cell] = {}
        self.topologies: dict[Hashable, Cell] = {}
        self.caveats: dict[Hashable, Cell] = {}
        self.third_parties: dict[Hashable, Cell] = {}
        self.purposes: dict[Hashable, Cell] = {}

    @property
    def disputed(self) -> tuple[bool, ...]:
        """For each instrument, whether the two read its life otherwise at any time."""
        found = self._disputed
        if found is None:
            law = self.law
            found = self._disputed = tuple(
                tuple(law.spans(name, reading=self.holder))
                != tuple(law.spans(name, reading=self.recipient))
                for name in self.names
            )
        return found

    def index(self, at: Instant) -> int:
        """The number of the segment that contains an instant; bounds belong to what begins."""
        return bisect_right(self.moments, at.timestamp(unit="nanosecond"))

    def segment(self, at: Instant) -> Segment:
        """The stretch of time that contains an instant."""
        index = self.index(at)
        found = self.segments[index]
        if found is None:
            found = Segment(self, at=at, index=index)
            self.segments[index] = found
        return found

    def stretch(self, at: Instant) -> tuple[Instant | None, Instant | None]:
        """The bounds of the segment that contains an instant; `None` for no bound."""
        index = self.index(at)
        start = self.cuts[index - 1] if index else None
        return start, self.cuts[index] if index < len(self.cuts) else None

    def force_words(self, at: Instant) -> list[Finding]:
        """Rule `in-force` at an instant; worded once for each span of each instrument."""
        words: list[Finding] = []
        for bit, leg in enumerate(self.legs):
            span = self.law.state(leg.terms.id, at=at, reading=self.holder)
            key = (bit, span.start)
            found = self._force_words.get(key)
            if found is None:
                found = keep(self._force_words, key, rules.in_force(leg, span))
            words.append(found)
        return words

    def book(self, at: Instant) -> Book:
        """The book of the tables that are valid at an instant."""
        if self.plain_book is not None:
            return self.plain_book
        tables = tuple(table_at(leg, at) for leg in self.legs)
        # The laws keep their tables, so that identity is enough and never outlives them.
        key = tuple(map(id, tables))
        found = self._books.get(key)
        if found is None:
            found = keep(self._books, key, Book(tables))
        return found

    def topology(self, onward: PartyCode | None, provenance: InstrumentId | None) -> Cell:
        """Rule `topology`; the way so far counts only where an instrument has a hub."""
        if not self.has_hub:
            onward = provenance = None
        key = (onward, provenance)
        found = self.topologies.get(key)
        if found is None:
            found = cell_of(
                rules.topology(leg, onward=onward, provenance=provenance) for leg in self.legs
            )
            keep(self.topologies, key, found)
        return found

    def topic(self, topics: tuple[TopicId, ...]) -> Cell:
        """Rule `topic`: all of them must be covered."""
        found = self.topics.get(topics)
        if found is None:
            mask = self.full if topics else 0
            for one in topics:
                mask &= self.topic_mask(one)
            found = keep(self.topics, topics, self._topic_cell(topics, mask))
        return found

    def topic_mask(self, topic: TopicId) -> int:
        """The instruments that cover one topic."""
        return self._topic_roots.mask(topic) if topic in self.law.library.topics else 0

    def _topic_cell(self, topics: tuple[TopicId, ...], mask: int) -> Cell:
        legs, library = self.legs, self.law.library
        return Cell(
            count=len(legs),
            passes=mask,
            stands=mask,
            make=lambda: [rules.topic(leg, topics, library=library) for leg in legs],
        )

    def form(self, form: Form) -> Cell:
        """Rule `form`."""
        found = self.forms.get(form)
        if found is None:
            legs, mask = self.legs, self._form_masks[form]
            found = self.forms[form] = Cell(
                count=len(legs),
                passes=mask,
                stands=mask,
                make=lambda: [rules.form(leg, form) for leg in legs],
            )
        return found

    def initiative(self, *, is_requested: bool) -> Cell:
        """Rule `initiative`."""
        found = self.initiatives.get(is_requested)
        if found is None:
            found = self.initiatives[is_requested] = cell_of(
                rules.initiative(leg, is_requested=is_requested) for leg in self.legs
            )
        return found

    def level(self, book: Book, *, label: Label, marked: Label | None, form: Form) -> Cell:
        """Rule `level`; the form counts only where a cap names one."""
        key = _level_key(label, marked, form if self.has_form_caps else None)
        found = book.levels.get(key)
        if found is None:
            found = cell_of(
                rules.level(leg, table, label=label, marked=marked, shape=form)
                for leg, table in zip(self.legs, book.tables, strict=True)
            )
            keep(book.levels, key, found)
        return found

    def assurance(
        self, book: Book, given: Assurance | None, *, label: Label, marked: Label | None
    ) -> Cell:
        """Rule `assurance`; a statement counts only where an instrument wants one."""
        if given is None or not self.has_assurance:
            return self.no_assurance
        stated = (given.cleared_to, given.needs_access, given.will_protect)
        key = (_level_key(label, marked, None), stated)
        found = book.assurances.get(key)
        if found is None:
            found = cell_of(
                rules.assurance(
                    leg,
                    given,
                    markings=rules.markings_of(leg, table, label=label, marked=marked),
                )
                for leg, table in zip(self.legs, book.tables, strict=True)
            )
            keep(book.assurances, key, found)
        return found

    def caveat(self, label: Label, marked: Label | None, onward: PartyCode | None) -> Cell:
        """Rule `caveat`; for a label without category and readers only the scheme counts."""
        key: Hashable = label.scheme
        if label.categories or label.releasable_to is not None or marked is not None:
            key = (label, marked, onward)
        found = self.caveats.get(key)
        if found is None:
            library = self.law.library
            # The same for every instrument: asked once.
            first = [
                rules.caveat(leg, label=label, marked=marked, onward=onward, library=library)
                for leg in self.legs[:1]
            ]
            found = keep(self.caveats, key, cell_of(first * len(self.legs)))
        return found

    def third_party(self, originator: PartyCode, *, is_consented: bool) -> Cell:
        """Rule `third-party`."""
        key = (originator, is_consented)
        found = self.third_parties.get(key)
        if found is None:
            found = cell_of(
                rules.third_party(leg, originator=originator, is_consented=is_consented)
                for leg in self.legs
            )
            keep(self.third_parties, key, found)
        return found

    def purpose(
        self,
        wanted: PurposeId | None,
        received_for: PurposeId | None,
        originator: PartyCode,
        *,
        is_consented: bool,
    ) -> Cell:
        """Rule `purpose`; what an item was received for counts only for one that was received."""
        is_own = originator in {self.holder, self.recipient}
        key: Hashable = wanted if is_own else (wanted, received_for, originator, is_consented)
        found = self.purposes.get(key)
        if found is None:
            legs, library = self.legs, self.law.library

            def make() -> Iterator[Finding]:
                for leg in legs:
                    yield rules.purpose(
                        leg,
                        wanted=wanted,
                        received_for=received_for,
                        originator=originator,
                        is_consented=is_consented,
                        library=library,
                    )

            if is_own:
                is_known_word = wanted is None or wanted in library.purposes
                mask = self._purpose_roots.mask(wanted or "") if is_known_word else 0
                found = Cell(count=len(legs), passes=mask, stands=mask, make=make)
            else:
                found = cell_of(make())
            keep(self.purposes, key, found)
        return found

    def markings(self, book: Book, bit: int, case: Case) -> tuple[LevelId, ...]:
        """The recipient's own levels for an item under one instrument, the default first."""
        return rules.markings_of(
            self.legs[bit], book.tables[bit], label=case.label, marked=case.marked
        )

    def owed(self, book: Book, bit: int, case: Case) -> Owed:
        """How the recipient marks an item under one instrument, and what it owes for it."""
        markings = self.markings(book, bit, case)
        return markings, obligations_of(
            self.legs[bit],
            book.tables[bit],
            markings=markings,
            originator=case.originator,
            purpose=case.purpose,
        )


def _level_key(label: Label, marked: Label | None, form: Form | None) -> Hashable:
    if marked is None:
        return (label.scheme, label.level, form)
    return (label.scheme, label.level, form, marked.scheme, marked.level)


def moments_of(instants: Iterable[Instant]) -> Sequence[int]:
    """Instants as nanoseconds, close together in memory where they fit (years 1678 to 2261)."""
    found = [one.timestamp(unit="nanosecond") for one in instants]
    try:
        return array("q", found)
    except OverflowError:
        return found


def _is_lasting(tables: Sequence[Equivalence]) -> bool:
    """No table, or one for ever."""
    return not tables or (
        len(tables) == 1 and tables[0].valid_from is None and tables[0].valid_until is None
    )


def _bounds(law: LawView, legs: Sequence[Leg], reading: PartyCode) -> set[Instant]:
    """Every instant at which a state or a table of these instruments changes, in one reading."""
    names = {name for leg in legs for name in (leg.terms.id, *_relied(law, leg))}
    found = [span.end for name in names for span in law.spans(name, reading=reading)]
    for leg in legs:
        found += [bound for one in leg.tables for bound in (one.valid_from, one.valid_until)]
    return {bound for bound in found if bound is not None}


def _relied(law: LawView, leg: Leg) -> list[InstrumentId]:
    return [one.instrument for one in leg.relied if is_known(law, one.instrument)]


def _relied_states(law: LawView, leg: Leg, at: Instant, reading: PartyCode) -> list[Span | None]:
    return [state_of(law, one.instrument, at=at, reading=reading) for one in leg.relied]


def _contested(
    law: LawView, name: InstrumentId, at: Instant, holder: PartyCode, recipient: PartyCode
) -> str:
    ours = law.state(name, at=at, reading=holder)
    theirs = law.state(name, at=at, reading=recipient)
    return "" if ours.state is theirs.state else contested_words(recipient, theirs)


def keep(table: dict[K, V], key: K, value: V, *, most: int = PLAN_FACTS_MAX) -> V:
    """Remember a value; a table that is full is emptied first, so that it stays bounded.

    Args:
        table: Where.
        key: Under what.
        value: What.
        most: How many the table may hold.

    Returns:
        The value.
    """
    if len(table) >= most:
        table.clear()
    table[key] = value
    return value
