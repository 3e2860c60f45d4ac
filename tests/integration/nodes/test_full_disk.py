"""A node whose journal finds no room: it says so, takes nothing by halves, and goes on (FL-14).

The room is taken and given back by the system's limit on the size of files, while the node runs.
"""

import json
import resource
import time
from collections.abc import Callable

import pytest

from tests.integration.nodes.conftest import Party

pytestmark = [pytest.mark.net, pytest.mark.slow, pytest.mark.timeout(300)]

CONTENT = b"a launch at 07:10, an apogee of 910 km"


def take_room(party: Party) -> None:
    """No file of the node's process grows any more."""
    assert party._process is not None
    wal = party.directory / "journal.sqlite-wal"
    limit = (wal.stat().st_size, resource.RLIM_INFINITY)
    resource.prlimit(party._process.pid, resource.RLIMIT_FSIZE, limit)


def give_room(party: Party) -> None:
    assert party._process is not None
    limit = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(party._process.pid, resource.RLIMIT_FSIZE, limit)


def events(party: Party) -> list[dict]:
    lines = party.log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_fl_14_a_node_without_room_says_so_and_goes_on_when_there_is_some(
    pair: tuple[Party, Party],
) -> None:
    """FL-14: what was refused has not happened, and nothing that was acknowledged is lost."""
    jpn, kor = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    first = kor.ask("JPN")["line"]["case"]
    kor.wait(first, "receipted")
    take_room(kor)
    for _ in range(3):
        refused = kor.ask("JPN", expect=4)
        assert refused["error"] == "world.store_full", refused
        assert "room" in refused["message"]
    assert {one["case"] for one in kor.run("cases")["cases"]} == {first}
    give_room(kor)
    second = kor.ask("JPN")["line"]["case"]
    kor.wait(second, "receipted")
    jpn.wait(second, "receipted")
    assert (jpn.stop(), kor.stop()) == (0, 0)
    assert (_count(kor, "no_room"), _count(kor, "room_again")) == (1, 1)
    for party in pair:
        assert all(log["is_sound"] for log in party.run("journal", "verify"))
        assert {one["case"] for one in party.run("cases")["cases"]} == {first, second}


@pytest.mark.parametrize("full", ["JPN", "KOR"])
def test_fl_14_a_partner_without_room_acknowledges_nothing_and_gets_it_when_it_has(
    pair: tuple[Party, Party], full: str
) -> None:
    """FL-14, FL-11: the one that answers, or the one that was asked before its disk was full."""
    jpn, kor = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    kor.wait(kor.ask("JPN")["line"]["case"], "receipted")
    party = jpn if full == "JPN" else kor
    if party is kor:
        jpn.stop()
    else:
        take_room(jpn)
    case = kor.ask("JPN")["line"]["case"]
    if party is kor:
        take_room(kor)
        jpn.start()
    _until(lambda: _count(party, "no_room") == 1)
    assert kor.show(case)["line"]["state"] in {"asked", "sent"}
    give_room(party)
    for one in pair:
        one.run("link", "reconcile", "KOR" if one is jpn else "JPN")
    kor.wait(case, "receipted")
    jpn.wait(case, "receipted")
    assert (jpn.stop(), kor.stop()) == (0, 0)
    assert (_count(party, "no_room"), _count(party, "room_again")) == (1, 1)
    for one in pair:
        assert all(log["is_sound"] for log in one.run("journal", "verify"))


def _count(party: Party, event: str) -> int:
    return sum(one["event"] == event for one in events(party))


def _until(is_so: Callable[[], bool], *, seconds: float = 15) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.05)
