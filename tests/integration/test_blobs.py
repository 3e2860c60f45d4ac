"""Packages by content address: one contract, on files and in memory."""

import errno
import os
import stat

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
