"""Every execution of the decision gives what the reference gives, row by row (DEC-26 to DEC-28)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from relto.decide import Planner, decide
from relto.model import RULE_ORDER, Outcome, Verdict
from relto.testing.cases import make_case, make_instant
from relto.testing.generate import RandomDice, make_law
from relto.testing.strategies import cases, instants, laws, questions

FACTS = (
    "onward", "originator", "label", "marked", "topics", "form", "provenance", "purpose",
    "received_for", "requested", "assurance", "consents", "holding",
)  # fmt: skip


@given(questions())
@settings(max_examples=200, deadline=None)
def test_the_plan_decides_as_the_reference(question):
    law, case, at = question
    assert Planner(law).decide(case, at=at) == decide(law, case, at=at)


@given(st.data())
def test_a_question_may_also_be_drawn_in_its_parts(data):
    law = data.draw(laws(most=2))
    case, at = data.draw(cases(law)), data.draw(instants())
    assert len(law.instruments) <= 2
    assert Planner(law).decide(case, at=at) == decide(law, case, at=at)


@given(st.integers(min_value=0, max_value=10**9))
@settings(max_examples=150, deadline=None)
def test_one_planner_decides_a_mixed_stream_as_the_reference(seed):
    dice = RandomDice(seed)
    law = make_law(dice, most=6)
    planner = Planner(law)
    cases = [make_case(dice, law) for _ in range(4)]
    for case in cases * 2:
        at = make_instant(dice)
        assert planner.decide(case, at=at) == decide(law, case, at=at)


@given(st.integers(min_value=0, max_value=10**9))
@settings(max_examples=40, deadline=None)
def test_one_plan_tells_apart_every_fact_that_a_rule_tells_apart(seed):
    """DEC-26: many cases for one pair, each a little different from one before it."""
    dice = RandomDice(seed)
    law = make_law(dice, most=6)
    planner = Planner(law)
    case = make_case(dice, law)
    for _ in range(40):
        other = make_case(dice, law)
        changed = dice.some(FACTS, least=1, most=4)
        case = replace(case, **{name: getattr(other, name) for name in changed})
        at = make_instant(dice)
        assert planner.decide(case, at=at) == decide(law, case, at=at)


@given(questions())
@settings(max_examples=100, deadline=None)
def test_the_outcome_alone_is_the_outcome_of_the_reference(question):
    law, case, at = question
    assert Planner(law).outcome(case, at=at) is decide(law, case, at=at).outcome


@given(questions())
@settings(max_examples=150, deadline=None)
def test_a_weighing_says_in_bits_what_the_reference_says_in_words(question):
    law, case, at = question
    weighed, decided = Planner(law).weigh(case, at=at), decide(law, case, at=at)
    assert (weighed.outcome, weighed.instrument) == (decided.outcome, decided.instrument)
    assert (weighed.obligations, weighed.markings) == (decided.obligations, decided.markings)
    assert weighed.holds_until == decided.holds_until
    verdicts = {one.instrument: one.findings for one in decided.considered}
    for number, removed in enumerate(weighed.removed):
        assert removed.rule is RULE_ORDER[number]
        for bit, name in enumerate(weighed.instruments):
            verdict = verdicts[name][number].verdict
            assert bool(removed.failed >> bit & 1) == (verdict is Verdict.FAIL)
            assert bool(removed.asked >> bit & 1) == (verdict is Verdict.ASK)
    if not weighed.instruments:
        assert weighed.outcome is Outcome.DENY
