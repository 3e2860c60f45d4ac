"""The eleven rules, each defined once: facts and terms in, a finding out.

The reference applies them to one case in the plainest way; the plan applies them to every fact it
meets and keeps the answers as tables. A rule never sees the clock, and an unknown fact fails. Each
rule is total: it gives a finding whatever the other rules say.

Source: docs/spec/decide.md DEC-5 to DEC-17.
"""

from collections.abc import Iterable, Sequence

from whenever import Instant

from relto.decide.view import Leg, LibraryView
from relto.law import (
    STATES_IN_FORCE,
    CategoryEffect,
    Equivalence,
    Initiative,
    InitiativeKind,
    LevelCap,
    PurposeRule,
    Span,
    ThirdPartyKind,
    TopicScope,
    Topology,
    TopologyKind,
)
from relto.model import (
    Assurance,
    Case,
    Consent,
    Evidence,
    Finding,
    Form,
    Ground,
    Label,
    Rule,
    Verdict,
)
from relto.units import InstrumentId, LevelId, PartyCode, PurposeId, SchemeId, TopicId, covers

_EVIDENCE_ORDER = (Evidence.TEXT, Evidence.SECONDARY, Evidence.ASSUMED)


def in_force(leg: Leg, span: Span) -> Finding:
    """Is the instrument in force, in the holder's reading? (DEC-5)."""
    stated = leg.terms.force_ground
    ground = Ground(
        article=span.article or stated.article,
        evidence=max(stated.evidence, span.evidence, key=_EVIDENCE_ORDER.index),
        source=stated.source,
    )
    state = span.state.value.replace("-", " ")
    fact = span.cause if span.cause.startswith(state) else f"{state}: {span.cause}"
    if is_in_force(span):
        return _passes(Rule.IN_FORCE, ground, fact)
    return _fails(Rule.IN_FORCE, ground, fact, f"with {leg.terms.short} in force")


def is_in_force(span: Span | None) -> bool:
    """Tell whether a state lets information flow; an unknown instrument's does not."""
    return span is not None and span.state in STATES_IN_FORCE


def reliance(leg: Leg, spans: Sequence[Span | None]) -> Finding:
    """Are the instruments in force that protect this leg? (DEC-6).

    Args:
        leg: The instrument and the pair.
        spans: The state of each instrument in `leg.relied`; `None` where the law does not know it.
    """
    for clause, span in zip(leg.relied, spans, strict=True):
        if not is_in_force(span):
            state = "unknown" if span is None else f"{span.state.value}: {span.cause}"
            return _fails(
                Rule.RELIANCE,
                clause.ground,
                f"protected by {clause.instrument}, {state}",
                f"with {clause.instrument} in force",
            )
    if not leg.relied:
        return _passes(Rule.RELIANCE, leg.terms.force_ground, "relies on no other instrument here")
    names = ", ".join(clause.instrument for clause in leg.relied)
    return _passes(Rule.RELIANCE, leg.relied[0].ground, f"protected by {names}, in force")


def topology(leg: Leg, *, onward: PartyCode | None, provenance: InstrumentId | None) -> Finding:
    """May information take this hop under the instrument? (DEC-7, DEC-8)."""
    shape = leg.terms.topology
    if shape.kind is TopologyKind.DIRECT:
        return _passes(Rule.TOPOLOGY, shape.ground, "direct between the two")
    if shape.kind is TopologyKind.CIRCLE:
        return _passes(Rule.TOPOLOGY, shape.ground, "both are members of the circle")
    if leg.holder == shape.intermediary:
        return _from_hub(leg, shape, onward=onward, provenance=provenance)
    if leg.recipient == shape.intermediary:
        return _to_hub(leg, shape, onward=onward)
    return _fails(Rule.TOPOLOGY, shape.ground, f"goes only through {shape.intermediary}")


def _to_hub(leg: Leg, shape: Topology, *, onward: PartyCode | None) -> Finding:
    if onward is None:
        return _fails(
            Rule.TOPOLOGY, shape.ground, "names no final recipient beyond the intermediary"
        )
    if onward not in leg.terms.parties or onward in {leg.holder, leg.recipient}:
        return _fails(Rule.TOPOLOGY, shape.ground, f"{onward} is no final recipient under it")
    return _passes(Rule.TOPOLOGY, shape.ground, f"first leg, through {leg.recipient} to {onward}")


def _from_hub(
    leg: Leg, shape: Topology, *, onward: PartyCode | None, provenance: InstrumentId | None
) -> Finding:
    if provenance != leg.terms.id:
        came = "is the holder's own" if provenance is None else f"came in under {provenance}"
        return _fails(
            Rule.TOPOLOGY, shape.ground, f"passes on only what came in under it; this {came}"
        )
    if onward is not None and onward != leg.recipient:
        return _fails(Rule.TOPOLOGY, shape.ground, f"{onward} lies beyond the second leg")
    return _passes(Rule.TOPOLOGY, shape.ground, f"second leg, from {leg.holder}")


def topic(leg: Leg, topics: Iterable[TopicId], *, library: LibraryView) -> Finding:
    """Does the scope cover every topic of the item? (DEC-9)."""
    scope = leg.terms.topics
    named = sorted(set(topics))
    if not named:
        return _fails(Rule.TOPIC, scope.ground, "the item names no topic")
    outside = [one for one in named if not is_in_scope(scope, one, library)]
    if not outside:
        return _passes(Rule.TOPIC, scope.ground, f"covers {', '.join(named)}")
    words = [one if one in library.topics else f"{one} (unknown)" for one in outside]
    remedy = f"without {', '.join(outside)}" if len(outside) < len(named) else ""
    return _fails(Rule.TOPIC, scope.ground, f"does not cover {', '.join(words)}", remedy)


def is_in_scope(scope: TopicScope, one: TopicId, library: LibraryView) -> bool:
    """One topic against a scope; one above an excluded topic might be about it, so it is out."""
    if one not in library.topics:
        return False
    if any(covers(out, one) or covers(one, out) for out in scope.excluded):
        return False
    return scope.is_open or any(covers(root, one) for root in scope.topics)


def form(leg: Leg, shape: Form) -> Finding:
    """Does the instrument cover the item's form? (DEC-10)."""
    scope, allowed = leg.terms.forms, allowed_forms(leg)
    if shape in allowed:
        return _passes(Rule.FORM, scope.ground, f"covers {shape.value}")
    names = ", ".join(one.value for one in allowed)
    remedy = f"as one of {names}" if allowed else ""
    return _fails(Rule.FORM, scope.ground, f"does not cover {shape.value}", remedy)


def allowed_forms(leg: Leg) -> tuple[Form, ...]:
    """The forms it covers; where it says so only those the protecting instrument covers."""
    scope = leg.terms.forms
    lent = () if leg.protecting is None else leg.protecting.forms.forms
    return tuple(
        one
        for one in Form
        if one in scope.forms and (one in lent or not scope.is_within_protecting)
    )


def has_scheme(table: Equivalence, scheme: SchemeId) -> bool:
    """Tell whether a table has any level of a scheme."""
    return any(scheme in row.levels for row in table.rows)


def row_of(
    leg: Leg, table: Equivalence | None, *, label: Label, marked: Label | None
) -> int | None:
    """The row of a table in which a label stands; `None` when it stands in none (DEC-11).

    The holder's own marking counts only where the table does not know the originator's scheme, and
    the law does: a marking beside a level that nobody knows is an equivalent of nothing.

    Args:
        leg: The instrument and the pair.
        table: The table valid at the instant; `None` when there is none.
        label: The originator's label.
        marked: The holder's own marking of a received item.

    Returns:
        The index, 0 for the lowest row; the highest where a level stands in several.
    """
    if table is None:
        return None
    used = label
    if marked is not None and not has_scheme(table, label.scheme):
        scheme = leg.schemes.get(label.scheme)
        if scheme is None or scheme.level(label.level) is None:
            return None
        used = marked
    for index, row in reversed(tuple(enumerate(table.rows))):
        if used.level in row.levels.get(used.scheme, ()):
            return index
    return None


def markings_of(
    leg: Leg, table: Equivalence | None, *, label: Label, marked: Label | None
) -> tuple[LevelId, ...]:
    """The recipient's own levels that correspond to a label, the default first; else empty."""
    row = row_of(leg, table, label=label, marked=marked)
    if table is None or row is None or leg.scheme is None:
        return ()
    return table.rows[row].levels.get(leg.scheme, ())


def level(
    leg: Leg, table: Equivalence | None, *, label: Label, marked: Label | None, shape: Form
) -> Finding:
    """Has the level an equivalent at the instant, within the caps? (DEC-11 to DEC-13)."""
    name = f"{label.scheme}:{label.level}"
    if table is None:
        return _fails(Rule.LEVEL, leg.terms.force_ground, f"no table of levels is valid for {name}")
    row = row_of(leg, table, label=label, marked=marked)
    if row is None:
        return _fails(Rule.LEVEL, table.ground, f"{name} has no equivalent")
    equal = markings_of(leg, table, label=label, marked=marked)
    if not equal:
        return _fails(Rule.LEVEL, table.ground, f"{name} has no equivalent for {leg.recipient}")
    order = [one.id for one in table.rows]
    for cap in caps_of(leg):
        if cap.form not in {None, shape}:
            continue
        if cap.row not in order:
            return _fails(Rule.LEVEL, cap.ground, f"the cap {cap.row} is not in the table")
        if row > order.index(cap.row):
            as_what = "" if cap.form is None else f" as {cap.form.value}"
            fact = f"{name} is {order[row]}, above the cap {cap.row}{as_what}"
            return _fails(Rule.LEVEL, cap.ground, fact, f"with the item downgraded to {cap.row}")
    return _passes(Rule.LEVEL, table.ground, f"{name} is {order[row]}: {' or '.join(equal)}")


def caps_of(leg: Leg) -> tuple[LevelCap, ...]:
    """Its own caps, and with a borrowed table also those of the instrument that lends it."""
    if leg.terms.equivalence or leg.protecting is None:
        return leg.terms.caps
    return leg.terms.caps + leg.protecting.caps


def caveat(
    leg: Leg, *, label: Label, marked: Label | None, onward: PartyCode | None, library: LibraryView
) -> Finding:
    """Do the label's own words forbid this recipient? The same for every instrument (DEC-14)."""
    for one in (label,) if marked is None else (label, marked):
        ground = _words_of(one)
        scheme = library.schemes.get(one.scheme)
        for name in sorted(set(one.categories)):
            category = None if scheme is None else scheme.category(name)
            if category is None:
                return _fails(Rule.CAVEAT, ground, f"category {name} is unknown")
            if category.effect is not CategoryEffect.HANDLING:
                fact, remedy = f"category {name} forbids release", f"with {name} lifted"
                return _fails(Rule.CAVEAT, category.ground, fact, remedy)
        for reader in (leg.recipient,) if onward is None else (leg.recipient, onward):
            if one.releasable_to is not None and reader not in one.releasable_to:
                remedy = f"with {reader} added to the label"
                return _fails(Rule.CAVEAT, ground, f"not releasable to {reader}", remedy)
    return _passes(Rule.CAVEAT, _words_of(label), "no category and no list forbids it")


def _words_of(label: Label) -> Ground:
    return Ground(article=f"scheme {label.scheme}", evidence=Evidence.TEXT, source="the label")


def is_third_party(leg: Leg, originator: PartyCode) -> bool:
    """Tell whether the originator is neither of the two (DEC-15)."""
    return originator not in {leg.holder, leg.recipient}


def third_party(leg: Leg, *, originator: PartyCode, is_consented: bool) -> Finding:
    """May the holder pass on what it did not make? (DEC-15)."""
    rule = leg.terms.third_party
    if not is_third_party(leg, originator):
        return _passes(Rule.THIRD_PARTY, rule.ground, f"made by {originator}, one of the two")
    if originator not in leg.parties:
        return _fails(Rule.THIRD_PARTY, rule.ground, f"originator {originator} is unknown")
    if is_consented:
        fact = f"{originator} has consented to release to {leg.recipient}"
        return _passes(Rule.THIRD_PARTY, rule.ground, fact)
    if rule.kind is ThirdPartyKind.CIRCLE_EXEMPT and originator in leg.terms.parties:
        return _passes(Rule.THIRD_PARTY, rule.ground, f"{originator} is a member of the circle")
    fact = f"made by {originator}, without its consent to release to {leg.recipient}"
    remedy = f"with {originator}'s consent to release to {leg.recipient}"
    if rule.kind is ThirdPartyKind.CONSENT_PROCEDURE:
        return _asks(Rule.THIRD_PARTY, rule.ground, fact, remedy)
    return _fails(Rule.THIRD_PARTY, rule.ground, fact, remedy)


def consents_for(case: Case) -> tuple[Consent, ...]:
    """The consents of a case that speak to it, whenever they run (DEC-16).

    Returns:
        In the case's order; empty when the item's originator is the holder or the recipient.
    """
    if case.originator in {case.holder, case.recipient}:
        return ()
    return tuple(
        one
        for one in case.consents
        if one.originator == case.originator
        and one.recipient == case.recipient
        and _speaks_to_item(one, case)
        and _speaks_to_purpose(one, case)
    )


def _speaks_to_item(consent: Consent, case: Case) -> bool:
    if consent.holding is None and not consent.topics:
        return False
    if consent.holding is not None and consent.holding != case.holding:
        return False
    return not consent.topics or all(
        any(covers(root, one) for root in consent.topics) for one in case.topics
    )


def _speaks_to_purpose(consent: Consent, case: Case) -> bool:
    if case.purpose is None:
        return False
    if consent.purposes:
        return any(covers(root, case.purpose) for root in consent.purposes)
    return case.received_for is not None and covers(case.received_for, case.purpose)


def runs_at(consent: Consent, at: Instant) -> bool:
    """Tell whether a consent works at an instant; half-open."""
    return consent.given_at <= at and (consent.ends_at is None or at < consent.ends_at)


def purpose(
    leg: Leg,
    *,
    wanted: PurposeId | None,
    received_for: PurposeId | None,
    originator: PartyCode,
    is_consented: bool,
    library: LibraryView,
) -> Finding:
    """Is the purpose allowed, and for a received item the one it was given for? (DEC-17)."""
    rule = leg.terms.purposes
    if wanted is not None and wanted not in library.purposes:
        return _fails(Rule.PURPOSE, rule.ground, f"purpose {wanted} is unknown")
    is_received = is_third_party(leg, originator)
    if not is_for(rule, wanted):
        remedy = f"with one of the purposes {', '.join(rule.purposes)}"
        if is_received:
            remedy = _with_its_purpose(leg, wanted, received_for, library)
        fact = f"covers only {', '.join(rule.purposes)}; stated: {wanted or 'none'}"
        return _fails(Rule.PURPOSE, rule.ground, fact, remedy)
    if is_received and not is_consented:
        if wanted is None:
            remedy = _with_its_purpose(leg, wanted, received_for, library)
            fact = "a received item, and no purpose is stated"
            return _fails(Rule.PURPOSE, rule.ground, fact, remedy)
        if received_for is None or not covers(received_for, wanted):
            fact = f"received for {received_for or 'an unknown purpose'}, wanted for {wanted}"
            remedy = f"with {originator}'s consent to the purpose {wanted}"
            return _fails(Rule.PURPOSE, rule.ground, fact, remedy)
    return _passes(Rule.PURPOSE, rule.ground, f"purpose {wanted or 'not stated'}; no other use")


def is_for(rule: PurposeRule, wanted: PurposeId | None) -> bool:
    """One purpose against a rule; where none is stated only an open rule covers it."""
    return rule.is_open or any(covers(root, wanted or "") for root in rule.purposes)


def _with_its_purpose(
    leg: Leg, wanted: PurposeId | None, received_for: PurposeId | None, library: LibraryView
) -> str:
    """Where no purpose is stated, the one that an item was received for would do."""
    rule = leg.terms.purposes
    if wanted is not None or received_for is None or received_for not in library.purposes:
        return ""
    if not is_for(rule, received_for):
        return ""
    return f"with the purpose {received_for} stated"


def assurance(leg: Leg, given: Assurance | None, *, markings: tuple[LevelId, ...]) -> Finding:
    """Has the receiver assured that the reader is cleared, needs it and will protect it? (DEC-18).

    Args:
        leg: The instrument and the pair.
        given: The receiver's statement.
        markings: The recipient's own levels for the item; the reader must reach one of them.
    """
    rule = leg.terms.assurance
    if not rule.is_required:
        return _passes(Rule.ASSURANCE, rule.ground, "none required")
    remedy = f"with {leg.recipient}'s assurance"
    if given is None:
        return _asks(Rule.ASSURANCE, rule.ground, "required and not given", remedy)
    if not given.needs_access or not given.will_protect:
        lack = "need" if not given.needs_access else "protection"
        return _fails(Rule.ASSURANCE, rule.ground, f"the statement denies {lack}", remedy)
    rungs = [leg.ladder.index(one) for one in markings if one in leg.ladder]
    if given.cleared_to not in leg.ladder or not rungs:
        return _fails(
            Rule.ASSURANCE, rule.ground, f"clearance {given.cleared_to} cannot be compared"
        )
    if leg.ladder.index(given.cleared_to) < min(rungs):
        needed = leg.ladder[min(rungs)]
        fact = f"cleared to {given.cleared_to}, needed {needed}"
        return _fails(Rule.ASSURANCE, rule.ground, fact, f"with a reader cleared to {needed}")
    return _passes(Rule.ASSURANCE, rule.ground, f"given, cleared to {given.cleared_to}")


def initiative(leg: Leg, *, is_requested: bool) -> Finding:
    """Does a release need a request, or a decision of its own each time? (DEC-19)."""
    rule = leg.terms.initiative
    if awaits_request(rule, is_requested=is_requested):
        fact = "on request, and nobody has asked"
        return _fails(Rule.INITIATIVE, rule.ground, fact, f"with a request from {leg.recipient}")
    if rule.kind is InitiativeKind.STANDING:
        return _passes(Rule.INITIATIVE, rule.ground, "standing")
    if rule.kind is InitiativeKind.CASE_BY_CASE:
        return _asks(Rule.INITIATIVE, rule.ground, "each release is decided by itself", "")
    return _passes(Rule.INITIATIVE, rule.ground, f"requested by {leg.recipient}")


def awaits_request(rule: Initiative, *, is_requested: bool) -> bool:
    """Tell whether nothing may be released before somebody asks, and nobody has."""
    return rule.kind is InitiativeKind.ON_REQUEST and not is_requested


def _passes(rule: Rule, ground: Ground, fact: str) -> Finding:
    return Finding(rule=rule, verdict=Verdict.PASS, ground=ground, fact=fact)


def _asks(rule: Rule, ground: Ground, fact: str, remedy: str) -> Finding:
    return Finding(rule=rule, verdict=Verdict.ASK, ground=ground, fact=fact, remedy=remedy)


def _fails(rule: Rule, ground: Ground, fact: str, remedy: str = "") -> Finding:
    return Finding(rule=rule, verdict=Verdict.FAIL, ground=ground, fact=fact, remedy=remedy)
