"""Decides from plans: the same answers as the reference, in microseconds.

A decision looks up one cell for each rule and intersects their masks; the reasons are the bits that
each rule removed. `outcome` stops there, `weigh` names the instrument, the obligations and the
bits, `decide` puts every finding into words.

Source: docs/spec/decide.md DEC-26 to DEC-29.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from msgspec import Struct
from whenever import Instant

from relto.decide import rules
from relto.decide.cell import FAIL_WEIGHT, Cell
from relto.decide.change import Change
from relto.decide.plan import Plan, Segment, keep
from relto.decide.view import LawView
from relto.limits import PLAN_ANSWERS_MAX, PLANS_MAX
from relto.model import (
    RULE_ORDER,
    Case,
    Considered,
    Decision,
    Evidence,
    Finding,
    Form,
    Obligation,
    Outcome,
    Rule,
)
from relto.units import InstrumentId, LevelId, PartyCode, SchemeId, TopicId

_FINDINGS_OF = attrgetter("findings")


class Removed(NamedTuple):
    """What one rule took away: bit `i` stands for the i-th instrument of the weighing."""

    rule: Rule
    failed: int
    asked: int


class Weighing(Struct, frozen=True, kw_only=True):
    """A decision with its reasons as bits: cheap to make, exact, and not yet in words.

    Args:
        outcome: As in `Decision`.
        instrument: As in `Decision`.
        obligations: As in `Decision`.
        markings: As in `Decision`.
        holds_until: As in `Decision`.
        instruments: All considered, by id; bit `i` of a mask is the i-th.
        cells: One for each rule, in rule order.
    """

    outcome: Outcome
    instrument: InstrumentId | None
    obligations: tuple[Obligation, ...]
    markings: tuple[LevelId, ...]
    holds_until: Instant | None
    instruments: tuple[InstrumentId, ...]
    cells: tuple[Cell, ...]

    @property
    def passes(self) -> int:
        """The instruments that permit."""
        return _passing(self.cells) if self.cells else 0

    @property
    def stands(self) -> int:
        """The instruments that permit or refer."""
        return _standing(self.cells) if self.cells else 0

    @property
    def removed(self) -> tuple[Removed, ...]:
        """For each rule in order, the instruments it denies and those it refers."""
        full = (1 << len(self.instruments)) - 1
        return tuple(
            Removed(rule, full & ~cell.stands, cell.stands & ~cell.passes)
            for rule, cell in zip(RULE_ORDER, self.cells, strict=bool(self.cells))
        )


NOTHING_LINKS: Final = Weighing(
    outcome=Outcome.DENY,
    instrument=None,
    obligations=(),
    markings=(),
    holds_until=None,
    instruments=(),
    cells=(),
)


class _Answer(Struct, frozen=True):
    """What a decision says apart from its instant and its end."""

    outcome: Outcome
    instrument: InstrumentId | None
    considered: tuple[Considered, ...]
    obligations: tuple[Obligation, ...]
    markings: tuple[LevelId, ...]
    assumed: tuple[str, ...]


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
        self._answers: dict[tuple[Cell, ...], _Answer] = {}
        self._scopes: dict[tuple[InstrumentId, tuple[TopicId, ...], Form], bool] = {}

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
        segment = plan.segment(at)
        is_consented, until = _consents(case, at, segment.holds_until)
        cells = _cells(plan, segment, case, is_consented=is_consented)
        key = (*cells, segment.force)
        answer = self._answers.get(key)
        if answer is None:
            answer = _answer(plan, segment, cells, case)
            keep(self._answers, key, answer, most=PLAN_ANSWERS_MAX)
        return Decision(
            outcome=answer.outcome,
            instrument=answer.instrument,
            considered=answer.considered,
            obligations=answer.obligations,
            markings=answer.markings,
            holds_until=until,
            assumed=answer.assumed,
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
        plan = self.plan(case.holder, case.recipient)
        if not plan.full:
            return NOTHING_LINKS
        segment = plan.segment(at)
        is_consented, until = _consents(case, at, segment.holds_until)
        cells = _cells(plan, segment, case, is_consented=is_consented)
        outcome, index = _best(plan, cells)
        obligations: tuple[Obligation, ...] = ()
        markings: tuple[LevelId, ...] = ()
        if outcome is not Outcome.DENY:
            markings = _markings(plan, segment, index, case)
            obligations = plan.owed(segment.book, index, markings, case)
        return Weighing(
            outcome=outcome,
            instrument=plan.names[index],
            obligations=obligations,
            markings=markings,
            holds_until=until,
            instruments=plan.names,
            cells=cells,
        )

    def outcome(self, case: Case, *, at: Instant) -> Outcome:
        """Decide one case without saying why.

        Args:
            case: The facts.
            at: The instant decided for.

        Source: docs/spec/decide.md DEC-27.
        """
        plan = self.plan(case.holder, case.recipient)
        if not plan.full:
            return Outcome.DENY
        segment = plan.segment(at)
        is_consented = bool(case.consents) and _consents(case, at, None)[0]
        return _outcome(_cells(plan, segment, case, is_consented=is_consented))

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
        found = _markings(plan, plan.segment(at), index, case)
        scheme = plan.legs[index].scheme
        assert scheme is not None
        assert found
        return scheme, found

    def may_cover(
        self, case: Case, instrument: InstrumentId, *, holder: PartyCode, at: Instant
    ) -> bool:
        """Say whether an instrument can carry an item at all from a holder, to whomever.

        False only where it would deny every hop of this holder: not in force in its reading, a
        topic outside its scope, a form it does not name. Cheaper than a plan; for searches.

        Args:
            case: The item; holder and recipient are not looked at.
            instrument: Which.
            holder: Whose reading counts.
            at: The instant decided for.

        Source: docs/spec/routes.md RT-2.
        """
        key = (instrument, case.topics, case.form)
        found = self._scopes.get(key)
        if found is None:
            terms, library = self.law.terms(instrument), self.law.library
            found = case.form in terms.forms.forms and all(
                rules.is_in_scope(terms.topics, topic, library) for topic in case.topics
            )
            keep(self._scopes, key, found, most=PLAN_ANSWERS_MAX)
        return found and rules.is_in_force(self.law.state(instrument, at=at, reading=holder))

    def plan(self, holder: PartyCode, recipient: PartyCode) -> Plan:
        """The plan of a pair, built on its first use."""
        pair = (holder, recipient)
        plan = self._plans.get(pair)
        if plan is None:
            plan = Plan(self.law, holder=holder, recipient=recipient)
            keep(self._plans, pair, plan, most=PLANS_MAX)
        return plan


def _cells(plan: Plan, segment: Segment, case: Case, *, is_consented: bool) -> tuple[Cell, ...]:
    """One cell for each rule, in rule order.

    The plainest facts are looked up here, since a call for each rule would cost more than the
    rule: an item of the holder's own, with nothing on its label but the level.
    """
    label, marked, originator, form = case.label, case.marked, case.originator, case.form
    is_plain = not label.categories and label.releasable_to is None and marked is None
    is_own = originator == plan.holder
    is_first = case.onward is None and case.provenance is None
    return (
        segment.force,
        segment.reliance,
        plan.plain_topology if is_first else plan.topology(case.onward, case.provenance),
        plan.topics.get(case.topics) or plan.topic(case.topics),
        plan.forms[form],
        (
            segment.book.levels.get(
                (label.scheme, label.level, form if plan.has_form_caps else None)
            )
            if marked is None
            else None
        )
        or plan.level(segment.book, label=label, marked=marked, form=form),
        (plan.caveats.get(label.scheme) if is_plain else None)
        or plan.caveat(label, marked, case.onward),
        plan.own_third_party if is_own else plan.third_party(originator, is_consented=is_consented),
        (plan.purposes.get(case.purpose) if is_own else None)
        or plan.purpose(case.purpose, case.received_for, originator, is_consented=is_consented),
        plan.no_assurance
        if case.assurance is None or not plan.has_assurance
        else plan.assurance(segment.book, case.assurance, label=label, marked=marked),
        plan.initiatives[case.requested],
    )


def _outcome(cells: tuple[Cell, ...]) -> Outcome:
    """Intersect the masks."""
    if not _standing(cells):
        return Outcome.DENY
    return Outcome.PERMIT if _passing(cells) else Outcome.REFER


def _standing(cells: tuple[Cell, ...]) -> int:
    """The instruments that permit or refer."""
    a, b, c, d, e, f, g, h, i, j, k = cells
    return (
        a.stands & b.stands & c.stands & d.stands & e.stands & f.stands
        & g.stands & h.stands & i.stands & j.stands & k.stands
    )  # fmt: skip


def _passing(cells: tuple[Cell, ...]) -> int:
    """The instruments that permit."""
    a, b, c, d, e, f, g, h, i, j, k = cells
    return (
        a.passes & b.passes & c.passes & d.passes & e.passes & f.passes
        & g.passes & h.passes & i.passes & j.passes & k.passes
    )  # fmt: skip


def _weights(plan: Plan, cells: tuple[Cell, ...]) -> tuple[int, ...]:
    """For each instrument, its fails and asks as one number."""
    a, b, c, d, e, f, g, h, i, j, k = cells
    total = (
        a.weight + b.weight + c.weight + d.weight + e.weight + f.weight
        + g.weight + h.weight + i.weight + j.weight + k.weight
    )  # fmt: skip
    return plan.weights.unpack(total.to_bytes(plan.weights.size, "little"))


def _best(plan: Plan, cells: tuple[Cell, ...]) -> tuple[Outcome, int]:
    """The outcome and the instrument that gives it: fewest fails, then asks, then the first id."""
    if passes := _passing(cells):
        return Outcome.PERMIT, (passes & -passes).bit_length() - 1
    weights = _weights(plan, cells)
    least = min(weights)
    return _outcome_of(least), weights.index(least)


def _answer(plan: Plan, segment: Segment, cells: tuple[Cell, ...], case: Case) -> _Answer:
    """Put every finding into words, the instruments in order of merit."""
    columns = zip(*map(_FINDINGS_OF, cells), strict=True)
    ranked = sorted(zip(_weights(plan, cells), range(len(plan.legs)), columns, strict=True))
    considered = tuple(
        Considered(
            instrument=plan.names[index],
            outcome=_outcome_of(weight),
            findings=findings,
            contested=segment.contested[index],
        )
        for weight, index, findings in ranked
    )
    best, index = considered[0], ranked[0][1]
    if best.outcome is Outcome.DENY:
        denying = [(one, one.reason) for one in considered]
        return _Answer(Outcome.DENY, best.instrument, considered, (), (), _assumed(denying))
    markings = _markings(plan, segment, index, case)
    return _Answer(
        best.outcome,
        best.instrument,
        considered,
        plan.owed(segment.book, index, markings, case),
        markings,
        _assumed([(best, found) for found in best.findings]),
    )


def _outcome_of(weight: int) -> Outcome:
    if weight == 0:
        return Outcome.PERMIT
    return Outcome.REFER if weight < FAIL_WEIGHT else Outcome.DENY


def _markings(plan: Plan, segment: Segment, index: int, case: Case) -> tuple[LevelId, ...]:
    return rules.markings_of(
        plan.legs[index], segment.book.tables[index], label=case.label, marked=case.marked
    )


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
