"""A link that was stopped because a partner showed two histories, and how it runs again (EX-54)."""

import pytest
from msgspec.structs import replace

from relto.codec import FORK, FRAME
from relto.driver import NotStoppedError, StoppedError
from relto.journal import check_fork
from relto.node import By, NoPartnerError, NoReasonError
from tests.support_node import Three, pending_frame

AGAIN = By(officer="officer-1", role="administrator", reason="it had served a copy of its store")


def put_back(three: Three, party: str, disk: object) -> None:
    """Let a party's node run on another disk, unmarked."""
    site = three.sites[party]
    site.store.crash()
    site.disk = disk
    site.start()


def forked_frame(three: Three) -> bytes:
    """A frame of Seoul's with another history; it does not say what it holds, so nobody helps."""
    return FRAME.encode(replace(FRAME.decode(pending_frame(three)), acknowledgement=b""))


def stopped(three: Three) -> tuple[object, object]:
    """Let Tokyo stop its link with Seoul; give Seoul's disk as it should be, and the other one."""
    three.hold("JPN", "launch-1")
    copy = three.sites["KOR"].disk.copy()
    three.ask("c-1")
    three.settle()
    right = three.sites["KOR"].disk
    put_back(three, "KOR", copy)
    three.ask("c-9", topics=("dprk.nuclear",))
    three["JPN"].handle_exchange("KOR", forked_frame(three))
    assert three["JPN"].link("KOR").stopped == "peer.fork"
    return right, copy


def test_fl_19_an_officer_lets_a_stopped_link_run_again_and_the_journal_says_who_and_why() -> None:
    """EX-54: the partner runs on its own history again; nothing is lost, nothing comes twice."""
    three = Three()
    right, _ = stopped(three)
    put_back(three, "KOR", right)
    three.ask("c-2")
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", pending_frame(three)))
    assert answer.rejection.code == "peer.stopped"
    with pytest.raises(StoppedError) as refused:
        three["JPN"].next_batch("KOR", is_poll=True)
    assert "relto link resume" in refused.value.hint
    (fact,) = three["JPN"].resume("KOR", by=AGAIN).facts
    assert (fact.source, fact.target, fact.kind) == ("JPN", "JPN", "link-resumed")
    said = fact.message
    assert (said.party, said.code) == ("KOR", "peer.fork")
    assert (said.officer, said.role, said.reason) == (AGAIN.officer, AGAIN.role, AGAIN.reason)
    assert three["JPN"].link("KOR").stopped == ""
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three.state("KOR", "c-1") == three.state("KOR", "c-2") == "receipted"
    assert three.state("JPN", "c-9") == "none"
    state = three["JPN"].node.state.digest()
    assert three.sites["JPN"].start().node.state.digest() == state


def test_fl_19_a_partner_that_still_forks_stops_its_link_again_with_new_evidence() -> None:
    """EX-54: each stop leaves evidence that convinces a third person."""
    three = Three()
    stopped(three)
    three["JPN"].resume("KOR", by=AGAIN)
    three.ask("c-10", topics=("dprk.nuclear",))
    three.clock.at = three.clock.at.add(seconds=10)
    answer = FRAME.decode(three["JPN"].handle_exchange("KOR", forked_frame(three)))
    assert answer.rejection.code == "peer.fork"
    assert three["JPN"].link("KOR").stopped == "peer.fork"
    ring = three["JPN"].node.state.peers["KOR"].ring
    kept = three.sites["JPN"].disk.kept
    assert [one.kind for one in kept] == ["peer.fork", "peer.fork"]
    assert kept[0].at < kept[1].at
    for one in kept:
        check_fork(FORK.decode(one.content), ring=ring)
    assert three["JPN"].link("USA").stopped == ""


def test_only_a_link_that_is_stopped_can_be_resumed_and_only_with_a_reason() -> None:
    """EX-54: and nothing is journaled where nothing was resumed."""
    three = Three(parties=("JPN", "KOR"))
    before = three["JPN"].node.state.digest()
    with pytest.raises(NotStoppedError):
        three["JPN"].resume("KOR", by=AGAIN)
    assert three["JPN"].node.state.digest() == before
    stopped(three)
    before = three["JPN"].node.state.digest()
    with pytest.raises(NoReasonError):
        three["JPN"].resume("KOR", by=replace(AGAIN, reason=" "))
    with pytest.raises(NoPartnerError):
        three["JPN"].resume("USA", by=AGAIN)
    assert three["JPN"].node.state.digest() == before
    assert three["JPN"].link("KOR").stopped == "peer.fork"
