"""A node changes its keys: partners follow by themselves, whenever they hear of it (FL-20)."""

import pytest

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
