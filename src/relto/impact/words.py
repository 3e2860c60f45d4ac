"""Verdicts of all rules as integers: by code in tables, by row in answers.

A *word* has fifteen bits for each of up to four instruments that link a row's holder with the
recipient:
which rules fail and which ask. Every rule belongs to one of a row's four codes, so that the sum of
the
four words is the whole verdict, with every reason: no bit is set twice. More instruments take more
words.

    bit  0..10  of a lane: the rule of that place in `RULE_ORDER` fails
    bit 11..13  of a lane: `third-party`, `assurance`, `initiative` ask
    bit 14      of a lane: always 0
    bit 60      of the word: the row's facts cannot be used

A *mask* says less and is shorter: for each instrument whether all rules pass, and whether none
fails. The
intersection of a row's four masks is its outcome.

Source: docs/spec/impact.md IMP-1 to IMP-9.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from relto.decide.obligations import obligations_of
from relto.decide.rules import markings_of
from relto.decide.view import LawView, leg_of, table_at
from relto.errors import LocalError
from relto.impact.facts import BulkQuestion, LabelFacts, OriginFacts
from relto.model import RULE_ORDER, Obligation, Outcome, Rule
from relto.units import InstrumentId, LevelId, PartyCode

LANE_BITS: Final = 15
LANES: Final = 4
WORD_BITS: Final = LANE_BITS * LANES

FAIL_BITS: Final[Mapping[Rule, int]] = {rule: bit for bit, rule in enumerate(RULE_ORDER)}
ASK_BITS: Final[Mapping[Rule, int]] = {
    Rule.THIRD_PARTY: 11,
    Rule.ASSURANCE: 12,
    Rule.INITIATIVE: 13,
}

FAULT: Final = 1 << WORD_BITS

OUTCOMES: Final = (Outcome.PERMIT, Outcome.REFER, Outcome.DENY)


class BulkError(LocalError):
    """A question that tables of holdings cannot answer; ask it item by item."""

    code = "local.bulk"
    hint_default = "decide such items one by one, with `relto decide`"


class CodeTable(Struct, frozen=True, kw_only=True):
    """What a code looks up.

    Args:
        words: For each place, words by code; they are added.
        masks: For each place, masks by code; they are intersected. The low half has a bit for each
            instrument for which every rule passes, the high half one for each that none fails.
        is_neutral: Every code passes everywhere, so that an engine may leave the column out.
    """

    words: tuple[tuple[int, ...], ...]
    masks: tuple[tuple[int, ...], ...]
    is_neutral: bool = False


class BulkTables(Struct, frozen=True, kw_only=True):
    """Words and masks by code, for one question. Pure values: any engine may carry them anywhere.

    Args:
        question: What they answer.
        pairs: For each holder the instruments that link it with the recipient, lane by lane.
        labels: By code of the label.
        topics: By code of the topics.
        caveats: By code of the caveats.
        origins: By code of the origin; where `stride` is not 0, by `topics * stride + origin`,
            since a consent for topics looks at both.
        half: How many bits each half of a mask has: 4, 8, 16 or 31.
        stride: How many origins there are when a consent makes them depend on the topics; else 0.
    """

    question: BulkQuestion
    pairs: Mapping[PartyCode, tuple[InstrumentId, ...]]
    labels: CodeTable
    topics: CodeTable
    caveats: CodeTable
    origins: CodeTable
    half: int
    stride: int = 0

    @property
    def words(self) -> int:
        """How many words a row's verdict has; four instruments fit in one."""
        return len(self.labels.words)

    @property
    def low(self) -> int:
        """The low half of a mask."""
        return (1 << self.half) - 1

    def columns(self) -> tuple[CodeTable, CodeTable, CodeTable, CodeTable]:
        """Return the four, in the order of a row's codes.

        Source: docs/spec/impact.md IMP-2.
        """
        return self.labels, self.topics, self.caveats, self.origins


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
        fails = tuple(rule for rule, bit in FAIL_BITS.items() if lane >> bit & 1)
        asks = tuple(rule for rule, bit in ASK_BITS.items() if lane >> bit & 1)
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
