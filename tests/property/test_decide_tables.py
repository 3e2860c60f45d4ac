"""The tables for bulk engines decide every row as the reference does (DEC-29 to DEC-32)."""

from functools import reduce
from itertools import combinations
from operator import and_, or_

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from relto.decide import Conditions, Facts, LevelFact, Planner, changed_pairs, decide, tables_of
from relto.decide.rules import caps_of, consents_for, runs_at
from relto.decide.view import leg_of
from relto.model import Form, Outcome, Verdict
from relto.testing.cases import make_case, make_instant
from relto.testing.generate import RandomDice, make_law, make_library, refine_law

quick = settings(max_examples=100, deadline=None)
seeds = st.integers(min_value=0, max_value=10**9)


def facts_of(cases):
    """The distinct values of each column, as an engine would find them."""
    return Facts(
        provenances=unique(case.provenance for case in cases),
        topics=unique(topic for case in cases for topic in case.topics),
        forms=unique(case.form for case in cases),
        levels=unique(level_of(case) for case in cases),
        caveats=unique(level_of(case) for case in cases),
        originators=unique(case.originator for case in cases),
        received_for=unique(case.received_for for case in cases),
    )


def unique(values):
    return tuple(dict.fromkeys(values))


def level_of(case):
    return LevelFact(label=case.label, marked=case.marked)


def masks_of(tables, facts, case, *, is_consented):
    """One row looked up in every table: (passes, asks) for each rule, in the order of rules."""
    form, level = facts.forms.index(case.form), facts.levels.index(level_of(case))
    caveat = facts.caveats.index(level_of(case))
    origin = facts.originators.index(case.originator)
    third_party = tables.third_party_consented if is_consented else tables.third_party
    purpose = tables.purpose_own, 0
    if tables.is_third_party[origin]:
        purpose = tables.purpose_received, facts.received_for.index(case.received_for)
        if is_consented:
            purpose = tables.purpose_consented, 0
    topics = [
        (tables.topic.passes[code], tables.topic.asks[code])
        for code in (facts.topics.index(topic) for topic in case.topics)
    ]
    looked_up = [
        (tables.in_force, 0),
        (tables.reliance, 0),
        (tables.topology, facts.provenances.index(case.provenance)),
        (tables.form, form),
        (tables.level[form], level),
        (tables.caveat, caveat),
        (third_party, origin),
        purpose,
        (tables.assurance, level),
        (tables.initiative, 0),
    ]
    found = [(masks.passes[code], masks.asks[code]) for masks, code in looked_up]
    topic = tuple(reduce(and_, masks) for masks in zip(*topics, strict=True))
    return [*found[:3], topic, *found[3:]]


def outcome_of(masks):
    if reduce(and_, (passes for passes, _ in masks)):
        return Outcome.PERMIT
    return Outcome.REFER if reduce(and_, (or_(*pair) for pair in masks)) else Outcome.DENY


@given(seeds)
@settings(max_examples=200, deadline=None)
def test_rows_decided_from_tables_are_decided_as_by_the_reference(seed):
    """DEC-29, DEC-30: rule by rule, with a consent at hand and without."""
    dice = RandomDice(seed)
    law = make_law(dice, most=6)
    first = make_case(dice, law)
    same = {
        "holder": first.holder,
        "recipient": first.recipient,
        "onward": first.onward,
        "purpose": first.purpose,
        "requested": first.requested,
        "assurance": first.assurance,
    }
    cases = [msgspec.structs.replace(make_case(dice, law), **same) for _ in range(6)]
    cases = [case for case in cases if case.topics]
    facts, at = facts_of(cases), make_instant(dice)
    conditions = Conditions(
        purpose=first.purpose,
        onward=first.onward,
        requested=first.requested,
        assurance=first.assurance,
    )
    planner = Planner(law)
    tables = tables_of(
        planner, facts, conditions, holder=first.holder, recipient=first.recipient, at=at
    )
    assert (tables.holder, tables.recipient) == (first.holder, first.recipient)
    assert (tables.start, tables.end) == planner.plan(first.holder, first.recipient).stretch(at)
    assert len(tables.level) == len(facts.forms)
    for case in cases:
        is_consented = any(runs_at(one, at) for one in consents_for(case))
        masks = masks_of(tables, facts, case, is_consented=is_consented)
        decided = decide(law, case, at=at)
        assert outcome_of(masks) is decided.outcome
        for bit, name in enumerate(tables.instruments):
            one = next(two for two in decided.considered if two.instrument == name)
            for (passes, asks), found in zip(masks, one.findings, strict=True):
                assert bool(passes & 1 << bit) is (found.verdict is Verdict.PASS), found
                assert bool(asks & 1 << bit) is (found.verdict is Verdict.ASK), found


@given(seeds)
@quick
def test_a_table_of_levels_for_each_form_is_made_only_where_some_cap_names_a_form(seed):
    """DEC-30."""
    dice = RandomDice(seed)
    law = make_law(dice, most=3)
    case, at = make_case(dice, law), make_instant(dice)
    facts = msgspec.structs.replace(facts_of([case]), forms=tuple(Form))
    tables = tables_of(
        Planner(law), facts, Conditions(), holder=case.holder, recipient=case.recipient, at=at
    )
    legs = [
        leg_of(law, name, holder=case.holder, recipient=case.recipient)
        for name in tables.instruments
    ]
    has_caps = any(cap.form is not None for leg in legs for cap in caps_of(leg))
    assert tables.is_level_by_form is has_caps
    assert len(tables.level) == len(Form)
    assert len({id(masks) for masks in tables.level}) == (len(Form) if has_caps else 1)


@given(seeds)
@quick
def test_tables_hold_for_the_whole_stretch_they_name(seed):
    """DEC-31."""
    dice = RandomDice(seed)
    law = make_law(dice)
    case, at = make_case(dice, law), make_instant(dice)
    facts = facts_of([case])

    def made(instant):
        return tables_of(
            Planner(law),
            facts,
            Conditions(),
            holder=case.holder,
            recipient=case.recipient,
            at=instant,
        )

    tables = made(at)
    assert tables.start is None or tables.start <= at
    assert tables.end is None or at < tables.end
    if tables.start is not None:
        assert made(tables.start) == tables
    if tables.end is not None:
        assert made(tables.end.subtract(nanoseconds=1)) == tables


@given(seeds)
@quick
def test_a_pair_that_is_not_named_as_changed_decides_as_before(seed):
    """DEC-32."""
    dice = RandomDice(seed)
    before = make_law(dice, most=5)
    gone = dice.some(tuple(before.instruments), least=0, most=2) if before.instruments else ()
    kept = {name: terms for name, terms in before.instruments.items() if name not in gone}
    after = refine_law(before, kept)
    parties = tuple(before.library.parties)
    changed = changed_pairs(before, after, parties)
    assert set(changed) <= set(combinations(sorted(parties), 2))
    for _ in range(6):
        case, at = make_case(dice, before), make_instant(dice)
        if tuple(sorted((case.holder, case.recipient))) not in changed:
            assert decide(after, case, at=at) == decide(before, case, at=at)
    assert changed_pairs(before, before, parties) == ()


@given(seeds)
@quick
def test_a_planner_renewed_for_a_changed_law_decides_as_a_new_one(seed):
    """DEC-32: and keeps the plans that the change does not concern."""
    dice = RandomDice(seed)
    before = make_law(dice, most=5)
    gone = dice.some(tuple(before.instruments), least=0, most=2) if before.instruments else ()
    kept = {name: terms for name, terms in before.instruments.items() if name not in gone}
    after = refine_law(before, kept)
    planner = Planner(before)
    cases = [make_case(dice, before) for _ in range(6)]
    for case in cases:
        planner.decide(case, at=make_instant(dice))
    renewed = planner.renewed(after)
    for case in cases:
        at = make_instant(dice)
        assert renewed.decide(case, at=at) == decide(after, case, at=at)
    if not gone:
        pairs = {(case.holder, case.recipient) for case in cases}
        assert all(renewed.plan(*pair) is planner.plan(*pair) for pair in pairs)
    other_words = msgspec.structs.replace(after, library=make_library())
    assert planner.renewed(other_words).plan("AAA", "BBB") is not planner.plan("AAA", "BBB")
