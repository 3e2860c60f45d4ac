"""The rules of all pairs as words by code: an engine looks up four integers a row and adds them.

`relto.decide.tables_of` gives masks for each rule and each single fact. Here they are folded by
the four codes of a row. A *word* has fifteen bits for each of up to four instruments that link the
row's holder with the
recipient: which rules fail and which ask. Every rule belongs to one code, so that the sum of the
four words is the whole verdict, with every reason: no bit is set twice. More instruments take more
words.

    bit  0..10  of a lane: the rule of that place in `RULE_ORDER` fails
    bit 11..13  of a lane: `third-party`, `assurance`, `initiative` ask
    bit 14      of a lane: always 0, room for the carry with which an engine tests a lane for zero
    bit 60      of the word: the row's facts cannot be used

Source: docs/spec/impact.md IMP-1 to IMP-9.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from msgspec import Struct

from relto.decide import Conditions, Facts, LevelFact, Masks, PairTables, Planner, tables_of
from relto.decide.obligations import obligations_of
from relto.decide.rules import consents_for, markings_of, runs_at
from relto.decide.view import LawView, leg_of, table_at
from relto.errors import LocalError
from relto.impact.facts import (
    BulkQuestion,
    CaveatFacts,
    LabelFacts,
    OriginFacts,
    RowFacts,
    TopicFacts,
)
from relto.limits import BULK_INSTRUMENTS_MAX, BULK_JOINT_CODES_MAX
from relto.model import RULE_ORDER, Case, Form, Label, Obligation, Outcome, Rule
from relto.units import InstrumentId, LevelId, PartyCode, SchemeId

K = TypeVar("K", bound=Hashable)

LANE_BITS: Final = 15
LANES: Final = 4
WORD_BITS: Final = LANE_BITS * LANES

_FAIL_BITS: Final[Mapping[Rule, int]] = {rule: bit for bit, rule in enumerate(RULE_ORDER)}
_ASK_BITS: Final[Mapping[Rule, int]] = {
    Rule.THIRD_PARTY: 11,
    Rule.ASSURANCE: 12,
    Rule.INITIATIVE: 13,
}

# What an engine needs to read an outcome out of a word: the guard bit of each lane, all other bits
# of each lane, the fail bits of each lane. A lane plus all its lower bits carries into the guard
# unless it is 0.
GUARDS: Final = sum(1 << (LANE_BITS * lane + LANE_BITS - 1) for lane in range(LANES))
FULL: Final = sum(((1 << (LANE_BITS - 1)) - 1) << (LANE_BITS * lane) for lane in range(LANES))
FAILS: Final = sum(((1 << len(RULE_ORDER)) - 1) << (LANE_BITS * lane) for lane in range(LANES))
FAULT: Final = 1 << WORD_BITS

OUTCOMES: Final = (Outcome.PERMIT, Outcome.REFER, Outcome.DENY)


class BulkError(LocalError):
    """A question that tables of holdings cannot answer; ask it item by item."""

    code = "local.bulk"
    hint_default = "decide such items one by one, with `relto decide`"


class BulkTables(Struct, frozen=True, kw_only=True):
    """Words by code, for one question. Pure values: any engine may carry them anywhere.

    Args:
        question: What they answer.
        pairs: For each holder the instruments that link it with the recipient, lane by lane.
        labels: For each place of the answer, the words by code of the label.
        topics: The same by code of the topics.
        caveats: The same by code of the caveats.
        origins: The same by code of the origin; where `stride` is not 0, by `topics * stride +
            origin`,
            since a consent looks at both.
        stride: How many origins there are when a consent makes them depend on the topics; else 0.
    """

    question: BulkQuestion
    pairs: Mapping[PartyCode, tuple[InstrumentId, ...]]
    labels: tuple[tuple[int, ...], ...]
    topics: tuple[tuple[int, ...], ...]
    caveats: tuple[tuple[int, ...], ...]
    origins: tuple[tuple[int, ...], ...]
    stride: int = 0

    @property
    def words(self) -> int:
        """How many words a row's verdict has; four instruments fit in one."""
        return len(self.labels)


class BulkConsidered(Struct, frozen=True, kw_only=True):
    """What one instrument says of a row: the rules that fail and those that ask, in rule order."""

    instrument: InstrumentId
    outcome: Outcome
    fails: tuple[Rule, ...] = ()
    asks: tuple[Rule, ...] = ()

    @property
    def reason(self) -> Rule | None:
        """The rule to name first."""
        return (*self.fails, *self.asks, None)[0]


class BulkAnswer(Struct, frozen=True, kw_only=True):
    """A row's verdict, read out of its words.

    Args:
        outcome: As the reference decides it; `deny` for a row whose facts cannot be used.
        instrument: The one that gives the outcome; `None` when none links the two.
        considered: Every instrument that links the two, best first, with its reasons.
        is_faulty: The row's facts cannot be used.
    """

    outcome: Outcome
    instrument: InstrumentId | None
    considered: tuple[BulkConsidered, ...]
    is_faulty: bool = False

    @property
    def approvals(self) -> int:
        """How many steps somebody must take before the release: the rules that ask."""
        if self.outcome is Outcome.DENY:
            return 0
        return len(self.considered[0].asks)


class _Index:
    """Single facts and their places, as `decide` wants them."""

    def __init__(self, facts: RowFacts) -> None:
        origins = [one for one in facts.origins if one is not None]
        self.provenances = _places(one.provenance for one in origins)
        self.topics = _places(topic for one in facts.topics for topic in one.topics)
        self.forms = _places(one.form for one in facts.labels)
        self.levels = _places(_level_fact(one) for one in facts.labels)
        self.caveats = _places(_caveat_fact(one) for one in facts.caveats)
        self.originators = _places(one.originator for one in origins)
        self.received = _places(one.received_for for one in origins)

    def facts(self) -> Facts:
        """The same as `decide` takes them."""
        return Facts(
            provenances=tuple(self.provenances),
            topics=tuple(self.topics),
            forms=tuple(self.forms) or (Form.DOCUMENT,),
            levels=tuple(self.levels),
            caveats=tuple(self.caveats),
            originators=tuple(self.originators),
            received_for=tuple(self.received),
        )


class _Pair:
    """One holder towards the recipient: masks become bits, one number for all lanes."""

    def __init__(self, tables: PairTables, index: _Index, count: int) -> None:
        self.tables, self.index = tables, index
        self.full = (1 << len(tables.instruments)) - 1
        self._spread: dict[int, int] = {}
        empty = sum(
            1 << (LANE_BITS * lane + _FAIL_BITS[Rule.IN_FORCE])
            for lane in range(len(tables.instruments), count * LANES)
        )
        self.base = empty | (
            self.bits(Rule.IN_FORCE, tables.in_force, 0)
            | self.bits(Rule.RELIANCE, tables.reliance, 0)
            | self.bits(Rule.INITIATIVE, tables.initiative, 0)
        )

    def spread(self, mask: int) -> int:
        """Bit i of a mask becomes the lowest bit of lane i."""
        found = self._spread.get(mask)
        if found is None:
            found = self._spread[mask] = sum(
                1 << (LANE_BITS * lane) for lane in range(mask.bit_length()) if mask >> lane & 1
            )
        return found

    def verdicts(self, rule: Rule, passes: int, asks: int) -> int:
        """One rule's bits in every lane."""
        found = self.spread(self.full & ~passes & ~asks) << _FAIL_BITS[rule]
        if asks:
            found |= self.spread(asks) << _ASK_BITS[rule]
        return found

    def bits(self, rule: Rule, masks: Masks, code: int) -> int:
        """One rule's bits for one fact."""
        return self.verdicts(rule, masks.passes[code], masks.asks[code])

    def label(self, facts: LabelFacts) -> int:
        """The rules that look at the label, and those that look at nothing of the row."""
        form = self.index.forms[facts.form]
        level = self.index.levels[_level_fact(facts)]
        return (
            self.base
            | self.bits(Rule.FORM, self.tables.form, form)
            | self.bits(Rule.LEVEL, self.tables.level[form], level)
            | self.bits(Rule.ASSURANCE, self.tables.assurance, level)
        )

    def topic(self, facts: TopicFacts) -> int:
        """The rule that looks at the topics: all of them count; none is an unknown fact."""
        passes = self.full if facts.topics else 0
        for one in facts.topics:
            passes &= self.tables.topic.passes[self.index.topics[one]]
        return self.verdicts(Rule.TOPIC, passes, 0)

    def origin(self, facts: OriginFacts, *, is_consented: bool) -> int:
        """The rules that look at where the row came from."""
        tables, code = self.tables, self.index.originators[facts.originator]
        if not tables.is_third_party[code]:
            purpose = self.bits(Rule.PURPOSE, tables.purpose_own, 0)
        elif is_consented:
            purpose = self.bits(Rule.PURPOSE, tables.purpose_consented, 0)
        else:
            received = self.index.received[facts.received_for]
            purpose = self.bits(Rule.PURPOSE, tables.purpose_received, received)
        third = tables.third_party_consented if is_consented else tables.third_party
        provenance = self.index.provenances[facts.provenance]
        return (
            self.bits(Rule.TOPOLOGY, tables.topology, provenance)
            | self.bits(Rule.THIRD_PARTY, third, code)
            | purpose
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


def compile_tables(planner: Planner, facts: RowFacts, question: BulkQuestion) -> BulkTables:
    """Apply every rule once to every distinct fact, and keep the verdicts as words.

    Args:
        planner: Holds the law; its plans are used and filled.
        facts: The distinct facts of the holdings.
        question: What is asked of every row.

    Returns:
        Tables from which any engine gets the verdict of the reference, row by row.

    Raises:
        BulkError: A consent names a single holding, or the tables would grow beyond their limits.

    Source: docs/spec/impact.md IMP-1 to IMP-9.
    """
    if any(one.holding is not None for one in question.consents):
        raise BulkError("a consent names a single holding; a table of holdings has no place for it")
    index = _Index(facts)
    given = index.facts()
    conditions = Conditions(
        purpose=question.purpose,
        onward=question.onward,
        requested=question.is_requested,
        assurance=question.assurance,
    )
    tables = {
        holder: tables_of(
            planner,
            given,
            conditions,
            holder=holder,
            recipient=question.recipient,
            at=question.at,
        )
        for holder in facts.holders()
        if planner.law.links(holder, question.recipient) and holder != question.recipient
    }
    most = max((len(one.instruments) for one in tables.values()), default=0)
    if most > BULK_INSTRUMENTS_MAX:
        raise BulkError(f"too many instruments link one pair: {most}, limit {BULK_INSTRUMENTS_MAX}")
    count = max(1, -(-most // LANES))
    pairs = {holder: _Pair(one, index, count) for holder, one in tables.items()}
    nothing = _all_lanes(Rule.IN_FORCE, count)
    label_bits = [
        pairs[one.holder].label(one) if one.holder in pairs else nothing for one in facts.labels
    ]
    topic_bits = [
        pairs[one.holder].topic(one) if one.holder in pairs else 0 for one in facts.topics
    ]
    origins, stride = _origins(pairs, facts, question, count)
    return BulkTables(
        question=question,
        pairs={holder: one.instruments for holder, one in tables.items()},
        labels=_words(label_bits, count),
        topics=_words(topic_bits, count),
        caveats=_words(_caveats(tables, index, facts, count), count),
        origins=origins,
        stride=stride,
    )


def _all_lanes(rule: Rule, count: int) -> int:
    return sum(1 << (LANE_BITS * lane + _FAIL_BITS[rule]) for lane in range(count * LANES))


def _words(numbers: Sequence[int], count: int) -> tuple[tuple[int, ...], ...]:
    """Cut each number into words, place by place."""
    mask = (1 << WORD_BITS) - 1
    return tuple(
        tuple(number >> (WORD_BITS * place) & mask for number in numbers) for place in range(count)
    )


def _caveats(
    tables: Mapping[PartyCode, PairTables], index: _Index, facts: RowFacts, count: int
) -> list[int]:
    """The rule looks at the recipient and not at the instrument, so any pair answers for all."""
    some = next(iter(tables.values()), None)
    denied = _all_lanes(Rule.CAVEAT, count)
    return [
        0 if some is None or some.caveat.passes[index.caveats[_caveat_fact(one)]] else denied
        for one in facts.caveats
    ]


def _origins(
    pairs: Mapping[PartyCode, _Pair], facts: RowFacts, question: BulkQuestion, count: int
) -> tuple[tuple[tuple[int, ...], ...], int]:
    """Words by origin; with consents by topics and origin."""
    unusable = _all_lanes(Rule.THIRD_PARTY, count)

    def bits(one: OriginFacts | None, *, is_consented: bool) -> int:
        if one is None:
            return unusable
        if one.holder not in pairs:
            return 0
        return pairs[one.holder].origin(one, is_consented=is_consented)

    def marked(columns: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
        faults = [FAULT if one is None else 0 for one in facts.origins]
        size = len(faults)
        return tuple(
            tuple(word | faults[code % size] for code, word in enumerate(column))
            for column in columns
        )

    without = [bits(one, is_consented=False) for one in facts.origins]
    if not question.consents:
        return marked(_words(without, count)), 0
    joint = len(facts.origins) * len(facts.topics)
    if joint > BULK_JOINT_CODES_MAX:
        raise BulkError(
            f"consents make too many combinations of topics and origins: {joint}, "
            f"limit {BULK_JOINT_CODES_MAX}"
        )
    consented = [bits(one, is_consented=True) for one in facts.origins]
    numbers = [
        (consented if _is_consented(topics, origin, question) else without)[code]
        for topics in facts.topics
        for code, origin in enumerate(facts.origins)
    ]
    return marked(_words(numbers, count)), len(facts.origins)


def _is_consented(topics: TopicFacts, origin: OriginFacts | None, question: BulkQuestion) -> bool:
    if origin is None or origin.holder != topics.holder:
        return False
    case = Case(
        holder=origin.holder,
        recipient=question.recipient,
        originator=origin.originator,
        label=Label(scheme=SchemeId(""), level=LevelId("")),
        topics=topics.topics,
        purpose=question.purpose,
        received_for=origin.received_for,
        consents=question.consents,
    )
    return any(runs_at(one, question.at) for one in consents_for(case))


def read_answer(tables: BulkTables, holder: PartyCode, words: Sequence[int]) -> BulkAnswer:
    """Read a row's words: outcome, instrument, and for every instrument which rules fail or ask.

    Args:
        tables: The tables that gave the words.
        holder: The row's holder.
        words: As many as `tables.words`.

    Source: docs/spec/impact.md IMP-4, IMP-5.
    """
    considered = []
    for index, instrument in enumerate(tables.pairs.get(holder, ())):
        lane = words[index // LANES] >> (LANE_BITS * (index % LANES))
        fails = tuple(rule for rule, bit in _FAIL_BITS.items() if lane >> bit & 1)
        asks = tuple(rule for rule, bit in _ASK_BITS.items() if lane >> bit & 1)
        outcome = Outcome.DENY if fails else Outcome.REFER if asks else Outcome.PERMIT
        considered.append(
            BulkConsidered(instrument=instrument, outcome=outcome, fails=fails, asks=asks)
        )
    considered.sort(
        key=lambda one: (OUTCOMES.index(one.outcome), len(one.fails), len(one.asks), one.instrument)
    )
    best = considered[0] if considered else None
    return BulkAnswer(
        outcome=Outcome.DENY if best is None else best.outcome,
        instrument=None if best is None else best.instrument,
        considered=tuple(considered),
        is_faulty=words[0] >= FAULT,
    )


def owed(
    law: LawView,
    question: BulkQuestion,
    *,
    label: LabelFacts,
    origin: OriginFacts,
    answer: BulkAnswer,
) -> tuple[tuple[LevelId, ...], tuple[Obligation, ...]]:
    """Return the recipient's own levels for a released row, the default first, and what it owes.

    Args:
        law: The law.
        question: What was asked.
        label: The row's label.
        origin: The row's origin.
        answer: The row's answer.

    Returns:
        Both empty when the row is denied.

    Source: docs/spec/impact.md IMP-6.
    """
    if answer.outcome is Outcome.DENY or answer.instrument is None:
        return (), ()
    leg = leg_of(law, answer.instrument, holder=label.holder, recipient=question.recipient)
    table = table_at(leg, question.at)
    markings = markings_of(leg, table, label=label.label(), marked=label.marked())
    return markings, obligations_of(
        leg,
        table,
        markings=markings,
        originator=origin.originator,
        purpose=question.purpose,
    )
