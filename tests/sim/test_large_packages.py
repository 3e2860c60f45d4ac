"""Large packages are sealed, checked and opened beside the turns; only a turn uses the result."""

import pytest

from relto.driver import BadPackageBytesError, Driver, Job
from relto.journal import ClockError
from relto.limits import PACKAGE_INLINE_BYTES_MAX
from relto.model import Label
from relto.model.message import RefusalCode, Released
from relto.node import Destroy, Reclassify
from relto.ports import StoreFullError
from relto.seal import digest
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.sim.test_hostile_contents import half_true
from tests.sim.test_sealed_past import is_anywhere
from tests.support_node import ADMIN, OCTOBER, Crash, Three, crash_at, lie

LARGE = b"large words " * 20_000
SMALL = b"small words"


def pair(*, content: bytes = LARGE) -> Three:
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION, parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=content)
    for site in three.sites.values():
        site.driver.put_off_large()
    return three


def work(driver: Driver) -> int:
    """Do all the work that waits; gives how many jobs there were."""
    count = 0
    while (job := driver.next_job()) is not None:
        job.run()
        driver.finish(job)
        count += 1
    return count


def move(three: Three, source: str = "JPN", target: str = "KOR") -> None:
    """Carry all wanted packages, piece by piece."""
    for parcel in three[target].wanted(source):
        offset = three[target].received_bytes(source, parcel.digest)
        while offset < parcel.size_bytes:
            piece = three[source].read_package(target, parcel.digest, offset=offset, size=100_000)
            offset = three[target].write_package(source, parcel.digest, offset=offset, piece=piece)


def destroy(three: Three, holding: str = "launch-1") -> None:
    three["KOR"].command(Destroy(case="c-1", holding=holding, method="shredded", by=ADMIN))


def job_of(driver: Driver) -> Job:
    job = driver.next_job()
    assert job is not None
    return job


def arrived(three: Three, case: str = "c-1") -> Job:
    """The release is in Seoul, its package is complete and checked, and waits to be opened."""
    three.ask(case)
    three.settle()
    work(three["JPN"])
    three.settle()
    move(three)
    check = job_of(three["KOR"])
    assert three["KOR"].wanted("JPN") == ()
    check.run()
    three["KOR"].finish(check)
    return job_of(three["KOR"])


def test_a_large_release_waits_for_its_package_and_nobody_waits_for_it() -> None:
    """EX-53."""
    three = pair()
    three.hold("JPN", "intrusion-1", topics=("dprk.nuclear.test",), content=SMALL)
    three.ask("c-1")
    three.settle()
    assert three.state("JPN", "c-1") == "received"
    job = job_of(three["JPN"])
    assert three["JPN"].next_job() is None
    three.ask("c-2", topics=("dprk.nuclear.test",))
    three["JPN"].tick()
    three.settle()
    assert three.state("KOR", "c-2") == "receipted"
    assert three.state("JPN", "c-1") == "received"
    job.run()
    three["JPN"].finish(job)
    assert three.state("JPN", "c-1") == "released"
    three.settle()
    move(three)
    assert three.state("KOR", "c-1") == "arrived"
    assert work(three["KOR"]) == 2
    three.settle()
    assert three.state("KOR", "c-1") == three.state("JPN", "c-1") == "receipted"
    stock = three["KOR"].node.state.item("jpn.launch-1")
    assert three["KOR"].content(stock.holding.digest) == LARGE
    assert work(three["KOR"]) == work(three["JPN"]) == 0


def test_a_package_of_several_chunks_is_opened_to_the_byte() -> None:
    """EX-53, PK-5."""
    content = b"".join(number.to_bytes(4, "big") for number in range(700_000))
    three = pair(content=content)
    opening = arrived(three)
    opening.run()
    three["KOR"].finish(opening)
    three.settle()
    assert three.state("JPN", "c-1") == "receipted"
    stock = three["KOR"].node.state.item("jpn.launch-1")
    assert three["KOR"].content(stock.holding.digest) == content


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_what_has_been_opened_is_not_kept_sealed_as_well(content: bytes) -> None:
    """EX-39, EX-26: whoever keeps the sealed bytes has the item back after destroying it."""
    three = pair(content=LARGE)
    if content is SMALL:
        three.hold("JPN", "intrusion-1", topics=("dprk.nuclear.test",), content=content)
        three.ask("c-1", topics=("dprk.nuclear.test",))
        three.settle()
    else:
        opening = arrived(three)
        opening.run()
        three["KOR"].finish(opening)
        three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    blobs, store = three.sites["KOR"].blobs, three.sites["KOR"].store
    facts = three["KOR"].story("c-1").facts
    ((item,),) = (it.message.items for it in facts if isinstance(it.message, Released))
    assert item.package.digest not in blobs.whole()
    with store.reading() as tx:
        assert not tx.value(f"blob/{item.package.digest}")
    held = three["KOR"].node.state.item(f"jpn.{item.holding}").holding.digest
    assert three["KOR"].content(held) == content
    destroy(three, item.holding)
    assert not three["KOR"].is_here(held)
    assert not blobs.whole()


def test_what_a_crash_behind_the_commit_has_left_is_destroyed_at_the_next_start() -> None:
    """EX-27, EX-34: the certificate stands in the journal, so the content must be gone."""
    three = pair()
    opening = arrived(three)
    opening.run()
    three["KOR"].finish(opening)
    three.settle()
    site = three.sites["KOR"]
    site.start(fault=crash_at("after-commit"))
    with pytest.raises(Crash):
        destroy(three)
    assert site.blobs.whole()
    site.start()
    assert not site.blobs.whole()


def test_what_came_anew_after_it_was_destroyed_stays_at_the_next_start() -> None:
    """EX-27: once something is stored behind a commit, its drops are over."""
    three = pair()
    opening = arrived(three)
    opening.run()
    three["KOR"].finish(opening)
    three.settle()
    destroy(three)
    three.hold("KOR", "own-1", content=LARGE)
    three.sites["KOR"].start()
    (held,) = three.sites["KOR"].blobs.whole()
    assert three["KOR"].content(held) == LARGE


def test_what_was_sealed_is_destroyed_when_the_law_has_ended_meanwhile() -> None:
    """EX-14, EX-53: the law is asked in the turn that appends the release, not before."""
    three = pair()
    three.ask("c-1")
    three.settle()
    before = set(three.sites["JPN"].blobs.whole())
    job = job_of(three["JPN"])
    job.run()
    assert set(three.sites["JPN"].blobs.whole()) != before
    three.clock.at = LAPSE
    three["JPN"].finish(job)
    assert three.state("JPN", "c-1") == "refused"
    assert set(three.sites["JPN"].blobs.whole()) == before


def test_a_job_of_a_case_that_is_over_is_not_begun() -> None:
    """EX-53."""
    three = pair()
    three.ask("c-1")
    three.settle()
    three.clock.at = LAPSE
    three["JPN"].tick()
    assert three.state("JPN", "c-1") == "refused"
    assert three["JPN"].next_job() is None


def test_an_item_that_got_another_label_meanwhile_is_sealed_anew() -> None:
    """EX-44, EX-53: what was sealed under the old label never leaves."""
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION)
    three.hold("JPN", "launch-1", content=LARGE)
    three.set_clock(LAPSE)
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1")
    three.settle()
    move(three, "JPN", "USA")
    three.settle()
    assert three.state("USA", "c-1") == "queued"
    three["USA"].put_off_large()
    three.approve("USA", "c-1")
    old = job_of(three["USA"])
    old.run()
    made = set(three.sites["USA"].blobs.whole())
    label = Label(scheme="jpn", level="gokuhi")
    three["JPN"].command(Reclassify(case="c-1", holding="launch-1", label=label, by=ADMIN))
    three.settle()
    three["USA"].finish(old)
    assert set(three.sites["USA"].blobs.whole()) < made
    assert three.state("USA", "c-1") == "queued"
    three.approve("USA", "c-1")
    assert work(three["USA"]) == 1
    three.settle()
    move(three, "USA", "KOR")
    three.settle()
    (item,) = three["KOR"].story("c-1").file.arrived.message.items
    assert item.label == label


def test_what_was_opened_is_destroyed_when_nobody_wants_it_any_more() -> None:
    """EX-40, EX-53: the holder gives up while the package is being opened."""
    three = pair()
    opening = arrived(three)
    opening.run()
    assert LARGE in three.sites["KOR"].blobs.whole().values()
    three.adopt("JPN", known=BEFORE_SUSPENSION)
    three.clock.at = LAPSE
    three["JPN"].tick()
    three.settle()
    assert three.state("KOR", "c-1") == "aborted"
    three["KOR"].finish(opening)
    assert LARGE not in three.sites["KOR"].blobs.whole().values()
    assert not [*three["KOR"].node.state.items()]


def test_a_content_that_was_here_before_is_not_destroyed_with_the_package() -> None:
    """EX-53."""
    three = pair()
    three.hold("KOR", "same-1", topics=("prc.cyber",), content=LARGE)
    opening = arrived(three)
    opening.run()
    three.adopt("JPN", known=BEFORE_SUSPENSION)
    three.clock.at = LAPSE
    three["JPN"].tick()
    three.settle()
    three["KOR"].finish(opening)
    assert LARGE in three.sites["KOR"].blobs.whole().values()


def test_a_content_that_was_registered_meanwhile_is_not_destroyed_with_the_package() -> None:
    """EX-53."""
    three = pair()
    opening = arrived(three)
    opening.run()
    three.hold("KOR", "same-1", topics=("prc.cyber",), content=LARGE)
    three.adopt("JPN", known=BEFORE_SUSPENSION)
    three.clock.at = LAPSE
    three["JPN"].tick()
    three.settle()
    three["KOR"].finish(opening)
    assert LARGE in three.sites["KOR"].blobs.whole().values()


def destroyed_and_opened_again(three: Three) -> Job:
    """Seoul has destroyed the item; another release has brought it again, and it lies open."""
    opening = arrived(three)
    opening.run()
    three["KOR"].finish(opening)
    three.settle()
    destroy(three)
    three.settle()
    assert LARGE not in three.sites["KOR"].blobs.whole().values()
    again = arrived(three, "c-2")
    again.run()
    assert LARGE in three.sites["KOR"].blobs.whole().values()
    return again


@pytest.mark.parametrize("is_started_anew", [True, False])
def test_what_was_destroyed_does_not_stay_when_the_turn_that_brings_it_again_fails(
    is_started_anew: bool,
) -> None:
    """EX-27, EX-40, FL-13; seed 150234: that it was registered once keeps nothing here."""
    three = pair()
    if is_started_anew:
        # A node that has just begun has folded both, that it was held and that it was destroyed.
        destroyed_and_opened_again(three)
        three.sites["KOR"].blobs.destroy(digest(LARGE))
        three.sites["KOR"].start().put_off_large()
        three["KOR"].tick()
        opening = job_of(three["KOR"])
        opening.run()
    else:
        opening = destroyed_and_opened_again(three)
    now = three.clock.at
    three.clock.at = now.subtract(hours=1)
    with pytest.raises(ClockError):
        three["KOR"].finish(opening)
    assert three["KOR"].node.state.open["c-2"].state == "arrived"
    assert LARGE not in three.sites["KOR"].blobs.whole().values()
    three.clock.at = now
    three["KOR"].tick()
    assert work(three["KOR"]) == 1
    three.settle()
    assert three.state("KOR", "c-2") == three.state("JPN", "c-2") == "receipted"
    assert three["KOR"].content(digest(LARGE)) == LARGE


def test_what_was_destroyed_does_not_stay_when_nobody_wants_it_again() -> None:
    """EX-27, EX-53."""
    three = pair()
    opening = destroyed_and_opened_again(three)
    three.adopt("JPN", known=BEFORE_SUSPENSION)
    three.clock.at = LAPSE
    three["JPN"].tick()
    three.settle()
    assert three.state("KOR", "c-2") == "aborted"
    three["KOR"].finish(opening)
    assert LARGE not in three.sites["KOR"].blobs.whole().values()


@pytest.mark.parametrize("is_started_anew", [True, False])
def test_a_content_that_an_item_has_stays_when_the_turn_that_brings_it_again_fails(
    is_started_anew: bool,
) -> None:
    """EX-40, EX-53: also after a start behind which nothing is remembered but what is stored."""
    three = pair()
    opening = destroyed_and_opened_again(three)
    three.hold("KOR", "same-1", topics=("prc.cyber",), content=LARGE)
    now = three.clock.at
    three.clock.at = now.subtract(hours=1)
    with pytest.raises(ClockError):
        three["KOR"].finish(opening)
    if is_started_anew:
        three.sites["KOR"].start()
    assert three["KOR"].node.state.open["c-2"].state == "arrived"
    assert LARGE in three.sites["KOR"].blobs.whole().values()


@pytest.mark.parametrize("is_bad_first", [True, False])
def test_a_content_that_two_releases_bring_stays_though_one_of_them_is_quarantined(
    is_bad_first: bool,
) -> None:
    """EX-22, EX-53: whichever is looked at first; what has gone meanwhile is opened again."""
    three = pair()
    three.hold("JPN", "launch-2", content=SMALL)
    lie(three, "JPN", half_true)
    three.ask("c-1")
    three.ask("c-2", holding="launch-1")
    three.settle()
    work(three["JPN"])
    three.settle()
    move(three)
    jobs: dict[str, Job] = {}
    while (job := three["KOR"].next_job()) is not None:
        job.run()
        if job.case is None:
            three["KOR"].finish(job)
        else:
            jobs[job.case] = job
    for case in sorted(jobs, reverse=not is_bad_first):
        three["KOR"].finish(jobs[case])
    work(three["KOR"])
    three.settle()
    assert (three.state("KOR", "c-1"), three.state("KOR", "c-2")) == ("quarantined", "receipted")
    assert three["KOR"].content(digest(LARGE)) == LARGE
    assert not is_anywhere(three, "KOR", SMALL)


def test_bytes_that_are_not_the_package_are_thrown_away_and_fetched_again() -> None:
    """EX-39, EX-53."""
    three = pair()
    three.ask("c-1")
    three.settle()
    work(three["JPN"])
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    wrong = bytes(parcel.size_bytes)
    three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=wrong)
    # Once more, while it is being checked: nothing is written.
    assert (
        three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=wrong)
        == three["KOR"].received_bytes("JPN", parcel.digest)
        == parcel.size_bytes
    )
    check = job_of(three["KOR"])
    check.run()
    with pytest.raises(BadPackageBytesError):
        three["KOR"].finish(check)
    assert three["KOR"].received_bytes("JPN", parcel.digest) == 0
    move(three)
    work(three["KOR"])
    three.settle()
    assert three.state("JPN", "c-1") == "receipted"


def test_a_package_that_does_not_hold_what_its_release_says_is_quarantined() -> None:
    """EX-23, EX-53."""
    three = pair()
    opening = arrived(three)
    blobs = three.sites["KOR"].blobs
    blobs._whole = {name: data[:-1] + b"x" for name, data in blobs._whole.items()}
    opening.run()
    three["KOR"].finish(opening)
    assert three.state("KOR", "c-1") == "quarantined"
    _, note = three["KOR"].node.state.quarantine[-1]
    assert note.code is RefusalCode.BAD_PACKAGE


@pytest.mark.parametrize("point", ["before the work", "after the work"])
def test_a_crash_beside_a_job_costs_the_work_and_nothing_else(point: str) -> None:
    """EX-34, EX-53."""
    three = pair()
    three.ask("c-1")
    three.settle()
    job = job_of(three["JPN"])
    if point == "after the work":
        job.run()
    three.sites["JPN"].start().put_off_large()
    three["JPN"].tick()
    assert work(three["JPN"]) == 1
    three.settle()
    move(three)
    # The bytes are here and nobody has checked them.
    job_of(three["KOR"])
    three.sites["KOR"].start().put_off_large()
    three["KOR"].tick()
    work(three["KOR"])
    three.settle()
    assert three.state("KOR", "c-1") == three.state("JPN", "c-1") == "receipted"


def test_work_that_the_world_has_failed_is_asked_for_again() -> None:
    """EX-53, FL-14."""
    three = pair()
    three.ask("c-1")
    three.settle()
    job = job_of(three["JPN"])
    blobs, finish = three.sites["JPN"].blobs, three.sites["JPN"].blobs.finish

    def full(digest: str, *, size_bytes: int) -> None:
        raise StoreFullError("no room")

    blobs.finish = full
    job.run()
    # A tick in between does not stumble over it.
    three["JPN"].tick()
    with pytest.raises(StoreFullError):
        three["JPN"].finish(job)
    assert three["JPN"].next_job() is None
    blobs.finish = finish
    three["JPN"].tick()
    assert work(three["JPN"]) == 1
    assert three.state("JPN", "c-1") == "released"


def test_a_content_that_is_not_here_fails_its_own_release_alone() -> None:
    """EX-53, FL-17."""
    three = pair()
    three.ask("c-1")
    three.settle()
    three.sites["JPN"].blobs._whole.clear()
    assert work(three["JPN"]) == 1
    assert three.state("JPN", "c-1") == "refused"


def test_the_most_urgent_package_is_worked_on_first() -> None:
    """EX-33, EX-53."""
    three = pair()
    three.ask("c-1")
    three.ask("c-2", precedence="flash")
    three.settle()
    assert [job_of(three["JPN"]).case, job_of(three["JPN"]).case] == ["c-2", "c-1"]


def test_whoever_does_not_put_off_gets_everything_at_once() -> None:
    """EX-53: a content a little too large for the frame, without any job."""
    for size in (PACKAGE_INLINE_BYTES_MAX - 100, PACKAGE_INLINE_BYTES_MAX + 1):
        three = Three(at=OCTOBER, known=BEFORE_SUSPENSION, parties=("JPN", "KOR"))
        three.hold("JPN", "launch-1", content=bytes(size))
        assert three["JPN"].next_job() is None
        three.ask("c-1")
        three.settle()
        move(three)
        three.settle()
        assert three.state("JPN", "c-1") == "receipted"
