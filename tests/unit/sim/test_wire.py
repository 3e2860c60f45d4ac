"""The virtual wire, one fault at a time."""

from whenever import Instant

from relto.sim.agenda import MINUTE, SECOND, Agenda, chance
from relto.sim.wire import Wire

START = Instant.from_utc(2019, 11, 22, 14)
ALWAYS = 1_000_000


class Ends:
    """A wire with two ends, and what arrived."""

    def __init__(self) -> None:
        self.agenda = Agenda(start=START)
        self.arrived: list[bytes] = []
        self.wire = Wire(self.agenda, luck=chance(1, "wire"))

    def send(self, *payloads: bytes) -> list[bytes]:
        for payload in payloads:
            self.wire.send("JPN", "KOR", payload, self.arrived.append)
        while self.agenda.step(until_ns=self.agenda.passed_ns + MINUTE):
            pass
        return self.arrived


def test_fair_weather_carries_everything_once() -> None:
    ends = Ends()
    assert sorted(ends.send(b"a", b"b", b"c")) == [b"a", b"b", b"c"]
    assert ends.wire.sent == 3


def test_what_is_lost_never_arrives_and_is_counted() -> None:
    ends = Ends()
    ends.wire.weather("JPN", "KOR").loss = ALWAYS
    assert ends.send(b"a") == []
    assert ends.wire.sent == 1
    assert ends.wire.lost == 1


def test_a_partition_can_be_one_way_fl_11() -> None:
    ends = Ends()
    ends.wire.weather("JPN", "KOR").is_cut = True
    ends.wire.send("KOR", "JPN", b"back", ends.arrived.append)
    assert ends.send(b"there") == [b"back"]


def test_doubling_delivers_twice() -> None:
    ends = Ends()
    ends.wire.weather("JPN", "KOR").doubled = ALWAYS
    assert ends.send(b"a") == [b"a", b"a"]


def test_a_replay_brings_back_what_was_carried_before() -> None:
    ends = Ends()
    ends.wire.weather("JPN", "KOR").replayed = ALWAYS
    ends.send(b"old")
    assert sorted(ends.send(b"new")) == [b"new", b"old", b"old"]


def test_delays_that_vary_change_the_order() -> None:
    ends = Ends()
    ends.wire.weather("JPN", "KOR").delay_ns = (1, 10 * SECOND)
    payloads = [bytes([number]) for number in range(32)]
    arrived = ends.send(*payloads)
    assert arrived != payloads
    assert sorted(arrived) == payloads


def test_a_clog_holds_everything_back_and_loses_nothing() -> None:
    ends = Ends()
    ends.wire.weather("JPN", "KOR").clogged_until_ns = 30 * SECOND
    ends.wire.send("JPN", "KOR", b"a", ends.arrived.append)
    while ends.agenda.step(until_ns=30 * SECOND):
        pass
    assert ends.arrived == []
    while ends.agenda.step(until_ns=31 * SECOND):
        pass
    assert ends.arrived == [b"a"]


def test_calm_ends_all_bad_weather() -> None:
    ends = Ends()
    weather = ends.wire.weather("JPN", "KOR")
    weather.is_cut = True
    weather.loss = ALWAYS
    ends.wire.calm()
    assert ends.send(b"a") == [b"a"]
