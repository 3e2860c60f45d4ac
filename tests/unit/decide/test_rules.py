"""Each rule by hand: what passes, what asks, what fails, and what would change it."""

import pytest
from msgspec.structs import replace

from relto.decide import Planner, decide
from relto.law import State
from relto.model import RULE_ORDER, Evidence, Form, Label, Outcome
from tests.unit.decide.world import (
    AFTER,
    ALL,
    ASSURED,
    BEFORE,
    CASE,
    CIRCLE,
    CONSENT,
    LAPSE,
    LAPSING,
    LEG_ONE,
    LEG_TWO,
    PACT,
    SECOND_LEG,
    THROUGH,
    ground,
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


def label(level, scheme="aaa", **more):
    return Label(scheme=scheme, level=level, **more)


FIRST_LEG = replace(CASE, recipient="CCC", onward="BBB", assurance=None)
CIRCLED = replace(SECOND_LEG, originator="DDD", label=label("low", "ddd"), provenance="circle")

# name: (instrument, case, rule, verdict, part of the fact, remedy)
RULES = {
    "an open scope covers a topic (DEC-9)": (
        PACT,
        CASE,
        "topic",
        "pass",
        "covers dprk.missile.launch",
        "",
    ),
    "an excluded topic is out (DEC-9)": (
        PACT,
        replace(CASE, topics=("dprk.nuclear", "prc")),
        "topic",
        "fail",
        "does not cover dprk.nuclear",
        "without dprk.nuclear",
    ),
    "a topic above an excluded one is out (DEC-9)": (
        PACT,
        replace(CASE, topics=("dprk",)),
        "topic",
        "fail",
        "does not cover dprk",
        "",
    ),
    "no topic fails (DEC-9)": (
        PACT,
        replace(CASE, topics=()),
        "topic",
        "fail",
        "names no topic",
        "",
    ),
    "an unknown topic fails (DEC-20)": (
        PACT,
        replace(CASE, topics=("moon",)),
        "topic",
        "fail",
        "moon (unknown)",
        "",
    ),
    "a closed scope covers only its subtrees (DEC-9)": (
        THROUGH,
        replace(FIRST_LEG, topics=("prc.cyber",)),
        "topic",
        "fail",
        "prc.cyber",
        "",
    ),
    "another form fails and names those allowed (DEC-10)": (
        PACT,
        replace(CASE, form=Form.ORAL),
        "form",
        "fail",
        "does not cover oral",
        "as one of electronic, document",
    ),
    "a form counts only where the protecting instrument has it (DEC-10)": (
        THROUGH,
        replace(FIRST_LEG, form=Form.ORAL),
        "form",
        "fail",
        "oral",
        "as one of document",
    ),
    "without a protecting instrument no form is left (DEC-10)": (
        THROUGH,
        replace(CASE, form=Form.DOCUMENT),
        "form",
        "fail",
        "document",
        "",
    ),
    "a level has its equivalents (DEC-11)": (
        PACT,
        replace(CASE, label=label("middle")),
        "level",
        "pass",
        "aaa:middle is UPPER: middle or high",
        "",
    ),
    "a level without a row fails (DEC-11)": (
        PACT,
        replace(CASE, label=label("high")),
        "level",
        "fail",
        "aaa:high has no equivalent",
        "",
    ),
    "a table is borrowed from the protecting instrument (DEC-12)": (
        THROUGH,
        FIRST_LEG,
        "level",
        "pass",
        "aaa:low is LOWER: low",
        "",
    ),
    "without any table the level fails (DEC-11)": (
        THROUGH,
        CASE,
        "level",
        "fail",
        "no table of levels",
        "",
    ),
    "the holder's own marking counts where the table does not know the scheme (DEC-11)": (
        THROUGH,
        SECOND_LEG,
        "level",
        "pass",
        "aaa:low is LOWER: low",
        "",
    ),
    "a label of an unknown scheme without a marking fails (DEC-20)": (
        PACT,
        replace(CASE, label=label("low", "zzz")),
        "level",
        "fail",
        "zzz:low",
        "",
    ),
    "a cap for a form holds that form down (DEC-13)": (
        PACT,
        replace(CASE, label=label("middle"), form=Form.ELECTRONIC),
        "level",
        "fail",
        "is UPPER, above the cap LOWER as electronic",
        "with the item downgraded to LOWER",
    ),
    "a cap for a form leaves other forms alone (DEC-13)": (
        PACT,
        replace(CASE, label=label("middle"), form=Form.DOCUMENT),
        "level",
        "pass",
        "UPPER",
        "",
    ),
    "a handling caveat passes (DEC-14)": (
        PACT,
        replace(CASE, label=label("low", categories=("with-care",))),
        "caveat",
        "pass",
        "no category and no list",
        "",
    ),
    "a caveat that forbids release fails (DEC-14)": (
        PACT,
        replace(CASE, label=label("low", categories=("own-eyes",))),
        "caveat",
        "fail",
        "category own-eyes forbids",
        "with own-eyes lifted",
    ),
    "an unknown caveat fails (DEC-20)": (
        PACT,
        replace(CASE, label=label("low", categories=("x",))),
        "caveat",
        "fail",
        "category x is unknown",
        "",
    ),
    "a label that names other readers fails (DEC-14)": (
        PACT,
        replace(CASE, label=label("low", releasable_to=("CCC",))),
        "caveat",
        "fail",
        "not releasable to BBB",
        "with BBB added to the label",
    ),
    "a label that names nobody fails (DEC-14)": (
        PACT,
        replace(CASE, label=label("low", releasable_to=())),
        "caveat",
        "fail",
        "BBB",
        "with BBB added to the label",
    ),
    "a label that names the recipient passes (DEC-14)": (
        PACT,
        replace(CASE, label=label("low", releasable_to=("BBB",))),
        "caveat",
        "pass",
        "",
        "",
    ),
    "the final recipient must be named as well (DEC-14)": (
        THROUGH,
        replace(FIRST_LEG, label=label("low", releasable_to=("CCC",))),
        "caveat",
        "fail",
        "not releasable to BBB",
        "with BBB added to the label",
    ),
    "the holder's own marking may forbid as well (DEC-14)": (
        THROUGH,
        replace(SECOND_LEG, marked=label("low", "ccc", categories=("own-eyes",))),
        "caveat",
        "fail",
        "own-eyes",
        "with own-eyes lifted",
    ),
    "an own item needs no consent (DEC-15)": (PACT, CASE, "third-party", "pass", "made by AAA", ""),
    "an item goes back to its originator (DEC-15)": (
        LEG_TWO,
        replace(SECOND_LEG, originator="BBB"),
        "third-party",
        "pass",
        "made by BBB",
        "",
    ),
    "another's item needs consent (DEC-15)": (
        LEG_TWO,
        SECOND_LEG,
        "third-party",
        "fail",
        "without its consent",
        "with AAA's consent to release to BBB",
    ),
    "an instrument may provide for asking (DEC-15)": (
        THROUGH,
        SECOND_LEG,
        "third-party",
        "ask",
        "without its consent",
        "with AAA's consent to release to BBB",
    ),
    "consent opens the way (DEC-16)": (
        LEG_TWO,
        replace(SECOND_LEG, consents=(CONSENT,)),
        "third-party",
        "pass",
        "consented",
        "",
    ),
    "members of a circle are no third parties (DEC-15)": (
        CIRCLE,
        CIRCLED,
        "third-party",
        "pass",
        "DDD is a member",
        "",
    ),
    "outside the circle consent is needed (DEC-15)": (
        CIRCLE,
        SECOND_LEG,
        "third-party",
        "fail",
        "made by AAA",
        "with AAA's consent to release to BBB",
    ),
    "an own item needs no stated purpose under an open rule (DEC-17)": (
        PACT,
        replace(CASE, purpose=None),
        "purpose",
        "pass",
        "not stated",
        "",
    ),
    "an unknown purpose fails (DEC-20)": (
        PACT,
        replace(CASE, purpose="leisure"),
        "purpose",
        "fail",
        "leisure is unknown",
        "",
    ),
    "a closed list must cover the purpose (DEC-17)": (
        CIRCLE,
        replace(CASE, holder="BBB", recipient="CCC", originator="BBB", purpose="relief"),
        "purpose",
        "fail",
        "covers only defence; stated: relief",
        "with one of the purposes defence",
    ),
    "a closed list wants one stated (DEC-17)": (
        CIRCLE,
        replace(CASE, holder="BBB", recipient="CCC", originator="AAA", purpose=None),
        "purpose",
        "fail",
        "stated: none",
        "",
    ),
    "a received item is passed on for its purpose alone (DEC-17)": (
        LEG_TWO,
        replace(SECOND_LEG, received_for="relief"),
        "purpose",
        "fail",
        "received for relief, wanted for defence.warning",
        "with AAA's consent to the purpose defence.warning",
    ),
    "a received item without a known purpose stays (DEC-17)": (
        LEG_TWO,
        replace(SECOND_LEG, received_for=None),
        "purpose",
        "fail",
        "an unknown purpose",
        "with AAA's consent to the purpose defence.warning",
    ),
    "a received item without a stated purpose stays (DEC-17)": (
        LEG_TWO,
        replace(SECOND_LEG, purpose=None),
        "purpose",
        "fail",
        "no purpose is stated",
        "",
    ),
    "a narrower purpose is within the one received for (DEC-17)": (
        LEG_TWO,
        replace(SECOND_LEG, received_for="defence"),
        "purpose",
        "pass",
        "",
        "",
    ),
    "a missing assurance asks (DEC-18)": (
        PACT,
        replace(CASE, assurance=None),
        "assurance",
        "ask",
        "not given",
        "with BBB's assurance",
    ),
    "an assurance that denies need fails (DEC-18)": (
        PACT,
        replace(CASE, assurance=replace(ASSURED, needs_access=False)),
        "assurance",
        "fail",
        "denies need",
        "with BBB's assurance",
    ),
    "an assurance that denies protection fails (DEC-18)": (
        PACT,
        replace(CASE, assurance=replace(ASSURED, will_protect=False)),
        "assurance",
        "fail",
        "denies protection",
        "with BBB's assurance",
    ),
    "a clearance too low fails (DEC-18)": (
        PACT,
        replace(CASE, label=label("middle"), assurance=replace(ASSURED, cleared_to="low")),
        "assurance",
        "fail",
        "cleared to low, needed middle",
        "with a reader cleared to middle",
    ),
    "the lowest of several equivalents is enough (DEC-18)": (
        PACT,
        replace(CASE, label=label("middle"), assurance=replace(ASSURED, cleared_to="middle")),
        "assurance",
        "pass",
        "cleared to middle",
        "",
    ),
    "an unknown clearance fails (DEC-20)": (
        PACT,
        replace(CASE, assurance=replace(ASSURED, cleared_to="x")),
        "assurance",
        "fail",
        "cannot be compared",
        "",
    ),
    "without an equivalent no clearance is enough (DEC-18)": (
        PACT,
        replace(CASE, label=label("high")),
        "assurance",
        "fail",
        "cannot be compared",
        "",
    ),
    "no assurance is asked for where none is required (DEC-18)": (
        LEG_ONE,
        FIRST_LEG,
        "assurance",
        "pass",
        "none required",
        "",
    ),
    "on request fails when nobody asks (DEC-19)": (
        PACT,
        replace(CASE, requested=False),
        "initiative",
        "fail",
        "nobody has asked",
        "with a request from BBB",
    ),
    "case by case always asks (DEC-19)": (
        THROUGH,
        FIRST_LEG,
        "initiative",
        "ask",
        "decided by itself",
        "",
    ),
    "standing passes (DEC-19)": (
        CIRCLE,
        replace(CIRCLED, requested=False),
        "initiative",
        "pass",
        "standing",
        "",
    ),
    "a direct pact is direct (DEC-7)": (PACT, CASE, "topology", "pass", "direct", ""),
    "a circle is open to its members (DEC-7)": (CIRCLE, CIRCLED, "topology", "pass", "members", ""),
    "around the hub there is no way (DEC-7)": (
        THROUGH,
        CASE,
        "topology",
        "fail",
        "goes only through CCC",
        "",
    ),
    "to the hub a final recipient is named (DEC-7)": (
        THROUGH,
        FIRST_LEG,
        "topology",
        "pass",
        "through CCC to BBB",
        "",
    ),
    "to the hub without a final recipient fails (DEC-7)": (
        THROUGH,
        replace(FIRST_LEG, onward=None),
        "topology",
        "fail",
        "no final recipient beyond",
        "",
    ),
    "a stranger is no final recipient (DEC-7)": (
        THROUGH,
        replace(FIRST_LEG, onward="DDD"),
        "topology",
        "fail",
        "DDD is no final",
        "",
    ),
    "the hub itself is no final recipient (DEC-7)": (
        THROUGH,
        replace(FIRST_LEG, onward="CCC"),
        "topology",
        "fail",
        "CCC is no final",
        "",
    ),
    "from the hub goes what came in under it (DEC-8)": (
        THROUGH,
        SECOND_LEG,
        "topology",
        "pass",
        "second leg, from CCC",
        "",
    ),
    "what came in under another stays with the hub (DEC-8)": (
        THROUGH,
        replace(SECOND_LEG, provenance="leg-one"),
        "topology",
        "fail",
        "came in under leg-one",
        "",
    ),
    "the hub's own does not go this way (DEC-8)": (
        THROUGH,
        replace(SECOND_LEG, provenance=None),
        "topology",
        "fail",
        "is the holder's own",
        "",
    ),
    "from the hub there is no third leg (DEC-8)": (
        THROUGH,
        replace(SECOND_LEG, onward="AAA"),
        "topology",
        "fail",
        "beyond the second leg",
        "",
    ),
    "from the hub the recipient is the final one (DEC-8)": (
        THROUGH,
        replace(SECOND_LEG, onward="BBB"),
        "topology",
        "pass",
        "second leg",
        "",
    ),
    "an instrument that leans on nothing (DEC-6)": (
        PACT,
        CASE,
        "reliance",
        "pass",
        "relies on no other",
        "",
    ),
    "an instrument whose leg is protected (DEC-6)": (
        THROUGH,
        FIRST_LEG,
        "reliance",
        "pass",
        "protected by leg-one",
        "",
    ),
}


@pytest.mark.parametrize("row", RULES.values(), ids=RULES)
def test_a_rule_says_what_it_should(row):
    instrument, case, rule, verdict, fact, remedy = row
    one = found(law_of(*ALL), case, rule, instrument=instrument.id)
    assert one.verdict == verdict
    assert fact in one.fact
    assert one.remedy == remedy


def test_a_pact_ends_at_the_instant_it_ends_and_not_before():
    """DEC-5: half-open, and the ground is the provision under which the state began."""
    law = law_of(PACT, lives={"pact": LAPSING}.items())
    last = found(law, CASE, "in-force", instrument="pact", at=LAPSE.subtract(nanoseconds=1))
    first = found(law, CASE, "in-force", instrument="pact", at=LAPSE)
    assert (last.verdict, last.ground.article) == ("pass", "21(1)")
    assert (first.verdict, first.ground.article) == ("fail", "21(3)")
    assert first.remedy == "with the pact in force"
    assert first.ground.evidence == "secondary"


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


def test_a_leg_is_gone_with_the_instrument_that_protects_it():
    """DEC-6: in the holder's reading, and unknown is gone as well."""
    law = law_of(*ALL, lives=[("leg-one", LAPSING)])
    assert found(law, FIRST_LEG, "reliance", instrument="through").verdict == "pass"
    after = found(law, FIRST_LEG, "reliance", instrument="through", at=LAPSE)
    assert after.verdict == "fail"
    assert after.remedy == "with leg-one in force"
    lost = found(law_of(THROUGH), FIRST_LEG, "reliance", instrument="through")
    assert (lost.verdict, "unknown" in lost.fact) == ("fail", True)


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
    assert one.fact == "aaa:low has no equivalent for BBB"


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
