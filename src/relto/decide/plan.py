"""The tables of one (holder, recipient): for each rule, from a fact to what it decides.

Bit `i` of a mask stands for the i-th instrument that links the two, in the order of their ids.
Tables fill as facts come and are bounded. What one fact decides is a `Cell`; equal facts find the
same cell, so that nothing is worked out twice and cells can be compared by identity.

Source: docs/spec/decide.md DEC-26 to DEC-28; ADR on the mask plan.
"""

from bisect import bisect_right
from collections.abc import Hashable, Iterable, Sequence
from struct import Struct
from typing import Final, TypeVar

from whenever import Instant

from relto.decide import rules
from relto.decide.obligations import obligations_of
from relto.decide.reference import contested_words
from relto.decide.view import LawView, Leg, is_known, leg_of, links_of, state_of, table_at
from relto.law import LevelCap
from relto.limits import PLAN_FACTS_MAX
from relto.model import Assurance, Case, Finding, Form, Label, Obligation, Verdict
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId, TopicId

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# One fail weighs more than all asks together, and eleven of each still fit into sixteen bits.
FAIL_WEIGHT: Final = 256
WEIGHT_BYTES: Final = 2
_WEIGHTS: Final = {Verdict.PASS: 0, Verdict.ASK: 1, Verdict.FAIL: FAIL_WEIGHT}


class Cell:
    """What one fact decides about each of the pair's instruments.

    Args:
        findings: One for each instrument, in the order of the plan's legs.
    """

    __slots__ = ("findings", "passes", "stands", "weight")

    def __init__(self, findings: Iterable[Finding]) -> None:
        """Read off the findings where the rule passes, and where it does not fail.

        The weights of all instruments stand side by side in one integer, sixteen bits each: adding
        the weights of eleven cells adds up every instrument's at once.
        """
        self.findings = tuple(findings)
        self.passes = self.stands = self.weight = 0
        for index, found in enumerate(self.findings):
            weight = _WEIGHTS[found.verdict]
            self.passes |= (weight == 0) << index
            self.stands |= (weight < FAIL_WEIGHT) << index
            self.weight |= weight << 8 * WEIGHT_BYTES * index


class Segment:
    """A stretch of time in which no state and no table of the pair changes."""

    __slots__ = ("assurances", "contested", "force", "holds_until", "levels", "reliance", "tables")

    def __init__(self, plan: "Plan", *, at: Instant, holds_until: Instant | None) -> None:
        """Look up every state once, at any instant of the stretch."""
        law, legs, reading = plan.law, plan.legs, plan.holder
        spans = [law.state(leg.terms.id, at=at, reading=reading) for leg in legs]
        theirs = [law.state(leg.terms.id, at=at, reading=plan.recipient) for leg in legs]
        self.holds_until = holds_until
        self.tables = tuple(table_at(leg, at) for leg in legs)
        self.levels: dict[Hashable, Cell] = {}
        self.assurances: dict[Hashable, Cell] = {}
        self.contested = tuple(
            "" if ours.state is other.state else contested_words(plan.recipient, other)
            for ours, other in zip(spans, theirs, strict=True)
        )
        self.force = Cell(rules.in_force(leg, span) for leg, span in zip(legs, spans, strict=True))
        self.reliance = Cell(
            rules.reliance(
                leg, [state_of(law, one.instrument, at=at, reading=reading) for one in leg.relied]
            )
            for leg in legs
        )


class Plan:
    """Every table of one (holder, recipient), filled on demand.

    Args:
        law: The law.
        holder: Who would release.
        recipient: Who would receive.
    """

    def __init__(self, law: LawView, *, holder: PartyCode, recipient: PartyCode) -> None:
        """Find the instruments and the instants at which something changes."""
        self.law = law
        self.holder = holder
        self.recipient = recipient
        self.names = links_of(law, holder=holder, recipient=recipient)
        self.legs = tuple(
            leg_of(law, one, holder=holder, recipient=recipient) for one in self.names
        )
        ours, theirs = _bounds(law, self.legs, holder), _bounds(law, self.legs, recipient)
        self.cuts = tuple(sorted(ours | theirs))
        ends = sorted(ours)
        self.ends = tuple(
            next((end for end in ends if start is None or end > start), None)
            for start in (None, *self.cuts)
        )
        self.segments: list[Segment | None] = [None] * (len(self.cuts) + 1)
        self.weights = Struct(f"<{len(self.legs)}H")
        self.has_form_caps = any(cap.form is not None for cap in _caps(self.legs))
        self.has_assurance = any(leg.terms.assurance.is_required for leg in self.legs)
        self.topologies: dict[Hashable, Cell] = {}
        self.topics: dict[Hashable, Cell] = {}
        self.forms: dict[Form, Cell] = {}
        self.caveats: dict[Hashable, Cell] = {}
        self.third_parties: dict[Hashable, Cell] = {}
        self.purposes: dict[Hashable, Cell] = {}
        self.no_assurance = Cell(rules.assurance(leg, None, markings=()) for leg in self.legs)
        self.initiatives = tuple(
            Cell(rules.initiative(leg, is_requested=requested) for leg in self.legs)
            for requested in (False, True)
        )
        self.duties: dict[Hashable, tuple[Obligation, ...]] = {}
        self.plain_topology = self.topology(None, None)
        self.own_third_party = self.third_party(holder, is_consented=False)

    def segment(self, at: Instant) -> Segment:
        """The stretch of time that contains an instant; bounds belong to what begins there."""
        index = bisect_right(self.cuts, at)
        found = self.segments[index]
        if found is None:
            found = Segment(self, at=at, holds_until=self.ends[index])
            self.segments[index] = found
        return found

    def stretch(self, at: Instant) -> tuple[Instant | None, Instant | None]:
        """The bounds of the segment that contains an instant; `None` for no bound."""
        index = bisect_right(self.cuts, at)
        start = self.cuts[index - 1] if index else None
        return start, self.cuts[index] if index < len(self.cuts) else None

    def topology(self, onward: PartyCode | None, provenance: InstrumentId | None) -> Cell:
        """Rule `topology`."""
        key = (onward, provenance)
        found = self.topologies.get(key)
        if found is None:
            found = Cell(
                rules.topology(leg, onward=onward, provenance=provenance) for leg in self.legs
            )
            keep(self.topologies, key, found)
        return found

    def topic(self, topics: tuple[TopicId, ...]) -> Cell:
        """Rule `topic`."""
        found = self.topics.get(topics)
        if found is None:
            library = self.law.library
            found = Cell(rules.topic(leg, topics, library=library) for leg in self.legs)
            keep(self.topics, topics, found)
        return found

    def form(self, form: Form) -> Cell:
        """Rule `form`."""
        found = self.forms.get(form)
        if found is None:
            found = keep(self.forms, form, Cell(rules.form(leg, form) for leg in self.legs))
        return found

    def level(self, segment: Segment, *, label: Label, marked: Label | None, form: Form) -> Cell:
        """Rule `level`; the form counts only where a cap names one."""
        key = _level_key(label, marked, form if self.has_form_caps else None)
        found = segment.levels.get(key)
        if found is None:
            found = Cell(
                rules.level(leg, table, label=label, marked=marked, shape=form)
                for leg, table in zip(self.legs, segment.tables, strict=True)
            )
            keep(segment.levels, key, found)
        return found

    def assurance(
        self, segment: Segment, given: Assurance | None, *, label: Label, marked: Label | None
    ) -> Cell:
        """Rule `assurance`; a statement counts only where an instrument wants one."""
        if given is None or not self.has_assurance:
            return self.no_assurance
        stated = (given.cleared_to, given.needs_access, given.will_protect)
        key = (_level_key(label, marked, None), stated)
        found = segment.assurances.get(key)
        if found is None:
            found = Cell(
                rules.assurance(
                    leg,
                    given,
                    markings=rules.markings_of(leg, table, label=label, marked=marked),
                )
                for leg, table in zip(self.legs, segment.tables, strict=True)
            )
            keep(segment.assurances, key, found)
        return found

    def caveat(self, label: Label, marked: Label | None, onward: PartyCode | None) -> Cell:
        """Rule `caveat`; for a label without category and readers only the scheme counts."""
        key: Hashable = label.scheme
        if label.categories or label.releasable_to is not None or marked is not None:
            key = (label, marked, onward)
        found = self.caveats.get(key)
        if found is None:
            library = self.law.library
            found = Cell(
                rules.caveat(leg, label=label, marked=marked, onward=onward, library=library)
                for leg in self.legs
            )
            keep(self.caveats, key, found)
        return found

    def third_party(self, originator: PartyCode, *, is_consented: bool) -> Cell:
        """Rule `third-party`."""
        key = (originator, is_consented)
        found = self.third_parties.get(key)
        if found is None:
            found = Cell(
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
        key: Hashable = wanted
        if originator not in {self.holder, self.recipient}:
            key = (wanted, received_for, originator, is_consented)
        found = self.purposes.get(key)
        if found is None:
            found = Cell(
                rules.purpose(
                    leg,
                    wanted=wanted,
                    received_for=received_for,
                    originator=originator,
                    is_consented=is_consented,
                    library=self.law.library,
                )
                for leg in self.legs
            )
            keep(self.purposes, key, found)
        return found

    def owed(
        self, segment: Segment, index: int, markings: tuple[LevelId, ...], case: Case
    ) -> tuple[Obligation, ...]:
        """The obligations of a release under one instrument."""
        table = segment.tables[index]
        ground = None if table is None else table.ground
        key = (index, markings, case.originator, case.purpose, ground)
        found = self.duties.get(key)
        if found is None:
            found = obligations_of(
                self.legs[index],
                table,
                markings=markings,
                originator=case.originator,
                purpose=case.purpose,
            )
            keep(self.duties, key, found)
        return found


def _level_key(label: Label, marked: Label | None, form: Form | None) -> Hashable:
    if marked is None:
        return (label.scheme, label.level, form)
    return (label.scheme, label.level, form, marked.scheme, marked.level)


def _caps(legs: Sequence[Leg]) -> list[LevelCap]:
    return [cap for leg in legs for cap in rules.caps_of(leg)]


def _bounds(law: LawView, legs: Sequence[Leg], reading: PartyCode) -> set[Instant]:
    """Every instant at which a state or a table of these instruments changes, in one reading."""
    names = {name for leg in legs for name in (leg.terms.id, *_relied(law, leg))}
    found = [span.end for name in names for span in law.spans(name, reading=reading)]
    for leg in legs:
        found += [bound for one in leg.tables for bound in (one.valid_from, one.valid_until)]
    return {bound for bound in found if bound is not None}


def _relied(law: LawView, leg: Leg) -> list[InstrumentId]:
    return [one.instrument for one in leg.relied if is_known(law, one.instrument)]


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
