"""The desk of one holder: beside each plan a sheet of what plain facts remove, close together.

A plan answers for every case, but what it remembers lies scattered. Most cases are plain: an item
of the holder's own, with nothing on its label but the level. For these every word gets a number at
the desk, and each recipient a sheet where the number finds what that word removes. Nothing here
knows a rule: each value is copied from the plan's cell that said it. What is not on a sheet is
asked of the plan, so that an empty sheet is as right as a full one.

Source: docs/spec/decide.md DEC-27, DEC-28, DEC-45; ADR-0040.
"""

from array import array
from bisect import bisect_right
from collections.abc import Hashable, MutableSequence, Sequence
from typing import Final, TypeVar

from whenever import Instant

from relto.decide.cell import Cell, removed_of
from relto.decide.plan import NOTHING_OWED, Owed, Plan, keep
from relto.decide.view import LibraryView
from relto.decide.weighing import Weighing, best, together
from relto.model import Assurance, Case, Form, Label, Outcome
from relto.units import LevelId, PartyCode, PurposeId, SchemeId, TopicId

# INVARIANT: no cell removes less than nothing, and whatever is combined with it stays below zero.
MISSING: Final = -1
# Places of a label: all it removes, and of that what rule `level` and what rule `caveat` removes.
ALL, LEVEL, CAVEAT = range(3)
# A request takes the places 0 (nobody asked) and 1 (somebody did).
_FIRST_FREE: Final = 2

K = TypeVar("K", bound=Hashable)
_DENY, _REFER, _PERMIT = Outcome.DENY, Outcome.REFER, Outcome.PERMIT


class Sheet:
    """What plain facts remove from the instruments of one pair.

    Args:
        plan: The plan of a pair that is `is_plain`.
    """

    __slots__ = (
        "book", "by_fact", "count", "force", "full", "has_hub", "moments", "owed", "plan",
        "reliance", "third_party", "throughout", "topology", "unassured", "wants_assurance",
    )  # fmt: skip

    def __init__(self, plan: Plan) -> None:
        """Copy what the plan knows beforehand."""
        assert plan.plain_book is not None
        self.plan = plan
        self.book = plan.plain_book
        self.count = count = len(plan.legs)
        self.full = plan.full
        self.moments = plan.moments
        self.has_hub = plan.has_hub
        self.wants_assurance = plan.has_assurance
        self.topology = plan.topology(None, None).removed
        self.third_party = plan.third_party(plan.holder, is_consented=False).removed
        self.unassured = plan.no_assurance.removed
        force = [removed_of(count, passes=one, stands=one) for one in plan.force_masks]
        always = MISSING if plan.no_reliance is None else plan.no_reliance.removed
        self.force = _numbers(force, count)
        self.reliance = _numbers([always] * len(force), count)
        always |= self.topology | self.third_party
        self.throughout = _numbers([one | always for one in force], count)
        self.by_fact = _numbers((), count)
        self.owed: dict[tuple[int, int, int], Owed] = {}

    def weighing(
        self, case: Case, bits: tuple[int, ...], removed: int, *, index: int, key: tuple[int, int]
    ) -> Weighing:
        """Name the instrument, and what is owed under it."""
        outcome, bit = best(bits, removed, self.count)
        plan = self.plan
        markings, obligations = NOTHING_OWED
        if outcome is not _DENY:
            place = (bit, *key)
            found = self.owed.get(place)
            if found is None:
                found = keep(self.owed, place, plan.owed(self.book, bit, case))
            markings, obligations = found
        return Weighing(
            outcome=outcome,
            instrument=plan.names[bit],
            obligations=obligations,
            markings=markings,
            holds_until=plan.ends[index],
            instruments=plan.names,
            bits=bits,
        )


class Desk:
    """The numbers of one holder's plain words, and its sheets."""

    __slots__ = ("assurances", "count", "forms", "labels", "purposes", "sheets", "topics")

    def __init__(self) -> None:
        """Begin without words; each gets its number when it first comes."""
        self.sheets: dict[PartyCode, Sheet] = {}
        self.topics: dict[TopicId, int] = {}
        self.forms: dict[Form, int] = {}
        self.labels: dict[SchemeId, dict[LevelId, int]] = {}
        self.purposes: dict[PurposeId | None, int] = {}
        self.assurances: dict[tuple[int, LevelId, bool, bool], int] = {}
        self.count = _FIRST_FREE

    def outcome(self, case: Case, at: Instant) -> Outcome | None:
        """The outcome of a plain case whose words have all come before, else `None`."""
        try:
            sheet, label = self.sheets[case.recipient], case.label
            if (
                case.originator == case.holder
                and case.marked is None
                and label.releasable_to is None
                and not label.categories
                and (not sheet.has_hub or (case.onward is None and case.provenance is None))
            ):
                by_fact, number = sheet.by_fact, self.labels[label.scheme][label.level]
                removed: int = (
                    sheet.throughout[bisect_right(sheet.moments, at.timestamp(unit="nanosecond"))]
                    | by_fact[case.requested]
                    | by_fact[self.forms[case.form]]
                    | by_fact[number]
                    | by_fact[self.purposes[case.purpose]]
                )
                numbers, topics = self.topics, case.topics
                for topic in topics:
                    removed |= by_fact[numbers[topic]]
                full = sheet.full
                if sheet.wants_assurance:
                    if case.assurance is None:
                        removed |= sheet.unassured
                    elif removed & full != full:
                        removed |= by_fact[self.assurances[statement(number, case.assurance)]]
                if removed >= 0 and topics:
                    if removed & full == full:
                        return _DENY
                    return _REFER if removed >> sheet.count == full else _PERMIT
        except (KeyError, IndexError):
            pass  # Some word comes for the first time here.
        return None

    def weigh(self, case: Case, at: Instant) -> Weighing | None:
        """The weighing of a plain case whose words have all come before, else `None`."""
        try:
            sheet, label = self.sheets[case.recipient], case.label
            if (
                case.originator == case.holder
                and case.marked is None
                and label.releasable_to is None
                and not label.categories
                and (not sheet.has_hub or (case.onward is None and case.provenance is None))
            ):
                index = bisect_right(sheet.moments, at.timestamp(unit="nanosecond"))
                by_fact, number = sheet.by_fact, self.labels[label.scheme][label.level]
                purpose = self.purposes[case.purpose]
                numbers, topic = self.topics, 0 if case.topics else MISSING
                for one in case.topics:
                    topic |= by_fact[numbers[one]]
                assurance = sheet.unassured
                if case.assurance is not None and sheet.wants_assurance:
                    assurance = by_fact[self.assurances[statement(number, case.assurance)]]
                bits = (
                    sheet.force[index],
                    sheet.reliance[index],
                    sheet.topology,
                    topic,
                    by_fact[self.forms[case.form]],
                    by_fact[number + LEVEL],
                    by_fact[number + CAVEAT],
                    sheet.third_party,
                    by_fact[purpose],
                    assurance,
                    by_fact[case.requested],
                )
                removed = together(bits)
                if removed >= 0:
                    return sheet.weighing(case, bits, removed, index=index, key=(number, purpose))
        except (KeyError, IndexError):
            pass  # Some word comes for the first time here.
        return None

    def note(self, plan: Plan, case: Case, index: int, cells: tuple[Cell, ...]) -> None:
        """Copy what a plan said of a plain case; words that are not in the library get no number.

        Args:
            plan: The plan of the case's pair, one that is `is_plain`.
            case: The case, one that is `is_plain`.
            index: The segment of the plan.
            cells: What the plan said, in rule order.
        """
        force, reliance, topology, _, form, level, caveat, third, purpose, assurance, initiative = (
            cell.removed for cell in cells
        )
        sheet = self.sheets.get(case.recipient)
        if sheet is None:
            sheet = self.sheets[case.recipient] = Sheet(plan)
        sheet.reliance[index] = reliance
        sheet.throughout[index] = force | reliance | topology | third
        noted = {int(case.requested): initiative, self._number(self.forms, case.form): form}
        library, label = plan.law.library, case.label
        if case.purpose is None or case.purpose in library.purposes:
            noted[self._number(self.purposes, case.purpose)] = purpose
        if _is_level(label, library):
            numbers = self.labels.setdefault(label.scheme, {})
            number = self._number(numbers, label.level, places=3)
            noted |= {number + ALL: level | caveat, number + LEVEL: level, number + CAVEAT: caveat}
            if case.assurance is not None and case.assurance.cleared_to in plan.legs[0].ladder:
                stated = statement(number, case.assurance)
                noted[self._number(self.assurances, stated)] = assurance
        for topic in case.topics:
            if topic in library.topics:
                self._number(self.topics, topic)
        by_fact = sheet.by_fact
        by_fact.extend([MISSING] * (self.count - len(by_fact)))
        for number, removed in noted.items():
            by_fact[number] = removed
        # Topics are many and come in any mixture: whichever the desk knows by now are laid out.
        for topic, number in self.topics.items():
            if by_fact[number] == MISSING:
                mask = plan.topic_mask(topic)
                by_fact[number] = removed_of(sheet.count, passes=mask, stands=mask)

    def _number(self, table: dict[K, int], word: K, *, places: int = 1) -> int:
        found = table.get(word)
        if found is None:
            found = table[word] = self.count
            self.count += places
        return found


def is_plain(plan: Plan, case: Case) -> bool:
    """Tell whether a case can be decided from a sheet.

    The levels of the pair must not depend on the form or the instant, nor may the item be another's
    or carry more than its level; on the way so far nothing depends unless there is a hub.
    """
    label = case.label
    return (
        plan.is_plain
        and case.originator == case.holder
        and case.marked is None
        and not label.categories
        and label.releasable_to is None
        and (not plan.has_hub or (case.onward is None and case.provenance is None))
        and bool(case.topics)
    )


def statement(label: int, given: Assurance) -> tuple[int, LevelId, bool, bool]:
    """What rule `assurance` looks at: the number of the label, and what was stated."""
    return label, given.cleared_to, given.needs_access, given.will_protect


def _is_level(label: Label, library: LibraryView) -> bool:
    scheme = library.schemes.get(label.scheme)
    return scheme is not None and any(one.id == label.level for one in scheme.levels)


def _numbers(values: Sequence[int], count: int) -> MutableSequence[int]:
    """Values as close together as the number of instruments allows; each is twice that wide."""
    for code, most in (("b", 3), ("h", 7), ("i", 15), ("q", 31)):
        if count <= most:
            return array(code, values)
    return list(values)
