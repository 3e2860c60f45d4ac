"""A node repeats an answer of the law only while the law would give it again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from relto.decide import Planner, decide
from relto.driver.laws import Answers
from relto.limits import ANSWERS_KEPT_MAX
from relto.testing.strategies import instants, questions


@given(questions(), st.lists(instants(), max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_is_repeated_is_what_the_law_says_at_that_instant(question, others):
    """DEC-21: also when the instants come in any order."""
    law, case, at = question
    answers = Answers(Planner(law))
    for one in (at, *others, at):
        assert answers.decide(case, one) == decide(law, case, at=one)


@given(questions())
@settings(max_examples=20, deadline=None)
def test_an_answer_ends_to_the_nanosecond(question):
    """DEC-21."""
    law, case, at = question
    answers = Answers(Planner(law))
    until = answers.decide(case, at).holds_until
    for one in () if until is None else (until.subtract(nanoseconds=1), until):
        assert answers.decide(case, one) == decide(law, case, at=one)


@given(questions())
@settings(max_examples=5, deadline=None)
def test_what_is_kept_is_bounded(question):
    law, case, at = question
    answers = Answers(Planner(law))
    answers._known = dict.fromkeys(range(ANSWERS_KEPT_MAX), (None, None))
    answers.decide(case, at)
    is_kept = bool(answers._planner.plan(case.holder, case.recipient).full)
    assert len(answers._known) == (1 if is_kept else ANSWERS_KEPT_MAX)
