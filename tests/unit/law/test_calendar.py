"""Days and months in zones, where clocks change and months are short."""

import pytest
from whenever import Date, Instant, Time

from relto.law import calendar


@pytest.mark.parametrize(
    ("zone", "exists"),
    [("Asia/Seoul", True), ("UTC", True), ("Asia/Atlantis", False), ("", False), ("../x", False)],
)
def test_a_zone_exists_or_not(zone: str, exists: bool) -> None:
    """LAW-10, LAW-68."""
    assert calendar.is_zone(zone) is exists


def test_a_day_in_spring_has_23_hours_and_one_in_autumn_25() -> None:
    """LAW-10."""
    zone = "Europe/Berlin"
    lengths = [
        calendar.day_end(date, zone=zone) - calendar.day_start(date, zone=zone)
        for date in (Date(2024, 3, 31), Date(2024, 10, 27), Date(2024, 6, 1))
    ]
    assert [length.total("hours") for length in lengths] == [23, 25, 24]


def test_an_hour_that_the_clocks_skip_is_the_instant_after_the_gap() -> None:
    """LAW-10."""
    found = calendar.moment(Date(2024, 3, 31), Time(2, 30), zone="Europe/Berlin")
    assert found == Instant.from_utc(2024, 3, 31, 1, 30)


def test_an_hour_that_comes_twice_is_the_first() -> None:
    """LAW-10."""
    found = calendar.moment(Date(2024, 10, 27), Time(2, 30), zone="Europe/Berlin")
    assert found == Instant.from_utc(2024, 10, 27, 0, 30)


def test_a_day_that_a_zone_skipped_begins_with_the_next() -> None:
    """LAW-10: Samoa had no 30 December 2011."""
    skipped = calendar.day_start(Date(2011, 12, 30), zone="Pacific/Apia")
    following = calendar.day_start(Date(2011, 12, 31), zone="Pacific/Apia")
    assert skipped == following


@pytest.mark.parametrize(
    ("anchor", "months", "expected"),
    [
        (Date(2016, 2, 29), 12, Date(2017, 2, 28)),
        (Date(2016, 2, 29), 48, Date(2020, 2, 29)),
        (Date(2016, 8, 31), 6, Date(2017, 2, 28)),
    ],
)
def test_an_anniversary_in_a_short_month_is_its_last_day(anchor, months, expected) -> None:
    """LAW-12."""
    assert calendar.anniversary(anchor, months=months) == expected


def test_the_first_day_of_a_later_month_crosses_the_year() -> None:
    """LAW-22."""
    found = calendar.first_of_month_after(Date(2016, 12, 31), months=2)
    assert found == Date(2017, 2, 1)


def test_an_instant_falls_on_another_day_in_another_zone() -> None:
    """LAW-10."""
    at = Instant.from_utc(2019, 11, 22, 15, 1)
    assert calendar.day_of(at, zone="Asia/Seoul") == Date(2019, 11, 23)
    assert calendar.day_of(at, zone="UTC") == Date(2019, 11, 22)
