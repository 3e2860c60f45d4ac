"""Decides from plans: the same answers as the reference, in microseconds.

A decision looks up one cell for each rule and intersects their masks; the reasons are the bits that
each rule removed. `outcome` stops there, `weigh` names the instrument, the obligations and the
bits, `decide` puts every finding into words.

Source: docs/spec/decide.md DEC-26 to DEC-29.
"""

from collections.abc import Hashable, Sequence
from typing import Final, NamedTuple

from whenever import Instant

from relto.decide import rules
from relto.decide.cell import Cell
from relto.decide.change import Change
from relto.decide.desk import Desk, is_plain
from relto.decide.plan import NOTHING_OWED, Plan, Segment, keep
from relto.decide.view import LawView, leg_of, table_at
from relto.decide.weighing import Weighing, best, merits, outcome_of, together
from relto.limits import PLAN_FACTS_MAX, PLANS_MAX
from relto.model import (
    Case,
    Considered,
    Decision,
    Evidence,
    Finding,
    Outcome,
    Verdict,
)
from relto.units import InstrumentId, LevelId, PartyCode, SchemeId

NOTHING_LINKS: Final = Weighing(
    outcome=Outcome.DENY,
    instrument=None,
    obligations=(),
    markings=(),
    holds_until=None,
    instruments=(),
    bits=(),
)


class Sifted(NamedTuple):
    """Which instruments of a pair let an item have a hop.

    Args:
        instruments: All considered, by id; bit `i` of a mask is the i-th.
        passes: Those that permit.
        stands: Those that permit or refer.
        holds_until: As in `Decision`.
    """

    instruments: tuple[InstrumentId, ...]
    passes: int
    stands: int
    holds_until: Instant | None


NOTHING_STANDS: Final = Sifted((), 0, 0, None)


class Planner:
    """Decides from plans; answers exactly as `relto.decide.decide`.

    Holds one law. Not to be shared between threads.

    Args:
        law: The law; must not change while the planner lives.

    Source: docs/spec/decide.md DEC-26 to DEC-29.
    """

    def __init__(self, law: LawView) -> None:
        """Begin with no plan; each is built on its first use."""
        self.law = law
        self._plans: dict[tuple[PartyCode, PartyCode], Plan] = {}
        self._desks: dict[PartyCode, Desk] = {}
        self._scopes: dict[Hashable, bool] = {}

    def renewed(self, law: LawView) -> "Planner":
        """Make a planner for a changed law that keeps the plans the change does not concern.

        Args:
            law: The law after the change. Over other words nothing is kept.

        Source: docs/spec/decide.md DEC-32.
        """
        planner = Planner(law)
        if self.law.library is not law.library:
            return planner
        change = Change(self.law, law)
        for pair, plan in self._plans.items():
            if not change.concerns(*pair):
                # Equal terms and lives: whatever the plan still has to ask, both laws say the same.
                planner._plans[pair] = plan
        return planner

    def decide(self, case: Case, *, at: Instant) -> Decision:
        """Decide one case, with every reason and obligation in words.

        Args:
            case: The facts.
            at: The instant decided for.

        Returns:
            What the reference returns.

        Source: docs/spec/decide.md DEC-26.
        """
        plan = self.plan(case.holder, case.recipient)
        if not plan.full:
            return Decision(
                outcome=Outcome.DENY, instrument=None, considered=(), at=at, reading=case.holder
            )
        segment, cells, until = _asked(plan, case, at)
        ranked = _ranked(plan, segment, cells)
        bit, best = ranked[0]
        considered = tuple(one for _, one in ranked)
        if best.outcome is Outcome.DENY:
            markings, obligations = NOTHING_OWED
            resting = [(one, one.reason) for one in considered]
        else:
            markings, obligations = plan.owed(segment.book, bit, case)
            resting = [(best, found) for found in best.findings]
        return Decision(
            outcome=best.outcome,
            instrument=best.instrument,
            considered=considered,
            obligations=obligations,
            markings=markings,
            holds_until=until,
            assumed=_assumed(resting),
            at=at,
            reading=case.holder,
        )

    def weigh(self, case: Case, *, at: Instant) -> Weighing:
        """Decide one case, with instrument, obligations, end, and the reasons as bits.

        Args:
            case: The facts.
            at: The instant decided for.

        Source: docs/spec/decide.md DEC-28.
        """
        desk = self._desks.get(case.holder)
        found = None if desk is None else desk.weigh(case, at)
        if found is not None:
            return found
        plan = self.plan(case.holder, case.recipient)
        if not plan.full:
            return NOTHING_LINKS
        segment, cells, until = _asked(plan, case, at)
        self._note(plan, case, segment, cells)
        bits = tuple(cell.removed for cell in cells)
        outcome, bit = best(bits, together(bits), len(plan.legs))
        is_denied = outcome is Outcome.DENY
        markings, obligations = NOTHING_OWED if is_denied else plan.owed(segment.book, bit, case)
        return Weighing(
            outcome=outcome,
            instrument=plan.names[bit],
            obligations=obligations,
            markings=markings,
            holds_until=until,
            instruments=plan.names,
            bits=bits,
        )

    def outcome(self, case: Case, *, at: Instant) -> Outcome:
        """Decide one case without saying why.

        Args:
            case: The facts.
            at: The instant decided for.

        Source: docs/spec/decide.md DEC-27.
        """
        desk = self._desks.get(case.holder)
        found = None if desk is None else desk.outcome(case, at)
        if found is not None:
            return found
        plan = self.plan(case.holder, case.recipient)
        if not plan.full:
            return Outcome.DENY
        segment, cells, _ = _asked(plan, case, at)
        self._note(plan, case, segment, cells)
        return outcome_of(together(tuple(cell.removed for cell in cells)), len(plan.legs))

    def _note(self, plan: Plan, case: Case, segment: Segment, cells: tuple[Cell, ...]) -> None:
        """Note at the holder's desk what a plan has said of a plain case."""
        if is_plain(plan, case):
            desk = self._desks.get(case.holder)
            if desk is None or desk.count > PLAN_FACTS_MAX:
                desk = self._desks[case.holder] = Desk()
            desk.note(plan, case, segment.index, cells)

    def markings(
        self, case: Case, instrument: InstrumentId, *, at: Instant
    ) -> tuple[SchemeId, tuple[LevelId, ...]]:
        """Say how the recipient marks an item under one instrument that lets it have it.

        Args:
            case: The facts.
            instrument: One that does not deny the case.
            at: The instant decided for.

        Returns:
            The recipient's scheme and its own levels, the default first; at least one.

        Source: docs/spec/decide.md DEC-11.
        """
        plan = self.plan(case.holder, case.recipient)
        index = plan.names.index(instrument)
        found = plan.markings(plan.segment(at).book, index, case)
        scheme = plan.legs[index].scheme
        assert scheme is not None
        assert found
        return scheme, found

    def sift(self, case: Case, *, at: Instant) -> Sifted:
        """Say which instruments let an item have one hop, without what comes with it.

        Args:
            case: The facts.
            at: The instant decided for.

        Source: docs/spec/routes.md RT-2.
        """
        plan = self.plan(case.holder, case.recipient)
        if not plan.full:
            return NOTHING_STANDS
        _, cells, until = _asked(plan, case, at)
        removed = together(tuple(cell.removed for cell in cells))
        return Sifted(
            instruments=plan.names,
            passes=plan.full & ~(removed >> len(plan.legs)),
            stands=plan.full & ~removed,
            holds_until=until,
        )

    def may_carry(
        self,
        case: Case,
        instrument: InstrumentId,
        *,
        holder: PartyCode,
        recipient: PartyCode,
        at: Instant,
    ) -> bool:
        """Say whether an instrument can carry an item over a hop, whatever it became on the way.

        False only where the instrument would deny the hop with any marking, any provenance and any
        consent. Cheaper than a plan; for searches.

        Args:
            case: The item; its holder and recipient are not looked at.
            instrument: One to which both are parties.
            holder: Who would release; its reading counts.
            recipient: Who would receive.
            at: The instant decided for.

        Source: docs/spec/routes.md RT-2.
        """
        law, label = self.law, case.label
        if not self._may_cover(case, instrument):
            return False
        if not rules.is_in_force(law.state(instrument, at=at, reading=holder)):
            return False
        leg = leg_of(law, instrument, holder=holder, recipient=recipient)
        table = table_at(leg, at)
        # Where a table does not know the scheme, the marking of the holder decides.
        if table is None or rules.has_scheme(table, label.scheme):
            level = rules.level(leg, table, label=label, marked=None, shape=case.form)
            if level.verdict is Verdict.FAIL:
                return False
        caveat = rules.caveat(leg, label=label, marked=None, onward=None, library=law.library)
        return caveat.verdict is not Verdict.FAIL

    def _may_cover(self, case: Case, instrument: InstrumentId) -> bool:
        """By its topics, form and purpose, and by whether somebody asked; whoever the two are."""
        key = (instrument, case.topics, case.form, case.purpose, case.requested)
        found = self._scopes.get(key)
        if found is None:
            terms, library = self.law.terms(instrument), self.law.library
            found = (
                case.form in terms.forms.forms
                and rules.is_for(terms.purposes, case.purpose)
                and not rules.awaits_request(terms.initiative, is_requested=case.requested)
                and all(rules.is_in_scope(terms.topics, topic, library) for topic in case.topics)
            )
            keep(self._scopes, key, found, most=PLANS_MAX)
        return found

    def plan(self, holder: PartyCode, recipient: PartyCode) -> Plan:
        """The plan of a pair, built on its first use."""
        pair = (holder, recipient)
        plan = self._plans.get(pair)
        if plan is None:
            plan = Plan(self.law, holder=holder, recipient=recipient)
            if len(self._plans) >= PLANS_MAX:
                self._desks.clear()
            keep(self._plans, pair, plan, most=PLANS_MAX)
        return plan


def _asked(plan: Plan, case: Case, at: Instant) -> tuple[Segment, tuple[Cell, ...], Instant | None]:
    """What a plan says of a case: the stretch of time, a cell for each rule, and until when."""
    segment = plan.segment(at)
    is_consented, until = _consents(case, at, segment.holds_until)
    return segment, _cells(plan, segment, case, is_consented=is_consented), until


def _cells(plan: Plan, segment: Segment, case: Case, *, is_consented: bool) -> tuple[Cell, ...]:
    """One cell for each rule, in rule order."""
    label, marked, book = case.label, case.marked, segment.book
    return (
        segment.force,
        segment.reliance,
        plan.topology(case.onward, case.provenance),
        plan.topic(case.topics),
        plan.form(case.form),
        plan.level(book, label=label, marked=marked, form=case.form),
        plan.caveat(label, marked, case.onward),
        plan.third_party(case.originator, is_consented=is_consented),
        plan.purpose(case.purpose, case.received_for, case.originator, is_consented=is_consented),
        plan.assurance(book, case.assurance, label=label, marked=marked),
        plan.initiative(is_requested=case.requested),
    )


def _ranked(plan: Plan, segment: Segment, cells: tuple[Cell, ...]) -> list[tuple[int, Considered]]:
    """Every finding in words, the instruments in order of merit, each with its bit."""
    found = merits([cell.removed for cell in cells], len(plan.legs))
    columns = list(zip(*[cell.findings for cell in cells], strict=True))
    return [
        (
            bit,
            Considered(
                instrument=plan.names[bit],
                outcome=outcome,
                findings=columns[bit],
                contested=segment.contested[bit],
            ),
        )
        for outcome, bit in found
    ]


def _assumed(resting: Sequence[tuple[Considered, Finding | None]]) -> tuple[str, ...]:
    return tuple(
        f"{one.instrument}: {found.rule} ({found.ground.article})"
        for one, found in resting
        if found is not None and found.ground.evidence is Evidence.ASSUMED
    )


def _consents(case: Case, at: Instant, until: Instant | None) -> tuple[bool, Instant | None]:
    """Whether a consent works at the instant, and until when that and the law stay as they are."""
    if not case.consents:
        return False, until
    matching = rules.consents_for(case)
    bounds = [bound for one in matching for bound in (one.given_at, one.ends_at)]
    later = [bound for bound in (*bounds, until) if bound is not None and bound > at]
    return any(rules.runs_at(one, at) for one in matching), min(later, default=None)
