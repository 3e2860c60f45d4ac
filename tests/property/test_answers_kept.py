"""A node repeats an answer of the law only while the law would give it again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from relto.decide import Planner, decide
from relto.driver.laws import counsel_of, decisions
from relto.limits import ANSWERS_KEPT_MAX
from relto.model.message import LawRef
from relto.testing.strategies import instants, questions

REF = LawRef(digest="0" * 64, known=None)


@given(questions(), st.lists(instants(), max_size=6))
@settings(max_examples=200, deadline=None)
def test_what_is_repeated_is_what_the_law_says_at_that_instant(question, others):
    """DEC-21: also when the instants come in any order."""
    law, case, at = question
    counsel = counsel_of(REF, law)
    for one in (at, *others, at):
        assert counsel.decide(case, at=one) == decide(law, case, at=one)


@given(questions())
@settings(max_examples=20, deadline=None)
def test_an_answer_ends_to_the_nanosecond(question):
    """DEC-21."""
    law, case, at = question
    counsel = counsel_of(REF, law)
    until = counsel.decide(case, at=at).holds_until
    for one in () if until is None else (until.subtract(nanoseconds=1), until):
        assert counsel.decide(case, at=one) == decide(law, case, at=one)


@given(questions(), st.lists(instants(), max_size=4))
@settings(max_examples=100, deadline=None)
def test_a_way_that_is_repeated_is_the_best_at_that_instant(question, others):
    """DEC-21, RT-2: whoever asks anew for each instant gets the same ways."""
    law, case, at = question
    counsel = counsel_of(REF, law)
    for one in (at, *others, at):
        assert counsel.ways(case, at=one) == counsel_of(REF, law).ways(case, at=one)


@given(questions())
@settings(max_examples=20, deadline=None)
def test_a_way_ends_to_the_nanosecond(question):
    """DEC-21, RT-2."""
    law, case, at = question
    counsel = counsel_of(REF, law)
    counsel.ways(case, at=at)
    until = counsel.decide(case, at=at).holds_until
    for one in () if until is None else (until.subtract(nanoseconds=1), until):
        assert counsel.ways(case, at=one) == counsel_of(REF, law).ways(case, at=one)


@given(questions())
@settings(max_examples=5, deadline=None)
def test_what_is_kept_is_bounded(question):
    law, case, at = question
    planner = Planner(law)
    answers = decisions(planner)
    answers._known = dict.fromkeys(range(ANSWERS_KEPT_MAX))
    answers.give(case, at)
    is_kept = bool(planner.plan(case.holder, case.recipient).full)
    assert len(answers._known) == (1 if is_kept else ANSWERS_KEPT_MAX)
