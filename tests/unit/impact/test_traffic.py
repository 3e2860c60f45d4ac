"""Delays as measured: the middle of each way, in earnest before exercises, in words that fit."""

import numpy as np
import pytest

from relto.impact.traffic import Delay, Measured, Measurements


def measured(parties, *delays_ms, instrument="pact", is_exercise=False):
    return Measured(
        parties=parties,
        instrument=instrument,
        is_exercise=is_exercise,
        delays_ms=np.array(delays_ms, dtype=np.int64),
    )


@pytest.mark.parametrize(
    ("median_ms", "words"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (1_000, "1 s"),
        (119_999, "119 s"),
        (120_000, "2 min"),
        (7_199_999, "119 min"),
        (7_200_000, "2 h"),
        (360_000_000, "100 h"),
    ],
)
def test_a_delay_is_said_in_the_unit_that_fits(median_ms, words):
    """IMP-40."""
    assert Delay(median_ms=median_ms, count=1, is_exercise=False).in_words() == words


def test_the_middle_of_all_releases_of_a_way_counts_and_the_lower_of_two():
    """IMP-40."""
    way = ("AAA", "BBB")
    found = Measurements((measured(way, 5, 1), measured(way, 3, 9, instrument=None)))
    assert found.of_parties(way) == Delay(median_ms=3, count=4, is_exercise=False)
    assert found.hops() == {("AAA", "BBB", "pact"): 1}
    assert found.of_parties(("BBB", "AAA")) is None


def test_where_nothing_was_measured_nothing_is_said():
    """IMP-40: a way in a file without one whole release is no way measured."""
    way = ("AAA", "BBB")
    found = Measurements((measured(way),))
    assert found.of_parties(way) is None
    assert found.hops() == {}


def test_what_was_measured_in_earnest_comes_before_an_exercise():
    """IMP-40: and an exercise gives no time to a hop."""
    way = ("AAA", "BBB")
    exercise = measured(way, 7, is_exercise=True)
    alone = Measurements((exercise,))
    assert alone.of_parties(way) == Delay(median_ms=7, count=1, is_exercise=True)
    assert alone.hops() == {}
    both = Measurements((exercise, measured(way, 70)))
    assert both.of_parties(way) == Delay(median_ms=70, count=1, is_exercise=False)
