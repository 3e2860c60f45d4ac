"""The life of a pact: entry, terms, notices and what becomes of them."""

from datetime import time

import pytest
from whenever import Instant

from tests.unit.law.building import PACT, act, law, pact, remark, rule, signed, states, when

SIGNED = "2016-03-01T00:00:00Z"
FIRST_END = "2017-03-01T00:00:00Z"
SECOND_END = "2018-03-01T00:00:00Z"


# ---------------------------------------------------------------- entry


def test_nothing_is_known_before_the_signature() -> None:
    """LAW-20."""
    assert states(law()) == [("", "unknown")]


def test_a_pact_enters_on_the_last_signature() -> None:
    """LAW-20."""
    made = law(
        acts=[
            act("one", "signature", "2016-03-01T00:00:00Z", by=["AAA"]),
            act("two", "signature", "2016-03-05T00:00:00Z", by=["BBB"]),
        ]
    )
    assert states(made) == [("", "unknown"), ("2016-03-05T00:00:00Z", "in-force")]


ENTRY = pact(entry=rule(kind="later-notification"))


def test_a_pact_enters_on_the_later_of_two_notifications() -> None:
    """LAW-20, LAW-21."""
    made = law(
        ENTRY,
        acts=[
            signed(),
            act("a", "notification", "2016-03-05T00:00:00Z", by=["AAA"]),
            act("b", "notification", "2016-04-05T00:00:00Z", by=["BBB"]),
        ],
    )
    assert states(made) == [
        ("", "unknown"),
        (SIGNED, "signed"),
        ("2016-04-05T00:00:00Z", "in-force"),
    ]


def test_a_notification_before_the_signature_waits_for_it() -> None:
    """LAW-11, LAW-21: a day without an hour begins at midnight; the signature came later."""
    made = law(
        ENTRY,
        acts=[
            act("a", "notification", "2016-03-01", by=["AAA", "BBB"]),
            signed("2016-03-01T10:00:00+00:00"),
        ],
    )
    assert states(made) == [("", "unknown"), ("2016-03-01T10:00:00Z", "in-force")]


def test_mutual_receipt_counts_when_the_notes_arrive() -> None:
    """LAW-20, LAW-35."""
    made = law(
        pact(entry=rule(kind="mutual-receipt")),
        acts=[
            signed(),
            act(
                "a",
                "notification",
                "2016-03-05T00:00:00Z",
                by=["AAA", "BBB"],
                received=when("2016-03-09T00:00:00Z"),
            ),
        ],
    )
    assert states(made)[-1] == ("2016-03-09T00:00:00Z", "in-force")


def test_an_exchange_of_notes_brings_a_pact_into_force() -> None:
    """LAW-20."""
    made = law(
        pact(entry=rule(kind="exchange-of-notes")),
        acts=[signed(), act("x", "exchange", "2016-06-07", by=["AAA", "BBB"])],
    )
    assert states(made)[-1] == ("2016-06-07T00:00:00Z", "in-force")


@pytest.mark.parametrize(
    ("signature", "entry"),
    [("2016-03-01T12:00:00Z", "2016-05-01"), ("2016-12-31T12:00:00Z", "2017-02-01")],
)
def test_a_pact_enters_on_the_first_day_of_the_second_month_after(signature, entry) -> None:
    """LAW-22."""
    made = law(pact(entry=rule(kind="signature", first_of_month_after=2)), acts=[signed(signature)])
    assert states(made)[-1] == (f"{entry}T00:00:00Z", "in-force")


def test_a_recorded_entry_stands_for_a_rule_that_was_not_read() -> None:
    """LAW-23."""
    recorded = act("e", "entry", "2016-06-01", by=["AAA", "BBB"])
    made = law(pact(entry=rule(kind="recorded")), acts=[signed(), recorded])
    assert states(made)[-1] == ("2016-06-01T00:00:00Z", "in-force")


def test_a_second_entry_does_nothing() -> None:
    """LAW-23."""
    made = law(acts=[signed(), act("e", "entry", "2016-06-01", by=["AAA", "BBB"])])
    assert states(made)[-1] == (SIGNED, "in-force")
    assert not remark(made, "e").has_effect


def test_a_recorded_entry_overtakes_a_computed_one() -> None:
    """LAW-23."""
    made = law(
        pact(entry=rule(kind="signature", first_of_month_after=2)),
        acts=[signed(), act("e", "entry", "2016-03-20", by=["AAA", "BBB"])],
    )
    assert states(made)[1:] == [(SIGNED, "signed"), ("2016-03-20T00:00:00Z", "in-force")]


def test_where_the_entry_is_not_known_a_pact_stays_signed() -> None:
    """LAW-23: what nobody read is not invented."""
    made = law(pact(entry=rule(kind="not-known")), acts=[signed()])
    assert states(made)[-1] == (SIGNED, "signed")


def test_a_signature_found_after_a_recorded_entry_takes_nothing_back() -> None:
    """LAW-23."""
    made = law(
        pact(entry=rule(kind="recorded")),
        acts=[act("e", "entry", "2016-02-01", by=["AAA", "BBB"]), signed()],
    )
    assert states(made) == [("", "unknown"), ("2016-02-01T00:00:00Z", "in-force")]


def test_an_act_at_the_instant_of_the_entry_meets_a_pact_in_force() -> None:
    """LAW-50: what is due comes first."""
    tables = pact(entry=rule(kind="signature", first_of_month_after=2))
    made = law(tables, acts=[signed(), act("n", "notice", "2016-05-01T00:00:00Z")])
    assert remark(made, "n").has_effect


def test_a_second_signature_does_not_put_off_an_entry_that_is_coming() -> None:
    """LAW-22."""
    again = act("again", "signature", "2016-04-20", by=["AAA"])
    made = law(pact(entry=rule(kind="signature", first_of_month_after=2)), acts=[signed(), again])
    assert states(made)[-1] == ("2016-05-01T00:00:00Z", "in-force")


def test_a_pact_suspended_before_its_entry_enters_suspended() -> None:
    """LAW-47."""
    made = law(
        pact(entry=rule(kind="signature", first_of_month_after=2)),
        acts=[signed(), act("o", "operation-suspension", "2016-04-01")],
    )
    assert states(made)[-2:] == [
        (SIGNED, "signed"),
        ("2016-05-01T00:00:00Z", "operation-suspended"),
    ]


# ---------------------------------------------------------------- terms


def test_a_fixed_term_without_renewal_ends_by_itself() -> None:
    """LAW-30, LAW-36."""
    made = law(pact(term=rule(kind="fixed", first_months=12), notice=None), acts=[signed()])
    assert states(made)[-1] == (FIRST_END, "ended")


def test_a_fixed_term_with_renewal_runs_on() -> None:
    """LAW-30."""
    assert states(law(acts=[signed()]))[-1] == (SIGNED, "in-force")


def test_a_pact_of_29_february_ends_its_terms_on_the_last_of_february() -> None:
    """LAW-12: each term is counted from the first day, never from a shortened one."""
    made = law(acts=[signed("2016-02-29T00:00:00Z")])
    ends = [
        made.next_deadline(PACT, after=Instant.from_utc(year, 3, 2)).term_ends.format_iso()
        for year in (2016, 2017, 2018, 2019)
    ]
    assert ends == [
        "2017-02-28T00:00:00Z",
        "2018-02-28T00:00:00Z",
        "2019-02-28T00:00:00Z",
        "2020-02-29T00:00:00Z",
    ]


def test_a_term_ends_at_the_hour_and_in_the_zone_of_its_rule() -> None:
    """LAW-10, LAW-36: across the change of the clocks."""
    zone = rule(zone="America/New_York", term_ends_at=time(2, 30))
    made = law(
        pact(term=rule(kind="fixed", first_months=12), notice=None, days=zone),
        acts=[signed("2023-03-10T05:00:00Z")],
    )
    assert states(made)[-1] == ("2024-03-10T07:30:00Z", "ended")


# ---------------------------------------------------------------- notices


def test_a_notice_in_time_ends_the_running_term() -> None:
    """LAW-31, LAW-36."""
    made = law(acts=[signed(), act("n", "notice", "2016-11-30T23:59:59Z")])
    assert states(made)[2:] == [("2016-11-30T23:59:59Z", "notice-given"), (FIRST_END, "ended")]


def test_a_notice_too_late_for_this_term_works_for_the_next() -> None:
    """LAW-32, LAW-33."""
    made = law(acts=[signed(), act("n", "notice", "2016-12-02T00:00:00Z")])
    assert states(made)[-1] == (SECOND_END, "ended")
    assert remark(made, "n").text.startswith("too late for the running term")


def test_a_notice_in_a_later_term_ends_that_term_and_is_not_called_late() -> None:
    """LAW-31, LAW-33."""
    made = law(acts=[signed(), act("n", "notice", "2017-10-01T00:00:00Z")])
    assert states(made)[-1] == (SECOND_END, "ended")
    assert remark(made, "n").text.startswith("works at 2018-03-01T00:00")


def test_a_state_names_the_provision_under_which_it_began() -> None:
    """LAW-41, LAW-50."""
    own = {**pact()["notice"], "article": "21(3)"}
    acts = [
        signed(article="closing clause"),
        act("n", "notice", "2016-10-01T00:00:00Z", article="note"),
    ]
    spans = law(pact(notice=own), acts=acts).life(PACT).spans
    assert [span.article for span in spans] == ["", "closing clause", "note", "21(3)"]


def test_a_notice_in_time_for_the_only_term_is_told_though_the_end_would_come_anyway() -> None:
    """LAW-31."""
    only = pact(term=rule(kind="fixed", first_months=12))
    made = law(only, acts=[signed(), act("n", "notice", "2016-10-01T00:00:00Z")])
    assert states(made)[2:] == [("2016-10-01T00:00:00Z", "notice-given"), (FIRST_END, "ended")]


def test_a_notice_too_late_for_the_last_term_does_nothing() -> None:
    """LAW-33."""
    made = law(
        pact(term=rule(kind="fixed", first_months=12)),
        acts=[signed(), act("n", "notice", "2016-12-31T00:00:00Z")],
    )
    assert not remark(made, "n").has_effect
    assert states(made)[1:] == [(SIGNED, "in-force"), (FIRST_END, "ended")]


@pytest.mark.parametrize(
    ("length", "unit", "anchor", "end"),
    [
        (6, "months", "same-day", "2017-02-28"),
        (6, "months", "day-after", "2017-03-01"),
        (30, "days", "same-day", "2016-09-30"),
    ],
)
def test_a_notice_counted_forward_ends_a_pact_without_term(length, unit, anchor, end) -> None:
    """LAW-34: six months after 31 August end with February."""
    made = law(
        pact(
            term=rule(kind="indefinite"),
            notice=rule(
                length=length,
                unit=unit,
                count="forward-from-notice",
                counting=rule(anchor=anchor),
            ),
        ),
        acts=[signed(), act("n", "notice", "2016-08-31T15:00:00Z")],
    )
    assert states(made)[-1] == (f"{end}T00:00:00Z", "ended")


def test_a_notice_may_count_from_its_receipt() -> None:
    """LAW-35."""
    made = law(
        pact(
            term=rule(kind="indefinite"),
            notice=rule(
                length=6,
                unit="months",
                count="forward-from-notice",
                counts_when="received",
                counting=rule(anchor="same-day"),
            ),
        ),
        acts=[
            signed(),
            act("n", "notice", "2016-04-01T00:00:00Z", received=when("2016-05-01T00:00:00Z")),
        ],
    )
    assert states(made)[2:] == [
        ("2016-05-01T00:00:00Z", "notice-given"),
        ("2016-11-01T00:00:00Z", "ended"),
    ]


@pytest.mark.parametrize(
    "flaw", [{"channel": "public"}, {"is_written": False}], ids=["channel", "writing"]
)
def test_a_notice_by_the_wrong_way_does_nothing(flaw) -> None:
    """LAW-37."""
    made = law(acts=[signed(), act("n", "notice", "2016-10-01T00:00:00Z", **flaw)])
    assert states(made)[-1] == (SIGNED, "in-force")
    assert not remark(made, "n").has_effect


def test_a_notice_where_no_clause_is_known_does_nothing_and_says_so() -> None:
    """LAW-37, LAW-41."""
    made = law(pact(notice=None), acts=[signed(), act("n", "notice", "2016-10-01T00:00:00Z")])
    assert remark(made, "n").text == "no effect: no clause on notice is known"


def test_a_notice_before_the_entry_into_force_does_nothing() -> None:
    """LAW-37."""
    made = law(ENTRY, acts=[signed(), act("n", "notice", "2016-10-01T00:00:00Z")])
    assert not remark(made, "n").has_effect


def test_an_announcement_has_no_legal_effect() -> None:
    """LAW-40, LAW-41."""
    made = law(acts=[signed(), act("s", "announcement", "2016-10-01T00:00:00Z")])
    assert states(made)[-1] == (SIGNED, "in-force")
    assert remark(made, "s").text == "announced; no legal effect"
    assert not remark(made, "s").has_effect
