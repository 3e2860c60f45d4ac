"""A rate is kept in the long run, whatever comes and whenever."""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from relto.adapters.service.allowance import Bucket
from relto.limits import LINK_BURST_SECONDS

SECOND = 1_000_000_000
# Pauses in nanoseconds, and what comes after each.
arrivals = st.lists(st.tuples(st.integers(0, 20 * SECOND), st.integers(0, 5_000)), max_size=60)


@given(st.integers(1, 2_000), arrivals)
@settings(max_examples=300, deadline=None)
def test_what_was_taken_in_any_stretch_is_the_rate_a_burst_and_one_frame(
    per_second: int, pauses: list[tuple[int, int]]
) -> None:
    """LK-24: taken only while nothing is owed, and never more than that."""
    bucket, now, taken = Bucket(per_second=per_second), 0, []
    for pause, count in pauses:
        now += pause
        if bucket.owed_ns(now_ns=now) == 0:
            bucket.take(count, now_ns=now)
            taken.append((now, count))
    for begin in range(len(taken)):
        total = 0
        for at, count in taken[begin:]:
            allowed = Fraction(per_second * (at - taken[begin][0]), SECOND)
            assert total <= allowed + per_second * LINK_BURST_SECONDS
            total += count


@given(st.integers(1, 2_000), arrivals)
@settings(max_examples=300, deadline=None)
def test_who_keeps_within_the_rate_never_waits(
    per_second: int, pauses: list[tuple[int, int]]
) -> None:
    """LK-24: however little was left, what time gives back is there."""
    bucket, now = Bucket(per_second=per_second), 0
    for pause, _ in pauses:
        now += pause
        # What comes has been paid for by the pause, one unit of rounding aside.
        paid = min(pause, LINK_BURST_SECONDS * SECOND)
        bucket.take(max(0, per_second * paid // SECOND - 1), now_ns=now)
        assert bucket.owed_ns(now_ns=now) == 0


@given(st.integers(1, 2_000), arrivals)
@settings(max_examples=300, deadline=None)
def test_who_waits_as_told_is_taken(per_second: int, pauses: list[tuple[int, int]]) -> None:
    """LK-25: and one nanosecond earlier is not."""
    bucket, now = Bucket(per_second=per_second), 0
    for pause, count in pauses:
        now += pause
        owed = bucket.owed_ns(now_ns=now)
        if owed:
            assert bucket.owed_ns(now_ns=now + owed - 1) == 1
            now += owed
        assert bucket.owed_ns(now_ns=now) == 0
        bucket.take(count, now_ns=now)
