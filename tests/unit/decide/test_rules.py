"""Each rule by hand: what passes, what asks, what fails, and what would change it."""

import pytest
from msgspec.structs import replace

from relto.decide import Planner, decide
from relto.law import Equivalence, EquivalenceRow, PurposeRule, State
from relto.model import RULE_ORDER, Evidence, Form, Ground, Outcome
from tests.unit.decide.rule_rows import RULES
from tests.unit.decide.world import (
    AFTER,
    ALL,
    BEFORE,
    CASE,
    CONSENT,
    FIRST_LEG,
    FOR_EVER,
    LAPSE,
    LAPSING,
    LEG_ONE,
    LEG_TWO,
    PACT,
    SECOND_LEG,
    THROUGH,
    ground,
    label,
    law_of,
    span,
    table,
)


def found(law, case, rule, *, instrument, at=BEFORE):
    """What one rule of one instrument says; the plan must say the same."""
    decision = decide(law, case, at=at)
    assert Planner(law).decide(case, at=at) == decision
    one = next(each for each in decision.considered if each.instrument == instrument)
    return one.findings[RULE_ORDER.index(rule)]


@pytest.mark.parametrize("row", RULES.values(), ids=RULES)
def test_a_rule_says_what_it_should(row):
    instrument, case, rule, verdict, fact, remedy = row
    one = found(law_of(*ALL), case, rule, instrument=instrument.id)
    assert (one.rule, one.verdict) == (rule, verdict)
    assert (one.fact, one.remedy) == (fact, remedy)
    assert one.ground.source in {"by hand", "the label", "made up"}


def test_a_pact_ends_at_the_instant_it_ends_and_not_before():
    """DEC-5: half-open, and the ground is the provision under which the state began."""
    law = law_of(PACT, lives={"pact": LAPSING}.items())
    last = found(law, CASE, "in-force", instrument="pact", at=LAPSE.subtract(nanoseconds=1))
    first = found(law, CASE, "in-force", instrument="pact", at=LAPSE)
    assert (last.verdict, last.ground.article) == ("pass", "21(1)")
    assert (first.verdict, first.ground.article) == ("fail", "21(3)")
    assert (last.fact, last.remedy) == ("notice given: an act", "")
    assert (first.fact, first.remedy) == ("ended: an act", "with the pact in force")
    assert first.ground == Ground(article="21(3)", evidence=Evidence.SECONDARY, source="by hand")


def test_a_cause_that_names_the_state_is_not_introduced_by_it():
    """DEC-5."""
    life = (replace(span(State.NOTICE_GIVEN), cause="notice given by BBB"),)
    one = found(law_of(PACT, lives=[("pact", life)]), CASE, "in-force", instrument="pact")
    assert one.fact == "notice given by BBB"


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        (State.UNKNOWN, "fail"),
        (State.SIGNED, "fail"),
        (State.IN_FORCE, "pass"),
        (State.NOTICE_GIVEN, "pass"),
        (State.NOTICE_SUSPENDED, "pass"),
        (State.OPERATION_SUSPENDED, "fail"),
        (State.ENDED, "fail"),
    ],
)
def test_only_states_in_force_let_information_flow(state, verdict):
    """DEC-5."""
    law = law_of(PACT, lives=[("pact", (span(state),))])
    assert found(law, CASE, "in-force", instrument="pact").verdict == verdict


@pytest.mark.parametrize(
    "unknown", [label("no-such-level"), label("low", "no-such-scheme")], ids=["level", "scheme"]
)
def test_a_marking_does_not_stand_for_a_level_that_nobody_knows(unknown):
    """DEC-11, DEC-20: the holder's own marking of it is an equivalent of nothing."""
    case = replace(SECOND_LEG, label=unknown, provenance=None, consents=(CONSENT,))
    law = law_of(LEG_TWO)
    assert found(law, replace(case, label=label("low")), "level", instrument="leg-two").verdict == (
        "pass"
    )
    one = found(law, case, "level", instrument="leg-two")
    assert (one.verdict, one.remedy) == ("fail", "")
    assert decide(law, case, at=BEFORE).outcome is Outcome.DENY


def test_a_level_of_several_rows_counts_as_the_highest():
    """DEC-11, DEC-13: it does not pass under a cap as less than it may be."""
    several = Equivalence(
        id="v1",
        rows=(
            EquivalenceRow(id="LOWER", levels={"aaa": ("low", "middle"), "bbb": ("low",)}),
            EquivalenceRow(id="UPPER", levels={"aaa": ("middle",), "bbb": ("high",)}),
        ),
        ground=ground("4(2)"),
    )
    pact = replace(PACT, equivalence=(several,))
    case = replace(CASE, label=label("middle"))
    assert "UPPER: high" in found(law_of(pact), case, "level", instrument="pact").fact
    capped = replace(case, form=Form.ELECTRONIC)
    assert found(law_of(pact), capped, "level", instrument="pact").verdict == "fail"


def test_a_leg_is_gone_with_the_instrument_that_protects_it():
    """DEC-6: in the holder's reading, and unknown is gone as well."""
    law = law_of(*ALL, lives=[("leg-one", LAPSING)])
    assert found(law, FIRST_LEG, "reliance", instrument="through").verdict == "pass"
    after = found(law, FIRST_LEG, "reliance", instrument="through", at=LAPSE)
    assert after.verdict == "fail"
    assert after.fact == "protected by leg-one, ended: an act"
    assert after.remedy == "with leg-one in force"
    lost = found(law_of(THROUGH), FIRST_LEG, "reliance", instrument="through")
    assert (lost.verdict, lost.fact) == ("fail", "protected by leg-one, unknown")


def test_a_cap_outside_the_table_fails():
    """DEC-13."""
    capped = replace(PACT, caps=(replace(PACT.caps[0], row="NOWHERE", form=None),))
    one = found(law_of(capped), CASE, "level", instrument="pact")
    assert (one.verdict, one.fact) == ("fail", "the cap NOWHERE is not in the table")
    capped = replace(PACT, caps=(replace(PACT.caps[0], form=None),))
    case = replace(CASE, label=label("middle"))
    one = found(law_of(capped), case, "level", instrument="pact")
    assert one.fact == "aaa:middle is UPPER, above the cap LOWER"


def test_a_borrowed_table_comes_with_its_lenders_caps():
    """DEC-13."""
    capped = replace(LEG_ONE, caps=(replace(PACT.caps[0], form=None),))
    case = replace(FIRST_LEG, label=label("middle"))
    one = found(law_of(THROUGH, capped, LEG_TWO), case, "level", instrument="through")
    assert one.verdict == "fail"


def test_a_row_without_the_recipients_scheme_is_no_equivalent():
    """DEC-11."""
    foreign = replace(PACT, equivalence=(table("aaa", "ccc"),))
    one = found(law_of(foreign), CASE, "level", instrument="pact")
    assert (one.rule, one.fact) == ("level", "aaa:low has no equivalent for BBB")


def test_a_table_counts_only_while_it_is_valid():
    """DEC-11: half-open at both ends."""
    dated = replace(PACT, equivalence=(table("aaa", "bbb", valid_from=BEFORE, valid_until=LAPSE),))
    law = law_of(dated)
    for at, verdict in (
        (BEFORE.subtract(nanoseconds=1), "fail"),
        (BEFORE, "pass"),
        (LAPSE.subtract(nanoseconds=1), "pass"),
        (LAPSE, "fail"),
    ):
        assert found(law, CASE, "level", instrument="pact", at=at).verdict == verdict


CONSENTS = {
    "for another recipient": {"recipient": "DDD"},
    "by somebody else": {"originator": "CCC"},
    "on other topics": {"topics": ("prc",)},
    "on nothing at all": {"topics": ()},
    "for another item": {"holding": "item-2"},
    "for another purpose": {"purposes": ("relief",)},
    "not yet": {"given_at": LAPSE},
    "no longer": {"ends_at": BEFORE},
}


@pytest.mark.parametrize("change", CONSENTS.values(), ids=CONSENTS)
def test_a_consent_that_speaks_to_something_else_opens_nothing(change):
    """DEC-16."""
    case = replace(SECOND_LEG, holding="item-1", consents=(replace(CONSENT, **change),))
    assert found(law_of(*ALL), case, "third-party", instrument="leg-two").verdict == "fail"


OPENING = {
    "for this item": {"holding": "item-1", "topics": ()},
    "for this item and its topics": {"holding": "item-1"},
    "for a wider purpose": {"purposes": ("defence",)},
    "for the purpose it was received for": {"purposes": ()},
    "from this instant": {"given_at": BEFORE},
    "without an end": {"ends_at": None},
}


@pytest.mark.parametrize("change", OPENING.values(), ids=OPENING)
def test_a_consent_that_speaks_to_the_case_opens_the_way(change):
    """DEC-16."""
    case = replace(SECOND_LEG, holding="item-1", consents=(replace(CONSENT, **change),))
    assert found(law_of(*ALL), case, "third-party", instrument="leg-two").verdict == "pass"


def test_a_consent_without_purposes_is_for_the_one_received_for():
    """DEC-16."""
    for change in ({"purpose": None}, {"received_for": None}, {"received_for": "relief"}):
        case = replace(SECOND_LEG, consents=(CONSENT,), **change)
        assert found(law_of(*ALL), case, "third-party", instrument="leg-two").verdict == "fail"


def test_a_consent_to_a_new_purpose_lets_it_be_used_so():
    """DEC-17."""
    consent = replace(CONSENT, purposes=("defence.warning",))
    case = replace(SECOND_LEG, received_for="relief", consents=(consent,))
    assert found(law_of(*ALL), case, "purpose", instrument="leg-two").verdict == "pass"


def test_an_unknown_recipient_has_no_scheme_and_no_equivalent():
    """DEC-20."""
    strangers = replace(PACT, parties=("AAA", "ZZZ"))
    law = law_of(strangers)
    one = found(law, replace(CASE, recipient="ZZZ"), "level", instrument="pact")
    assert one.verdict == "fail"
    assert decide(law, replace(CASE, recipient="ZZZ"), at=BEFORE).outcome is Outcome.DENY


def test_the_decision_names_the_reading_it_was_taken_in():
    """DEC-1, DEC-22: the holder reads, and what the recipient reads otherwise is told."""
    law = law_of(PACT, readings={("pact", "BBB"): (span(State.ENDED),)})
    ours = decide(law, CASE, at=BEFORE)
    assert (ours.reading, ours.outcome) == ("AAA", Outcome.PERMIT)
    assert ours.considered[0].contested == "BBB reads ended: an act"
    theirs = replace(
        CASE, holder="BBB", recipient="AAA", originator="BBB", label=label("low", "bbb")
    )
    assert decide(law, theirs, at=BEFORE).outcome is Outcome.DENY
    assert Planner(law).decide(CASE, at=BEFORE) == ours


def test_the_consent_of_a_moment_bounds_the_answer():
    """DEC-21."""
    case = replace(SECOND_LEG, consents=(CONSENT,))
    law = law_of(*ALL)
    assert decide(law, case, at=BEFORE).holds_until == AFTER
    assert decide(law, case, at=BEFORE.subtract(nanoseconds=1)).holds_until == BEFORE
    assert decide(law, case, at=AFTER).holds_until is None
    assert decide(law, replace(case, originator="CCC"), at=BEFORE).holds_until is None


def test_the_evidence_of_the_weakest_part_counts():
    """DEC-5, DEC-25."""
    decision = decide(law_of(*ALL), FIRST_LEG, at=BEFORE)
    through = next(one for one in decision.considered if one.instrument == "through")
    assert through.findings[0].ground.evidence == "assumed"
    only = decide(law_of(THROUGH, LEG_TWO, replace(LEG_ONE, parties=("AAA", "DDD"))), FIRST_LEG,
                  at=BEFORE)  # fmt: skip
    assert only.assumed == ("through: in-force (effective)",)


def test_a_denial_rests_on_its_first_failing_rules():
    """DEC-25: what is assumed and does not deny is not listed."""
    weak = replace(PACT, initiative=replace(PACT.initiative, ground=ground("x", Evidence.ASSUMED)))
    assert decide(law_of(weak), replace(CASE, requested=False), at=BEFORE).assumed == (
        "pact: initiative (x)",
    )
    assert decide(law_of(weak), replace(CASE, topics=("moon",)), at=BEFORE).assumed == ()


def test_every_instrument_that_protects_a_leg_is_named():
    """DEC-6."""
    both = replace(
        THROUGH,
        reliance=tuple(replace(clause, parties=()) for clause in THROUGH.reliance),
    )
    one = found(law_of(both, LEG_ONE, LEG_TWO), FIRST_LEG, "reliance", instrument="through")
    assert (one.verdict, one.fact) == ("pass", "protected by leg-one, leg-two, in force")


def test_a_cap_for_another_form_hides_no_cap_behind_it():
    """DEC-13: in whatever order they stand."""
    here, anywhere = PACT.caps[0], replace(PACT.caps[0], form=None)
    case = replace(CASE, label=label("middle"), form=Form.DOCUMENT)
    for caps in ((here, anywhere), (anywhere, here)):
        one = found(law_of(replace(PACT, caps=caps)), case, "level", instrument="pact")
        assert (one.verdict, one.fact) == ("fail", "aaa:middle is UPPER, above the cap LOWER")


def test_every_purpose_of_a_closed_list_is_named():
    """DEC-17."""
    two = replace(
        PACT, purposes=PurposeRule(is_open=False, purposes=("relief", "XXXX"), ground=ground("6"))
    )
    for wanted, stated in (("defence", "defence"), (None, "none")):
        one = found(law_of(two), replace(CASE, purpose=wanted), "purpose", instrument="pact")
        assert one.fact == f"covers only relief, XXXX; stated: {stated}"
        assert one.remedy == "with one of the purposes relief, XXXX"


def test_a_labels_own_words_are_evidence_by_themselves():
    """DEC-14."""
    one = found(law_of(PACT), CASE, "caveat", instrument="pact")
    assert one.ground == Ground(article="scheme aaa", evidence=Evidence.TEXT, source="the label")


def test_what_protects_a_leg_is_read_as_the_holder_reads_it():
    """DEC-1, DEC-6: and not as the recipient does, nor as everybody else."""
    ended = (span(State.ENDED),)
    for readings, verdict in (
        ({("leg-one", "AAA"): ended}, "fail"),
        ({("leg-one", "CCC"): ended}, "pass"),
    ):
        law = law_of(*ALL, readings=readings)
        one = found(law, FIRST_LEG, "reliance", instrument="through")
        assert one.verdict == verdict
    law = law_of(*ALL, lives=[("leg-one", ended)], readings={("leg-one", "AAA"): FOR_EVER})
    assert found(law, FIRST_LEG, "reliance", instrument="through").verdict == "pass"
