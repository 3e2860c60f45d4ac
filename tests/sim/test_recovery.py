"""A node brought back from a backup hears from its partners before it says anything new (EX-42)."""

from contextlib import suppress

import pytest
from msgspec.structs import replace

from relto.codec import FORK, FRAME
from relto.custody import CustodyState, Side
from relto.driver import NothingToPassOverError, NotReconciledError, mark_restored
from relto.errors import PeerError
from relto.journal import check_fork
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.model import LogId
from relto.node import By, Destroy, NoPartnerError, NoReasonError
from tests.sim.test_exchange_consent import waiting_for_consent
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.support_node import ADMIN, OCTOBER, Three, pending_frame, row_counts


def set_back(three: Three, party: str, disk: object, *, is_marked: bool = True) -> None:
    """Put an old backup in the place of a party's disk."""
    site = three.sites[party]
    site.store.crash()
    site.disk = disk.copy()
    site.start()
    if is_marked:
        mark_restored(site.store)
        site.start()


@pytest.mark.parametrize("is_marked", [True, False])
@pytest.mark.parametrize("dials", ["JPN", "KOR"])
def test_fl_17_what_was_said_after_the_backup_comes_back_and_nothing_is_doubled(
    is_marked: bool, dials: str
) -> None:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    for case in ("c-1", "c-2"):
        three.ask(case)
    three.settle()
    before = row_counts(three.sites["JPN"])
    set_back(three, "JPN", backup, is_marked=is_marked)
    other = "KOR" if dials == "JPN" else "JPN"
    three.ask("c-3")
    for _ in range(12):
        frame = three[dials].next_batch(other, is_poll=True)
        if frame is not None:
            three[dials].receive_reply(other, three[other].handle_exchange(dials, frame))
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three["JPN"].reconciling() == ()
    for case in ("c-0", "c-1", "c-2", "c-3"):
        assert three.state("JPN", case) == three.state("KOR", case) == "receipted", case
    after = row_counts(three.sites["JPN"])
    # One release more, for c-3, and the entry that says that the log was rebuilt.
    assert after["relto/JPN/KOR"] == before["relto/JPN/KOR"] + 2
    assert after["relto/KOR/JPN"] == before["relto/KOR/JPN"] + 2
    assert not three["KOR"].node.state.quarantine
    digest = three["JPN"].node.state.digest()
    assert three.sites["JPN"].start().node.state.digest() == digest


def test_a_restored_node_says_nothing_new_before_it_has_heard() -> None:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    set_back(three, "JPN", three.sites["JPN"].disk)
    assert three["JPN"].reconciling() == ("KOR",)
    with pytest.raises(NotReconciledError):
        three.ask("c-1", by="JPN", holder="KOR")
    three["JPN"].tick()
    assert three["JPN"].wanted("KOR") == ()
    asked = FRAME.decode(pending_frame(three, "JPN", "KOR"))
    assert asked.batch is None
    assert asked.rejection.code == "world.rewound"
    three.settle()
    assert three["JPN"].reconciling() == ()
    (log,) = (log for log in three.sites["JPN"].disk.logs if log.origin == "relto/JPN/KOR")
    assert [entry.header.kind for entry in three.sites["JPN"].disk.logs[log]] == ["epoch"]
    three.ask("c-2")
    three.settle()
    assert three.state("KOR", "c-2") == "receipted"


def test_an_intermediary_gets_both_its_logs_back_and_finishes_what_it_had_begun() -> None:
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1")
    three.set_clock(LAPSE)
    backup = three.sites["USA"].disk.copy()
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    set_back(three, "USA", backup)
    three.settle()
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three["USA"].reconciling() == ()
    # The content went with the disk: the intermediary can release nothing, and says so.
    assert three.state("USA", "c-1") in {"queued", "refused", "obtained"}
    assert three.state("JPN", "c-1") == "receipted"


def test_fl_41_a_partner_that_lost_its_store_gets_everything_again_and_goes_on() -> None:
    """EX-35: and nobody sends for ever."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    for number in range(5):
        three.ask(f"c-{number}", topics=("dprk.nuclear",))
    three.settle()
    site = three.sites["JPN"]
    backup = site.disk.copy()
    for number in range(5, 9):
        three.ask(f"c-{number}")
    frame = pending_frame(three)
    three["JPN"].handle_exchange("KOR", frame)
    set_back(three, "JPN", backup, is_marked=False)
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three["KOR"].pending() == three["JPN"].pending() == ()
    assert three.state("KOR", "c-8") == "receipted"


GONE = By(officer="officer-1", role="administrator", reason="its site has burnt down")


def passed_over(three: Three, party: str, partner: str) -> None:
    """Set a party back to its disk as it is, and let it go on without a partner."""
    set_back(three, party, three.sites[party].disk)
    three[party].pass_over(partner, by=GONE)


def test_a_partner_that_is_gone_is_passed_over_by_an_officer_who_says_why() -> None:
    """EX-47."""
    three = Three()
    three.hold("JPN", "launch-1")
    set_back(three, "JPN", three.sites["JPN"].disk)
    assert three["JPN"].reconciling() == ("KOR", "USA")
    result = three["JPN"].pass_over("USA", by=GONE)
    assert [fact.kind for fact in result.facts] == ["epoch", "passed-over"]
    said = result.facts[1].message
    assert (said.party, said.officer, said.reason) == ("USA", GONE.officer, GONE.reason)
    assert three["JPN"].reconciling() == ("KOR",)
    assert three.sites["JPN"].start().reconciling() == ("KOR",)
    three.exchange("JPN", "KOR")
    three.exchange("JPN", "KOR")
    assert three["JPN"].reconciling() == ()
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


def test_only_a_partner_that_is_waited_for_can_be_passed_over_and_only_with_a_reason() -> None:
    three = Three(parties=("JPN", "KOR"))
    before = three["JPN"].node.state.digest()
    with pytest.raises(NothingToPassOverError):
        three["JPN"].pass_over("KOR", by=GONE)
    set_back(three, "JPN", three.sites["JPN"].disk)
    with pytest.raises(NoReasonError):
        three["JPN"].pass_over("KOR", by=replace(GONE, reason=" "))
    with pytest.raises(NoPartnerError):
        three["JPN"].pass_over("USA", by=GONE)
    assert three["JPN"].node.state.digest() == before
    assert three["JPN"].reconciling() == ("KOR",)


def test_who_waits_for_nobody_any_more_goes_on_with_what_it_has() -> None:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    frame = pending_frame(three)
    three["JPN"].handle_exchange("KOR", frame)
    passed_over(three, "JPN", "KOR")
    assert three["JPN"].reconciling() == ()
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


@pytest.mark.parametrize("dials", ["JPN", "KOR"])
def test_a_passed_over_partner_that_holds_more_of_a_log_that_went_on_stops_its_link(
    dials: str,
) -> None:
    """EX-47, FL-17: and the evidence convinces a third person; the other partner is served."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    three.ask("c-1")
    three.settle()
    set_back(three, "JPN", backup)
    three["JPN"].pass_over("KOR", by=GONE)
    three.exchange("JPN", "USA")
    three.exchange("JPN", "USA")
    assert three["JPN"].reconciling() == ()
    three.ask("j-1", by="JPN", holder="KOR")
    assert three["JPN"].link("KOR").stopped == ""
    other = "KOR" if dials == "JPN" else "JPN"
    for _ in range(3):
        with suppress(PeerError):
            frame = three[dials].next_batch(other, is_poll=True)
            three[dials].receive_reply(other, three[other].handle_exchange(dials, frame))
    assert three["JPN"].link("KOR").stopped == "peer.fork"
    kept = [one for one in three.sites["JPN"].disk.kept if one.kind == "peer.fork"]
    assert {FORK.decode(one.content).log.origin for one in kept} == {"relto/JPN/KOR"}
    if dials == "JPN":
        # The partner saw both histories, and can show them to anybody.
        assert three["KOR"].link("JPN").stopped == "peer.fork"
        found = next(one for one in three.sites["KOR"].disk.kept if one.kind == "peer.fork")
        ring = three["KOR"].node.state.peers["JPN"].ring
        check_fork(FORK.decode(found.content), ring=ring)
    three.ask("c-2", by="USA")
    three.exchange("USA", "JPN")
    assert three["JPN"].reconciling() == ()
    assert three.state("JPN", "c-2") != "none"


def test_a_passed_over_partner_to_whom_nothing_was_said_gives_back_what_was_lost() -> None:
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    three.ask("c-1")
    three.settle()
    set_back(three, "JPN", backup)
    three["JPN"].pass_over("KOR", by=GONE)
    three.exchange("JPN", "USA")
    three.exchange("JPN", "USA")
    assert three["JPN"].reconciling() == ()
    for _ in range(3):
        three.clock.at = three.clock.at.add(seconds=10)
        three.settle()
    assert three["JPN"].reconciling() == ()
    assert three["JPN"].link("KOR").stopped == three["KOR"].link("JPN").stopped == ""
    assert three.state("JPN", "c-1") == "receipted"
    three.ask("c-2")
    three.settle()
    assert three.state("KOR", "c-2") == "receipted"


def test_a_passed_over_partner_that_comes_back_with_no_more_than_the_backup_goes_on_as_ever() -> (
    None
):
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    passed_over(three, "JPN", "KOR")
    three.ask("j-1", by="JPN", holder="KOR")
    with three.sites["JPN"].store.transaction() as tx:
        log = tx.entries(LogId(source="JPN", target="KOR"), first=1, end=99)
    assert [one.header.kind for one in log[-2:]] == ["epoch", "request"]
    assert log[-1].header.epoch == 1
    three.settle()
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    # It has taken the entry that says so: what it holds from here on is no other history.
    backup = three.sites["JPN"].disk.copy()
    three.ask("c-2")
    three.settle()
    set_back(three, "JPN", backup, is_marked=False)
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three.state("JPN", "c-2") == "receipted"
    assert three["JPN"].link("KOR").stopped == ""


def through_weather(three: Three) -> None:
    """Let everybody call everybody for a while; who is told to wait tries again later."""
    for _ in range(4):
        three.clock.at = three.clock.at.add(seconds=10)
        with suppress(PeerError):
            three.settle()
        for site in three.sites.values():
            site.driver.tick()


def released_through(three: Three, *, back_at: int, party: str) -> object:
    """Release through an intermediary after the lapse; gives a disk from somewhere on the way."""
    three.hold("JPN", "launch-1")
    three.set_clock(LAPSE)
    disks = [three.sites[party].disk.copy()]
    three.ask("c-1")
    for officers in ("JPN", "USA"):
        three.exchange("KOR", "USA")
        disks.append(three.sites[party].disk.copy())
        three.settle()
        disks.append(three.sites[party].disk.copy())
        three.approve(officers, "c-1")
        disks.append(three.sites[party].disk.copy())
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    return disks[back_at]


def releases(three: Three, source: str, target: str) -> int:
    with three.sites[source].store.transaction() as tx:
        log = tx.entries(LogId(source=source, target=target), first=1, end=999)
    return sum(one.header.kind == "release" for one in log)


def test_a_release_that_came_back_is_not_made_again_though_its_holder_was_passed_over() -> None:
    """EX-48: the way to the release is lost with the holder's log; the release itself is not."""
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION)
    set_back(three, "USA", released_through(three, back_at=0, party="USA"))
    three["USA"].pass_over("JPN", by=GONE)
    for _ in range(4):
        three.exchange("USA", "KOR")
    assert three["USA"].reconciling() == ()
    assert three.state("USA", "c-1") == "receipted"
    digest = three["USA"].node.state.digest()
    assert three.sites["USA"].start().node.state.digest() == digest
    through_weather(three)
    assert releases(three, "USA", "KOR") == releases(three, "JPN", "USA") == 1
    assert not three["KOR"].node.state.quarantine


@pytest.mark.parametrize("party", ["JPN", "USA", "KOR"])
@pytest.mark.parametrize("back_at", range(7))
def test_a_node_set_back_answers_no_case_a_second_time(party: str, back_at: int) -> None:
    """EX-48: though its officers say yes to whatever waits again."""
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION)
    set_back(three, party, released_through(three, back_at=back_at, party=party))
    for number in range(3):
        through_weather(three)
        for site in three.sites.values():
            for waiting in site.driver.node.queue():
                three.approve(site.party, waiting.file.case, officer=f"officer-{number}")
    through_weather(three)
    assert three[party].reconciling() == ()
    assert releases(three, "JPN", "USA") == releases(three, "USA", "KOR") == 1
    assert not any(site.driver.node.queue() for site in three.sites.values())


def test_a_consent_that_comes_after_all_does_not_release_a_second_time() -> None:
    """EX-48: the holder was set back to where it waited for it, and its originator passed over."""
    three = waiting_for_consent()
    backup = three.sites["KOR"].disk.copy()
    three.approve("JPN", "c-2")
    three.settle()
    three.approve("KOR", "c-2")
    three.settle()
    assert three.state("USA", "c-2") == "receipted"
    set_back(three, "KOR", backup)
    assert three.state("KOR", "c-2") == "consent-asked"
    three["KOR"].pass_over("JPN", by=GONE)
    for _ in range(3):
        three.exchange("KOR", "USA")
    assert three["KOR"].reconciling() == ()
    through_weather(three)
    for waiting in three["KOR"].node.queue():
        three.approve("KOR", waiting.file.case)
    through_weather(three)
    assert releases(three, "KOR", "USA") == 1
    assert three.state("KOR", "c-2") == "receipted"
    assert not three["USA"].node.state.quarantine


@pytest.mark.parametrize("is_marked", [True, False])
@pytest.mark.parametrize("is_kept", [True, False], ids=["held as another item too", "held once"])
@pytest.mark.parametrize("size", [40, PACKAGE_INLINE_BYTES_MAX + 1], ids=["small", "large"])
def test_what_was_certified_as_destroyed_does_not_come_back_with_a_backup(
    is_marked: bool, is_kept: bool, size: int
) -> None:
    """Seeds 8030 and 8074. EX-27, EX-42: the partner gives the certificate back."""
    three = Three(parties=("JPN", "KOR"))
    content = b"x" * size
    three.hold("JPN", "launch-1", content=content)
    three.ask("c-1")
    three.settle()
    for parcel in three["KOR"].wanted("JPN"):
        whole = three["JPN"].read_package("KOR", parcel.digest, offset=0, size=parcel.size_bytes)
        three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=whole)
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    if is_kept:
        three.hold("KOR", "own-1", content=content)
    site = three.sites["KOR"]
    disk, blobs = site.disk.copy(), site.blobs.copy()
    held = three["KOR"].node.state.item("jpn.launch-1").holding.digest
    three["KOR"].command(Destroy(case="c-1", holding="launch-1", method="shredded", by=ADMIN))
    three.settle()
    assert three["KOR"].is_here(held) is is_kept
    site.blobs = blobs
    set_back(three, "KOR", disk, is_marked=is_marked)
    three.ask("c-2", by="JPN", holder="KOR")
    three.settle()
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three["KOR"].reconciling() == ()
    line = three["KOR"].node.state.line(side=Side.RECEIVED, case="c-1", holding="launch-1")
    assert line.state is CustodyState.DESTROYED
    assert three["KOR"].is_here(held) is is_kept
