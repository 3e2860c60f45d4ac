"""What one partner may add to a journal in a second: over real sockets, between real nodes."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relto.console import open_home
from relto.limits import LINK_BURST_SECONDS, LINK_PARTNER_REQUESTS_MAX
from relto.node import By
from relto.units import OfficerRole, PartyCode
from tests.integration.nodes.conftest import CommandError, Party
from tests.integration.nodes.flooding import ask_many

pytestmark = [pytest.mark.net, pytest.mark.slow]

JPN = PartyCode("JPN")
BY = By(officer="test", role=OfficerRole("analyst"))
CONTENT = b'{"launch": "2019-10-02", "range_km": 450}'
RATE = 100
FLOOD_RATE = 40
FLOOD_ENTRIES = 10
FLOOD_SECONDS = 8


def limit(party: Party, **rates: int) -> None:
    """Write other rates into a node's configuration, as an administrator does."""
    lines = party.directory.joinpath("node.toml").read_text().splitlines()
    for key, value in rates.items():
        place = next(at for at, line in enumerate(lines) if line.startswith(f"{key} = "))
        lines[place] = f"{key} = {value}"
    party.directory.joinpath("node.toml").write_text("\n".join(lines))


def link_of(party: Party, partner: str) -> dict:
    links = party.run("link", "status")["links"]
    return next(one for one in links if one["partner"] == partner)


def events_of(party: Party, name: str) -> list[dict]:
    events = [json.loads(line) for line in party.log.read_text().splitlines() if line[:1] == "{"]
    return [event for event in events if event["event"] == name]


def caught_up(kor: Party, jpn: Party, *, seconds: float) -> None:
    """Wait until JPN holds all that KOR has said, and KOR all that JPN has."""
    until = time.monotonic() + seconds
    while True:
        there, here = link_of(kor, "JPN"), link_of(jpn, "KOR")
        if there["ours"] == there["acknowledged"] == here["theirs"] and (
            here["ours"] == here["acknowledged"] == there["theirs"]
        ):
            return
        if time.monotonic() > until:
            raise CommandError(f"{there}\n{here}\n{jpn.tail()}\n{kor.tail()}")
        time.sleep(0.2)


def check_all_there(kor: Party, jpn: Party, cases: list[str]) -> None:
    """Each request is there once, in order, has been answered, and both journals are sound."""
    for party in (kor, jpn):
        assert all(log["is_sound"] for log in party.run("journal", "verify"))
    asked = jpn.run("journal", "list", "--log", "KOR/JPN", "--limit", "2000")
    assert [one["case"] for one in asked if one["kind"] == "request"] == cases
    assert link_of(kor, "JPN")["theirs"] == len(cases)


def test_a_partner_that_is_slowed_catches_up_without_losing_anything(
    pair: tuple[Party, Party],
) -> None:
    """LK-24, LK-25: all requests arrive, each once, in order; both operators can see why."""
    jpn, kor = pair
    limit(jpn, partner_entries_per_second=RATE)
    with open_home(kor.directory) as node:
        cases = ask_many(node, 800)
        node.driver.close()
    begun = time.monotonic()
    jpn.start()
    kor.start()
    caught_up(kor, jpn, seconds=60)
    assert time.monotonic() - begun >= (800 - LINK_BURST_SECONDS * RATE) / RATE
    assert link_of(jpn, "KOR")["slowed"] > 0
    # Its acknowledgement may still have to wait.
    until = time.monotonic() + 20
    while link_of(kor, "JPN")["state"] == "slowed":
        assert time.monotonic() < until
        time.sleep(0.1)
    assert link_of(kor, "JPN")["state"] == "up"
    alarms = [one["words"] for one in events_of(jpn, "alarm")]
    assert len(alarms) == 1
    assert alarms[0].startswith(f"peer.too_fast: more than its share ({RATE} entries, ")
    assert "peer.too_fast" in events_of(kor, "link_slowed")[0]["words"]
    assert not any("too_fast" in one["why"] for one in events_of(jpn, "turned_away"))
    jpn.stop()
    kor.stop()
    check_all_there(kor, jpn, cases)


@pytest.mark.postgres
def test_a_slowed_partner_catches_up_with_several_workers(
    pair: tuple[Party, Party], database: str
) -> None:
    """LK-24, LK-22: each worker keeps its own account, and nothing is lost between them."""
    jpn, kor = pair
    limit(jpn, partner_entries_per_second=10)
    jpn.run("store", "migrate", "--to", database)
    (jpn.directory / "journal.sqlite").unlink()
    with open_home(kor.directory) as node:
        cases = ask_many(node, 120)
        node.driver.close()
    jpn.start("--workers", "2")
    kor.start()
    caught_up(kor, jpn, seconds=60)
    assert "peer.too_fast" in events_of(kor, "link_slowed")[0]["words"]
    jpn.stop()
    kor.stop()
    check_all_there(kor, jpn, cases)


@contextmanager
def flood(usa: Party, address: str) -> Iterator[list[dict]]:
    """Let USA send all it can on all its connections; at the end, what it was answered."""
    answered: list[dict] = []
    script = Path(__file__).with_name("flooding.py")
    words = [sys.executable, str(script), str(usa.directory), address, str(FLOOD_ENTRIES)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        begun = time.monotonic()
        yield answered
        out, _ = process.communicate(b"stop", timeout=30)
        seconds = time.monotonic() - begun
        answered.append({"seconds": seconds, **json.loads(out)})


def test_fl_44_a_flood_of_one_partner_is_bounded_and_another_is_served_as_ever(
    pair: tuple[Party, Party], parties: dict[str, Party]
) -> None:
    """LK-24, LK-26, FL-12: by what the journal grew, and by the time that others needed."""
    jpn, kor = pair
    usa = parties["USA"]
    usa.init()
    usa.pin(jpn)
    jpn.pin(usa)
    # What USA asks for waits before an officer: how releases share the node is another matter.
    file = jpn.directory / "delegations.toml"
    file.write_text(file.read_text().replace('["KOR", "USA"]', '["KOR"]'))
    jpn.run("delegations", "adopt", str(file))
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    limit(jpn, partner_entries_per_second=FLOOD_RATE)
    jpn.start()
    kor.start()

    def times(count: int) -> list[float]:
        found = []
        for _ in range(count):
            begun = time.monotonic()
            kor.ask("JPN", "--wait", "10")
            found.append(time.monotonic() - begun)
        return found

    times(2)
    before = times(10)
    served_at = events_of(jpn, "serving")[0]["link"]
    with flood(usa, served_at) as answered:
        during, until = [], time.monotonic() + FLOOD_SECONDS
        while time.monotonic() < until:
            during += times(1)
            time.sleep(0.2)
    seconds = answered[0]["seconds"]
    grown = link_of(jpn, "USA")["theirs"]
    in_flight = LINK_PARTNER_REQUESTS_MAX * FLOOD_ENTRIES
    assert grown <= FLOOD_RATE * (LINK_BURST_SECONDS + seconds) + in_flight
    # It is slowed, and not cut off.
    assert grown >= FLOOD_RATE * (LINK_BURST_SECONDS + seconds / 2)
    # As ever, on a machine that does other things as well.
    assert statistics.median(during) < 5 * statistics.median(before) + 0.1
    assert link_of(jpn, "KOR")["slowed"] == 0
    assert link_of(jpn, "USA")["slowed"] > 0
    assert sum("too_fast" in one["words"] for one in events_of(jpn, "alarm")) == 1
    jpn.stop()
    kor.stop()
