"""The planner beside the reference: what it remembers is bounded and changes no answer."""

from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from whenever import Instant

from relto.decide import Planner, decide
from relto.decide import plan as plan_module
from relto.decide import planner as planner_module
from relto.decide.weighing import fewest
from relto.law import PurposeRule
from relto.model import Considered, Finding, Form, Label, Outcome, Rule, Verdict
from relto.testing.cases import make_case, make_instant
from relto.testing.generate import RandomDice, make_law
from tests.unit.decide.world import (
    ALL,
    ASSURED,
    BEFORE,
    CASE,
    LAPSE,
    LAPSING,
    LEG_ONE,
    LEG_TWO,
    PACT,
    THROUGH,
    ground,
    law_of,
)


def test_tables_that_are_full_are_emptied_and_answer_the_same(monkeypatch):
    """DEC-26 to DEC-28."""
    monkeypatch.setattr(plan_module.keep, "__kwdefaults__", {"most": 2})
    monkeypatch.setattr(planner_module, "PLANS_MAX", 2)
    monkeypatch.setattr(planner_module, "PLAN_FACTS_MAX", 12)
    dice = RandomDice(5)
    law = make_law(dice, most=6)
    planner = Planner(law)
    case = make_case(dice, law)
    for _ in range(40):
        made, at = make_case(dice, law), make_instant(dice)
        # Own items as often as not: those are what a desk remembers.
        case = replace(made, holder="AAA", originator="AAA", marked=None, consents=())
        for asked in (made, case) if case.recipient != "AAA" else (made,):
            expected = decide(law, asked, at=at)
            for _ in range(2):
                assert planner.decide(asked, at=at) == expected
                assert planner.outcome(asked, at=at) is expected.outcome
                weighed = planner.weigh(asked, at=at)
                assert (weighed.outcome, weighed.instrument, weighed.obligations) == (
                    expected.outcome,
                    expected.instrument,
                    expected.obligations,
                )
            assert len(planner._plans) <= 2
            assert len(planner._scopes) <= 2
            for desk in planner._desks.values():
                assert desk.count <= 12 + len(case.topics) + 6
                assert len(desk.sheets) <= 2
                assert all(len(sheet.owed) <= 2 for sheet in desk.sheets.values())


@pytest.mark.parametrize("most", [12, 4096])
@pytest.mark.parametrize("count", [1, 4, 8, 16, 32])
def test_a_desk_answers_plain_cases_in_any_order_as_the_reference(monkeypatch, count, most):
    """DEC-27, DEC-28, DEC-45: however many instruments there are, and when it is full."""
    monkeypatch.setattr(planner_module, "PLAN_FACTS_MAX", most)
    pact = replace(PACT, caps=())
    many = [replace(pact, id=f"pact-{number:02d}") for number in range(count - 1)]
    # Only one of them is open to everything, so that the others are told apart by what is asked.
    many = [replace(one, topics=replace(one.topics, excluded=("dprk",))) for one in many]
    law = law_of(pact, *many, LEG_ONE, lives=[("pact", LAPSING)])
    planner, dice = Planner(law), RandomDice(count)
    answered = 0
    for _ in range(40):
        recipient = dice.pick(("BBB", "CCC"))
        case = replace(
            CASE,
            recipient=recipient,
            label=Label(scheme="aaa", level=dice.pick(("low", "middle"))),
            topics=dice.some(("dprk.missile", "dprk.nuclear", "prc"), least=1, most=2),
            purpose=dice.pick(("defence", "relief", None)),
            requested=dice.chance(70),
            assurance=dice.pick((ASSURED, replace(ASSURED, needs_access=False), None)),
        )
        at = dice.pick((BEFORE, LAPSE.subtract(nanoseconds=1), LAPSE))
        expected = decide(law, case, at=at)
        desk = planner._desks.get("AAA")
        answered += desk is not None and desk.weigh(case, at) is not None
        assert planner.outcome(case, at=at) is expected.outcome
        weighed = planner.weigh(case, at=at)
        assert (weighed.outcome, weighed.instrument, weighed.obligations) == (
            expected.outcome,
            expected.instrument,
            expected.obligations,
        )
        assert planner._desks["AAA"].count <= most + 12
    assert answered > 0


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


def test_what_a_desk_has_noted_it_answers_itself():
    """DEC-27, DEC-28, DEC-45: the plan is asked once for each word, and then no more."""
    law = law_of(replace(PACT, caps=()), lives=[("pact", LAPSING)])
    planner = Planner(law)
    asked = planner.weigh(CASE, at=BEFORE)
    desk = planner._desks["AAA"]
    assert desk.weigh(CASE, BEFORE) == asked
    assert desk.outcome(CASE, BEFORE) is asked.outcome is Outcome.PERMIT
    for at in (LAPSE.subtract(nanoseconds=1), LAPSE):
        expected = decide(law, CASE, at=at)
        assert desk.outcome(CASE, at) is expected.outcome
        assert desk.weigh(CASE, at).holds_until == expected.holds_until


NOT_NOTED = {
    "an item of somebody else's": {"originator": "CCC"},
    "a holder's marking": {"marked": Label(scheme="aaa", level="low")},
    "a caveat": {"label": replace(CASE.label, categories=("with-care",))},
    "a list of readers": {"label": replace(CASE.label, releasable_to=("BBB",))},
    "no topic": {"topics": ()},
    "an unknown topic": {"topics": ("moon",)},
    "an unknown level": {"label": replace(CASE.label, level="cosmic")},
    "an unknown scheme": {"label": replace(CASE.label, scheme="nobody")},
    "an unknown purpose": {"purpose": "leisure"},
    "an unknown clearance": {"assurance": replace(ASSURED, cleared_to="cosmic")},
}


@pytest.mark.parametrize("facts", NOT_NOTED.values(), ids=NOT_NOTED)
def test_what_is_not_plain_or_not_known_is_asked_of_the_plan_each_time(facts):
    """DEC-20, DEC-45: nobody can fill a desk with words that are no words."""
    law = law_of(replace(PACT, caps=()))
    planner = Planner(law)
    planner.weigh(CASE, at=BEFORE)
    case = replace(CASE, **facts)
    expected = decide(law, case, at=BEFORE)
    count = planner._desks["AAA"].count
    for _ in range(2):
        assert planner._desks["AAA"].weigh(case, BEFORE) is None
        assert planner.outcome(case, at=BEFORE) is expected.outcome
        assert planner.weigh(case, at=BEFORE).outcome is expected.outcome
    assert planner._desks["AAA"].count == count


def test_the_way_so_far_counts_only_where_there_is_a_hub():
    """DEC-7, DEC-27."""
    law = law_of(*ALL)
    planner = Planner(law)
    first = replace(CASE, recipient="CCC", assurance=None)
    planner.outcome(first, at=BEFORE)
    case = replace(first, onward="BBB")
    desk = planner._desks["AAA"]
    assert desk.outcome(first, BEFORE) is not None
    assert desk.outcome(case, BEFORE) is None
    assert planner.outcome(case, at=BEFORE) is decide(law, case, at=BEFORE).outcome


def test_a_planner_renewed_begins_with_empty_desks():
    """DEC-32, DEC-45: numbers at two desks may come to mean different words."""
    law = law_of(replace(PACT, caps=()))
    planner = Planner(law)
    planner.outcome(CASE, at=BEFORE)
    assert planner.renewed(law_of(PACT))._desks == {}


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


@pytest.mark.parametrize("year", [1500, 1648, 2300, 9000])
def test_a_pact_of_a_distant_century_is_decided_as_any_other(year):
    """DEC-26, DEC-31: also where an instant in nanoseconds no longer fits a machine word."""
    end = Instant.from_utc(year, 11, 22)
    life = (replace(LAPSING[0], end=end), replace(LAPSING[1], start=end))
    law = law_of(PACT, lives=[("pact", life)])
    planner = Planner(law)
    for at in (end.subtract(nanoseconds=1), end, end.add(nanoseconds=1), BEFORE):
        assert planner.decide(CASE, at=at) == decide(law, CASE, at=at)
    assert planner.decide(CASE, at=end.subtract(nanoseconds=1)).holds_until == end
    assert planner.plan("AAA", "BBB").stretch(end) == (end, None)


# Still in force to protect the leg, and closed to the purpose of the case.
CLOSED_ONE = replace(
    LEG_ONE, purposes=PurposeRule(is_open=False, purposes=("relief",), ground=ground("6(c)"))
)


@pytest.mark.parametrize(
    "law",
    [law_of(*ALL), law_of(THROUGH, CLOSED_ONE, LEG_TWO), law_of(PACT)],
    ids=["all", "hub", "pact"],
)
@pytest.mark.parametrize("first", [(None, None), ("BBB", None), (None, "through")], ids=str)
@pytest.mark.parametrize("holder", ["AAA", "CCC"])
def test_a_way_that_was_noted_answers_for_no_other_way(law, first, holder):
    """DEC-7, DEC-8, DEC-27: where there is a hub, the way so far and the way on both count."""
    planner = Planner(law)
    ways = list(product((None, "AAA", "BBB", "CCC"), (None, "through", "leg-one")))
    label = Label(scheme=holder.lower(), level="low")
    for recipient, (onward, provenance) in product(("AAA", "BBB", "CCC"), [first, *ways, *ways]):
        case = replace(
            CASE,
            holder=holder,
            originator=holder,
            recipient=recipient,
            label=label,
            onward=onward,
            provenance=provenance,
        )
        expected = decide(law, case, at=BEFORE)
        assert planner.outcome(case, at=BEFORE) is expected.outcome
        assert planner.weigh(case, at=BEFORE) == Planner(law).weigh(case, at=BEFORE)
        assert planner.decide(case, at=BEFORE) == expected


@given(
    st.lists(st.integers(min_value=0, max_value=2**12 - 1), max_size=15),
    st.integers(min_value=1, max_value=2**12 - 1),
)
@example([2**12 - 1] * 15, 2**12 - 1)
@example([(2**12 - 1) << place & (2**12 - 1) for place in range(12)], 2**12 - 1)
def test_the_fewest_are_counted_right_up_to_fifteen(masks, left):
    """DEC-3: all bits at once, as one would count them one by one."""
    counts = {bit: sum(mask >> bit & 1 for mask in masks) for bit in range(12) if left >> bit & 1}
    expected = sum(1 << bit for bit, count in counts.items() if count == min(counts.values()))
    assert fewest(masks, left) == expected
