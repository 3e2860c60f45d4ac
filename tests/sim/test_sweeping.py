"""What lies beside the journal and nothing names is removed; in doubt it stays (EX-57)."""

from collections.abc import Callable, Sequence

import pytest

from relto.driver import Driver
from relto.driver.sweeping import Sweeping
from relto.limits import SWEEP_AGE_SECONDS, SWEEP_SECONDS
from relto.model import Form, Holding, Label
from relto.node import Alarm, Destroy, Hold
from relto.ports import Lying, StoreFailedError
from relto.seal import digest
from relto.sim.store import MemoryBlobs
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.sim.test_large_packages import LARGE, arrived, destroy, job_of, move, pair, work
from tests.sim.test_recovery import set_back
from tests.support_crew import Crew
from tests.support_node import ADMIN, Crash, Three, crash_at

OTHER = b"other words " * 20_000


def pass_time(three: Three, party: str = "KOR") -> None:
    """A node begins to look once it has run for a while, and at what has lain as long."""
    for _ in range(2):
        three.clock.at = three.clock.at.add(seconds=SWEEP_AGE_SECONDS + 1)
        three[party].tick()


def lie_down(three: Three, content: bytes, *, party: str = "KOR") -> None:
    """Leave a content among the blobs that no entry names, as a crash does."""
    name, blobs = digest(content), three.sites[party].blobs
    blobs.write(name, offset=0, data=content)
    blobs.finish(name, size_bytes=len(content))


def alarms(driver: Driver, code: str) -> list[str]:
    return [one.text for one in driver.notices() if isinstance(one, Alarm) and one.code == code]


def kept(three: Three, party: str = "KOR") -> list[tuple[str, bytes]]:
    with three.sites[party].store.reading() as tx:
        return [(one.kind, one.content) for one in tx.kept()]


def item(name: str, three: Three) -> Hold:
    holding = Holding(
        id=name,
        title="an item",
        originator="JPN",
        label=Label(scheme="jpn", level="hi"),
        topics=("prc.cyber",),
        form=Form.DOCUMENT,
        digest="0" * 64,
        size_bytes=0,
        held_at=three.clock.at,
    )
    return Hold(holding=holding, by=ADMIN)


def quiet() -> Three:
    return Three(known=BEFORE_SUSPENSION, parties=("JPN", "KOR"))


def received() -> Three:
    """KOR has received and registered a large item."""
    three = pair()
    opening = arrived(three)
    opening.run()
    three["KOR"].finish(opening)
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    return three


def test_a_content_that_a_crash_has_left_is_removed_and_written_down() -> None:
    """EX-57, FL-4: opened, not registered, and then the holder gave up."""
    three = pair()
    opening = arrived(three)
    opening.run()
    assert LARGE in three.sites["KOR"].blobs.whole().values()
    three.adopt("JPN", known=BEFORE_SUSPENSION)
    three.sites["KOR"].start()
    three.clock.at = LAPSE
    three["JPN"].tick()
    three.settle()
    assert three.state("KOR", "c-1") == "aborted"
    assert LARGE in three.sites["KOR"].blobs.whole().values()
    three.sites["KOR"].start()
    pass_time(three)
    assert not three.sites["KOR"].blobs.whole()
    assert len(alarms(three["KOR"], "local.swept")) == 1
    ((kind, content),) = kept(three)
    assert kind == "local.swept"
    name, size, what, age = content.decode().split()
    assert (name, size, what) == (digest(LARGE), str(len(LARGE)), "whole")
    assert int(age) > SWEEP_AGE_SECONDS
    pass_time(three)
    assert len(kept(three)) == 1


@pytest.mark.parametrize("point", ["before-commit", "after-commit"])
def test_a_crash_while_it_is_written_down_removes_nothing_that_is_not_written_down(
    point: str,
) -> None:
    """EX-57, EX-34."""
    three = quiet()
    lie_down(three, OTHER)
    three.clock.at = three.clock.at.add(seconds=SWEEP_AGE_SECONDS + 1)
    three.sites["KOR"].start(fault=crash_at(point))
    with pytest.raises(Crash):
        three["KOR"].sweep()
    assert OTHER in three.sites["KOR"].blobs.whole().values()
    three.sites["KOR"].start()
    assert three["KOR"].sweep() == 1
    assert not three.sites["KOR"].blobs.whole()
    assert kept(three)


def hold_one(three: Three) -> None:
    three.hold("KOR", "own-1", content=OTHER)


def forget_one(three: Three) -> None:
    three.hold("KOR", "own-1", content=OTHER)
    three["KOR"].close()
    three.sites["KOR"].start()
    assert not three["KOR"].node.state.stock


@pytest.mark.parametrize("make", [hold_one, forget_one])
def test_what_an_item_has_for_its_content_stays(make: Callable[[Three], None]) -> None:
    """EX-57: in memory or found by its mark."""
    three = received()
    make(three)
    lie_down(three, b"nobody's " * 10_000)
    pass_time(three)
    assert sorted(three.sites["KOR"].blobs.whole()) == sorted([digest(LARGE), digest(OTHER)])


def test_a_package_that_travels_stays_on_both_sides_and_goes_on_where_it_stood() -> None:
    """EX-57, EX-39."""
    three = pair()
    three.ask("c-1")
    three.settle()
    work(three["JPN"])
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    piece = three["JPN"].read_package("KOR", parcel.digest, offset=0, size=100_000)
    three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=piece)
    for party in ("JPN", "KOR"):
        three.sites[party].start().put_off_large()
        pass_time(three, party)
    assert three["KOR"].received_bytes("JPN", parcel.digest) == 100_000
    move(three)
    work(three["KOR"])
    three.settle()
    assert three.state("JPN", "c-1") == "receipted"


def test_a_part_that_nobody_fetches_any_more_is_removed() -> None:
    """EX-57."""
    three = quiet()
    blobs = three.sites["KOR"].blobs
    blobs.write(digest(OTHER), offset=0, data=OTHER[:70_000])
    pass_time(three)
    assert not blobs.has_any(digest(OTHER))
    ((_, content),) = kept(three)
    assert content.decode().split()[2] == "part"


@pytest.mark.parametrize("is_forgotten", [True, False])
def test_what_an_officer_has_destroyed_and_a_crash_has_left_is_removed(
    is_forgotten: bool,
) -> None:
    """EX-27, EX-57: also when something was stored behind the commit that dropped it."""
    three = received()
    destroy(three)
    lie_down(three, LARGE)
    three.hold("KOR", "own-1")
    if is_forgotten:
        three["KOR"].close()
    three.sites["KOR"].start()
    assert three.sites["KOR"].blobs.whole()
    pass_time(three)
    assert not three.sites["KOR"].blobs.whole()


def test_what_is_held_twice_stays_until_nobody_holds_it() -> None:
    """EX-27, EX-57."""
    three = received()
    three.ask("c-2")
    three.settle()
    work(three["JPN"])
    three.settle()
    move(three)
    work(three["KOR"])
    three.settle()
    assert three.state("KOR", "c-2") == "receipted"
    destroy(three)
    pass_time(three)
    assert LARGE in three.sites["KOR"].blobs.whole().values()
    three["KOR"].command(Destroy(case="c-2", holding="launch-1", method="burnt", by=ADMIN))
    assert not three.sites["KOR"].blobs.whole()


def test_what_is_young_stays_and_a_node_that_has_just_begun_waits() -> None:
    """EX-57: a colleague may be about to name it, a partner about to say that entries are lost."""
    three = quiet()
    lie_down(three, OTHER)
    three.clock.at = three.clock.at.add(seconds=2 * SWEEP_AGE_SECONDS)
    three.sites["KOR"].start()
    three["KOR"].tick()
    assert three.sites["KOR"].blobs.whole()
    three.clock.at = three.clock.at.add(seconds=SWEEP_AGE_SECONDS)
    lie_down(three, LARGE)
    three["KOR"].tick()
    assert [*three.sites["KOR"].blobs.whole().values()] == [LARGE]


def test_whoever_puts_the_same_there_again_makes_it_young() -> None:
    """EX-57: it is wanted."""
    three = quiet()
    lie_down(three, OTHER)
    three.clock.at = three.clock.at.add(seconds=SWEEP_AGE_SECONDS + 1)
    lie_down(three, OTHER)
    assert three["KOR"].sweep() == 0
    assert three.sites["KOR"].blobs.whole()


def test_a_clock_that_goes_back_only_lets_a_node_wait() -> None:
    """EX-57, FL-13."""
    three = quiet()
    three.clock.at = three.clock.at.add(seconds=100_000)
    lie_down(three, OTHER)
    three.sites["KOR"].start()
    three.clock.at = three.clock.at.subtract(seconds=100_000)
    three["KOR"].tick()
    pass_time(three)
    assert three.sites["KOR"].blobs.whole()
    three.clock.at = three.clock.at.add(seconds=100_000)
    three["KOR"].tick()
    assert not three.sites["KOR"].blobs.whole()


def test_a_round_takes_a_few_files_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """EX-57: nobody waits, however many there are."""
    monkeypatch.setattr("relto.driver.sweeping.SWEEP_FILES_MAX", 2)
    three = quiet()
    blobs = three.sites["KOR"].blobs
    for number in range(3):
        lie_down(three, OTHER + bytes([number]))
    blobs.write(digest(LARGE), offset=0, data=b"the beginning")
    three.hold("KOR", "own-1", content=LARGE[:-1])
    three.clock.at = three.clock.at.add(seconds=SWEEP_AGE_SECONDS + 1)
    left = [len(blobs.whole()) + len(blobs.parts())]
    for _ in range(4):
        three["KOR"].tick()
        three["KOR"].tick()
        left.append(len(blobs.whole()) + len(blobs.parts()))
        three.clock.at = three.clock.at.add(seconds=SWEEP_SECONDS)
    assert left[0] == 5
    assert left[1] >= 3
    assert left[-1] == 1
    assert [*blobs.whole()] == [digest(LARGE[:-1])]
    assert not blobs.parts()


# ---------------------------------------------------------------- in doubt


def restored() -> Three:
    """KOR was set back to before it held something, and has what it held among its blobs."""
    three = quiet()
    backup = three.sites["KOR"].disk.copy()
    three.hold("KOR", "own-1", content=OTHER)
    set_back(three, "KOR", backup)
    return three


def test_a_node_that_was_set_back_removes_nothing_before_it_has_heard() -> None:
    """EX-57, EX-42."""
    three = restored()
    lie_down(three, LARGE)
    three.clock.at = three.clock.at.add(seconds=2 * SWEEP_AGE_SECONDS)
    assert three["KOR"].sweep() == 0
    assert len(three.sites["KOR"].blobs.whole()) == 2


@pytest.mark.parametrize("is_noted", [True, False])
def test_what_a_lost_entry_may_have_named_stays_and_is_said_once(is_noted: bool) -> None:
    """EX-57, FL-17: its entry is gone with the journal's end, and it may be the only copy."""
    three = restored()
    three.clock.at = three.clock.at.add(seconds=SWEEP_AGE_SECONDS)
    _hear(three)
    if not is_noted:  # it was set back before there was such a note
        with three.sites["KOR"].store.transaction() as tx:
            tx.drop_value("recovered")
    three["KOR"].notices()
    three.clock.at = three.clock.at.add(seconds=1)
    lie_down(three, LARGE)
    pass_time(three)
    (said,) = alarms(three["KOR"], "local.unnamed")
    assert digest(OTHER) in said
    assert [*three.sites["KOR"].blobs.whole().values()] == ([OTHER] if is_noted else [OTHER, LARGE])
    pass_time(three)
    assert not alarms(three["KOR"], "local.unnamed")


def _hear(three: Three) -> None:
    for _ in range(12):
        frame = three["KOR"].next_batch("JPN", is_poll=True)
        if frame is not None:
            three["KOR"].receive_reply("JPN", three["JPN"].handle_exchange("KOR", frame))
    assert three["KOR"].reconciling() == ()


@pytest.mark.parametrize("content", [LARGE, b"small words"], ids=["large", "small"])
@pytest.mark.parametrize("is_held_twice", [False, True])
def test_what_was_certified_as_destroyed_does_not_come_back_with_a_backup(
    content: bytes, is_held_twice: bool
) -> None:
    """EX-27, FL-17: a storm with seed 5908; the partner gives the certificate back."""
    three = Three(known=BEFORE_SUSPENSION, parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=content)
    three.ask("c-1")
    three.settle()
    move(three)
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    if is_held_twice:
        three.hold("KOR", "own-1", content=content)
    backup = three.sites["KOR"].disk.copy(), three.sites["KOR"].blobs.copy()
    destroy(three)
    three.settle()
    assert three["KOR"].is_here(digest(content)) == is_held_twice
    three.sites["KOR"].blobs = backup[1]
    set_back(three, "KOR", backup[0])
    assert three["KOR"].is_here(digest(content))
    _hear(three)
    assert three["KOR"].is_here(digest(content)) == is_held_twice
    three.sites["KOR"].start()
    assert three["KOR"].is_here(digest(content)) == is_held_twice


# ---------------------------------------------------------------- others on the same disk


def test_what_a_job_has_made_stays_while_its_turn_waits() -> None:
    """EX-53, EX-57: nothing names it yet, and it is no orphan."""
    three = pair()
    three.ask("c-1")
    three.settle()
    sealing = job_of(three["JPN"])
    sealing.run()
    pass_time(three, "JPN")
    assert len(three.sites["JPN"].blobs.whole()) == 2
    three["JPN"].finish(sealing)
    three.settle()
    move(three)
    checking = job_of(three["KOR"])
    pass_time(three)
    checking.run()
    three["KOR"].finish(checking)
    opening = job_of(three["KOR"])
    opening.run()
    pass_time(three)
    assert LARGE in three.sites["KOR"].blobs.whole().values()
    three["KOR"].finish(opening)
    assert three.state("KOR", "c-1") == "receipted"
    assert not kept(three)


def test_what_another_worker_has_swept_is_made_anew_and_never_named_in_its_absence() -> None:
    """EX-50, EX-57: a job that waited too long costs its work and nothing else."""
    crew = Crew(1)
    crew.hold("JPN", "jpn.launch-1", content=LARGE)
    one, other = crew.jpn.workers
    one.put_off_large()
    crew.ask("c-1", holding="jpn.launch-1")
    one.handle_exchange("KOR", crew["KOR"].next_batch("JPN"))
    sealing = job_of(one)
    sealing.run()
    for clock in (crew.clock, *crew.jpn.clocks):
        clock.at = clock.at.add(seconds=SWEEP_AGE_SECONDS + 1)
    assert other.sweep() == 1
    one.finish(sealing)
    assert one.node.state.case("c-1").state == "received"
    assert work(one) == 1
    assert one.node.state.case("c-1").state == "released"
    (parcel,) = one.owed("KOR")
    assert parcel.digest in crew.jpn.blobs.whole()


@pytest.mark.parametrize("is_written_down", [False, True])
def test_what_another_worker_names_at_the_last_moment_stays(
    is_written_down: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EX-50, EX-57: between the look and the turn, or between the turn and the removal."""
    crew = Crew(1)
    one, other = crew.jpn.workers
    lie_down(crew, OTHER, party="JPN")
    for clock in (crew.clock, *crew.jpn.clocks):
        clock.at = clock.at.add(seconds=SWEEP_AGE_SECONDS + 1)
    store = crew.jpn.stores[0]
    honest = Sweeping._write_down

    def write_down(self: Driver, old: Sequence[Lying]) -> list[Lying]:
        gone = honest(self, old) if is_written_down else []
        other.hold(item("jpn.own-1", crew), OTHER)
        return gone if is_written_down else honest(self, old)

    monkeypatch.setattr(Sweeping, "_write_down", write_down)
    assert one.sweep() == 0
    assert OTHER in crew.jpn.blobs.whole().values()
    with store.reading() as tx:
        assert bool(tx.kept()) == is_written_down


def test_a_disk_that_does_not_remove_stops_nothing_and_is_named_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EX-57, FL-15."""

    def fail(*_: object, **__: object) -> None:
        raise StoreFailedError("the disk failed: input/output error")

    three = quiet()
    lie_down(three, OTHER)
    for name in ("sweep", "lying"):
        with monkeypatch.context() as patch:
            patch.setattr(MemoryBlobs, name, fail)
            pass_time(three)
            assert len(alarms(three["KOR"], "local.not_swept")) == (name == "sweep")
    assert three.sites["KOR"].blobs.whole()
    pass_time(three)
    assert not three.sites["KOR"].blobs.whole()
