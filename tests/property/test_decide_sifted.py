"""What searches ask of a planner, in bits: never more than the reference permits, never less."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relto.decide import Planner, decide, rules
from relto.decide.view import leg_of, table_at
from relto.model import Outcome
from relto.testing import RandomDice, make_case, make_instant, make_law
from relto.testing.strategies import questions
from tests.unit.decide.world import (
    ALL,
    BEFORE,
    CASE,
    CIRCLED,
    FIRST_LEG,
    LAPSE,
    LAPSING,
    PACT,
    SECOND_LEG,
    label,
    law_of,
)


def bits_of(names, considered, outcomes):
    """The instruments with one of these outcomes, as a mask in the order of names."""
    found = {one.instrument: one.outcome in outcomes for one in considered}
    return sum(1 << bit for bit, name in enumerate(names) if found[name])


@given(questions(most=6))
@settings(max_examples=150, deadline=None)
def test_what_is_sifted_is_what_the_reference_lets_through(question):
    """RT-2: instrument by instrument, and until the same instant."""
    law, case, at = question
    decided, sifted = decide(law, case, at=at), Planner(law).sift(case, at=at)
    assert set(sifted.instruments) == {one.instrument for one in decided.considered}
    permits = bits_of(sifted.instruments, decided.considered, {Outcome.PERMIT})
    open_ones = bits_of(sifted.instruments, decided.considered, {Outcome.PERMIT, Outcome.REFER})
    assert (sifted.passes, sifted.stands) == (permits, open_ones)
    assert sifted.holds_until == decided.holds_until


@given(questions(most=6))
@settings(max_examples=100, deadline=None)
def test_a_weighing_counts_the_instruments_that_permit_and_that_stand(question):
    """DEC-27."""
    law, case, at = question
    decided, weighed = decide(law, case, at=at), Planner(law).weigh(case, at=at)
    permits = bits_of(weighed.instruments, decided.considered, {Outcome.PERMIT})
    open_ones = bits_of(weighed.instruments, decided.considered, {Outcome.PERMIT, Outcome.REFER})
    assert (weighed.passes, weighed.stands) == (permits, open_ones)


@given(st.integers(min_value=0, max_value=10**9))
@settings(max_examples=150, deadline=None)
def test_an_instrument_that_lets_an_item_through_is_never_passed_over(seed):
    """RT-2: whatever marking, provenance and consents the item has come to on its way."""
    dice = RandomDice(seed)
    law = make_law(dice, most=6)
    planner, case, at = Planner(law), make_case(dice, law), make_instant(dice)
    for _ in range(6):
        other = make_case(dice, law)
        names = ("marked", "provenance", "received_for", "consents", "onward", "assurance")
        met = msgspec.structs.replace(case, **{name: getattr(other, name) for name in names})
        for one in decide(law, met, at=at).considered:
            is_open = one.outcome is not Outcome.DENY
            may = planner.may_carry(
                case, one.instrument, holder=case.holder, recipient=case.recipient, at=at
            )
            assert may or not is_open
            if is_open:
                leg = leg_of(law, one.instrument, holder=met.holder, recipient=met.recipient)
                levels = rules.markings_of(
                    leg, table_at(leg, at), label=met.label, marked=met.marked
                )
                assert planner.markings(met, one.instrument, at=at) == (leg.scheme, levels)


CLOSED = {
    "outside its topics": {"topics": ("dprk.nuclear",)},
    "on a topic nobody knows": {"topics": ("dprk.missile.launch", "moon")},
    "in another form": {"form": "oral"},
    "unasked": {"requested": False},
    "under a caveat": {"label": label("low", categories=("own-eyes",))},
    "for other readers": {"label": label("low", releasable_to=("CCC",))},
    "at a level without an equivalent": {"label": label("high")},
}


@pytest.mark.parametrize("changes", CLOSED.values(), ids=CLOSED)
def test_an_instrument_closed_to_the_item_itself_is_passed_over(changes):
    """RT-2."""
    planner = Planner(law_of(*ALL))
    pair = {"holder": "AAA", "recipient": "BBB", "at": BEFORE}
    assert planner.may_carry(CASE, "pact", **pair)
    assert not planner.may_carry(msgspec.structs.replace(CASE, **changes), "pact", **pair)


def test_an_instrument_out_of_force_or_without_a_table_is_passed_over():
    """RT-2: in the holder's reading, half-open."""
    pair = {"holder": "AAA", "recipient": "BBB"}
    lapsing = Planner(law_of(PACT, lives=[("pact", LAPSING)]))
    assert lapsing.may_carry(CASE, "pact", at=LAPSE.subtract(nanoseconds=1), **pair)
    assert not lapsing.may_carry(CASE, "pact", at=LAPSE, **pair)
    theirs = Planner(law_of(PACT, readings={("pact", "BBB"): LAPSING}))
    assert theirs.may_carry(CASE, "pact", at=LAPSE, **pair)
    bare = Planner(law_of(msgspec.structs.replace(PACT, equivalence=())))
    assert not bare.may_carry(CASE, "pact", at=BEFORE, **pair)


def test_a_label_of_a_scheme_that_a_table_does_not_know_may_still_be_marked_on_the_way():
    """RT-2: the next holder's own marking counts then."""
    planner = Planner(law_of(*ALL))
    assert planner.may_carry(SECOND_LEG, "through", holder="CCC", recipient="BBB", at=BEFORE)
    assert planner.may_carry(FIRST_LEG, "through", holder="AAA", recipient="CCC", at=BEFORE)


def test_an_instrument_for_other_purposes_is_passed_over():
    """RT-2."""
    planner = Planner(law_of(*ALL))
    pair = {"holder": "CCC", "recipient": "BBB", "at": BEFORE}
    assert planner.may_carry(CIRCLED, "circle", **pair)
    other = msgspec.structs.replace(CIRCLED, purpose="relief")
    assert not planner.may_carry(other, "circle", **pair)
