"""What `relto check` takes for a trouble, and what heals by itself."""

import json

import pytest
from msgspec.structs import replace

from relto.cli import main
from relto.cli.check import Bounds, troubles
from relto.console import Status
from relto.console.orders import LinkLine
from tests.support_messages import AT, DIGEST

BOUNDS = Bounds(days=60, minutes=30, free_mib=1_024)
ROOM = 2_048 * 1_048_576
LATER = AT.add(hours=24 * 365)
WELL = Status(
    party="JPN", is_exercise=False, is_running=True, now=AT, law=DIGEST, certificate_until=LATER
)
UP = LinkLine(
    partner="KOR",
    calls="both",
    state="up",
    ours=4,
    acknowledged=4,
    heard_at=AT,
    certificate_until=LATER,
)
LONG_AGO = AT.subtract(minutes=31)
SOON = AT.add(hours=24 * 60)


def codes(*, status=WELL, link=UP, free_bytes=ROOM, bounds=BOUNDS):
    found = troubles(status, (link,), free_bytes=free_bytes, bounds=bounds, machine=AT)
    assert all(one.text for one in found)
    assert all(one.next for one in found)
    return [one.code for one in found]


@pytest.mark.parametrize(
    ("status", "code"),
    {
        "not running": (replace(WELL, is_running=False), "stopped"),
        "FL-13: behind its journal": (replace(WELL, ahead_until=LATER), "clock"),
        "without law": (replace(WELL, law=None), "law"),
        "FL-22: its certificate ends": (replace(WELL, certificate_until=SOON), "certificate"),
    }.values(),
)
def test_a_trouble_of_the_node_is_named(status, code):
    assert codes(status=status) == [code]


@pytest.mark.parametrize(
    ("link", "expected"),
    {
        "FL-19: stopped": (replace(UP, fork="peer.fork"), ["link-stopped"]),
        "FL-17: awaited": (replace(UP, is_awaited=True), ["link-awaited"]),
        "FL-22: its certificate ends": (
            replace(UP, certificate_until=SOON),
            ["partner-certificate"],
        ),
        "no certificate": (replace(UP, certificate_until=None), []),
        "revoked": (replace(UP, error="its newest card is revoked"), ["link"]),
        "refused": (replace(UP, state="refused", error="peer.x", failures=1), ["link"]),
        "down for a moment": (replace(UP, state="down", error="away", failures=2), []),
        "FL-11: down for long": (
            replace(UP, state="down", error="away", failures=12, heard_at=LONG_AGO),
            ["link-down"],
        ),
        "not heard since the start": (
            replace(UP, state="down", failures=9, heard_at=None),
            [],
        ),
        "not heard since the start, and called for minutes": (
            replace(UP, state="down", failures=10, heard_at=None),
            ["link-down"],
        ),
        "lacks something, and was heard": (replace(UP, acknowledged=3), []),
        "lacks something, and is silent": (
            replace(UP, acknowledged=3, heard_at=LONG_AGO),
            ["link-silent"],
        ),
        "silent, and lacks nothing": (replace(UP, heard_at=LONG_AGO), []),
        "lacks something, and never calls": (
            replace(UP, state="waiting", acknowledged=3, heard_at=None),
            ["link-silent"],
        ),
        "lacks something, and is called by another worker": (
            replace(UP, state="elsewhere", acknowledged=3, heard_at=None),
            [],
        ),
    }.values(),
)
def test_a_link_is_a_trouble_when_it_does_not_heal_by_itself(link, expected):
    assert codes(link=link) == expected


def test_a_node_that_does_not_run_is_not_blamed_for_its_links():
    silent = replace(UP, state="the node is not running", acknowledged=3, heard_at=None)
    assert codes(status=replace(WELL, is_running=False), link=silent) == ["stopped"]


def test_fl_14_a_disk_is_a_trouble_before_it_is_full():
    assert codes(free_bytes=1_024 * 1_048_576) == []
    assert codes(free_bytes=1_024 * 1_048_576 - 1) == ["disk"]


def test_the_exit_code_says_whether_somebody_has_to_come(tmp_path, capsys):
    assert main(["init", "JPN", "--dir", str(tmp_path / "jpn")]) == 0
    capsys.readouterr()
    assert main(["check", "--dir", str(tmp_path / "jpn"), "--free", "0"]) == 1
    assert capsys.readouterr().out == "JPN: the node is not running; next: relto serve\n"
    words = ["check", "--dir", str(tmp_path / "jpn"), "--free", "0", "--days", "2000", "--json"]
    assert main(words) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in answer["troubles"]] == ["stopped", "certificate"]
    assert answer["free_bytes"] > 0
    assert main(["check", "--dir", str(tmp_path)]) == 2
