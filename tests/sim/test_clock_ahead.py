"""A clock that ran days ahead: what it has written, until when, and the way out (JN-35)."""

from contextlib import suppress

import pytest

from relto.errors import PeerError
from relto.journal import Ahead, ClockError, find_ahead
from relto.model import LogId
from tests.sim.test_recovery import set_back
from tests.support_node import OCTOBER, Hand, Three

DAYS = 3
AHEAD = OCTOBER.add(hours=24 * DAYS)


def jumped() -> tuple[Three, object]:
    """JPN's clock jumps, it writes, and the clock is set right; gives a disk from before."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    clock = Hand(AHEAD)
    three.sites["JPN"].clock = clock
    three.sites["JPN"].start()
    three.hold("JPN", "launch-2")
    three.ask("j-1", by="JPN", holder="KOR")
    with suppress(PeerError):
        three.settle()
    clock.at = AHEAD.add(seconds=1)
    three.ask("j-2", by="JPN", holder="KOR")
    three.sites["JPN"].clock = three.clock
    three.sites["JPN"].start()
    return three, backup


def found(three: Three) -> list[Ahead]:
    with three.sites["JPN"].store.transaction() as tx:

        def ahead(log: LogId) -> Ahead | None:
            state = tx.log(log)

            def time_of(number: int):
                return tx.entries(log, first=number, end=number + 1)[0].header.at

            return find_ahead(state, now=three["JPN"].now(), time_of=time_of)

        logs = sorted(one.log for one in tx.logs() if one.log.source == "JPN")
        return [one for one in map(ahead, logs) if one is not None]


def test_fl_13_a_clock_that_was_ahead_stops_the_pen_and_it_is_said_where_and_until_when() -> None:
    """JN-35, FL-13."""
    three, _ = jumped()
    with pytest.raises(ClockError):
        three.hold("JPN", "launch-3")
    own, out = found(three)
    assert (own.log.origin, out.log.origin) == ("relto/JPN/JPN", "relto/JPN/KOR")
    with three.sites["JPN"].store.transaction() as tx:
        for one in (own, out):
            before = tx.entries(one.log, first=1, end=one.first)
            after = tx.entries(one.log, first=one.first, end=one.final + 1)
            assert all(entry.header.at <= OCTOBER for entry in before)
            assert all(entry.header.at >= AHEAD for entry in after)
            assert len(after) >= 2
    assert own.until == own.taken_from == out.until == AHEAD.add(seconds=1)
    assert out.taken_from == out.until.subtract(seconds=300)
    assert not out.is_held
    assert three["JPN"].ahead_until("KOR") == out.until
    assert three["KOR"].ahead_until("JPN") is None


def test_a_clock_that_was_ahead_heals_by_itself_when_its_time_has_come() -> None:
    """JN-35."""
    three, _ = jumped()
    _, out = found(three)
    three.clock.at = out.taken_from.subtract(seconds=1)
    with suppress(PeerError):
        three.settle()
    assert three.state("KOR", "j-2") == "none"
    three.clock.at = out.until
    three.settle()
    assert three.state("KOR", "j-1") != "none"
    assert three.state("KOR", "j-2") != "none"
    assert found(three) == []
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


def test_a_backup_from_before_the_jump_goes_on_at_once_and_without_a_fork() -> None:
    """JN-35, JN-21: no partner has taken what was written ahead."""
    three, backup = jumped()
    set_back(three, "JPN", backup)
    three.settle()
    assert three["JPN"].reconciling() == ()
    assert found(three) == []
    three.ask("j-3", by="JPN", holder="KOR")
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "j-3") != "none"
    assert three.state("KOR", "c-1") == three.state("JPN", "c-1") == "receipted"
    assert three["KOR"].link("JPN").stopped == three["JPN"].link("KOR").stopped == ""
    assert three.state("KOR", "j-1") == "none"


def test_what_a_partner_took_because_its_clock_was_ahead_too_comes_back_with_any_backup() -> None:
    """JN-35."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    backup = three.sites["JPN"].disk.copy()
    three.clock.at = AHEAD
    three.ask("c-1")
    three.settle()
    three.clock.at = OCTOBER.add(hours=1)
    assert [one.is_held for one in found(three)] == [True]
    set_back(three, "JPN", backup)
    with pytest.raises(PeerError):
        three.settle()
    assert three["JPN"].reconciling() == ("KOR",)
