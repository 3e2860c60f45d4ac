"""What a node asks the law: may this go out, may this have come in, which ways are open.

One `Counsel` stands for one adopted law. It holds no state of the node and no clock: every
question names its instant, which is the `now` of the transaction that appends the answer.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct
from whenever import Instant

from relto.decide.obligations import obligations_of
from relto.decide.rules import markings_of
from relto.decide.view import leg_of, table_at
from relto.law import STATES_IN_FORCE, Law, Sees, TopologyKind
from relto.model.case import Case
from relto.model.finding import Considered, Decision, Obligation, Outcome, Rule, Verdict
from relto.model.label import Label
from relto.model.message import Blocked, HopRef, LawRef
from relto.units import InstrumentId, LevelId, PartyCode, SchemeId


class Way(Struct, frozen=True, kw_only=True):
    """One lawful way, holder first."""

    hops: tuple[HopRef, ...]


class Ways(Struct, frozen=True, kw_only=True):
    """All ways for one case: the open ones best first, and why the others are closed."""

    open: tuple[Way, ...]
    blocked: tuple[Blocked, ...]


Decide: TypeAlias = Callable[[Case, Instant], Decision]
Router: TypeAlias = Callable[[Case, Instant], Ways]

# What these rules say depends on the item and not on the request: their facts would tell what is
# held.
_ABOUT_THE_ITEM: Final = frozenset({Rule.FORM, Rule.LEVEL, Rule.CAVEAT, Rule.THIRD_PARTY})
# Of a decision about an item that is held, what these looked at is its own too: all its topics, the
# level that a reader needs, what it was received for and under what.
_OF_AN_ITEM_HELD: Final = _ABOUT_THE_ITEM | {
    Rule.TOPOLOGY,
    Rule.TOPIC,
    Rule.PURPOSE,
    Rule.ASSURANCE,
}


class Counsel:
    """One adopted law, ready to be asked.

    Args:
        ref: Which law, as entries cite it.
        law: The law.
        decide: The decision for one case; any execution of the rules.
        ways: The lawful ways from a holder to the final recipient of a case.
    """

    def __init__(self, *, ref: LawRef, law: Law, decide: Decide, ways: Router) -> None:
        self.ref = ref
        self.law = law
        self._decide = decide
        self._ways = ways

    def decide(self, case: Case, *, at: Instant) -> Decision:
        """Ask whether a holder may release, in the holder's reading."""
        return self._decide(case, at)

    def ways(self, case: Case, *, at: Instant) -> Ways:
        """Ask for the lawful ways from a holder to the recipient of a case."""
        return self._ways(case, at)

    def markings(self, case: Case, instrument: InstrumentId, *, at: Instant) -> tuple[Label, ...]:
        """Give the labels among which a recipient marks an item under an instrument.

        The default first.
        """
        leg = leg_of(self.law, instrument, holder=case.holder, recipient=case.recipient)
        levels = markings_of(leg, table_at(leg, at), label=case.label, marked=case.marked)
        if leg.scheme is None:
            return ()
        return tuple(Label(scheme=leg.scheme, level=level) for level in levels)

    def obligations(
        self, case: Case, instrument: InstrumentId, *, at: Instant
    ) -> tuple[Obligation, ...]:
        """Give what a recipient owes for an item under an instrument."""
        leg = leg_of(self.law, instrument, holder=case.holder, recipient=case.recipient)
        table = table_at(leg, at)
        levels = markings_of(leg, table, label=case.label, marked=case.marked)
        return obligations_of(
            leg, table, markings=levels, originator=case.originator, purpose=case.purpose
        )

    def knows(self, instrument: InstrumentId) -> bool:
        """Tell whether the law has such an instrument; what a partner names may be anything."""
        return instrument in self.law.library.instruments

    def is_in_force(self, instrument: InstrumentId, *, at: Instant, reading: PartyCode) -> bool:
        """Tell whether an instrument is known and in force in one party's reading."""
        if not self.knows(instrument):
            return False
        return self.law.state(instrument, at=at, reading=reading).state in STATES_IN_FORCE

    def sees_labels_only(self, instrument: InstrumentId) -> bool:
        """Tell whether the instrument's intermediary must not see content."""
        if not self.knows(instrument):
            return False
        topology = self.law.terms(instrument).topology
        return topology.kind is TopologyKind.INTERMEDIARY and topology.sees is Sees.LABELS

    def is_through_intermediary(self, instrument: InstrumentId) -> bool:
        """Tell whether the instrument goes through an intermediary."""
        return self.law.terms(instrument).topology.kind is TopologyKind.INTERMEDIARY

    def scheme_of(self, party: PartyCode) -> SchemeId | None:
        """Give a party's own scheme; `None` when the law does not know the party or its scheme."""
        record = self.law.library.parties.get(party)
        return None if record is None else record.scheme

    def ladder(self, party: PartyCode) -> tuple[LevelId, ...]:
        """Give the levels of a party's own scheme, lowest first; empty when unknown."""
        scheme = self.scheme_of(party)
        known = None if scheme is None else self.law.library.schemes.get(scheme)
        return () if known is None else tuple(level.id for level in known.levels)

    def rank(self, label: Label | None, *, party: PartyCode) -> int | None:
        """Place a label on a party's own ladder; `None` when it is of another scheme or unknown."""
        if label is None or label.scheme != self.scheme_of(party):
            return None
        ladder = self.ladder(party)
        return ladder.index(label.level) if label.level in ladder else None


def named(decision: Decision, instrument: InstrumentId | None) -> Considered | None:
    """Pick what a decision says about one instrument, or the best when none is named."""
    if instrument is None:
        return decision.considered[0] if decision.considered else None
    for considered in decision.considered:
        if considered.instrument == instrument:
            return considered
    return None


def asks(considered: Considered) -> frozenset[Rule]:
    """The rules that want somebody's step first."""
    return frozenset(
        finding.rule for finding in considered.findings if finding.verdict is Verdict.ASK
    )


def fails(considered: Considered) -> frozenset[Rule]:
    """The rules that are not satisfied."""
    return frozenset(
        finding.rule for finding in considered.findings if finding.verdict is Verdict.FAIL
    )


def steps(considered: Considered) -> frozenset[Rule]:
    """The rules that stand between a case and a release, whether they ask or fail."""
    return asks(considered) | fails(considered)


def reasons(
    decision: Decision, instrument: InstrumentId | None = None, *, is_of_item: bool = False
) -> tuple[Considered, ...]:
    """Give what may be told to a partner: what failed or asks, and no fact about an item.

    Args:
        decision: What the law said.
        instrument: Only this one; `None` for all.
        is_of_item: It was about an item that is held, and not about the request alone.

    Source: docs/spec/exchange.md EX-15.
    """
    hidden = _OF_AN_ITEM_HELD if is_of_item else _ABOUT_THE_ITEM
    return tuple(
        Considered(
            instrument=one.instrument,
            outcome=one.outcome,
            findings=tuple(
                type(finding)(
                    rule=finding.rule,
                    verdict=finding.verdict,
                    ground=finding.ground,
                    fact="" if finding.rule in hidden else finding.fact,
                    remedy="" if finding.rule in hidden else finding.remedy,
                )
                for finding in one.findings
                if finding.verdict is not Verdict.PASS
            ),
        )
        for one in decision.considered
        if instrument in {None, one.instrument}
    )


def is_open(considered: Considered | None) -> bool:
    """Tell whether a step could still make it a release."""
    return considered is not None and considered.outcome is not Outcome.DENY
