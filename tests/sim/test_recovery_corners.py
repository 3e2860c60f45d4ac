"""Backups brought back in unlucky combinations: with a change of keys, at both ends, twice."""

import random
from contextlib import suppress

import pytest

from relto.errors import PeerError
from relto.journal import UnknownKeyError, verify_card
from relto.node import Alarm, RevokeCard
from relto.sim.twins import TwinKeys
from tests.sim.test_keys import THEFT, new_keys
from tests.sim.test_recovery import GONE, set_back
from tests.support_node import ADMIN, Three

OLDER = ("both", "JPN", "KOR")


def is_alarm(notice: object) -> bool:
    return isinstance(notice, Alarm)


def pair() -> Three:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    return three


def change_keys(three: Three, *, serial: int = 2) -> None:
    card = new_keys(three, "JPN", serial=serial)
    three["JPN"].announce(card, by=ADMIN)


def carry_on(three: Three) -> None:
    """Let each dial in turn, whatever the other says to a frame; only time can help."""
    for _ in range(20):
        three.clock.at = three.clock.at.add(seconds=10)
        for source in three.sites:
            for target in three[source].pending():
                with suppress(PeerError):
                    three.exchange(source, target)


def check(three: Three, *cases: str) -> None:
    """Both have heard, go on, and read the same out of their journals again."""
    for party in three.sites:
        assert three[party].reconciling() == ()
    three.ask("z-1")
    three.ask("z-2", by="JPN", holder="KOR", topics=("dprk.nuclear",))
    carry_on(three)
    for case in (*cases, "z-1"):
        assert three.state("JPN", case) == three.state("KOR", case) == "receipted", case
    assert three.state("JPN", "z-2") == three.state("KOR", "z-2") == "refused"
    for party, site in three.sites.items():
        assert three[party].pending() == ()
        assert three[party].node.state.quarantine == []
        digest = three[party].node.state.digest()
        assert site.start().node.state.digest() == digest


@pytest.mark.parametrize("days", [0, 30], ids=["at once", "when the old keys have run out"])
@pytest.mark.parametrize("has_spoken", [True, False])
def test_a_backup_from_before_a_change_of_keys_comes_back(days: int, has_spoken: bool) -> None:
    """EX-42, FL-17, FL-20: what a partner gives back it knows, the new keys among it."""
    three = pair()
    backup = three.sites["JPN"].disk.copy()
    change_keys(three)
    three.settle()
    if has_spoken:
        three.ask("c-1")
        three.settle()
    three.clock.at = three.clock.at.add(hours=24 * days)
    set_back(three, "JPN", backup)
    carry_on(three)
    # It speaks first: its partner has nothing new to say.
    three.hold("JPN", "launch-2", topics=("dprk.nuclear",))
    three.ask("c-2", by="JPN", holder="KOR", topics=("dprk.nuclear",))
    carry_on(three)
    assert three.state("KOR", "c-2") == "refused"
    check(three, "c-0", *(("c-1",) if has_spoken else ()))


def test_a_backup_from_before_new_keys_comes_back_to_a_partner_that_revoked_the_former() -> None:
    """Seed 4033. EX-42, EX-52: it stands by its new keys while its mirror is not whole yet."""
    three = pair()
    backup = three.sites["JPN"].disk.copy()
    three["KOR"].command(RevokeCard(party="JPN", serial=1, by=THEFT))
    card = new_keys(three, "JPN")
    three["JPN"].announce(card, by=ADMIN)
    three["KOR"].pin(card, fingerprint=verify_card(card, is_exercise=True).fingerprint, by=ADMIN)
    three.settle()
    three.ask("c-1")
    three.settle()
    set_back(three, "JPN", backup)
    carry_on(three)
    check(three, "c-0", "c-1")


@pytest.mark.parametrize("days", [0, 30])
def test_a_backup_from_before_the_partners_change_of_keys_comes_back(days: int) -> None:
    """EX-42, FL-20."""
    three = pair()
    backup = three.sites["KOR"].disk.copy()
    change_keys(three)
    three.settle()
    three.clock.at = three.clock.at.add(hours=24 * days)
    three.ask("c-1")
    three.settle()
    set_back(three, "KOR", backup)
    carry_on(three)
    check(three, "c-0", "c-1")


@pytest.mark.parametrize("party", ["JPN", "KOR"])
def test_a_backup_comes_back_while_two_changes_of_keys_wait_for_their_reader(party: str) -> None:
    """EX-41, EX-42."""
    three = pair()
    backups = {one: site.disk.copy() for one, site in three.sites.items()}
    three.ask("c-1")
    three.settle()
    for serial in (2, 3):
        change_keys(three, serial=serial)
    set_back(three, party, backups[party])
    carry_on(three)
    check(three, "c-0", "c-1")


@pytest.mark.parametrize("older", OLDER)
@pytest.mark.parametrize("marked", [(True, True), (True, False), (False, True), (False, False)])
def test_both_ends_are_set_back_at_once(marked: tuple[bool, bool], older: str) -> None:
    """EX-42, FL-17: by a restored backup, or by a disk that nobody said was old."""
    three = pair()
    old = {one: site.disk.copy() for one, site in three.sites.items()}
    three.ask("c-1")
    three.settle()
    newer = {one: site.disk.copy() for one, site in three.sites.items()}
    three.ask("c-2")
    three.settle()
    for (party, site), is_marked in zip(tuple(three.sites.items()), marked, strict=True):
        assert site.party == party
        disk = old[party] if older in {"both", party} else newer[party]
        set_back(three, party, disk, is_marked=is_marked)
    carry_on(three)
    check(three, "c-0", *(() if older == "both" else ("c-1",)))


@pytest.mark.parametrize("is_marked", [True, False])
def test_one_backup_comes_back_again_and_again(is_marked: bool) -> None:
    """EX-42: also in the middle of hearing."""
    three = pair()
    backup = three.sites["JPN"].disk.copy()
    for case in ("c-1", "c-2", "c-3"):
        three.ask(case)
        carry_on(three)
        set_back(three, "JPN", backup, is_marked=is_marked)
        with suppress(PeerError):
            three.exchange("JPN", "KOR")
        set_back(three, "JPN", backup, is_marked=is_marked)
        carry_on(three)
    check(three, "c-0", "c-1", "c-2", "c-3")


def test_a_restored_node_is_not_woken_for_what_it_cannot_do_yet() -> None:
    """EX-42: a case whose time has run out waits, and nobody wakes the node a thousand times."""
    three = pair()
    three.hold("JPN", "launch-2", topics=("rus.cyber",))
    until = three.clock.at.add(hours=1)
    three.ask("c-1", topics=("rus.cyber",), expires_at=until)
    three.settle()
    assert three["JPN"].next_deadline() == until
    set_back(three, "JPN", three.sites["JPN"].disk)
    three.clock.at = until.add(hours=1)
    three["JPN"].tick()
    assert three["JPN"].next_deadline() is None
    carry_on(three)
    assert three.state("KOR", "c-1") == "refused"
    assert three["JPN"].next_deadline() is None


def test_all_three_are_set_back_at_once() -> None:
    """EX-42: nobody has what was said since; everybody goes on."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backups = {party: site.disk.copy() for party, site in three.sites.items()}
    three.ask("c-1")
    three.settle()
    for party, backup in backups.items():
        set_back(three, party, backup)
    carry_on(three)
    three.ask("z-1")
    carry_on(three)
    assert three.state("KOR", "z-1") == "receipted"


def passed_over_before_new_keys(*, days: int = 0) -> Three:
    """KOR is set back to before JPN's new keys, which it had acknowledged, and passes JPN over."""
    three = pair()
    backup = three.sites["KOR"].disk.copy()
    change_keys(three)
    three.settle()
    three.clock.at = three.clock.at.add(hours=24 * days)
    set_back(three, "KOR", backup)
    three["KOR"].pass_over("JPN", by=GONE)
    return three


def serials(three: Three) -> list[int]:
    return [span.serial for span in three["KOR"].node.state.peers["JPN"].ring.spans]


@pytest.mark.parametrize("days", [0, 30], ids=["at once", "when the old keys have run out"])
@pytest.mark.parametrize("dialling", [("JPN",), ("KOR",), ("KOR", "JPN")])
@pytest.mark.parametrize("speaks", ["JPN", "KOR"])
def test_who_passed_over_a_partner_learns_its_new_keys_again(
    speaks: str, dialling: tuple[str, ...], days: int
) -> None:
    """Seed 140248. EX-47, FL-20: the partner speaks with them alone, and was never believed."""
    three = passed_over_before_new_keys(days=days)
    if speaks == "KOR":
        three.ask("c-1")
    else:
        three.ask("c-1", by="JPN", holder="KOR", topics=("dprk.nuclear",))
    for source in dialling * 12:
        three.clock.at = three.clock.at.add(seconds=10)
        with suppress(PeerError):
            frame = three[source].next_batch("KOR" if source == "JPN" else "JPN", is_poll=True)
            other = "KOR" if source == "JPN" else "JPN"
            three[source].receive_reply(other, three[other].handle_exchange(source, frame))
    end = "receipted" if speaks == "KOR" else "refused"
    assert three.state("KOR", "c-1") == three.state("JPN", "c-1") == end
    assert serials(three) == [2, 1]
    check(three)


def test_a_revoked_card_of_a_partner_that_was_passed_over_announces_nothing() -> None:
    """EX-47, EX-52: whoever has the former keys may have signed the announcement too."""
    three = passed_over_before_new_keys()
    three["KOR"].command(RevokeCard(party="JPN", serial=1, by=THEFT))
    three.ask("c-1", by="JPN", holder="KOR", topics=("dprk.nuclear",))
    three["KOR"].notices()
    carry_on(three)
    assert three.state("KOR", "c-1") == "none"
    assert serials(three) == [1]
    assert UnknownKeyError.code in {one.code for one in three["KOR"].notices() if is_alarm(one)}


def test_keys_that_a_passed_over_partner_never_announced_are_told_of() -> None:
    """EX-47: all that it has to give is here, and its keys are other ones."""
    three = passed_over_before_new_keys()
    three.sites["JPN"].keys = TwinKeys(random.Random(9))
    three.sites["JPN"].former = ()
    three["KOR"].notices()
    log = three["JPN"]._logs
    log._signers_for = lambda _log: (three.sites["JPN"].keys,)
    log.cosign_anew(now=three.clock.at)
    three.ask("c-1", by="JPN", holder="KOR", topics=("dprk.nuclear",))
    carry_on(three)
    assert three.state("KOR", "c-1") == "none"
    assert serials(three) == [1]
    assert UnknownKeyError.code in {one.code for one in three["KOR"].notices() if is_alarm(one)}
