"""Packages by content address: one contract, on files and in memory."""

import errno
import os
import stat
from pathlib import Path

import pytest

from relto.adapters.blobs import FileBlobs
from relto.ports.store import (
    BlobGapError,
    BlobMismatchError,
    BlobMissingError,
    StoreFailedError,
    StoreFullError,
)
from relto.seal import digest
from relto.sim.store import MemoryBlobs
from tests.support_node import OCTOBER, Hand

CONTENT = bytes(range(256)) * 20
NAME = digest(CONTENT)


@pytest.fixture(params=["files", "memory"])
def blobs(request, tmp_path):
    return FileBlobs(tmp_path / "blobs") if request.param == "files" else MemoryBlobs()


def put(blobs, content=CONTENT):
    blobs.write(digest(content), offset=0, data=content)
    blobs.finish(digest(content), size_bytes=len(content))


def test_a_package_is_complete_only_when_it_is_finished(blobs):
    assert blobs.held(NAME) == 0
    assert not blobs.has_any(NAME)
    assert blobs.write(NAME, offset=0, data=CONTENT) == len(CONTENT)
    assert not blobs.is_complete(NAME)
    assert blobs.has_any(NAME)
    with pytest.raises(BlobMissingError):
        blobs.read(NAME, offset=0, count=1)
    blobs.finish(NAME, size_bytes=len(CONTENT))
    assert blobs.is_complete(NAME)
    assert blobs.read(NAME, offset=0, count=len(CONTENT) + 5) == CONTENT
    assert blobs.read(NAME, offset=250, count=10) == CONTENT[250:260]
    assert blobs.held(NAME) == 0
    assert blobs.has_any(NAME)
    assert blobs.destroy(NAME)
    assert not blobs.has_any(NAME)
    assert not blobs.destroy(NAME)


def test_a_package_is_resumed_by_range(blobs):
    assert blobs.write(NAME, offset=0, data=CONTENT[:100]) == 100
    with pytest.raises(BlobGapError):
        blobs.write(NAME, offset=101, data=CONTENT[101:])
    assert blobs.write(NAME, offset=50, data=CONTENT[50:90]) == 100
    assert blobs.write(NAME, offset=50, data=CONTENT[50:]) == len(CONTENT)
    blobs.finish(NAME, size_bytes=len(CONTENT))
    assert blobs.read(NAME, offset=0, count=len(CONTENT)) == CONTENT


def test_what_is_not_the_package_is_thrown_away(blobs):
    for wrong in (CONTENT[:-1], CONTENT + b"x", b"y" * len(CONTENT)):
        blobs.write(NAME, offset=0, data=wrong)
        with pytest.raises(BlobMismatchError):
            blobs.finish(NAME, size_bytes=len(CONTENT))
        assert blobs.held(NAME) == 0
    with pytest.raises(BlobMismatchError):
        blobs.finish(NAME, size_bytes=len(CONTENT))
    assert not blobs.is_complete(NAME)


def test_finishing_or_writing_again_changes_nothing(blobs):
    put(blobs)
    blobs.finish(NAME, size_bytes=len(CONTENT))
    assert blobs.write(NAME, offset=0, data=b"zzz") == len(CONTENT)
    assert blobs.read(NAME, offset=0, count=len(CONTENT)) == CONTENT


def test_a_package_is_destroyed_complete_or_not(blobs):
    assert not blobs.destroy(NAME)
    blobs.write(NAME, offset=0, data=CONTENT[:10])
    assert blobs.destroy(NAME)
    put(blobs)
    assert blobs.destroy(NAME)
    assert not blobs.is_complete(NAME)
    put(blobs)
    assert blobs.is_complete(NAME)


def test_an_empty_package_is_one_too(blobs):
    blobs.write(digest(b""), offset=0, data=b"")
    with pytest.raises(BlobMismatchError):
        blobs.finish(NAME, size_bytes=0)


# ---------------------------------------------------------------- what lies there, and how long


OTHERS = tuple(bytes([number]) * 50 for number in range(5))


class Shelf:
    """Blobs whose age a test decides."""

    def __init__(self, blobs, grow_old):
        self.blobs, self.grow_old = blobs, grow_old


@pytest.fixture(params=["files", "memory"])
def shelf(request, tmp_path):
    if request.param == "memory":
        clock = Hand(OCTOBER)

        def later(seconds):
            clock.at = clock.at.add(seconds=seconds)

        return Shelf(MemoryBlobs(clock), later)
    directory = tmp_path / "blobs"

    def older(seconds):
        for path in directory.rglob("*"):
            if path.is_file():
                at = path.stat().st_mtime - seconds
                os.utime(path, (at, at))

    return Shelf(FileBlobs(directory), older)


def test_what_lies_there_is_told_a_few_at_a_time(shelf):
    """EX-57: whole ones by digest, then parts."""
    blobs = shelf.blobs
    assert blobs.lying(after=None, limit=10) == ()
    for content in OTHERS[:3]:
        put(blobs, content)
    for content in OTHERS[3:]:
        blobs.write(digest(content), offset=0, data=content[:20])
    shelf.grow_old(60)
    names = [*sorted(map(digest, OTHERS[:3])), *sorted(map(digest, OTHERS[3:]))]
    for limit in (1, 2, 3, 4, 5, 6):
        found, after = [], None
        while page := blobs.lying(after=after, limit=limit):
            assert len(page) <= limit
            found += page
            after = page[-1]
        assert [one.digest for one in found] == names
        assert [one.is_complete for one in found] == [True] * 3 + [False] * 2
        assert [one.size_bytes for one in found] == [50] * 3 + [20] * 2
        assert all(60 <= one.age_seconds < 70 for one in found)


def test_only_what_is_old_is_swept(shelf):
    """EX-57: whole or in part."""
    blobs = shelf.blobs
    put(blobs)
    blobs.write(digest(OTHERS[0]), offset=0, data=b"x")
    for name in (NAME, digest(OTHERS[0])):
        assert not blobs.sweep(name, older_than_seconds=60)
        assert blobs.has_any(name)
    shelf.grow_old(61)
    for name in (NAME, digest(OTHERS[0])):
        assert blobs.sweep(name, older_than_seconds=60)
        assert not blobs.has_any(name)
        assert not blobs.sweep(name, older_than_seconds=60)


def test_what_is_written_or_touched_again_is_young(shelf):
    """EX-57: so that nobody sweeps what somebody is about to name."""
    blobs = shelf.blobs
    assert not blobs.touch(NAME)
    put(blobs)
    for wanted in (
        lambda: blobs.touch(NAME),
        lambda: blobs.write(NAME, offset=0, data=CONTENT),
        lambda: blobs.finish(NAME, size_bytes=len(CONTENT)) is None,
    ):
        shelf.grow_old(61)
        assert wanted()
        assert not blobs.sweep(NAME, older_than_seconds=60)
    blobs.write(digest(OTHERS[0]), offset=0, data=OTHERS[0][:20])
    shelf.grow_old(61)
    blobs.write(digest(OTHERS[0]), offset=20, data=OTHERS[0][20:])
    assert not blobs.sweep(digest(OTHERS[0]), older_than_seconds=60)


def test_a_clock_that_went_back_makes_nothing_old(shelf):
    """EX-57, FL-13."""
    put(shelf.blobs)
    shelf.grow_old(-100)
    (one,) = shelf.blobs.lying(after=None, limit=1)
    assert one.age_seconds < 0
    assert not shelf.blobs.sweep(NAME, older_than_seconds=0)


# ---------------------------------------------------------------- files alone


@pytest.fixture
def files(tmp_path):
    return FileBlobs(tmp_path / "blobs")


def test_files_lie_under_their_digest_for_their_owner_alone(files, tmp_path):
    """Names are made from digests we computed, never from a partner's text."""
    put(files)
    (path,) = [it for it in (tmp_path / "blobs").rglob("*") if it.is_file()]
    assert path.relative_to(tmp_path / "blobs").as_posix() == f"{NAME[:2]}/{NAME}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) & 0o077 == 0
    for name in ("../../etc/passwd", NAME.upper(), NAME + "\n", ""):
        with pytest.raises(AssertionError):
            files.is_complete(name)


def test_a_part_survives_a_restart(files, tmp_path):
    files.write(NAME, offset=0, data=CONTENT[:100])
    again = FileBlobs(tmp_path / "blobs")
    assert again.held(NAME) == 100


def test_a_part_is_not_written_through_a_link(files, tmp_path):
    target = tmp_path / "elsewhere"
    target.write_bytes(b"")
    (tmp_path / "blobs" / "part" / NAME).symlink_to(target)
    with pytest.raises(StoreFailedError):
        files.write(NAME, offset=0, data=b"x")
    assert target.read_bytes() == b""


def test_fl_15_a_place_that_cannot_be_read_or_emptied_is_told(files, monkeypatch):
    """FL-15: a disk that fails is the world's fault, and said so."""
    put(files)

    def fails(*_, **__):
        raise OSError(errno.EIO, "no")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", fails)
        with pytest.raises(StoreFailedError):
            files.read(NAME, offset=0, count=1)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", fails)
        with pytest.raises(StoreFailedError):
            files.held(NAME)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", fails)
        with pytest.raises(StoreFailedError):
            files.destroy(NAME)
    assert files.read(NAME, offset=0, count=len(CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, StoreFullError),
        (errno.EDQUOT, StoreFullError),
        (errno.EFBIG, StoreFullError),
        (errno.EIO, StoreFailedError),
    ],
)
def test_fl_14_a_full_or_failing_disk_is_told_apart(files, monkeypatch, number, error):
    """FL-14, FL-15."""

    def fails(*_):
        raise OSError(number, "no")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "mkdir", lambda *_, **__: fails())
        with pytest.raises(error):
            files.write(NAME, offset=0, data=CONTENT)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fails)
        with pytest.raises(error):
            files.write(NAME, offset=0, data=CONTENT)
    with monkeypatch.context() as patched:
        files.write(NAME, offset=0, data=CONTENT)
        patched.setattr(os, "fsync", fails)
        with pytest.raises(error):
            files.finish(NAME, size_bytes=len(CONTENT))
    assert not files.is_complete(NAME)
    files.finish(NAME, size_bytes=len(CONTENT))


def test_what_has_no_digest_for_a_name_is_nobodys_business(files, tmp_path):
    """EX-57: relto has not written it, so it is not told, and so never removed."""
    directory = tmp_path / "blobs"
    put(files)
    for name in ("notes.txt", "part/notes.txt", f"{NAME[:2]}/notes.txt", "zz"):
        (directory / name).write_text("mine") if "." in name else (directory / name).mkdir()
    (directory / "part" / digest(b"a link")).symlink_to(directory / "notes.txt")
    (directory / "part" / digest(b"a directory")).mkdir()
    assert [one.digest for one in files.lying(after=None, limit=10)] == [NAME]


def test_what_goes_while_it_is_listed_is_not_told(files, monkeypatch):
    """EX-57: another worker removes, too."""
    put(files)

    def gone(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(os, "lstat", gone)
    assert files.lying(after=None, limit=10) == ()


@pytest.mark.parametrize("call", ["lying", "sweep", "touch"])
def test_fl_15_a_disk_that_fails_under_a_sweep_is_told(files, monkeypatch, call):
    """FL-15."""
    put(files)

    def fails(*_, **__):
        raise OSError(errno.EIO, "input/output error")

    broken = {"lying": (os, "scandir"), "sweep": (Path, "unlink"), "touch": (os, "utime")}
    monkeypatch.setattr(*broken[call], fails)
    calls = {
        "lying": lambda: files.lying(after=None, limit=1),
        "sweep": lambda: files.sweep(NAME, older_than_seconds=-100),
        "touch": lambda: files.touch(NAME),
    }
    with pytest.raises(StoreFailedError):
        calls[call]()


def test_what_goes_before_it_is_touched_is_not_here(files, monkeypatch):
    """EX-57: whoever was to name it makes it anew."""
    put(files)

    def gone(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(os, "utime", gone)
    assert not files.touch(NAME)
