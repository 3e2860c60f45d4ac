"""The decision, as plainly as it can be written: normative, no tables, no cleverness.

Where another execution differs from this file, the other one is wrong.

Source: docs/spec/decide.md, which quotes it.
"""

from whenever import Instant

from relto.decide import rules
from relto.decide.obligations import obligations_of
from relto.decide.view import LawView, Leg, leg_of, links_of, state_of, table_at
from relto.law import Span
from relto.model import Case, Considered, Decision, Evidence, Finding, Outcome, Verdict

_OUTCOME_ORDER = (Outcome.PERMIT, Outcome.REFER, Outcome.DENY)


def decide(law: LawView, case: Case, *, at: Instant) -> Decision:
    """May the holder release this to the recipient, at this instant, in the holder's reading?

    Args:
        law: The law.
        case: All facts besides the law and the instant.
        at: The instant decided for.

    Returns:
        The decision, with a finding for each rule of each instrument that links the two.

    Source: docs/spec/decide.md DEC-1 to DEC-25.
    """
    legs = [
        leg_of(law, one, holder=case.holder, recipient=case.recipient)
        for one in links_of(law, holder=case.holder, recipient=case.recipient)
    ]
    ranked = sorted(
        ((_consider(law, leg, case, at), leg) for leg in legs), key=lambda p: _rank(p[0])
    )
    considered = tuple(one for one, _ in ranked)
    best, leg = ranked[0] if ranked else (None, None)
    outcome = Outcome.DENY if best is None else best.outcome
    released = leg if outcome is not Outcome.DENY else None
    table = None if released is None else table_at(released, at)
    markings = (
        ()
        if released is None
        else rules.markings_of(released, table, label=case.label, marked=case.marked)
    )
    return Decision(
        outcome=outcome,
        instrument=None if best is None else best.instrument,
        considered=considered,
        obligations=()
        if released is None
        else obligations_of(
            released, table, markings=markings, originator=case.originator, purpose=case.purpose
        ),
        markings=markings,
        holds_until=_holds_until(law, legs, case, at),
        assumed=_assumed(considered),
        at=at,
        reading=case.holder,
    )


def _consider(law: LawView, leg: Leg, case: Case, at: Instant) -> Considered:
    """Every rule of one instrument, in the fixed order; any fail denies, else any ask refers."""
    findings = _findings(law, leg, case, at)
    verdicts = {found.verdict for found in findings}
    outcome = Outcome.PERMIT
    if Verdict.ASK in verdicts:
        outcome = Outcome.REFER
    if Verdict.FAIL in verdicts:
        outcome = Outcome.DENY
    ours = law.state(leg.terms.id, at=at, reading=case.holder)
    theirs = law.state(leg.terms.id, at=at, reading=case.recipient)
    contested = "" if ours.state is theirs.state else contested_words(case.recipient, theirs)
    return Considered(
        instrument=leg.terms.id, outcome=outcome, findings=findings, contested=contested
    )


def contested_words(reader: str, span: Span) -> str:
    """How the other party reads the state, in words."""
    return f"{reader} reads {span.state.value}: {span.cause}"


def _findings(law: LawView, leg: Leg, case: Case, at: Instant) -> tuple[Finding, ...]:
    span = law.state(leg.terms.id, at=at, reading=case.holder)
    relied = [state_of(law, one.instrument, at=at, reading=case.holder) for one in leg.relied]
    table = table_at(leg, at)
    markings = rules.markings_of(leg, table, label=case.label, marked=case.marked)
    is_consented = any(rules.runs_at(one, at) for one in rules.consents_for(case))
    return (
        rules.in_force(leg, span),
        rules.reliance(leg, relied),
        rules.topology(leg, onward=case.onward, provenance=case.provenance),
        rules.topic(leg, case.topics, library=law.library),
        rules.form(leg, case.form),
        rules.level(leg, table, label=case.label, marked=case.marked, shape=case.form),
        rules.caveat(
            leg, label=case.label, marked=case.marked, onward=case.onward, library=law.library
        ),
        rules.third_party(leg, originator=case.originator, is_consented=is_consented),
        rules.purpose(
            leg,
            wanted=case.purpose,
            received_for=case.received_for,
            originator=case.originator,
            is_consented=is_consented,
            library=law.library,
        ),
        rules.assurance(leg, case.assurance, markings=markings),
        rules.initiative(leg, is_requested=case.requested),
    )


def _rank(one: Considered) -> tuple[int, int, int, str]:
    """The best outcome first; then fewer fails, fewer asks, and the instrument's id."""
    verdicts = [found.verdict for found in one.findings]
    fails, asks = verdicts.count(Verdict.FAIL), verdicts.count(Verdict.ASK)
    return _OUTCOME_ORDER.index(one.outcome), fails, asks, one.instrument


def _holds_until(law: LawView, legs: list[Leg], case: Case, at: Instant) -> Instant | None:
    """The first bound after `at` of any span, table or consent that was looked at."""
    bounds: list[Instant | None] = []
    for leg in legs:
        for one in (leg.terms.id, *(clause.instrument for clause in leg.relied)):
            if state_of(law, one, at=at, reading=case.holder) is not None:
                bounds += [span.end for span in law.spans(one, reading=case.holder)]
        bounds += [bound for table in leg.tables for bound in (table.valid_from, table.valid_until)]
        bounds += [b for one in rules.consents_for(case) for b in (one.given_at, one.ends_at)]
    return min((bound for bound in bounds if bound is not None and bound > at), default=None)


def _assumed(considered: tuple[Considered, ...]) -> tuple[str, ...]:
    """The rules with evidence `assumed` that the answer rests on: on deny, those that deny."""
    if not considered:
        return ()
    denied = considered[0].outcome is Outcome.DENY
    resting = [
        (one, found)
        for one in (considered if denied else considered[:1])
        for found in ((one.reason,) if denied else one.findings)
        if found is not None and found.ground.evidence is Evidence.ASSUMED
    ]
    return tuple(
        f"{one.instrument}: {found.rule} ({found.ground.article})" for one, found in resting
    )
