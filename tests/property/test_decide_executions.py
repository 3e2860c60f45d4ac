"""Every execution of the decision gives what the reference gives, row by row (DEC-26 to DEC-28)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from relto.decide import Planner, decide
from relto.law import Equivalence, EquivalenceRow
from relto.model import RULE_ORDER, Evidence, Ground, Label, Outcome, Verdict
from relto.testing import PlainLaw
from relto.testing.cases import make_case, make_instant
from relto.testing.generate import (
    RandomDice,
    make_law,
    make_library,
    make_life,
    make_terms,
    refine_law,
)
from relto.testing.strategies import cases, instants, laws, questions

FACTS = (
    "onward", "originator", "label", "marked", "topics", "form", "provenance", "purpose",
    "received_for", "requested", "assurance", "consents", "holding",
)  # fmt: skip
TABLE = (
    Equivalence(
        id="v1",
        rows=tuple(
            EquivalenceRow(id=level, levels=dict.fromkeys(("aaa", "bbb", "ccc", "ddd"), (level,)))
            for level in ("low", "middle", "high")
        ),
        ground=Ground(article="4(2)", evidence=Evidence.TEXT, source="made up"),
    ),
)


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


def assert_weighed(weighed, decided):
    assert (weighed.outcome, weighed.instrument) == (decided.outcome, decided.instrument)
    assert (weighed.obligations, weighed.markings) == (decided.obligations, decided.markings)
    assert weighed.holds_until == decided.holds_until
    verdicts = {one.instrument: one.findings for one in decided.considered}
    assert set(weighed.instruments) == set(verdicts)
    for number, removed in enumerate(weighed.removed):
        assert removed.rule is RULE_ORDER[number]
        for bit, name in enumerate(weighed.instruments):
            verdict = verdicts[name][number].verdict
            assert bool(removed.failed >> bit & 1) == (verdict is Verdict.FAIL)
            assert bool(removed.asked >> bit & 1) == (verdict is Verdict.ASK)
    if not weighed.instruments:
        assert weighed.outcome is Outcome.DENY


@given(questions())
@settings(max_examples=150, deadline=None)
def test_a_weighing_says_in_bits_what_the_reference_says_in_words(question):
    law, case, at = question
    assert_weighed(Planner(law).weigh(case, at=at), decide(law, case, at=at))


def without_dates_and_forms(law):
    """The same law with one table of levels for ever, and caps that name no form."""
    instruments = {
        name: replace(
            one, equivalence=TABLE, caps=tuple(replace(cap, form=None) for cap in one.caps)
        )
        for name, one in law.instruments.items()
    }
    return refine_law(law, instruments)


def own_item(case):
    """The same case about a plain item of the holder's own."""
    label = Label(scheme=case.holder.lower(), level=case.label.level)
    return replace(case, originator=case.holder, label=label, marked=None)


@given(st.integers(min_value=0, max_value=10**9))
@settings(max_examples=100, deadline=None)
def test_one_planner_answers_a_mixed_stream_from_its_desks_as_the_reference(seed):
    """DEC-27, DEC-28, DEC-45: plain cases and others, many recipients, asked again."""
    dice = RandomDice(seed)
    law = make_law(dice, most=9)
    if dice.chance(70):
        law = without_dates_and_forms(law)
    planner = Planner(law)
    stream = []
    for _ in range(12):
        case = make_case(dice, law)
        stream += [(one, make_instant(dice)) for one in (case, own_item(case), own_item(case))]
    for case, at in stream * 2:
        decided = decide(law, case, at=at)
        assert planner.outcome(case, at=at) is decided.outcome
        assert_weighed(planner.weigh(case, at=at), decided)


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=1, max_value=40))
@settings(max_examples=25, deadline=None)
def test_any_number_of_instruments_finds_room_on_a_sheet(seed, count):
    """DEC-27, DEC-28."""
    dice = RandomDice(seed)
    parties = ("AAA", "BBB")
    instruments = {
        f"pact-{n:02d}": make_terms(dice, f"pact-{n:02d}", parties=parties) for n in range(count)
    }
    lives = {name: make_life(dice) for name in instruments}
    law = PlainLaw(library=make_library(), instruments=instruments, lives=lives)
    law = without_dates_and_forms(law)
    planner = Planner(law)
    for _ in range(12):
        case = replace(make_case(dice, law), holder="AAA", recipient="BBB", topics=("prc",))
        case, at = (
            own_item(replace(case, label=Label(scheme="aaa", level="low"))),
            make_instant(dice),
        )
        asked = planner.outcome(replace(case, purpose="relief", assurance=None), at=at)
        desk = planner._desks["AAA"]
        assert desk.outcome(replace(case, purpose="relief", assurance=None), at) is asked
        decided = decide(law, case, at=at)
        for _ in range(2):
            assert planner.outcome(case, at=at) is decided.outcome
            assert_weighed(planner.weigh(case, at=at), decided)
