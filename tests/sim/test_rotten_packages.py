"""A package that rots on its holder's disk is found when its receiver begins anew."""

import pytest

from relto.driver import BadPackageBytesError, Driver, NoSuchPackageError
from relto.node import Alarm, Parcel
from relto.ports import StoreFailedError
from relto.sim.store import MemoryBlobs
from relto.units import Digest
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION
from tests.sim.test_large_packages import job_of, work
from tests.sim.test_recovery import set_back
from tests.support_node import OCTOBER, Three

CONTENT = bytes(range(256)) * 1_024
PIECE = 100_000


def released(*, in_jobs: bool = False) -> tuple[Three, Parcel]:
    """JPN has released a large package to KOR, and nothing of it has gone yet."""
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION, parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", content=CONTENT)
    if in_jobs:
        for site in three.sites.values():
            site.driver.put_off_large()
    three.ask("c-1")
    three.settle()
    work(three["JPN"])
    three.settle()
    (parcel,) = three["KOR"].wanted("JPN")
    return three, parcel


def piece(three: Three, parcel: Parcel, offset: int) -> bytes:
    return three["JPN"].read_package("KOR", parcel.digest, offset=offset, size=PIECE)


def fetch(three: Three, parcel: Parcel) -> None:
    """KOR fetches the package from where it stands to its end."""
    offset = three["KOR"].received_bytes("JPN", parcel.digest)
    while offset < parcel.size_bytes:
        offset = three["KOR"].write_package(
            "JPN", parcel.digest, offset=offset, piece=piece(three, parcel, offset)
        )


def fetch_in_vain(three: Three, parcel: Parcel) -> None:
    with pytest.raises(BadPackageBytesError):
        fetch(three, parcel)
    assert three["KOR"].received_bytes("JPN", parcel.digest) == 0


def read_and_begin_anew(three: Three, parcel: Parcel) -> None:
    """KOR is given all of the package, and then its beginning once more."""
    for offset in (*range(0, parcel.size_bytes, PIECE), 0):
        piece(three, parcel, offset)


def alarms(driver: Driver) -> list[str]:
    return [one.code for one in driver.notices() if isinstance(one, Alarm)]


def ended(three: Three, parcel: Parcel) -> None:
    """The release has ended on both sides, somebody is told, and the item can be asked for."""
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "aborted"
    assert three["KOR"].wanted("JPN") == three["JPN"].owed("KOR") == ()
    assert parcel.digest not in three.sites["JPN"].blobs.whole()
    assert alarms(three["JPN"]) == ["local.package_lost"]
    three.ask("c-2")
    three.settle()
    work(three["JPN"])
    three.settle()
    (again,) = three["KOR"].wanted("JPN")
    fetch(three, again)
    work(three["KOR"])
    three.settle()
    assert three.state("JPN", "c-2") == "receipted"


def test_fl_16_a_package_that_rots_is_not_fetched_for_ever() -> None:
    """EX-59; seed 150148: it was fetched and thrown away, and the case never ended."""
    three, parcel = released()
    three.sites["JPN"].blobs.spoil(parcel.digest, is_lost=False)
    fetch_in_vain(three, parcel)
    assert three.state("JPN", "c-1") == "released"
    with pytest.raises(NoSuchPackageError):
        piece(three, parcel, 0)
    ended(three, parcel)


def test_fl_16_a_large_package_that_rots_is_looked_at_beside_the_turns() -> None:
    """EX-59, EX-53: pieces go on meanwhile."""
    three, parcel = released(in_jobs=True)
    three.sites["JPN"].blobs.spoil(parcel.digest, is_lost=False)
    fetch(three, parcel)
    with pytest.raises(BadPackageBytesError):
        work(three["KOR"])
    assert three["JPN"].next_job() is None
    assert len(piece(three, parcel, 0)) == PIECE
    look = job_of(three["JPN"])
    fetch(three, parcel)
    assert len(piece(three, parcel, 0)) == PIECE
    assert three["JPN"].next_job() is None
    look.run()
    assert three.state("JPN", "c-1") == "released"
    three["JPN"].finish(look)
    with pytest.raises(NoSuchPackageError):
        piece(three, parcel, 0)
    with pytest.raises(BadPackageBytesError):
        work(three["KOR"])
    ended(three, parcel)


@pytest.mark.parametrize("in_jobs", [False, True], ids=["at once", "by jobs"])
def test_a_package_that_is_whole_stays_released_however_often_it_is_thrown_away(
    *, in_jobs: bool
) -> None:
    """EX-59: what broke it was not this disk."""
    three, parcel = released(in_jobs=in_jobs)
    for _ in range(3):
        for offset in range(0, parcel.size_bytes, PIECE):
            piece(three, parcel, offset)
    assert work(three["JPN"]) == in_jobs
    assert three.state("JPN", "c-1") == "released"
    fetch(three, parcel)
    work(three["KOR"])
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "receipted"
    assert alarms(three["JPN"]) == []


class Reads(MemoryBlobs):
    """Counts what is read of one package."""

    def __init__(self, other: MemoryBlobs) -> None:
        self.__dict__ |= other.__dict__
        self.count = 0

    def read(self, digest: Digest, *, offset: int, count: int) -> bytes:
        found = super().read(digest, offset=offset, count=count)
        self.count += len(found)
        return found


def test_nobody_makes_a_holder_read_more_of_a_package_than_twice_what_it_was_sent() -> None:
    """EX-59: who begins anew before it has had all, or resumes, costs nothing."""
    three, parcel = released()
    blobs = Reads(three.sites["JPN"].blobs)
    three.sites["JPN"].blobs = blobs
    three.sites["JPN"].start()
    sent = sum(len(piece(three, parcel, 0)) for _ in range(2))
    sent += sum(
        len(piece(three, parcel, offset)) for offset in (PIECE, 2 * PIECE, PIECE, 2 * PIECE)
    )
    assert sent > parcel.size_bytes
    assert blobs.count == sent
    sent += len(piece(three, parcel, 0))
    assert blobs.count == sent + parcel.size_bytes
    sent += len(piece(three, parcel, 0))
    assert blobs.count == sent + parcel.size_bytes <= 2 * sent


def test_fl_16_a_package_that_ends_too_early_is_not_waited_for() -> None:
    """EX-59: its receiver would have asked for the rest for ever."""
    three, parcel = released()
    blobs = three.sites["JPN"].blobs
    blobs._whole[parcel.digest] = blobs._whole[parcel.digest][: PIECE + 1]
    three["KOR"].write_package("JPN", parcel.digest, offset=0, piece=piece(three, parcel, 0))
    with pytest.raises(NoSuchPackageError):
        piece(three, parcel, PIECE)
    ended(three, parcel)


def test_a_disk_that_cannot_be_read_just_then_ends_no_release(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """EX-59: it is looked at again when the receiver has had it once more."""
    three, parcel = released(in_jobs=True)
    three.sites["JPN"].blobs.spoil(parcel.digest, is_lost=False)
    read_and_begin_anew(three, parcel)
    look = job_of(three["JPN"])

    def broken(*_: object, **__: object) -> bytes:
        raise StoreFailedError("the disk failed")

    with monkeypatch.context() as patched:
        patched.setattr(three.sites["JPN"].blobs, "read", broken)
        look.run()
    with pytest.raises(StoreFailedError):
        three["JPN"].finish(look)
    assert three.state("JPN", "c-1") == "released"
    read_and_begin_anew(three, parcel)
    assert work(three["JPN"]) == 1
    assert three.state("JPN", "c-1") == "aborted"


def test_a_package_that_was_receipted_while_it_was_looked_at_ends_nothing() -> None:
    """EX-59, EX-26: it is gone because its receiver has it."""
    three, parcel = released(in_jobs=True)
    read_and_begin_anew(three, parcel)
    look = job_of(three["JPN"])
    fetch(three, parcel)
    work(three["KOR"])
    three.settle()
    look.run()
    three["JPN"].finish(look)
    assert three.state("JPN", "c-1") == "receipted"
    assert alarms(three["JPN"]) == []


def test_fl_17_a_node_that_was_set_back_ends_nothing_before_it_has_heard() -> None:
    """EX-59, EX-42: the receipt may be among what it has lost."""
    three, parcel = released()
    backup = three.sites["JPN"].disk.copy()
    three.hold("JPN", "intrusion-1", topics=("dprk.nuclear.test",))
    three.ask("c-9", topics=("dprk.nuclear.test",))
    three.settle()
    set_back(three, "JPN", backup, is_marked=False)
    three["JPN"].put_off_large()
    three.sites["JPN"].blobs.spoil(parcel.digest, is_lost=False)
    read_and_begin_anew(three, parcel)
    look = job_of(three["JPN"])
    frame = three["KOR"].next_batch("JPN", is_poll=True)
    assert frame is not None
    three["JPN"].handle_exchange("KOR", frame)
    assert three["JPN"].reconciling() == ("KOR",)
    look.run()
    three["JPN"].finish(look)
    assert three.state("JPN", "c-1") == "released"
    three.clock.at = three.clock.at.add(seconds=10)
    three.settle()
    assert three["JPN"].reconciling() == ()
    read_and_begin_anew(three, parcel)
    assert work(three["JPN"]) == 1
    three.settle()
    assert three.state("JPN", "c-1") == three.state("KOR", "c-1") == "aborted"
