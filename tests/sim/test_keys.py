"""Keys change by an entry signed with the old ones, in the middle of everything (EX-41)."""

import random

import pytest
from msgspec.structs import replace

from relto.codec import FRAME
from relto.codec.message import encode_message
from relto.driver import OtherKeysError, RefusedFrameError
from relto.journal import Draft, sign_card, verify_card
from relto.model import PROTOCOL_MAJOR, NodeCard
from relto.model.message import KeyChanged, RefusalCode
from relto.node import BadCardError, By, NoPartnerError, NoReasonError, RevokeCard
from relto.sim.twins import TwinKeys
from tests.sim.test_exchange_consent import waiting_for_consent
from tests.support_node import ADMIN, OCTOBER, Three, pending_frame


def new_keys(three: Three, party: str, *, serial: int = 2) -> bytes:
    """Give a site new keys, keep the old ones, and make the card that both sign."""
    site = three.sites[party]
    old, new = site.keys, TwinKeys(random.Random(serial))
    card = sign_card(
        NodeCard(
            protocol=PROTOCOL_MAJOR,
            party=party,
            serial=serial,
            issued_at=three.clock.at,
            keys=new.keys,
            certificate="0" * 64,
            is_exercise=True,
        ),
        signer=new,
        predecessor=old,
    )
    site.former, site.keys = (old, *site.former), new
    site.start()
    return card


def test_fl_20_keys_change_under_way_and_old_evidence_stays_verifiable() -> None:
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2")
    late = three["JPN"].handle_exchange("KOR", pending_frame(three))
    card = new_keys(three, "JPN")
    assert three["JPN"].unaware() == ()
    three.ask("c-3")
    three["JPN"].announce(card, by=ADMIN)
    assert three["JPN"].unaware() == ("KOR", "USA")
    three["KOR"].receive_reply("JPN", late)
    three.settle()
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three["JPN"].unaware() == ()
    for case in ("c-1", "c-2", "c-3"):
        assert three.state("KOR", case) == three.state("JPN", case) == "receipted"
    peer = three["KOR"].node.state.peers["JPN"]
    assert peer.fingerprint == verify_card(card, is_exercise=True).fingerprint
    assert [span.serial for span in peer.ring.spans] == [2, 1]
    three.clock.at = three.clock.at.add(hours=24 * 30)
    three.ask("c-4")
    three.settle()
    assert three.state("KOR", "c-4") == "receipted"


def test_keys_that_were_not_announced_sign_nothing() -> None:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    new_keys(three, "JPN")
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    assert len(three["KOR"].node.state.peers["JPN"].ring.spans) == 1


def test_two_changes_before_a_partner_hears_of_the_first() -> None:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    for serial in (2, 3):
        card = new_keys(three, "JPN", serial=serial)
        three["JPN"].announce(card, by=ADMIN)
    three.settle()
    assert [span.serial for span in three["KOR"].node.state.peers["JPN"].ring.spans] == [3, 2, 1]
    three.ask("c-2")
    three.settle()
    assert three.state("KOR", "c-2") == "receipted"


def test_other_keys_than_those_announced_open_nothing() -> None:
    three = Three(parties=("JPN", "KOR"))
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    with pytest.raises(OtherKeysError):
        three["JPN"].announce(card, by=ADMIN)
    site = three.sites["JPN"]
    site.former = ()
    site.start()
    with pytest.raises(OtherKeysError):
        three["JPN"].next_batch("KOR")
    site.keys = TwinKeys(random.Random(99))
    with pytest.raises(OtherKeysError):
        site.start()


def test_a_card_that_the_old_keys_did_not_sign_is_not_pinned() -> None:
    three = Three(parties=("JPN", "KOR"))
    stranger = TwinKeys(random.Random(7))
    forged = sign_card(
        NodeCard(
            protocol=PROTOCOL_MAJOR,
            party="JPN",
            serial=2,
            issued_at=OCTOBER,
            keys=stranger.keys,
            certificate="0" * 64,
            is_exercise=True,
        ),
        signer=stranger,
        predecessor=stranger,
    )
    parts = (("message", encode_message(KeyChanged(card=forged, fingerprint="0" * 64))),)
    liar = three["JPN"]
    with liar._turn() as turn:
        liar._logs.append("KOR", Draft(kind="key-change", parts=parts), now=turn.now)
    answer = FRAME.decode(three["KOR"].handle_exchange("JPN", pending_frame(three, "JPN", "KOR")))
    assert answer.rejection is None
    assert len(three["KOR"].node.state.peers["JPN"].ring.spans) == 1
    _, note = three["KOR"].node.state.quarantine[-1]
    assert note.code is RefusalCode.OUT_OF_PLACE


def test_the_card_before_is_kept_when_its_party_announced_the_new_one_and_not_when_people_did() -> (
    None
):
    """LK-5: what people compared may stand for a theft of the keys before."""
    three = Three(parties=("JPN", "KOR"))
    first = three.sites["JPN"].card
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    assert three["KOR"].node.state.peers["JPN"].former == b""
    three.settle()
    assert three["KOR"].node.state.peers["JPN"].former == first
    newest = new_keys(three, "JPN", serial=3)
    print_ = verify_card(newest, is_exercise=True).fingerprint
    three["KOR"].pin(newest, fingerprint=print_, by=ADMIN)
    peer = three["KOR"].node.state.peers["JPN"]
    assert (peer.card, peer.former) == (newest, b"")


THEFT = By(officer="officer-1", role="administrator", reason="its keys were copied")


def test_fl_21_a_revoked_card_of_a_partner_counts_for_nothing_until_people_compare_the_next() -> (
    None
):
    """FL-21, EX-52: what is in the journal stays."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.hold("KOR", "seen-1")
    three.ask("c-1")
    three.settle()
    three.ask("j-1", by="JPN", holder="KOR")
    three.settle()
    assert three.state("KOR", "j-1") == "queued"
    (fact,) = three["KOR"].command(RevokeCard(party="JPN", serial=1, by=THEFT)).facts
    assert (fact.kind, fact.message.officer, fact.message.reason) == (
        "key-revoked",
        THEFT.officer,
        THEFT.reason,
    )
    assert three["KOR"].command(RevokeCard(party="JPN", serial=1, by=THEFT)).facts == ()
    three.ask("j-2", by="JPN", holder="KOR")
    answer = FRAME.decode(three["KOR"].handle_exchange("JPN", pending_frame(three, "JPN", "KOR")))
    assert answer.rejection.code == "peer.unknown_key"
    assert three.state("KOR", "j-2") == "none"
    with pytest.raises(NoPartnerError):
        three.ask("c-2", is_forced=True)
    # What waits for an officer is not released to whoever has the key.
    three["KOR"].tick()
    assert three.state("KOR", "j-1") == "refused"
    assert three.state("KOR", "c-1") == "receipted"
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    three["KOR"].pin(card, fingerprint=verify_card(card, is_exercise=True).fingerprint, by=ADMIN)
    assert three.sites["KOR"].start().node.state.is_linked("JPN")


@pytest.mark.parametrize("pending", [0, 1, 20])
def test_fl_21_the_link_runs_again_once_people_have_compared_the_card_after_a_revoked_one(
    pending: int,
) -> None:
    """EX-41, EX-52: also with what was said before and never came, and a lost acknowledgement."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.hold("KOR", "seen-1")
    three.ask("c-1")
    three.settle()
    # An entry of KOR is stored at JPN, and the answer that says so is lost.
    three.ask("k-1")
    three["JPN"].handle_exchange("KOR", pending_frame(three))
    three["KOR"].command(RevokeCard(party="JPN", serial=1, by=THEFT))
    for number in range(pending):
        three.ask(f"j-{number}", by="JPN", holder="KOR")
    three.clock.at = three.clock.at.add(minutes=10)
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    with pytest.raises(RefusedFrameError):
        three.settle()
    assert three["KOR"].link("JPN").acknowledged < three["KOR"].link("JPN").ours
    three.clock.at = three.clock.at.add(minutes=10)
    three["KOR"].pin(card, fingerprint=verify_card(card, is_exercise=True).fingerprint, by=ADMIN)
    three.sites["KOR"].start()
    three.settle()
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    for one, other in (("JPN", "KOR"), ("KOR", "JPN")):
        counts = three[one].link(other)
        assert counts.acknowledged == counts.ours
    assert three["JPN"].unaware() == ()
    assert three["KOR"].node.state.quarantine == []
    assert [three.state("KOR", f"j-{number}") for number in range(pending)] == ["queued"] * pending
    three.ask("c-2")
    three.settle()
    assert three.state("KOR", "c-2") == three.state("JPN", "c-2") == "receipted"


def test_fl_21_a_card_between_the_revoked_and_the_newest_is_enough() -> None:
    """Seed 100393. EX-41: people compared the next card, and then there was another one."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three["KOR"].command(RevokeCard(party="JPN", serial=1, by=THEFT))
    cards = []
    for serial in (2, 3, 4):
        cards.append(new_keys(three, "JPN", serial=serial))
        three["JPN"].announce(cards[-1], by=ADMIN)
        for number in range(30):
            three.ask(f"j-{serial}-{number}", by="JPN", holder="KOR")
    shown = verify_card(cards[1], is_exercise=True).fingerprint
    three["KOR"].pin(cards[1], fingerprint=shown, by=ADMIN)
    three.settle()
    assert three["JPN"].unaware() == ()
    assert [one.serial for one in three["KOR"].node.state.peers["JPN"].ring.spans] == [4, 3, 1]


def test_a_partner_that_has_revoked_nothing_takes_what_both_keys_have_signed() -> None:
    """EX-41, JN-12: it passes over the signature whose key it does not know yet."""
    three = Three(parties=("JPN", "KOR"))
    three["JPN"].tick()
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    frame = FRAME.decode(pending_frame(three, "JPN", "KOR"))
    assert frame.batch.checkpoint.count("— relto/JPN/KOR".encode()) == 2
    three.settle()
    three.ask("j-1", by="JPN", holder="KOR")
    frame = FRAME.decode(pending_frame(three, "JPN", "KOR"))
    assert frame.batch.checkpoint.count("— relto/JPN/KOR".encode()) == 1


def test_only_a_card_that_is_known_can_be_revoked_and_only_with_a_reason() -> None:
    three = Three(parties=("JPN", "KOR"))
    for error, changes in (
        (BadCardError, {"serial": 7}),
        (NoPartnerError, {"party": "USA"}),
        (NoReasonError, {"by": replace(THEFT, reason="")}),
    ):
        with pytest.raises(error):
            three["KOR"].command(replace(RevokeCard(party="JPN", serial=1, by=THEFT), **changes))


def test_a_former_card_can_be_revoked_and_the_newest_goes_on() -> None:
    """EX-52."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three["JPN"].tick()
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    three.settle()
    assert three["KOR"].node.state.peers["JPN"].former
    three["KOR"].command(RevokeCard(party="JPN", serial=1, by=THEFT))
    assert three["KOR"].node.state.peers["JPN"].former == b""
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


@pytest.mark.parametrize("is_revoked", [False, True])
def test_a_consent_from_before_a_change_of_keys_is_proved_by_a_head_from_after_it(
    is_revoked: bool,
) -> None:
    """EX-21, EX-52: whatever keys its author has had, as long as nobody else may have them."""
    three = waiting_for_consent()
    three.approve("JPN", "c-2")
    three.settle()
    three.clock.at = three.clock.at.add(hours=1)
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    three.settle()
    three.ask("j-1", by="JPN", holder="KOR")
    three.settle()
    assert three["JPN"].unaware() == ()
    if is_revoked:
        three["USA"].command(RevokeCard(party="JPN", serial=2, by=THEFT))
    three.approve("KOR", "c-2")
    three.settle()
    assert three.state("USA", "c-2") == ("quarantined" if is_revoked else "receipted")
