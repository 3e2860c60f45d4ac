"""A node brought back from a backup hears from its partners before it says anything new (EX-42)."""

import pytest

from relto.codec import FRAME
from relto.driver import NotReconciledError, mark_restored
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.support_node import OCTOBER, Three, pending_frame, row_counts


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
    assert row_counts(three.sites["JPN"]).get("relto/JPN/KOR", 0) == 0
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


def test_a_partner_that_is_gone_is_passed_over() -> None:
    three = Three()
    three.hold("JPN", "launch-1")
    set_back(three, "JPN", three.sites["JPN"].disk)
    assert three["JPN"].reconciling() == ("KOR", "USA")
    three["JPN"].pass_over("USA")
    assert three["JPN"].reconciling() == ("KOR",)
    three.exchange("JPN", "KOR")
    three.exchange("JPN", "KOR")
    assert three["JPN"].reconciling() == ()
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"


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
