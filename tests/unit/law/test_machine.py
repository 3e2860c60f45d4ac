"""The life of a pact: entry, terms, notices and what becomes of them."""

from datetime import time

import pytest
from whenever import Instant

from relto.law import State
from relto.model import Evidence
from tests.unit.law.building import PACT, act, law, pact, rule, signed, states, when

SIGNED = "2016-03-01T00:00:00Z"
FIRST_END = "2017-03-01T00:00:00Z"
SECOND_END = "2018-03-01T00:00:00Z"


def remark(made, id, reading=None):
    return next(item for item in made.remarks(PACT, reading=reading) if item.act == id)


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


# ---------------------------------------------------------------- suspended, resumed, withdrawn

NOTICE = act("n", "notice", "2016-10-01T00:00:00Z")
SUSPENSION = act("s", "notice-suspension", "2016-12-01T00:00:00Z", of=["n"])
DORMANT = pact(doctrine=rule(suspended_notice="dormant", end_at_once="no-effect"))


def test_a_suspended_notice_is_spent_when_the_term_rolls_over() -> None:
    """LAW-42, LAW-44."""
    made = law(acts=[signed(), NOTICE, SUSPENSION])
    assert states(made)[2:] == [
        ("2016-10-01T00:00:00Z", "notice-given"),
        ("2016-12-01T00:00:00Z", "notice-suspended"),
        (FIRST_END, "in-force"),
    ]


def test_a_suspended_notice_may_sleep_instead() -> None:
    """LAW-45."""
    made = law(DORMANT, acts=[signed(), NOTICE, SUSPENSION])
    assert states(made)[-1] == ("2016-12-01T00:00:00Z", "notice-suspended")
    assert made.next_deadline(PACT, after=Instant.from_utc(2017, 5, 1)) is None


def test_a_notice_resumed_in_time_ends_the_pact_as_if_never_suspended() -> None:
    """LAW-42."""
    made = law(acts=[signed(), NOTICE, SUSPENSION, act("r", "resumption", "2017-01-01", of=["n"])])
    assert states(made)[-2:] == [("2017-01-01T00:00:00Z", "notice-given"), (FIRST_END, "ended")]


def test_a_spent_notice_cannot_be_resumed() -> None:
    """LAW-44."""
    resumed = act("r", "resumption", "2017-06-01", of=["n"])
    made = law(acts=[signed(), NOTICE, SUSPENSION, resumed])
    assert states(made)[-1] == (FIRST_END, "in-force")
    assert not remark(made, "r").has_effect


def test_a_sleeping_notice_that_is_resumed_ends_the_pact_there_and_then() -> None:
    """LAW-45."""
    resumed = act("r", "resumption", "2017-06-01", of=["n"])
    made = law(DORMANT, acts=[signed(), NOTICE, SUSPENSION, resumed])
    assert states(made)[-1] == ("2017-06-01T00:00:00Z", "ended")


def test_a_suspension_of_a_spent_notice_does_nothing() -> None:
    """LAW-41: it had no effect because it was public."""
    public = act("n", "notice", "2016-10-01T00:00:00Z", channel="public")
    made = law(acts=[signed(), public, SUSPENSION])
    assert not remark(made, "s").has_effect


def test_a_withdrawn_notice_leaves_the_pact_in_force() -> None:
    """LAW-43."""
    made = law(acts=[signed(), NOTICE, act("w", "withdrawal", "2017-01-01", of=["n"])])
    assert states(made)[-1] == ("2017-01-01T00:00:00Z", "in-force")


def test_a_withdrawal_at_the_instant_of_the_end_is_too_late() -> None:
    """LAW-50."""
    made = law(acts=[signed(), NOTICE, act("w", "withdrawal", FIRST_END, of=["n"])])
    assert states(made)[-1] == (FIRST_END, "ended")
    assert remark(made, "w").text == "no effect: it had ended before"


def test_withdrawing_a_suspension_wakes_the_notice() -> None:
    """LAW-43."""
    woken = act("w", "withdrawal", "2017-01-01", of=["s"])
    made = law(acts=[signed(), NOTICE, SUSPENSION, woken])
    assert states(made)[-2:] == [("2017-01-01T00:00:00Z", "notice-given"), (FIRST_END, "ended")]


def test_withdrawing_both_notes_leaves_nothing() -> None:
    """LAW-43."""
    both = act("w", "withdrawal", "2018-01-01", of=["n", "s"])
    made = law(DORMANT, acts=[signed(), NOTICE, SUSPENSION, both])
    assert states(made)[-1] == ("2018-01-01T00:00:00Z", "in-force")


def test_withdrawing_what_is_spent_does_nothing() -> None:
    """LAW-43."""
    both = act("w", "withdrawal", "2018-01-01", of=["n", "s"])
    made = law(acts=[signed(), NOTICE, SUSPENSION, both])
    assert not remark(made, "w").has_effect
    assert states(made)[-1] == (FIRST_END, "in-force")


def test_of_two_notices_the_earlier_end_counts() -> None:
    """LAW-36."""
    made = law(acts=[signed(), NOTICE, act("m", "notice", "2016-10-02T00:00:00Z", by=["BBB"])])
    assert states(made)[-1] == (FIRST_END, "ended")


# ---------------------------------------------------------------- ended at once

END = act("e", "end", "2017-06-01T00:00:00Z")


def test_one_party_cannot_end_at_once_where_the_text_does_not_know_it() -> None:
    """LAW-46."""
    made = law(acts=[signed(), END])
    assert states(made)[-1] == (SIGNED, "in-force")
    assert not remark(made, "e").has_effect


def test_all_parties_together_can_end_at_once() -> None:
    """LAW-46."""
    made = law(acts=[signed(), act("e", "end", "2017-06-01T00:00:00Z", by=["AAA", "BBB"])])
    assert states(made)[-1] == ("2017-06-01T00:00:00Z", "ended")


def test_an_arrangement_that_holds_nobody_ends_when_one_says_so() -> None:
    """LAW-46."""
    loose = pact(doctrine=rule(suspended_notice="renews", end_at_once="ends"))
    assert states(law(loose, acts=[signed(), END]))[-1] == ("2017-06-01T00:00:00Z", "ended")


def test_an_end_may_be_declared_for_later_and_taken_back() -> None:
    """LAW-43, LAW-46."""
    later = act(
        "e",
        "end",
        "2017-06-01T00:00:00Z",
        by=["AAA", "BBB"],
        effective=when("2017-09-01T00:00:00Z"),
    )
    assert states(law(acts=[signed(), later]))[-1] == ("2017-09-01T00:00:00Z", "ended")
    back = act("w", "withdrawal", "2017-08-01", of=["e"], by=["AAA", "BBB"])
    assert states(law(acts=[signed(), later, back]))[-1] == (SIGNED, "in-force")


def test_who_let_its_notice_sleep_may_end_any_day_but_not_before_the_term() -> None:
    """LAW-45, LAW-46."""
    after = law(DORMANT, acts=[signed(), NOTICE, SUSPENSION, END])
    assert states(after)[-1] == ("2017-06-01T00:00:00Z", "ended")
    early = act("e", "end", "2017-01-01T00:00:00Z")
    before = law(DORMANT, acts=[signed(), NOTICE, SUSPENSION, early])
    assert states(before)[-1] == (FIRST_END, "ended")


def test_the_other_party_cannot_end_because_a_notice_sleeps() -> None:
    """LAW-46."""
    other = act("e", "end", "2017-06-01T00:00:00Z", by=["BBB"])
    made = law(DORMANT, acts=[signed(), NOTICE, SUSPENSION, other])
    assert states(made)[-1][1] == "notice-suspended"


def test_after_the_end_nothing_has_effect_but_may_still_be_said() -> None:
    """LAW-41, LAW-50."""
    made = law(
        pact(term=rule(kind="fixed", first_months=12), notice=None),
        acts=[
            signed(),
            act("s", "announcement", "2018-01-01"),
            act("o", "operation-suspension", "2018-02-01"),
        ],
    )
    assert remark(made, "s").text == "announced; no legal effect"
    assert remark(made, "o").text == "no effect: it had ended before"


# ---------------------------------------------------------------- operation, extension, amendment


def test_a_suspension_of_operation_stops_releases_until_it_is_resumed() -> None:
    """LAW-47."""
    made = law(
        acts=[
            signed(),
            act("o", "operation-suspension", "2016-06-01"),
            act("r", "operation-resumption", "2016-07-01", of=["o"]),
        ]
    )
    assert states(made)[2:] == [
        ("2016-06-01T00:00:00Z", "operation-suspended"),
        ("2016-07-01T00:00:00Z", "in-force"),
    ]


def test_a_limited_suspension_of_operation_runs_out() -> None:
    """LAW-47: a second one replaces the first."""
    made = law(
        acts=[
            signed(),
            act("o", "operation-suspension", "2016-06-01", until=when("2016-06-10T00:00:00Z")),
            act("p", "operation-suspension", "2016-06-02", until=when("2016-06-20T00:00:00Z")),
        ]
    )
    assert states(made)[2:] == [
        ("2016-06-01T00:00:00Z", "operation-suspended"),
        ("2016-06-20T00:00:00Z", "in-force"),
    ]


def test_a_withdrawn_suspension_of_operation_is_over() -> None:
    """LAW-43, LAW-47."""
    made = law(
        acts=[
            signed(),
            act("o", "operation-suspension", "2016-06-01"),
            act("w", "withdrawal", "2016-07-01", of=["o"]),
        ]
    )
    assert states(made)[-1] == ("2016-07-01T00:00:00Z", "in-force")


def test_a_resumption_after_the_suspension_ran_out_does_nothing() -> None:
    """LAW-47."""
    made = law(
        acts=[
            signed(),
            act("o", "operation-suspension", "2016-06-01", until=when("2016-06-10T00:00:00Z")),
            act("r", "operation-resumption", "2016-07-01", of=["o"]),
        ]
    )
    assert not remark(made, "r").has_effect


def test_a_suspended_pact_still_ends_by_its_notice() -> None:
    """LAW-47."""
    made = law(acts=[signed(), NOTICE, act("o", "operation-suspension", "2017-01-01")])
    assert states(made)[-2:] == [
        ("2017-01-01T00:00:00Z", "operation-suspended"),
        (FIRST_END, "ended"),
    ]


def extension(until: str, at: str = "2017-01-01T00:00:00Z") -> dict:
    return act("x", "extension", at, by=["AAA", "BBB"], until=when(until))


def test_an_extension_moves_the_end_that_a_notice_brings() -> None:
    """LAW-48."""
    made = law(acts=[signed(), NOTICE, extension("2017-09-01T00:00:00Z")])
    assert states(made)[-2:] == [
        ("2017-01-01T00:00:00Z", "notice-given"),
        ("2017-09-01T00:00:00Z", "ended"),
    ]


def test_an_extension_moves_the_end_of_a_last_term() -> None:
    """LAW-48."""
    made = law(
        pact(term=rule(kind="fixed", first_months=12), notice=None),
        acts=[signed(), extension("2017-09-01T00:00:00Z")],
    )
    assert states(made)[-1] == ("2017-09-01T00:00:00Z", "ended")


def test_terms_after_an_extension_are_counted_from_its_end() -> None:
    """LAW-48."""
    made = law(acts=[signed(), extension("2017-09-01T00:00:00Z")])
    due = made.next_deadline(PACT, after=Instant.from_utc(2017, 10, 1))
    assert due.term_ends.format_iso() == "2018-09-01T00:00:00Z"


def test_a_pact_without_terms_is_extended_only_against_a_notice() -> None:
    """LAW-48."""
    forward = rule(
        length=6, unit="months", count="forward-from-notice", counting=rule(anchor="same-day")
    )
    loose = pact(term=rule(kind="indefinite"), notice=forward)
    made = law(loose, acts=[signed(), NOTICE, extension("2017-09-01T00:00:00Z")])
    assert states(made)[-1] == ("2017-09-01T00:00:00Z", "ended")


def test_what_is_not_in_force_is_not_extended() -> None:
    """LAW-48."""
    made = law(ENTRY, acts=[signed(), extension("2017-09-01T00:00:00Z")])
    assert not remark(made, "x").has_effect


def test_an_amendment_leaves_the_state_alone() -> None:
    """LAW-49."""
    made = law(acts=[signed(), act("m", "amendment", "2017-01-01", by=["AAA", "BBB"])])
    assert states(made)[-1] == (SIGNED, "in-force")
    assert remark(made, "m").has_effect


def test_a_superseded_pact_ends_when_its_successor_begins() -> None:
    """LAW-49."""
    made = law(
        pact(),
        pact(id="ccc-new"),
        acts=[
            signed(),
            act("u", "supersession", "2017-06-01", by=["AAA", "BBB"], successor="ccc-new"),
        ],
    )
    assert states(made)[-1] == ("2017-06-01T00:00:00Z", "ended")


# ---------------------------------------------------------------- evidence


def test_a_state_is_no_better_known_than_its_weakest_ground() -> None:
    """LAW-55."""
    weak = act("signature", "signature", SIGNED, by=["AAA", "BBB"], evidence="secondary")
    made = law(acts=[weak])
    at = Instant.from_utc(2016, 6, 1)
    assert made.state(PACT, at=at, reading=None).evidence is Evidence.SECONDARY
    unread = pact(term={"kind": "not-stated", **rule(), "evidence": "assumed"}, notice=None)
    assert law(unread, acts=[weak]).state(PACT, at=at, reading=None).evidence is Evidence.ASSUMED


def test_the_states_of_a_life_are_the_states_there_are() -> None:
    """LAW-50."""
    assert {state for _, state in states(law(acts=[signed(), NOTICE]))} <= set(State)
