"""The life of a pact once somebody acts: suspended, withdrawn, ended, extended, amended."""

from whenever import Instant

from relto.law import State
from relto.model import Evidence
from tests.unit.law.building import PACT, act, law, pact, remark, rule, signed, states, when

SIGNED = "2016-03-01T00:00:00Z"
FIRST_END = "2017-03-01T00:00:00Z"
ENTRY = pact(entry=rule(kind="later-notification"))


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


def test_of_two_suspended_notices_each_is_spent_at_its_own_end() -> None:
    """LAW-33, LAW-44."""
    late = act("m", "notice", "2016-12-15T00:00:00Z")
    both = act("s", "notice-suspension", "2016-12-20T00:00:00Z", of=["m", "n"])
    made = law(acts=[signed(), NOTICE, late, both])
    assert states(made)[3:] == [
        ("2016-12-20T00:00:00Z", "notice-suspended"),
        ("2018-03-01T00:00:00Z", "in-force"),
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


def test_two_sleeping_notices_woken_together_end_the_pact_once() -> None:
    """LAW-45."""
    second = act("m", "notice", "2016-10-02T00:00:00Z")
    both = act("s", "notice-suspension", "2016-12-01T00:00:00Z", of=["m", "n"])
    woken = act("r", "resumption", "2017-06-01", of=["m", "n"])
    made = law(DORMANT, acts=[signed(), NOTICE, second, both, woken])
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


def test_of_two_notices_one_may_be_withdrawn() -> None:
    """LAW-43."""
    other = act("m", "notice", "2016-10-02T00:00:00Z", by=["BBB"])
    made = law(acts=[signed(), NOTICE, other, act("w", "withdrawal", "2017-01-01", of=["n"])])
    assert states(made)[-1] == (FIRST_END, "ended")


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


def test_a_sleeping_notice_whose_end_was_moved_and_that_is_woken_ends_there() -> None:
    """LAW-45, LAW-48."""
    woken = act("r", "resumption", "2017-02-01", of=["n"])
    acts = [signed(), NOTICE, SUSPENSION, extension("2017-09-01T00:00:00Z"), woken]
    assert states(law(DORMANT, acts=acts))[-1] == ("2017-09-01T00:00:00Z", "ended")


def test_all_parties_may_also_bring_the_end_forward() -> None:
    """LAW-48, LAW-50: a withdrawal between the new end and the old one is too late."""
    back = act("w", "withdrawal", "2017-02-15", of=["n"])
    made = law(acts=[signed(), NOTICE, extension("2017-02-01T00:00:00Z"), back])
    assert states(made)[-1] == ("2017-02-01T00:00:00Z", "ended")
    assert not remark(made, "w").has_effect


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
