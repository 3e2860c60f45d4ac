"""A node changes its keys: partners follow by themselves, whenever they hear of it (FL-20)."""

import pytest

from relto.cli import main
from relto.console import open_home, partner_card, prepare_keys
from relto.units import PartyCode
from tests.integration.nodes.conftest import Party

pytestmark = [pytest.mark.net, pytest.mark.slow]

CONTENT = b"a launch"


def exchange(jpn: Party, kor: Party) -> None:
    story = kor.ask("JPN", "--wait", "10")
    assert story["line"]["state"] == "receipted", kor.tail() + jpn.tail()
    jpn.wait(story["line"]["case"], "receipted")


def pinned_serial(party: Party, partner: str) -> int:
    with open_home(party.directory) as node:
        return partner_card(node.driver.node.state.peers[PartyCode(partner)].card).serial


@pytest.mark.parametrize("code", ["JPN", "KOR"])
def test_a_running_node_changes_its_keys_and_goes_on(pair: tuple[Party, Party], code: str) -> None:
    """FL-20, LK-20: the partner pins the new card because the old keys announce it."""
    jpn, kor = pair
    changing, other = (jpn, kor) if code == "JPN" else (kor, jpn)
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    jpn.start()
    kor.start()
    exchange(jpn, kor)
    old = changing.run("card")["fingerprint"]
    card = changing.run("key", "rotate", "--reason", "yearly")
    assert card["serial"] == 2
    assert card["fingerprint"] != old
    changing.wait_running()
    exchange(jpn, kor)
    assert changing.run("card")["fingerprint"] == card["fingerprint"]
    # Both restart: from now on only the new keys and certificates are known.
    for party in (jpn, kor):
        party.stop()
    assert pinned_serial(other, code) == 2
    for party in (jpn, kor):
        party.start()
    exchange(jpn, kor)


def test_a_partner_that_was_away_hears_of_new_keys_when_it_is_back(
    pair: tuple[Party, Party],
) -> None:
    """FL-20, LK-20: until then it is shown the certificate it knows, even after restarts."""
    jpn, kor = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    assert jpn.run("key", "rotate")["serial"] == 2
    jpn.start()
    jpn.stop()
    jpn.start()
    kor.start()
    exchange(jpn, kor)
    kor.stop()
    assert pinned_serial(kor, "JPN") == 2


@pytest.mark.parametrize("caller", ["both", "JPN", "KOR"])
def test_a_partner_that_was_away_over_several_changes_hears_of_all_of_them(
    pair: tuple[Party, Party], caller: str
) -> None:
    """FL-20, LK-20: it is shown the certificate that it knows, however many came after."""
    jpn, kor = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    if caller != "both":
        dial = {"JPN": 'KOR = "us"\n', "KOR": 'KOR = "them"\n'}[caller]
        other = {"JPN": 'JPN = "them"\n', "KOR": 'JPN = "us"\n'}[caller]
        for party, line in ((jpn, dial), (kor, other)):
            config = party.directory / "node.toml"
            config.write_text(config.read_text("utf-8") + line, "utf-8")
    assert jpn.run("key", "rotate")["serial"] == 2
    jpn.start()
    assert jpn.run("key", "rotate")["serial"] == 3
    jpn.wait_running()
    jpn.stop()
    jpn.start()
    kor.start()
    exchange(jpn, kor)
    kor.stop()
    assert pinned_serial(kor, "JPN") == 3
    # Both restart: from now on only the newest certificate is known.
    jpn.stop()
    jpn.start()
    kor.start()
    exchange(jpn, kor)


def test_keys_that_were_made_but_not_announced_are_announced_later(
    pair: tuple[Party, Party],
) -> None:
    """A crash between making and announcing: the old card stands until the change is done."""
    jpn, kor = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    before = jpn.run("card")["fingerprint"]
    with open_home(jpn.directory) as node:
        prepared = prepare_keys(node)
    assert jpn.run("card")["fingerprint"] == before
    jpn.start()
    kor.start()
    exchange(jpn, kor)
    jpn.stop()
    assert jpn.run("key", "rotate")["fingerprint"] == prepared.fingerprint
    assert jpn.run("card")["serial"] == 2
    jpn.start()
    exchange(jpn, kor)


def test_fl_21_a_command_lists_what_a_card_has_touched(
    pair: tuple[Party, Party], capsys: pytest.CaptureFixture[str]
) -> None:
    """FL-21, JN-34: for whoever has to tell others which key is not its owner's alone any more."""
    jpn, _ = pair
    assert jpn.run("key", "rotate", "--reason", "a laptop is missing")["serial"] == 2
    first = jpn.run("key", "uses", "--serial", "1")
    kinds = {(one["source"], one["target"], one["kind"], one["how"]) for one in first}
    assert ("JPN", "JPN", "law-adopted", "signed") in kinds
    assert ("JPN", "KOR", "key-change", "signed") in kinds
    announced = next(one for one in first if one["kind"] == "key-change")
    later = jpn.run("key", "uses", "--serial", "1", "--after", str(announced["position"] - 1))
    assert announced in later
    assert len(later) < len(first)
    since = ("--since", announced["at"])
    assert announced in jpn.run("key", "uses", "--serial", "1", *since)
    until = ("--until", announced["at"])
    assert announced not in jpn.run("key", "uses", "--serial", "1", *until)
    newest = jpn.run("key", "uses")
    assert ("JPN/JPN", "head") in {
        (f"{one['source']}/{one['target']}", one["how"]) for one in newest
    }
    assert jpn.run("key", "uses", "--party", "KOR") == []
    for words in (("--party", "USA"), ("--serial", "3"), ("--party", "ＫＯＲ")):
        assert jpn.run("key", "uses", *words, expect=2)["error"] == "local.input"
    assert main(["key", "uses", "--serial", "1", "--dir", str(jpn.directory)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(first) + 1
    assert lines[0].split() == ["position", "log", "number", "at", "kind", "case", "touched", "by"]


def test_a_partner_that_only_calls_is_not_locked_out_when_our_word_is_lost_before_a_restart(
    pair: tuple[Party, Party],
) -> None:
    """LK-5: it calls with its former certificate, since it does not know that we know."""
    jpn, kor = pair
    jpn.hold(CONTENT, topic="dprk.missile.launch")
    for party, line in ((jpn, 'KOR = "them"\n'), (kor, 'JPN = "us"\n')):
        config = party.directory / "node.toml"
        config.write_text(config.read_text("utf-8") + line, "utf-8")
    assert kor.run("key", "rotate")["serial"] == 2
    with open_home(kor.directory) as theirs, open_home(jpn.directory) as ours:
        frame = theirs.driver.next_batch(PartyCode("JPN"))
        ours.driver.handle_exchange(PartyCode("KOR"), frame)
        assert theirs.driver.unaware() == ("JPN",)
    assert pinned_serial(jpn, "KOR") == 2
    jpn.start()
    kor.start()
    exchange(jpn, kor)
    jpn.stop()
    kor.stop()
    with open_home(kor.directory) as theirs:
        assert theirs.driver.unaware() == ()
