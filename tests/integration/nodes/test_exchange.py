"""Two and three real nodes exchange, over real sockets, with real files."""

from pathlib import Path

import pytest

from tests.integration.nodes.conftest import Party

pytestmark = [pytest.mark.net, pytest.mark.slow]

CONTENT = b'{"launch": "2019-10-02", "range_km": 450}'


def test_a_request_is_answered_directly_within_moments(pair: tuple[Party, Party]) -> None:
    """Ask, decide under a delegation, release, open, mark, register, receipt."""
    jpn, kor = pair
    held = jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    story = kor.ask("JPN", "--wait", "10")
    assert story["line"]["state"] == "receipted"
    assert story["route"] == ["JPN", "KOR"]
    assert story["instrument"] == "jpn-kor-gsomia-2016"
    item = story["items"][0]
    assert Path(item["path"]).read_bytes() == CONTENT
    assert item["holding"] == held
    assert item["marked"] == {
        "scheme": "kor",
        "level": "iii-kup",
        "categories": [],
        "releasable_to": None,
    }
    kinds = [entry["kind"] for entry in story["entries"]]
    assert kinds == ["officer-step", "request", "release", "held", "receipt"]
    theirs = jpn.wait(story["line"]["case"], "receipted")
    assert [entry["kind"] for entry in theirs["entries"]] == ["request", "release", "receipt"]
    assert jpn.stop() == 0
    assert kor.stop() == 0


def test_a_large_package_travels_beside_the_journal(pair: tuple[Party, Party]) -> None:
    """LK-13, LK-14: by range, opened and receipted when it is complete."""
    jpn, kor = pair
    content = CONTENT * 100_000
    jpn.hold(content, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    story = kor.ask("JPN", "--wait", "20")
    assert story["line"]["state"] == "receipted"
    assert Path(story["items"][0]["path"]).read_bytes() == content


def test_an_officer_approves_where_no_delegation_covers(parties: dict[str, Party]) -> None:
    jpn, kor = parties["JPN"], parties["KOR"]
    for party in (jpn, kor):
        party.init()
    jpn.pin(kor)
    kor.pin(jpn)
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    case = kor.ask("JPN")["line"]["case"]
    jpn.wait_inbox(case)
    jpn.approve(case)
    assert kor.wait(case, "receipted")["items"]
    second = kor.ask("JPN", topic="dprk.missile")["line"]["case"]
    jpn.wait_inbox(second)
    words = ["--as", "disclosure-officer", "--reason", "no longer current"]
    jpn.run("refuse", second, *words)
    refused = kor.wait(second, "refused")
    assert (refused["refusal"], refused["reason"]) == ("officer-refused", "no longer current")


def test_an_intermediary_carries_it_where_the_direct_way_is_closed(
    parties: dict[str, Party],
) -> None:
    """TISA in an exercise of 2019-11-23: each hop lawful by itself, an officer on each side."""
    jpn, kor, usa = parties["JPN"], parties["KOR"], parties["USA"]
    # Each clock begins when its node is made; who consents must not be ahead of who relies on it.
    for party in (usa, kor, jpn):
        party.init("--exercise", "--clock", "2014-12-30T09:00:00+09:00")
    for party in (jpn, kor, usa):
        for other in (jpn, kor, usa):
            if party is not other:
                party.pin(other)
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    for party in (jpn, kor, usa):
        party.start()
    closed = kor.ask("JPN", topic="prc.cyber", expect=1)
    assert closed["line"]["state"] == "unroutable"
    assert {one["instrument"] for one in closed["blocked"]} >= {"tisa-2014"}
    story = kor.ask("JPN")
    case = story["line"]["case"]
    assert story["route"] == ["JPN", "USA", "KOR"]
    jpn.wait_inbox(case)
    jpn.approve(case)
    usa.wait_inbox(case)
    usa.approve(case)
    received = kor.wait(case, "receipted")
    assert Path(received["items"][0]["path"]).read_bytes() == CONTENT
    assert received["items"][0]["originator"] == "JPN"
    assert received["items"][0]["marked"]["scheme"] == "kor"
    assert any("EXERCISE" in line for line in received["items"][0]["markings"])
    assert usa.wait(case, "receipted")["line"]["role"] == "intermediary"


def test_only_one_side_can_dial(parties: dict[str, Party]) -> None:
    """LK-16: KOR listens nowhere; JPN's release, officer's delay and large package still arrive."""
    jpn, kor = parties["JPN"], parties["KOR"]
    jpn.init()
    kor.init("--listen", "")
    jpn.pin(kor)
    kor.pin(jpn)
    content = CONTENT * 50_000
    jpn.hold(content, topic="dprk.missile.launch")
    kor.hold(content, topic="dprk.nuclear.test")
    jpn.start()
    kor.start()
    case = kor.ask("JPN")["line"]["case"]
    jpn.wait_inbox(case)
    jpn.approve(case)
    story = kor.wait(case, "receipted", seconds=10)
    assert Path(story["items"][0]["path"]).read_bytes() == content
    # And the other way: the one who cannot be called is asked, and hands its package over.
    case = jpn.ask("KOR", topic="dprk.nuclear.test")["line"]["case"]
    kor.wait_inbox(case)
    kor.approve(case)
    story = jpn.wait(case, "receipted", seconds=10)
    assert Path(story["items"][0]["path"]).read_bytes() == content
