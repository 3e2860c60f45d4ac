"""The planner beside the reference: what it remembers is bounded and changes no answer."""

import pytest
from msgspec.structs import replace

from relto.decide import Planner, decide
from relto.decide import plan as plan_module
from relto.decide import planner as planner_module
from relto.model import Considered, Finding, Form, Outcome, Rule, Verdict
from relto.testing.cases import make_case, make_instant
from relto.testing.generate import RandomDice, make_law
from tests.unit.decide.world import ALL, BEFORE, CASE, LAPSING, PACT, ground, law_of


def test_tables_that_are_full_are_emptied_and_answer_the_same(monkeypatch):
    """DEC-26."""
    monkeypatch.setattr(plan_module.keep, "__kwdefaults__", {"most": 2})
    monkeypatch.setattr(planner_module, "PLANS_MAX", 1)
    monkeypatch.setattr(planner_module, "PLAN_ANSWERS_MAX", 2)
    dice = RandomDice(5)
    law = make_law(dice, most=6)
    planner = Planner(law)
    for _ in range(60):
        case, at = make_case(dice, law), make_instant(dice)
        assert planner.decide(case, at=at) == decide(law, case, at=at)
        assert len(planner._plans) <= 1
        assert len(planner._answers) <= 2


def test_a_pair_without_an_instrument_is_denied_at_once():
    """DEC-4, DEC-27, DEC-28."""
    planner = Planner(law_of(PACT))
    case = replace(CASE, recipient="DDD")
    assert planner.decide(case, at=BEFORE) == decide(planner.law, case, at=BEFORE)
    assert planner.outcome(case, at=BEFORE) is Outcome.DENY
    weighed = planner.weigh(case, at=BEFORE)
    assert (weighed.outcome, weighed.instrument, weighed.removed) == (Outcome.DENY, None, ())


def test_the_bits_of_a_weighing_are_the_reasons():
    """DEC-28: bit i is the i-th instrument by id."""
    planner = Planner(law_of(*ALL, lives=[("pact", LAPSING)]))
    weighed = planner.weigh(replace(CASE, requested=False, assurance=None), at=BEFORE)
    assert weighed.instruments == ("pact", "through")
    removed = {one.rule: (one.failed, one.asked) for one in weighed.removed}
    assert removed[Rule.TOPOLOGY] == (0b10, 0)
    assert removed[Rule.ASSURANCE] == (0, 0b01)
    assert removed[Rule.INITIATIVE] == (0b01, 0b10)


def test_a_form_counts_for_every_level_as_soon_as_one_cap_names_one():
    """DEC-13, DEC-26: beside a cap that names none."""
    other = replace(PACT, id="other", caps=(replace(PACT.caps[0], form=None),))
    law = law_of(PACT, other)
    planner = Planner(law)
    case = replace(CASE, label=replace(CASE.label, level="middle"))
    for form in (Form.ELECTRONIC, Form.DOCUMENT, Form.ELECTRONIC):
        asked = replace(case, form=form)
        assert planner.decide(asked, at=BEFORE) == decide(law, asked, at=BEFORE)


def test_equal_facts_find_the_same_cell():
    """DEC-28: so that nothing is worked out twice."""
    plan = Planner(law_of(PACT)).plan("AAA", "BBB")
    assert plan.topic(("prc",)) is plan.topic(("prc",))
    assert plan.topic(("prc",)) is not plan.topic(("dprk",))


def test_more_instruments_than_a_machine_word_has_bits():
    """DEC-26: masks are integers of any length."""
    many = [replace(PACT, id=f"pact-{number:03d}") for number in range(70)]
    law = law_of(*many)
    decision = Planner(law).decide(CASE, at=BEFORE)
    assert decision == decide(law, CASE, at=BEFORE)
    assert len(decision.considered) == 70
    assert Planner(law).weigh(replace(CASE, requested=False), at=BEFORE).outcome is Outcome.DENY


def considered(*verdicts):
    findings = tuple(
        Finding(
            rule=Rule.TOPIC,
            verdict=verdict,
            ground=ground("1"),
            fact="",
            remedy=remedy,
        )
        for verdict, remedy in verdicts
    )
    return Considered(instrument="pact", outcome=Outcome.DENY, findings=findings)


REMEDIES = {
    "nothing in the way": ([(Verdict.PASS, "")], ""),
    "one remedied fail": ([(Verdict.FAIL, "with a")], "with a: permit"),
    "two remedied fails": (
        [(Verdict.FAIL, "with a"), (Verdict.FAIL, "as b")],
        "with a, as b: permit",
    ),
    "a fail without one": ([(Verdict.FAIL, "with a"), (Verdict.FAIL, "")], ""),
    "an ask that stays": ([(Verdict.FAIL, "with a"), (Verdict.ASK, "")], "with a: refer"),
    "a remedied ask": ([(Verdict.ASK, "with c")], "with c: permit"),
    "an ask without one": ([(Verdict.ASK, "")], ""),
}


@pytest.mark.parametrize(("verdicts", "remedy"), REMEDIES.values(), ids=REMEDIES)
def test_the_remedy_says_what_would_change_the_answer(verdicts, remedy):
    """DEC-23."""
    assert considered(*verdicts).remedy == remedy


def test_the_reason_is_the_first_fail_and_else_the_first_ask():
    """DEC-23."""
    assert considered((Verdict.ASK, "x"), (Verdict.FAIL, "y")).reason.remedy == "y"
    assert considered((Verdict.PASS, ""), (Verdict.ASK, "x")).reason.remedy == "x"
    assert considered((Verdict.PASS, "")).reason is None
