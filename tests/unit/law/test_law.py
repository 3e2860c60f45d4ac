"""Law as a value: two times, readings, links, tables in use, what is owed."""

import pytest
from whenever import Instant

from relto.law import Equivalence, State, SurvivalKind, UnknownInstrumentError, compile_law
from relto.units import InstrumentId, LevelId, PartyCode, SchemeId
from tests.unit.law.building import PACT, act, day, law, library, pact, rule, signed, states, when

AAA, BBB, CCC = PartyCode("AAA"), PartyCode("BBB"), PartyCode("CCC")
NOTICE = act("n", "notice", "2016-10-01T00:00:00Z")
SUSPENSION = act("s", "notice-suspension", "2016-12-01T00:00:00Z", of=["n"])
SLEEPS = rule(
    id="r",
    instrument=PACT,
    party="AAA",
    on=day("2016-12-01"),
    suspended_notice="dormant",
    text="AAA holds that its notice sleeps",
)


def at(year: int, month: int = 1, day: int = 1) -> Instant:
    return Instant.from_utc(year, month, day)


# ---------------------------------------------------------------- two times


def test_what_was_not_known_then_is_not_in_the_law_as_known_then() -> None:
    """LAW-13."""
    made = law(acts=[signed(), NOTICE], known=at(2016, 9))
    assert states(made)[-1][1] == "in-force"
    assert [item.id for item in made.acts(PACT)] == ["signature"]


def test_an_act_may_be_known_later_than_it_was_done() -> None:
    """LAW-13."""
    late = act("n", "notice", "2016-10-01T00:00:00Z", known=when("2016-12-24T00:00:00Z"))
    files = library(acts=[signed(), late])
    assert len(compile_law(files, known=at(2016, 12, 1)).spans(PACT, reading=AAA)) == 2
    assert len(compile_law(files, known=at(2017)).spans(PACT, reading=AAA)) == 4


def test_an_act_from_elsewhere_joins_those_of_the_files() -> None:
    """LAW-13: an act out of a journal."""
    files = library(acts=[signed()])
    extra = library(acts=[signed(), NOTICE]).acts[PACT][-1]
    assert compile_law(files, acts=[extra]).spans(PACT, reading=AAA)[-1].state is State.ENDED


def test_an_act_from_elsewhere_about_an_unknown_instrument_is_refused() -> None:
    files = library(acts=[signed()])
    extra = library(pact(id="other"), acts=[{**signed(), "instrument": "other"}])
    with pytest.raises(UnknownInstrumentError) as caught:
        compile_law(files, acts=extra.acts[InstrumentId("other")])
    assert caught.value.code == "local.law_unknown_instrument"


# ---------------------------------------------------------------- the state at an instant


def test_the_old_answer_holds_until_the_instant_and_the_new_one_from_it() -> None:
    """LAW-50, LAW-51: to the nanosecond."""
    made = law(acts=[signed(), NOTICE])
    end = Instant.from_utc(2017, 3, 1)
    before = made.state(PACT, at=end.subtract(nanoseconds=1), reading=AAA)
    assert before.state is State.NOTICE_GIVEN
    assert before.end == end
    assert made.state(PACT, at=end, reading=AAA).state is State.ENDED


def test_the_next_change_is_the_end_of_the_span_or_a_new_table() -> None:
    """LAW-51, LAW-72."""
    row = {"id": "R", "levels": {"aaa": ["low"], "bbb": ["grey"]}}
    tables = [
        rule(id="old", rows=[row], valid_until=when("2016-06-01T00:00:00Z")),
        rule(id="new", rows=[row], valid_from=when("2016-06-01T00:00:00Z")),
    ]
    made = law(pact(equivalence=tables), acts=[signed(), NOTICE])
    assert made.next_change(PACT, after=at(2016, 4), reading=AAA) == at(2016, 6)
    assert made.next_change(PACT, after=at(2016, 6), reading=AAA) == at(2016, 10)
    assert made.next_change(PACT, after=at(2017, 4), reading=AAA) is None


@pytest.mark.parametrize("ask", ["terms", "life", "acts", "readings", "differences"])
def test_an_unknown_instrument_is_an_error_with_advice(ask: str) -> None:
    made = law()
    with pytest.raises(UnknownInstrumentError) as caught:
        getattr(made, ask)(InstrumentId("zzz"))
    assert "relto law list" in caught.value.hint


# ---------------------------------------------------------------- links


def test_parties_are_linked_by_what_both_are_party_to_in_the_order_of_ids() -> None:
    """LAW-7."""
    made = law(pact(), pact(id="a-circle", parties=["CCC", "AAA", "BBB"]))
    assert made.links(AAA, BBB) == ("a-circle", PACT)
    assert made.links(BBB, AAA) == ("a-circle", PACT)
    assert made.links(AAA, CCC) == ("a-circle",)
    assert made.links(AAA, AAA) == ()
    assert made.links(AAA, PartyCode("ZZZ")) == ()


def test_the_digest_is_that_of_the_files() -> None:
    """LAW-9."""
    assert law().digest == library().digest
    assert law().digest != law(acts=[signed()]).digest


# ---------------------------------------------------------------- readings


def test_a_party_that_declared_nothing_reads_as_the_text_and_its_doctrine() -> None:
    """LAW-52."""
    made = law(acts=[signed(), NOTICE, SUSPENSION], readings=[SLEEPS])
    assert states(made, reading=AAA)[-1][1] == "notice-suspended"
    assert states(made, reading=BBB)[-1][1] == "in-force"
    assert states(made, reading=CCC) == states(made)


def test_a_reading_counts_from_when_it_was_declared() -> None:
    """LAW-13, LAW-52."""
    given = library(acts=[signed(), NOTICE, SUSPENSION], readings=[SLEEPS])
    early = compile_law(given, known=at(2016, 11))
    assert early.readings(PACT) == ((None, early.life(PACT)),)
    assert [party for party, _ in compile_law(given).readings(PACT)] == ["AAA", "BBB"]


def test_a_party_may_declare_that_it_can_end_at_once() -> None:
    """LAW-46, LAW-52."""
    reading = rule(
        id="r", instrument=PACT, party="AAA", on=day("2016-05-01"), end_at_once="ends", text="x"
    )
    end = act("e", "end", "2016-06-01")
    made = law(acts=[signed(), end], readings=[reading])
    assert states(made, reading=AAA)[-1] == ("2016-06-01T00:00:00Z", "ended")
    assert states(made, reading=BBB)[-1][1] == "in-force"


def test_where_readings_differ_the_stretch_is_contested_and_says_how() -> None:
    """LAW-53, LAW-54."""
    made = law(acts=[signed(), NOTICE, SUSPENSION], readings=[SLEEPS])
    (stretch,) = made.differences(PACT)
    assert (stretch.start, stretch.end) == (at(2017, 3), None)
    assert made.readings_differ(PACT, at=at(2017, 2)) is None
    assert made.readings_differ(PACT, at=at(2017, 3)) == stretch
    assert stretch.sentence(reading=AAA).startswith("BBB reads `in-force` (the term rolled over")
    assert stretch.sentence(reading=CCC).count("reads") == 2


def test_after_a_contested_stretch_the_readings_agree_again() -> None:
    """LAW-53."""
    withdrawn = act("w", "withdrawal", "2018-01-01", of=["n", "s"])
    made = law(acts=[signed(), NOTICE, SUSPENSION, withdrawn], readings=[SLEEPS])
    (stretch,) = made.differences(PACT)
    assert stretch.end == at(2018)
    assert made.readings_differ(PACT, at=at(2018)) is None


def test_without_declared_readings_nothing_is_contested() -> None:
    """LAW-53."""
    assert law(acts=[signed(), NOTICE, SUSPENSION]).differences(PACT) == ()


# ---------------------------------------------------------------- deadlines


def test_a_deadline_names_its_term_its_last_day_and_when_it_closes() -> None:
    """LAW-31, LAW-32."""
    made = law(acts=[signed()])
    due = made.next_deadline(PACT, after=at(2016, 6))
    assert due == made.next_deadline(PACT, after=at(2016, 3))  # the very instant of the entry
    assert (due.term, due.last_day.format_iso()) == (1, "2016-12-01")
    assert due.closes == at(2016, 12, 2)
    assert due.term_ends == at(2017, 3)


def test_no_deadline_runs_before_the_entry_nor_once_the_end_is_known_nor_after_it() -> None:
    """LAW-31."""
    made = law(acts=[signed(), NOTICE])
    for instant in (at(2016), at(2016, 11), at(2018)):
        assert made.next_deadline(PACT, after=instant) is None


@pytest.mark.parametrize(
    "tables",
    [
        pact(notice=None),
        pact(term=rule(kind="fixed", first_months=1)),
        pact(
            term=rule(kind="indefinite"),
            notice=rule(
                length=6,
                unit="months",
                count="forward-from-notice",
                counting=rule(anchor="same-day"),
            ),
        ),
    ],
    ids=["no clause", "the last day of the only term is over", "counted forward"],
)
def test_some_pacts_have_no_deadline(tables) -> None:
    """LAW-31, LAW-34."""
    made = law(tables, acts=[signed()])
    assert made.next_deadline(PACT, after=at(2016, 3, 2)) is None


def test_a_notice_in_months_has_a_last_day_too() -> None:
    """LAW-31: five years, then one at a time, six months before."""
    tables = pact(
        term=rule(kind="fixed", first_months=60, renewal_months=12),
        notice=rule(
            length=6,
            unit="months",
            count="back-from-term-end",
            counting=rule(anchor="last-full-day"),
        ),
    )
    made = law(tables, acts=[signed()])
    first = made.next_deadline(PACT, after=at(2016, 6))
    assert (first.term, first.last_day.format_iso()) == (1, "2020-08-28")
    second = made.next_deadline(PACT, after=first.closes)
    assert (second.term, second.term_ends) == (2, at(2022, 3))


def test_a_deadline_runs_while_a_notice_is_suspended_that_the_renewal_will_spend() -> None:
    """LAW-44."""
    made = law(acts=[signed(), NOTICE, SUSPENSION])
    assert made.next_deadline(PACT, after=at(2017, 2)).term == 2


# ---------------------------------------------------------------- what is owed


def test_an_end_ends_releases_but_not_duties() -> None:
    """LAW-57."""
    duty = {"kind": "protect", "weight": "required", "text": "protect", **rule()}
    made = law(pact(duties=[duty]), acts=[signed(), NOTICE])
    assert made.owed(PACT, at=at(2016), reading=AAA) is None
    assert not made.owed(PACT, at=at(2016, 3), reading=AAA).is_ended  # from the very instant
    owed = made.owed(PACT, at=at(2030), reading=AAA)
    assert owed.is_ended
    assert owed.survival.kind is SurvivalKind.UNLIMITED
    assert [item.text for item in owed.duties] == ["protect"]


def test_nothing_is_owed_under_what_never_entered_into_force() -> None:
    """LAW-57."""
    made = law(pact(entry=rule(kind="not-known")), acts=[signed()])
    assert made.owed(PACT, at=at(2030), reading=AAA) is None


# ---------------------------------------------------------------- tables between schemes

LOW, MID, HIGH = LevelId("low"), LevelId("mid"), LevelId("high")
TABLE = [
    {"id": "C", "levels": {"aaa": ["low"]}},
    {"id": "S", "levels": {"aaa": ["mid", "high"], "bbb": ["black"]}},
]


def _table() -> Equivalence:
    made = law(pact(equivalence=[rule(id="1", rows=TABLE)]), acts=[signed()])
    return made.equivalence(PACT, at=at(2016, 6))


def test_many_levels_may_stand_in_one_row_and_the_receiver_chooses() -> None:
    """LAW-70: the table is no function, so nothing is inverted."""
    table = _table()
    aaa, bbb = SchemeId("aaa"), SchemeId("bbb")
    assert table.allowed(source=aaa, level=HIGH, target=bbb) == ("black",)
    assert table.allowed(source=bbb, level=LevelId("black"), target=aaa) == ("mid", "high")


def test_a_level_without_a_row_or_a_partner_has_no_marking() -> None:
    """LAW-70: gaps."""
    table = _table()
    aaa, bbb = SchemeId("aaa"), SchemeId("bbb")
    assert table.allowed(source=aaa, level=LOW, target=bbb) == ()
    assert table.allowed(source=bbb, level=LevelId("grey"), target=aaa) == ()
    assert table.row_of(bbb, LevelId("grey")) is None


def test_rows_have_an_order_by_which_a_cap_is_read() -> None:
    """LAW-71."""
    table = _table()
    assert (table.rank("C"), table.rank("S"), table.rank("X")) == (0, 1, None)


def test_an_amendment_brings_a_new_table_from_its_day_on() -> None:
    """LAW-49, LAW-72."""
    tables = [
        rule(id="1", rows=TABLE),
        rule(id="2", rows=TABLE[:1], by_act="m"),
        rule(id="3", rows=TABLE[1:], by_act="later"),
    ]
    acts = [
        signed(),
        act("m", "amendment", "2017-01-01", by=["AAA", "BBB"]),
        act("later", "amendment", "2018-01-01", by=["AAA", "BBB"]),
    ]
    made = law(pact(equivalence=tables), acts=acts)
    in_use = [made.equivalence(PACT, at=at(year, 6)).id for year in (2016, 2017, 2018)]
    assert in_use == ["1", "2", "3"]
    then = law(pact(equivalence=tables), acts=acts, known=at(2017, 2))
    assert [version.id for version in then.terms(PACT).equivalence] == ["1", "2"]
    assert then.equivalence(PACT, at=at(2018, 6)).id == "2"


def test_a_table_that_an_amendment_overtook_before_its_day_never_holds() -> None:
    """LAW-72."""
    tables = [
        rule(id="1", rows=TABLE, valid_until=when("2020-01-01T00:00:00Z")),
        rule(id="2", rows=TABLE, valid_from=when("2020-01-01T00:00:00Z")),
        rule(id="3", rows=TABLE[:1], by_act="m"),
    ]
    acts = [signed(), act("m", "amendment", "2018-01-01", by=["AAA", "BBB"])]
    made = law(pact(equivalence=tables), acts=acts)
    assert [version.id for version in made.terms(PACT).equivalence] == ["1", "3"]
    assert made.equivalence(PACT, at=at(2021)).id == "3"


def test_before_its_first_version_a_pact_has_no_table() -> None:
    """LAW-72."""
    late = rule(id="1", rows=TABLE, valid_from=when("2017-01-01T00:00:00Z"))
    made = law(pact(equivalence=[late]), acts=[signed()])
    assert made.equivalence(PACT, at=at(2016, 12)) is None
    assert law(acts=[signed()]).equivalence(PACT, at=at(2016, 12)) is None
