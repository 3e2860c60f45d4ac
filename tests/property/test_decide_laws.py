"""The laws of the decision, each by its name; over made-up laws, cases and instants."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import TimeDelta

from relto.decide import decide
from relto.law import Reliance
from relto.model import RULE_ORDER, Evidence, Outcome, Rule, Verdict
from relto.testing.cases import make_case, make_instant
from relto.testing.generate import GRID, make_law, refine_law
from relto.testing.strategies import DrawDice, questions
from relto.units import InstrumentId, PartyCode

RANK = {Outcome.PERMIT: 0, Outcome.REFER: 1, Outcome.DENY: 2}
quick = settings(max_examples=120, deadline=None)


def replace(value, **changes):
    return msgspec.structs.replace(value, **changes)


@given(questions())
@quick
def test_without_an_instrument_the_answer_is_deny(question):
    law, case, at = question
    decided = decide(refine_law(law, {}), case, at=at)
    assert decided.outcome is Outcome.DENY
    assert decided.instrument is None
    assert decided.considered == decided.obligations == decided.assumed == ()


@given(questions())
@quick
def test_a_party_has_nothing_to_release_to_itself(question):
    law, case, at = question
    assert decide(law, replace(case, recipient=case.holder), at=at).instrument is None


@given(st.data())
@quick
def test_adding_an_instrument_never_lowers_an_outcome(data):
    dice = DrawDice(data.draw)
    law = make_law(dice, most=4)
    case, at = make_case(dice, law), make_instant(dice)
    names = sorted(law.instruments)
    fewer = {name: law.instruments[name] for name in names[:-1]}
    before = decide(refine_law(law, fewer), case, at=at)
    assert RANK[decide(law, case, at=at).outcome] <= RANK[before.outcome]


@given(questions())
@quick
def test_adding_a_consent_never_lowers_an_outcome(question):
    law, case, at = question
    without = decide(law, replace(case, consents=()), at=at)
    assert RANK[decide(law, case, at=at).outcome] <= RANK[without.outcome]


@given(questions())
@quick
def test_closing_the_scope_of_topics_never_raises_an_outcome(question):
    law, case, at = question
    closed = {
        name: replace(
            terms, topics=replace(terms.topics, is_open=False, topics=terms.topics.topics[:1])
        )
        for name, terms in law.instruments.items()
    }
    after = decide(refine_law(law, closed), case, at=at)
    assert RANK[after.outcome] >= RANK[decide(law, case, at=at).outcome]


@given(questions())
@quick
def test_taking_away_equivalents_never_raises_an_outcome(question):
    law, case, at = question
    lower = {
        name: replace(
            terms,
            equivalence=tuple(replace(one, rows=one.rows[:1]) for one in terms.equivalence),
        )
        for name, terms in law.instruments.items()
    }
    after = decide(refine_law(law, lower), case, at=at)
    assert RANK[after.outcome] >= RANK[decide(law, case, at=at).outcome]


@given(questions())
@quick
def test_shortening_a_table_in_time_never_raises_an_outcome(question):
    law, case, at = question
    shorter = {
        name: replace(
            terms,
            equivalence=tuple(
                replace(one, valid_until=min(one.valid_until or GRID[5], GRID[5]))
                for one in terms.equivalence
            ),
        )
        for name, terms in law.instruments.items()
    }
    after = decide(refine_law(law, shorter), case, at=at)
    assert RANK[after.outcome] >= RANK[decide(law, case, at=at).outcome]


@given(questions())
@quick
def test_nothing_goes_to_a_third_party_without_consent(question):
    law, case, at = question
    decided = decide(law, replace(case, consents=()), at=at)
    if decided.outcome is Outcome.PERMIT and case.originator not in (case.holder, case.recipient):
        terms = law.terms(decided.instrument)
        assert terms.third_party.kind == "circle-exempt"
        assert case.originator in terms.parties


@given(questions())
@quick
def test_the_answer_holds_until_the_next_cut_point(question):
    law, case, at = question
    decided = decide(law, case, at=at)
    inside = [point for point in GRID if point > at]
    if decided.holds_until is not None:
        assert decided.holds_until > at
        inside = [point for point in inside if point < decided.holds_until]
        inside.append(decided.holds_until.subtract(TimeDelta(nanoseconds=1)))
    for later in inside:
        again = decide(law, case, at=later)
        assert (again.outcome, again.instrument) == (decided.outcome, decided.instrument)
        assert again.obligations == decided.obligations
        assert [one.findings for one in again.considered] == [
            one.findings for one in decided.considered
        ]
        assert again.holds_until == decided.holds_until


@given(questions(), st.randoms(use_true_random=False))
@quick
def test_order_and_repeats_do_not_matter(question, random):
    law, case, at = question
    topics, consents = list(case.topics) * 2, list(case.consents) * 2
    categories = list(case.label.categories) * 2
    for shuffled in (topics, consents, categories):
        random.shuffle(shuffled)
    other = replace(
        case,
        topics=tuple(topics),
        consents=tuple(consents),
        label=replace(case.label, categories=tuple(categories)),
    )
    assert decide(law, other, at=at) == decide(law, case, at=at)


@given(questions())
@quick
def test_every_instrument_has_one_finding_for_each_rule_in_order(question):
    """DEC-2, DEC-3."""
    law, case, at = question
    for one in decide(law, case, at=at).considered:
        assert tuple(found.rule for found in one.findings) == RULE_ORDER
        verdicts = {found.verdict for found in one.findings}
        expected = Outcome.PERMIT if verdicts == {Verdict.PASS} else Outcome.REFER
        assert one.outcome is (Outcome.DENY if Verdict.FAIL in verdicts else expected)


@given(questions())
@quick
def test_the_best_instrument_is_named_first(question):
    """DEC-3: by outcome, fails, asks and id."""
    law, case, at = question
    decided = decide(law, case, at=at)
    ranks = [
        (
            RANK[one.outcome],
            sum(found.verdict is Verdict.FAIL for found in one.findings),
            sum(found.verdict is Verdict.ASK for found in one.findings),
            one.instrument,
        )
        for one in decided.considered
    ]
    assert ranks == sorted(ranks)
    if decided.considered:
        assert decided.instrument == decided.considered[0].instrument
        assert decided.outcome is decided.considered[0].outcome


@given(questions())
@quick
def test_a_denial_brings_no_obligations_and_a_release_brings_its_marking(question):
    """DEC-24."""
    law, case, at = question
    decided = decide(law, case, at=at)
    if decided.outcome is Outcome.DENY:
        assert decided.obligations == decided.markings == ()
    else:
        assert decided.markings
        assert [one.kind for one in decided.obligations].count("mark") >= 1


@given(questions())
@quick
def test_what_is_assumed_is_said(question):
    law, case, at = question
    decided = decide(law, case, at=at)
    if decided.outcome is not Outcome.DENY:
        best = decided.considered[0]
        weak = [one for one in best.findings if one.ground.evidence is Evidence.ASSUMED]
        assert len(decided.assumed) == len(weak)
        assert all(one.startswith(f"{best.instrument}: ") for one in decided.assumed)


@given(questions())
@quick
def test_a_request_that_is_the_remedy_gives_what_it_promises(question):
    law, case, at = question
    for one in decide(law, case, at=at).considered:
        if one.remedy.startswith("with a request from") and "," not in one.remedy:
            again = decide(law, replace(case, requested=True), at=at)
            same = next(two for two in again.considered if two.instrument == one.instrument)
            assert one.remedy.endswith(f": {same.outcome.value}")


@given(questions())
@quick
def test_an_unknown_topic_level_or_purpose_denies(question):
    law, case, at = question
    for fault in (
        {"topics": (*case.topics, "moon")},
        {"topics": ()},
        {"label": replace(case.label, level="cosmic"), "marked": None},
        {"purpose": "leisure"},
    ):
        assert decide(law, replace(case, **fault), at=at).outcome is Outcome.DENY


@given(questions())
@quick
def test_an_unknown_party_denies(question):
    law, case, at = question
    stranger = PartyCode("ZZZ")
    assert decide(law, replace(case, recipient=stranger), at=at).outcome is Outcome.DENY
    assert decide(law, replace(case, holder=stranger), at=at).outcome is Outcome.DENY


@given(questions())
@quick
def test_reliance_on_an_instrument_nobody_knows_fails(question):
    law, case, at = question
    lost = InstrumentId("lost-pact")
    relying = {
        name: replace(
            terms, reliance=(Reliance(parties=(), instrument=lost, ground=terms.force_ground),)
        )
        for name, terms in law.instruments.items()
    }
    for one in decide(refine_law(law, relying), case, at=at).considered:
        finding = one.findings[RULE_ORDER.index(Rule.RELIANCE)]
        assert finding.verdict is Verdict.FAIL
