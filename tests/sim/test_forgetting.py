"""A node that forgets what is closed, and one that never does, say the same to the byte (EX-5)."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from relto.codec.message import encode_message
from relto.errors import LocalError
from relto.journal import Draft
from relto.model import Label
from relto.model.message import Aborted, Message, RefusalCode, Refused, Requested, kind_of
from relto.node import Destroy, Hold, Recall, Reclassify, ReportLoss
from relto.sim.storm.memory import check_memory
from relto.sim.storm.watch import UnsafeError
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.sim.test_recovery import set_back
from tests.support_node import ADMIN, Three, say

LARGE = bytes(100_000)


def insist(three: Three, source: str, target: str, message: Message, *, case: str = "c-1") -> None:
    """Let a lying node say something once more, or too late."""
    parts = (("message", encode_message(message)),)
    say(three, source, target, Draft(kind=kind_of(message), case=case, parts=parts))
    three.settle()


def told(three: Three, party: str, kind: str, *, case: str = "c-1") -> Message:
    return next(fact.message for fact in three[party].story(case).facts if fact.kind == kind)


def repeats_and_conflicts(three: Three) -> None:
    """EX-6: the same request once more, another under the same id, another party's."""
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2")
    three.settle()
    asked = told(three, "KOR", "request")
    assert isinstance(asked, Requested)
    insist(three, "KOR", "JPN", asked)
    insist(three, "KOR", "JPN", replace(asked, request=replace(asked.request, about="more")))
    insist(three, "USA", "JPN", replace(asked, request=replace(asked.request, requester="USA")))


def second_releases_and_receipts(three: Three) -> None:
    """EX-8: what a liar adds to a case that is over."""
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    for source, target, kind in (
        ("JPN", "KOR", "release"),
        ("KOR", "JPN", "receipt"),
        ("KOR", "JPN", "request"),
    ):
        insist(three, source, target, told(three, "KOR", kind))
    insist(three, "JPN", "KOR", Refused(code=RefusalCode.NOT_LAWFUL))
    insist(three, "JPN", "KOR", Aborted(number=1, code=RefusalCode.BAD_PACKAGE))
    insist(three, "JPN", "KOR", told(three, "KOR", "release"), case="c-9")


def custody_long_after(three: Three) -> None:
    """EX-25: recall, new label, loss and certificate on cases closed long ago."""
    three.hold("JPN", "launch-1")
    for case in ("c-1", "c-2", "c-3"):
        three.ask(case)
        three.settle()
    three.hold("KOR", "other-1", topics=("prc.cyber",))
    label = Label(scheme="jpn", level="gokuhi")
    for command in (
        Reclassify(case="c-1", holding="launch-1", label=label, by=ADMIN),
        Recall(case="c-2", holding="launch-1", by=ADMIN),
    ):
        three["JPN"].command(command)
        three.settle()
    assert [line.case for line in three["KOR"].node.to_destroy()] == ["c-2"]
    three["KOR"].command(Destroy(case="c-2", holding="launch-1", method="burnt", by=ADMIN))
    loss = ReportLoss(case="c-3", holding="launch-1", is_possible_only=True, text="?", by=ADMIN)
    three["KOR"].command(loss)
    three.settle()
    assert three["KOR"].node.to_destroy() == ()
    # What came in and is still held may be asked for; what was destroyed or lost may not.
    three.ask("c-4", by="USA", holder="KOR")
    three.settle()
    with pytest.raises(LocalError):
        three["KOR"].command(Destroy(case="c-2", holding="launch-1", method="x", by=ADMIN))


def a_receipt_after_the_abort(three: Three) -> None:
    """EX-24, EX-40."""
    three.hold("JPN", "launch-1", content=LARGE)
    three.ask("c-1")
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    whole = three["JPN"].read_package("KOR", parcel.digest, offset=0, size=parcel.size_bytes)
    three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=whole)
    three.adopt("JPN", known=BEFORE_SUSPENSION)
    three.clock.at = LAPSE
    three["JPN"].tick()
    assert three.state("JPN", "c-1") == "aborted"
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "receipted"


def through_washington(three: Three) -> None:
    """EX-16, EX-44: the intermediary holds what came in until its officer has decided."""
    three.adopt_all(known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1")
    three.set_clock(LAPSE)
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    three.hold("USA", "other-1", topics=("prc.cyber",))
    three.approve("USA", "c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    three["JPN"].command(Recall(case="c-1", holding="launch-1", by=ADMIN))
    three.settle()
    three["USA"].command(Destroy(case="c-1", holding="launch-1", method="burnt", by=ADMIN))
    three.settle()


def the_newest_items_first(three: Three) -> None:
    """EX-13: which items a request means does not depend on where they lie."""
    for number in range(11):
        three.clock.at = three.clock.at.add(seconds=number % 3)
        topics = ("dprk.missile.launch", "prc.cyber") if number % 2 else ("prc.cyber",)
        three.hold("JPN", f"item-{number}", topics=topics)
    three.ask("c-1", topics=("dprk",))
    three.ask("c-2", topics=("prc", "dprk.missile"))
    three.ask("c-3", holding="item-4", topics=("prc",))
    three.settle()
    held = three["JPN"].node.state.item("item-4")
    assert three["JPN"].command(Hold(holding=held.holding, by=ADMIN)).facts == ()


def a_backup_that_came_back(three: Three) -> None:
    """EX-42."""
    three.hold("JPN", "launch-1")
    three.ask("c-0")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    for case in ("c-1", "c-2"):
        three.ask(case)
        three.settle()
    set_back(three, "JPN", backup)
    for _ in range(12):
        for other in ("KOR", "USA"):
            frame = three["JPN"].next_batch(other, is_poll=True)
            three["JPN"].receive_reply(other, three[other].handle_exchange("JPN", frame))
    assert three["JPN"].reconciling() == ()
    three.ask("c-3")
    three.settle()
    assert three.state("KOR", "c-3") == "receipted"


STORIES: tuple[Callable[[Three], None], ...] = (
    repeats_and_conflicts,
    second_releases_and_receipts,
    custody_long_after,
    a_receipt_after_the_abort,
    through_washington,
    the_newest_items_first,
    a_backup_that_came_back,
)


def journals(three: Three) -> dict[str, list[object]]:
    """All that was said; cards bear a signature that is another each time it is made."""
    return {
        f"{party} {log.origin}": [
            entry.raw if not log.is_local else (entry.header.at, entry.header.case, entry.bodies)
            for entry in entries
            if entry.header.kind != "peer-added"
        ]
        for party, site in three.sites.items()
        for log, entries in site.disk.logs.items()
    }


@pytest.mark.parametrize("story", STORIES)
def test_what_a_node_says_does_not_depend_on_what_it_has_forgotten(
    story: Callable[[Three], None],
) -> None:
    """EX-5: every entry the same, to the byte; also for one that forgets now and then."""
    whole = Three()
    story(whole)
    for entries in (1, 3):
        forgetful = Three(snapshot_entries=entries)
        story(forgetful)
        assert journals(forgetful) == journals(whole)
        for party, site in forgetful.sites.items():
            check_memory(site.driver, site.disk)
            assert site.driver.node.state.open == whole[party].node.state.open
            before = site.driver.node.state.digest()
            assert site.start().node.state.digest() == before
            check_memory(site.driver, site.disk)


def test_a_crash_between_two_snapshots_finds_everything_again() -> None:
    """EX-5, EX-34: entries after the snapshot are folded again over a store that is ahead of it."""
    three = Three(snapshot_entries=5)
    three.hold("JPN", "launch-1")
    for number in range(9):
        three.ask(f"c-{number}")
        three.settle()
        for site in three.sites.values():
            site.start()
            check_memory(site.driver, site.disk)
    assert three.state("KOR", "c-0") == "receipted"


def test_a_node_without_a_snapshot_or_with_one_of_another_version_folds_everything() -> None:
    """EX-5: a snapshot is a cache; so are the marks."""
    three = Three(snapshot_entries=4)
    three.hold("JPN", "launch-1")
    for number in range(6):
        three.ask(f"c-{number}")
    three.settle()
    for party, site in three.sites.items():
        before = three[party].node.state.digest()
        three[party].close()
        kept = site.disk.snapshots["node"]
        for snapshots in ({}, {"node": replace(kept, content=b"\x80")}):
            site.disk.snapshots = dict(snapshots)
            site.disk.marks = {}
            site.read.clear()
            site.start()
            assert site.driver.node.state.digest() == before
            assert len(site.driver.node.state.closed) < 3
            size = sum(map(len, site.disk.logs.values()))
            assert site.read == ([(size, size)] if size > 4 else [])
            check_memory(site.driver, site.disk)


def test_a_closed_case_whose_request_was_destroyed_is_not_begun_anew() -> None:
    """JN-6, EX-6: nobody can tell any more what was asked, so nobody is answered."""
    three = Three(snapshot_entries=1)
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    asked = told(three, "KOR", "request")
    with three.sites["JPN"].store.transaction() as tx:
        (log,) = (state.log for state in tx.logs() if state.log.source == "KOR")
        assert tx.destroy(log, number=1, part="message")
    three.sites["JPN"].start()
    insist(three, "KOR", "JPN", asked)
    assert three.state("JPN", "c-1") == "quarantined"
    releases = [
        entry
        for log, entries in three.sites["JPN"].disk.logs.items()
        for entry in entries
        if entry.header.kind == "release"
    ]
    assert len(releases) == 1


def test_the_check_of_the_memory_can_fail() -> None:
    three = Three(snapshot_entries=1)
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    site = three.sites["JPN"]
    site.disk.marks = {}
    site.start()
    with pytest.raises(UnsafeError):
        check_memory(site.driver, site.disk)
