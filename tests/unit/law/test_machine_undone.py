"""What undoes an act undoes that act alone, and needs all who made it."""

from tests.unit.law.building import act, law, pact, remark, rule, signed, states, when

SUSPENDED = ("2016-06-01T00:00:00Z", "operation-suspended")
BOTH = ("AAA", "BBB")
FORWARD = rule(
    length=3,
    unit="months",
    count="forward-from-notice",
    counts_when="received",
    counting=rule(anchor="same-day"),
)
BY_RECEIPT = pact(term=rule(kind="indefinite"), notice=FORWARD)


def halted(*acts: dict):
    """One pact that AAA and then BBB stop, and what comes after."""
    return law(
        acts=[
            signed(),
            act("a", "operation-suspension", "2016-06-01"),
            act("b", "operation-suspension", "2016-06-05", by=["BBB"]),
            *acts,
        ]
    )


def test_a_suspension_of_operation_outlasts_the_end_of_another_partys() -> None:
    """LAW-47: each stands until it is itself over."""
    made = halted(act("rb", "operation-resumption", "2016-07-01", by=["BBB"], of=["b"]))
    assert states(made)[-1] == SUSPENDED
    assert remark(made, "rb").text == "resumed, but still suspended by `a`"
    made = halted(act("ra", "operation-resumption", "2016-07-01", of=["a"]))
    assert states(made)[-1] == SUSPENDED
    made = halted(act("wb", "withdrawal", "2016-07-01", by=["BBB"], of=["b"]))
    assert states(made)[-1] == SUSPENDED


def test_operation_resumes_when_the_last_suspension_is_over() -> None:
    """LAW-47."""
    made = halted(
        act("ra", "operation-resumption", "2016-07-01", of=["a"]),
        act("wb", "withdrawal", "2016-08-01", by=["BBB"], of=["b"]),
    )
    assert states(made)[-2:] == [SUSPENDED, ("2016-08-01T00:00:00Z", "in-force")]


def test_a_limited_suspension_does_not_shorten_one_without_end() -> None:
    """LAW-47."""
    made = law(
        acts=[
            signed(),
            act("a", "operation-suspension", "2016-06-01"),
            act(
                "b",
                "operation-suspension",
                "2016-06-05",
                by=["BBB"],
                until=when("2016-06-10T00:00:00Z"),
            ),
        ]
    )
    assert states(made)[-1] == SUSPENDED


def test_a_resumed_suspension_does_not_run_out_again() -> None:
    """LAW-47: the day on which it would have run out means nothing any more."""
    made = law(
        acts=[
            signed(),
            act("a", "operation-suspension", "2016-06-01", until=when("2016-09-01T00:00:00Z")),
            act("r", "operation-resumption", "2016-07-01", of=["a"]),
            act("c", "operation-suspension", "2016-08-01"),
        ]
    )
    assert states(made)[-1] == ("2016-08-01T00:00:00Z", "operation-suspended")


def test_a_withdrawal_undoes_all_that_it_names() -> None:
    """LAW-43: a withdrawn suspension wakes its notice, whatever else goes with it."""
    made = law(
        acts=[
            signed(),
            act("n", "notice", "2016-10-01"),
            act("s", "notice-suspension", "2016-11-01", of=["n"]),
            act("m", "notice", "2016-11-05"),
            act("o", "operation-suspension", "2016-11-06"),
            act("w", "withdrawal", "2016-12-01", of=["s", "m", "o"]),
        ]
    )
    assert states(made)[-3:] == [
        ("2016-11-06T00:00:00Z", "operation-suspended"),
        ("2016-12-01T00:00:00Z", "notice-given"),
        ("2017-03-01T00:00:00Z", "ended"),
    ]


def test_a_notice_withdrawn_before_the_receipt_that_counts_is_gone() -> None:
    """LAW-35, LAW-43."""
    made = law(
        BY_RECEIPT,
        acts=[
            signed(),
            act("n", "notice", "2016-10-01", received=when("2016-10-09T00:00:00Z")),
            act("w", "withdrawal", "2016-10-05", of=["n"]),
        ],
    )
    assert states(made)[-1] == ("2016-03-01T00:00:00Z", "in-force")
    assert remark(made, "w").has_effect
    assert remark(made, "n").text == "no effect: withdrawn by `w` before it counted"


def test_a_notice_suspended_before_the_receipt_that_counts_sleeps_from_then_on() -> None:
    """LAW-35, LAW-42."""
    notice = act("n", "notice", "2016-10-01", received=when("2016-10-09T00:00:00Z"))
    early = act("s", "notice-suspension", "2016-10-05", of=["n"])
    made = law(BY_RECEIPT, acts=[signed(), notice, early])
    assert ("2016-10-09T00:00:00Z", "notice-suspended") in states(made)
    assert states(made)[-1][1] == "in-force"
    assert remark(made, "s").text == "the notice will sleep"
    # Taken back in time, the suspension does nothing, and the notice works.
    undone = act("w", "withdrawal", "2016-10-07", of=["s"])
    made = law(BY_RECEIPT, acts=[signed(), notice, early, undone])
    assert states(made)[-2:] == [
        ("2016-10-09T00:00:00Z", "notice-given"),
        ("2017-01-09T00:00:00Z", "ended"),
    ]
