"""The tables of a pair by hand: every originator, purpose and consent against the reference."""

from itertools import product

import pytest
from msgspec.structs import replace

from relto.decide import Conditions, Facts, LevelFact, Planner, decide, tables_of
from relto.law import AssuranceRule
from relto.model import RULE_ORDER, Form, Rule, Verdict
from tests.unit.decide.world import (
    ALL,
    ASSURED,
    BEFORE,
    CONSENT,
    LEG_TWO,
    SECOND_LEG,
    ground,
    law_of,
)

LAW = law_of(*ALL)
ORIGINATORS = ("AAA", "CCC", "BBB", "DDD")
RECEIVED_FOR = ("defence.warning", "relief", None)
PROVENANCES = ("through", "leg-one", None)
FACTS = Facts(
    provenances=PROVENANCES,
    topics=("dprk.missile.launch", "prc.cyber", "moon"),
    forms=tuple(Form),
    levels=(LevelFact(label=SECOND_LEG.label, marked=SECOND_LEG.marked),),
    caveats=(LevelFact(label=SECOND_LEG.label, marked=SECOND_LEG.marked),),
    originators=ORIGINATORS,
    received_for=RECEIVED_FOR,
)


def tables(onward=None):
    return tables_of(
        Planner(LAW),
        FACTS,
        Conditions(purpose=SECOND_LEG.purpose, requested=True, onward=onward),
        holder="CCC",
        recipient="BBB",
        at=BEFORE,
    )


def verdicts(case, rule):
    place = RULE_ORDER.index(rule)
    considered = decide(LAW, case, at=BEFORE).considered
    return {one.instrument: one.findings[place].verdict for one in considered}


def read(made, masks, code):
    """The verdict for each instrument, as two masks have it."""
    return {
        name: Verdict.PASS
        if masks.passes[code] >> bit & 1
        else Verdict.ASK
        if masks.asks[code] >> bit & 1
        else Verdict.FAIL
        for bit, name in enumerate(made.instruments)
    }


@pytest.mark.parametrize("is_consented", [False, True])
@pytest.mark.parametrize(("originator", "received_for"), list(product(ORIGINATORS, RECEIVED_FOR)))
def test_consent_and_purpose_are_looked_up_where_they_belong(
    originator, received_for, is_consented
):
    """DEC-30: by originator; a purpose counts for what somebody else made, unless he consents."""
    made = tables()
    consent = replace(CONSENT, originator=originator, purposes=("defence",))
    case = replace(
        SECOND_LEG,
        originator=originator,
        received_for=received_for,
        consents=(consent,) if is_consented else (),
    )
    code = ORIGINATORS.index(originator)
    third = made.third_party_consented if is_consented else made.third_party
    assert made.is_third_party[code] is (originator in {"AAA", "DDD"})
    assert read(made, third, code) == verdicts(case, Rule.THIRD_PARTY)
    purpose, place = made.purpose_own, 0
    if made.is_third_party[code]:
        purpose, place = made.purpose_received, RECEIVED_FOR.index(received_for)
        if is_consented:
            purpose, place = made.purpose_consented, 0
    assert read(made, purpose, place) == verdicts(case, Rule.PURPOSE)


@pytest.mark.parametrize("onward", [None, "BBB", "AAA"])
@pytest.mark.parametrize("provenance", PROVENANCES)
def test_the_way_so_far_and_the_way_on_are_in_the_tables(provenance, onward):
    """DEC-30."""
    made = tables(onward)
    case = replace(SECOND_LEG, provenance=provenance, onward=onward)
    code = PROVENANCES.index(provenance)
    assert read(made, made.topology, code) == verdicts(case, Rule.TOPOLOGY)
    assert read(made, made.caveat, 0) == verdicts(case, Rule.CAVEAT)


@pytest.mark.parametrize("cleared_to", ["low", "x"])
def test_a_clearance_is_held_against_the_holders_own_marking(cleared_to):
    """DEC-18, DEC-30: where the table does not know the originator's scheme."""
    law = law_of(replace(LEG_TWO, assurance=AssuranceRule(is_required=True, ground=ground("7"))))
    given = replace(ASSURED, cleared_to=cleared_to)
    levels = tuple(
        LevelFact(label=SECOND_LEG.label, marked=marked) for marked in (SECOND_LEG.marked, None)
    )
    made = tables_of(
        Planner(law),
        replace(FACTS, levels=levels),
        Conditions(purpose=SECOND_LEG.purpose, requested=True, assurance=given),
        holder="CCC",
        recipient="BBB",
        at=BEFORE,
    )
    place = RULE_ORDER.index(Rule.ASSURANCE)
    for code, level in enumerate(levels):
        case = replace(SECOND_LEG, assurance=given, marked=level.marked)
        (one,) = decide(law, case, at=BEFORE).considered
        assert read(made, made.assurance, code) == {"leg-two": one.findings[place].verdict}
