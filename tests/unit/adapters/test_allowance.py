"""What one partner may add: three rates, one wait, one alarm an hour."""

import pytest

from relto.adapters.service import Rates, TooFastError
from relto.adapters.service.allowance import Allowances, Bucket
from relto.driver import Growth
from relto.limits import LINK_BURST_SECONDS, LINK_PATIENCE_SECONDS_MAX
from relto.units import PartyCode

KOR, USA = PartyCode("KOR"), PartyCode("USA")
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND


class Desk:
    """Allowances under a clock that a test turns."""

    def __init__(self, **rates: int) -> None:
        self.now = 10 * SECOND
        self.reports: list[tuple[str, PartyCode | None, str]] = []
        self.allowances = Allowances(
            Rates(**rates),
            report=lambda *told: self.reports.append(told),
            clock=lambda: self.now,
        )


def test_a_burst_passes_and_what_is_over_it_is_paid_for_with_time() -> None:
    """LK-24."""
    bucket = Bucket(per_second=10)
    bucket.take(10 * LINK_BURST_SECONDS, now_ns=0)
    assert bucket.owed_ns(now_ns=0) == 0
    bucket.take(25, now_ns=0)
    assert bucket.owed_ns(now_ns=0) == 2_500_000_000
    assert bucket.owed_ns(now_ns=2_499_999_999) == 1
    assert bucket.owed_ns(now_ns=2_500_000_000) == 0


def test_silence_saves_up_no_more_than_a_burst() -> None:
    """LK-24."""
    bucket = Bucket(per_second=10)
    bucket.take(10 * LINK_BURST_SECONDS + 1, now_ns=HOUR)
    assert bucket.owed_ns(now_ns=HOUR) == 100_000_000


def test_each_of_the_three_rates_makes_a_partner_wait_and_another_partner_is_untouched() -> None:
    """LK-24, LK-26."""
    over = LINK_BURST_SECONDS + 3
    counted = {
        "entries": lambda desk: desk.count_growth(KOR, Growth(entries=over)),
        "bytes": lambda desk: desk.count_growth(KOR, Growth(size_bytes=over)),
        "frames": lambda desk: desk.count_frame(KOR, over),
    }
    for name, count in counted.items():
        desk = Desk(entries_per_second=1, bytes_per_second=1, frames_per_second=1)
        desk.allowances.check(KOR)
        count(desk.allowances)
        assert desk.allowances.owed_seconds(KOR) == 3, name
        with pytest.raises(TooFastError) as refused:
            desk.allowances.check(KOR)
        assert refused.value.retry_seconds == 4, name
        desk.allowances.check(USA)
        assert (desk.allowances.slowed(KOR), desk.allowances.slowed(USA)) == (1, 0)
        desk.now += 3 * SECOND
        desk.allowances.check(KOR)


def test_growth_is_counted_once_although_it_is_told_as_a_sum() -> None:
    """LK-24."""
    desk = Desk(entries_per_second=1)
    for _ in range(10):
        desk.allowances.count_growth(KOR, Growth(entries=LINK_BURST_SECONDS))
    assert desk.allowances.owed_seconds(KOR) == 0
    desk.allowances.count_growth(KOR, Growth(entries=LINK_BURST_SECONDS + 2))
    assert desk.allowances.owed_seconds(KOR) == 2


def test_nobody_is_told_to_wait_longer_than_the_patience_of_a_pump() -> None:
    """LK-25."""
    desk = Desk(entries_per_second=1)
    desk.allowances.count_growth(KOR, Growth(entries=100_000))
    with pytest.raises(TooFastError) as refused:
        desk.allowances.check(KOR)
    assert refused.value.retry_seconds == LINK_PATIENCE_SECONDS_MAX


def test_the_operator_is_told_once_an_hour_and_how_often_it_was() -> None:
    """LK-25."""
    desk = Desk(entries_per_second=1)
    for count in range(1, 6):
        desk.allowances.count_growth(KOR, Growth(entries=count * 100_000))
        assert desk.allowances.wait_seconds(KOR) > 0
    desk.now += HOUR
    assert desk.allowances.wait_seconds(KOR) > 0
    assert [(event, who) for event, who, _ in desk.reports] == [("alarm", KOR)] * 2
    first, second = (words for _, _, words in desk.reports)
    assert first.startswith("peer.too_fast: more than its share (1 entries, ")
    assert first.endswith("made to wait, 1 times so far")
    assert second.endswith("made to wait, 6 times so far")
