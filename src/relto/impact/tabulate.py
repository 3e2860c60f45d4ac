"""From the tables of `relto.decide` to words and masks by the four codes of a row.

`tables_of` gives masks for each rule and each single fact of one pair; here they are folded by the
codes of a row, each holder with its own facts alone.

Source: docs/spec/impact.md IMP-1 to IMP-9.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from relto.decide import Conditions, Facts, LevelFact, Masks, PairTables, Planner, tables_of
from relto.decide.rules import consents_for, runs_at
from relto.impact.facts import (
    BulkQuestion,
    CaveatFacts,
    LabelFacts,
    OriginFacts,
    RowFacts,
    TopicFacts,
)
from relto.impact.words import (
    ASK_BITS,
    FAIL_BITS,
    FAULT,
    LANE_BITS,
    LANES,
    WORD_BITS,
    BulkError,
    BulkTables,
    CodeTable,
)
from relto.limits import BULK_INSTRUMENTS_MAX, BULK_JOINT_CODES_MAX
from relto.model import Case, Consent, Form, Label, Rule
from relto.units import HoldingId, LevelId, PartyCode, SchemeId

K = TypeVar("K", bound=Hashable)

# A signed integer of 64 bits holds two halves of 31: databases have no other.
_HALVES: Final = (4, 8, 16, 31)


class _Verdict(Struct, frozen=True):
    """What some rules say of every instrument: bits of all lanes, and the two halves of a mask."""

    bits: int
    passes: int
    stands: int

    def joined(self, *others: "_Verdict") -> "_Verdict":
        bits, passes, stands = self.bits, self.passes, self.stands
        for one in others:
            bits, passes, stands = bits | one.bits, passes & one.passes, stands & one.stands
        return _Verdict(bits, passes, stands)


_NOTHING_AGAINST: Final = _Verdict(0, -1, -1)


class _Index:
    """Single facts and their places, as `decide` wants them."""

    def __init__(self, facts: RowFacts, holder: PartyCode) -> None:
        origins = [one for one in facts.origins if one is not None and one.holder == holder]
        labels = [one for one in facts.labels if one.holder == holder]
        topics = [one for one in facts.topics if one.holder == holder]
        self.provenances = _places(one.provenance for one in origins)
        self.topics = _places(topic for one in topics for topic in one.topics)
        self.forms = _places(one.form for one in labels)
        self.levels = _places(_level_fact(one) for one in labels)
        self.originators = _places(one.originator for one in origins)
        self.received = _places(one.received_for for one in origins)

    def facts(self, caveats: Iterable[CaveatFacts]) -> Facts:
        """The same as `decide` takes them."""
        return Facts(
            provenances=tuple(self.provenances),
            topics=tuple(self.topics),
            forms=tuple(self.forms) or (Form.DOCUMENT,),
            levels=tuple(self.levels),
            caveats=tuple(_caveat_fact(one) for one in caveats),
            originators=tuple(self.originators),
            received_for=tuple(self.received),
        )


class _Pair:
    """One holder towards the recipient: masks become bits, one number for all lanes."""

    def __init__(self, tables: PairTables, index: _Index) -> None:
        self.tables, self.index = tables, index
        self.full = (1 << len(tables.instruments)) - 1
        self._spread: dict[int, int] = {}
        self.base = self.of(Rule.IN_FORCE, tables.in_force, 0).joined(
            self.of(Rule.RELIANCE, tables.reliance, 0),
            self.of(Rule.INITIATIVE, tables.initiative, 0),
        )

    def _lanes(self, mask: int) -> int:
        """Bit i of a mask becomes the lowest bit of lane i."""
        found = self._spread.get(mask)
        if found is None:
            found = self._spread[mask] = sum(
                1 << (LANE_BITS * lane) for lane in range(mask.bit_length()) if mask >> lane & 1
            )
        return found

    def verdict(self, rule: Rule, passes: int, asks: int) -> _Verdict:
        """One rule in every lane."""
        bits = self._lanes(self.full & ~passes & ~asks) << FAIL_BITS[rule]
        if asks:
            bits |= self._lanes(asks) << ASK_BITS[rule]
        return _Verdict(bits, passes, passes | asks)

    def of(self, rule: Rule, masks: Masks, code: int) -> _Verdict:
        """One rule for one fact."""
        return self.verdict(rule, masks.passes[code], masks.asks[code])

    def label(self, facts: LabelFacts) -> _Verdict:
        """The rules that look at the label, and those that look at nothing of the row."""
        form = self.index.forms[facts.form]
        level = self.index.levels[_level_fact(facts)]
        return self.base.joined(
            self.of(Rule.FORM, self.tables.form, form),
            self.of(Rule.LEVEL, self.tables.level[form], level),
            self.of(Rule.ASSURANCE, self.tables.assurance, level),
        )

    def topic(self, facts: TopicFacts) -> _Verdict:
        """The rule that looks at the topics: all of them count; none is an unknown fact."""
        passes = self.full if facts.topics else 0
        for one in facts.topics:
            passes &= self.tables.topic.passes[self.index.topics[one]]
        return self.verdict(Rule.TOPIC, passes, 0)

    def origin(self, facts: OriginFacts, *, is_consented: bool) -> _Verdict:
        """The rules that look at where the row came from."""
        tables, code = self.tables, self.index.originators[facts.originator]
        if not tables.is_third_party[code]:
            purpose = self.of(Rule.PURPOSE, tables.purpose_own, 0)
        elif is_consented:
            purpose = self.of(Rule.PURPOSE, tables.purpose_consented, 0)
        else:
            received = self.index.received[facts.received_for]
            purpose = self.of(Rule.PURPOSE, tables.purpose_received, received)
        third = tables.third_party_consented if is_consented else tables.third_party
        provenance = self.index.provenances[facts.provenance]
        return purpose.joined(
            self.of(Rule.TOPOLOGY, tables.topology, provenance),
            self.of(Rule.THIRD_PARTY, third, code),
        )


def _places(values: Iterable[K]) -> dict[K, int]:
    found: dict[K, int] = {}
    for one in values:
        found.setdefault(one, len(found))
    return found


def _level_fact(facts: LabelFacts) -> LevelFact:
    return LevelFact(label=facts.label(), marked=facts.marked())


def _caveat_fact(facts: CaveatFacts) -> LevelFact:
    label = Label(
        scheme=facts.scheme,
        level=LevelId(""),
        categories=facts.categories,
        releasable_to=facts.releasable_to,
    )
    return LevelFact(label=label)


class _Layout:
    """How verdicts become words and masks, for as many instruments as the widest pair has."""

    def __init__(self, most: int) -> None:
        self.words = max(1, -(-most // LANES))
        self.half = next((half for half in _HALVES if most <= half), _HALVES[-1])
        self.masks = max(1, -(-most // self.half))
        self.full = (1 << (self.half * self.masks)) - 1

    def filler(self, instruments: int) -> int:
        """The bits of lanes without an instrument: they fail."""
        return sum(
            1 << (LANE_BITS * lane + FAIL_BITS[Rule.IN_FORCE])
            for lane in range(instruments, self.words * LANES)
        )

    def denied(self, rule: Rule) -> _Verdict:
        """One rule fails in every lane, also in those without an instrument."""
        bits = sum(1 << (LANE_BITS * lane + FAIL_BITS[rule]) for lane in range(self.words * LANES))
        return _Verdict(bits, 0, 0)

    def table(self, verdicts: Sequence[_Verdict], faults: Sequence[int] = ()) -> CodeTable:
        """Cut verdicts into words and masks, place by place."""
        low, word = (1 << self.half) - 1, (1 << WORD_BITS) - 1
        words = [
            tuple(one.bits >> (WORD_BITS * place) & word for one in verdicts)
            for place in range(self.words)
        ]
        if faults:
            words = [
                tuple(one | fault for one, fault in zip(column, faults, strict=True))
                for column in words
            ]
        masks = tuple(
            tuple(
                (one.passes >> (self.half * place) & low)
                | (one.stands >> (self.half * place) & low) << self.half
                for one in verdicts
            )
            for place in range(self.masks)
        )
        is_nothing = all(one == _NOTHING_AGAINST for one in verdicts)
        is_neutral = bool(verdicts) and is_nothing and not any(faults)
        return CodeTable(words=tuple(words), masks=masks, is_neutral=is_neutral)


def compile_tables(planner: Planner, facts: RowFacts, question: BulkQuestion) -> BulkTables:
    """Apply every rule once to every distinct fact, and keep the verdicts as words and masks.

    Args:
        planner: Holds the law; its plans are used and filled.
        facts: The distinct facts of the holdings.
        question: What is asked of every row.

    Returns:
        Tables from which any engine gets the verdict of the reference, row by row.

    Raises:
        BulkError: A consent names an item that was not looked for, or the tables would grow beyond
            their limits.

    Source: docs/spec/impact.md IMP-1 to IMP-9.
    """
    if question.items - facts.items:
        some = min(question.items - facts.items)
        raise BulkError(
            f"a consent names the item `{some}`, which was not looked for in the table",
            hint="name the items of all consents first, with `name_items`",
        )
    pairs = _pairs(planner, facts, question)
    most = max((len(one.tables.instruments) for one in pairs.values()), default=0)
    if most > BULK_INSTRUMENTS_MAX:
        raise BulkError(f"too many instruments link one pair: {most}, limit {BULK_INSTRUMENTS_MAX}")
    layout = _Layout(most)
    nobody = layout.denied(Rule.IN_FORCE)
    labels = []
    for one in facts.labels:
        pair = pairs.get(one.holder)
        verdict = nobody if pair is None else pair.label(one)
        filler = 0 if pair is None else layout.filler(len(pair.tables.instruments))
        labels.append(_Verdict(verdict.bits | filler, verdict.passes, verdict.stands))
    topics = [
        pairs[one.holder].topic(one) if one.holder in pairs else _NOTHING_AGAINST
        for one in facts.topics
    ]
    origins, stride = _origins(pairs, facts, question, layout)
    return BulkTables(
        question=question,
        pairs={holder: one.tables.instruments for holder, one in pairs.items()},
        labels=layout.table(labels),
        topics=layout.table(topics),
        caveats=layout.table(_caveats(pairs, facts, layout)),
        origins=origins,
        half=layout.half,
        stride=stride,
    )


def _pairs(planner: Planner, facts: RowFacts, question: BulkQuestion) -> dict[PartyCode, _Pair]:
    """The tables of every holder that something links with the recipient."""
    conditions = Conditions(
        purpose=question.purpose,
        onward=question.onward,
        requested=question.is_requested,
        assurance=question.assurance,
    )
    found: dict[PartyCode, _Pair] = {}
    for holder in facts.holders():
        if holder == question.recipient or not planner.law.links(holder, question.recipient):
            continue
        index = _Index(facts, holder)
        # The rule on caveats looks at the recipient and not at the instrument: one pair answers
        # for all.
        given = index.facts(() if found else facts.caveats)
        tables = tables_of(
            planner,
            given,
            conditions,
            holder=holder,
            recipient=question.recipient,
            at=question.at,
        )
        found[holder] = _Pair(tables, index)
    return found


def _caveats(pairs: Mapping[PartyCode, _Pair], facts: RowFacts, layout: _Layout) -> list[_Verdict]:
    some = next(iter(pairs.values()), None)
    denied = layout.denied(Rule.CAVEAT)
    return [
        _NOTHING_AGAINST if some is None or some.tables.caveat.passes[code] else denied
        for code in range(len(facts.caveats))
    ]


def _origins(
    pairs: Mapping[PartyCode, _Pair],
    facts: RowFacts,
    question: BulkQuestion,
    layout: _Layout,
) -> tuple[CodeTable, int]:
    """By origin; with consents for topics alone by topics and origin."""
    unusable = layout.denied(Rule.THIRD_PARTY)

    def verdict(one: OriginFacts | None, *, is_consented: bool) -> _Verdict:
        if one is None:
            return unusable
        if one.holder not in pairs:
            return _NOTHING_AGAINST
        return pairs[one.holder].origin(one, is_consented=is_consented)

    faults = [FAULT if one is None else 0 for one in facts.origins]
    without = [verdict(one, is_consented=False) for one in facts.origins]
    if not question.consents:
        return layout.table(without, faults), 0
    consented = [verdict(one, is_consented=True) for one in facts.origins]
    consents = _Consents(question)
    if not consents.are_for_topics:
        verdicts = [
            (consented if consents.cover(origin, None) else without)[code]
            for code, origin in enumerate(facts.origins)
        ]
        return layout.table(verdicts, faults), 0
    joint = len(facts.origins) * len(facts.topics)
    if joint > BULK_JOINT_CODES_MAX:
        raise BulkError(
            f"consents make too many combinations of topics and origins: {joint}, "
            f"limit {BULK_JOINT_CODES_MAX}"
        )
    verdicts = [
        (consented if consents.cover(origin, topics) else without)[code]
        for topics in facts.topics
        for code, origin in enumerate(facts.origins)
    ]
    return layout.table(verdicts, faults * len(facts.topics)), len(facts.origins)


class _Consents:
    """The consents of a question: those for single items by item, and those for topics alone.

    An item that a consent names has an origin of its own, which knows its topics. Only a consent
    that names no item makes an origin depend on the topics of the row.
    """

    def __init__(self, question: BulkQuestion) -> None:
        self._question = question
        self._general: list[Consent] = []
        self._by_item: dict[HoldingId, list[Consent]] = {}
        for one in question.consents:
            if one.holding is None:
                self._general.append(one)
            else:
                self._by_item.setdefault(one.holding, []).append(one)
        self.are_for_topics = any(one.topics for one in self._general)

    def cover(self, origin: OriginFacts | None, topics: TopicFacts | None) -> bool:
        """Does one that runs cover an item of this origin, with these topics where they count?"""
        if origin is None or (topics is not None and origin.holder != topics.holder):
            return False
        item = origin.item
        consents = [] if topics is None else self._general
        if item is not None:
            if topics is not None and item.topics != topics.topics:
                return False
            consents = [*consents, *self._by_item.get(item.holding, ())]
        words = topics if item is None else item
        case = Case(
            holder=origin.holder,
            recipient=self._question.recipient,
            originator=origin.originator,
            label=Label(scheme=SchemeId(""), level=LevelId("")),
            topics=() if words is None else words.topics,
            purpose=self._question.purpose,
            received_for=origin.received_for,
            consents=tuple(consents),
            holding=None if item is None else item.holding,
        )
        return any(runs_at(one, self._question.at) for one in consents_for(case))
