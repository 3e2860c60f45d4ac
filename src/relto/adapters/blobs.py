"""Packages as files, named by their content; what is here complete has the digest of its name.

    blobs/ab/abcd…ef          complete, never changed
    blobs/part/abcd…ef        under way, resumed by range

A package is complete only after its bytes have reached the disk, their digest has been checked, and
the rename into place has reached the disk too. Names come from digests we have checked, never from
a partner's text (FL-30).
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from relto.ports.store import (
    BlobGapError,
    BlobMismatchError,
    BlobMissingError,
    Lying,
    StoreFailedError,
    StoreFullError,
)
from relto.seal import running_digest
from relto.units import DIGEST_PATTERN, Digest

_PARTS: Final = "part"
_STEP_BYTES: Final = 1_048_576
# Complete ones lie in directories by the first characters of their digests.
_SHELF_CHARS: Final = 2
# No room on the disk, no room in the quota, no room in what one file may have.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileBlobs:
    """Packages in a directory; see `relto.ports.store.BlobStore`."""

    def __init__(self, directory: Path) -> None:
        """Use a directory, making it where it is missing; nobody else may look into it."""
        self._directory = directory
        self._place = os.fspath(directory)
        self._parts = directory / _PARTS
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._parts.mkdir(mode=0o700, exist_ok=True)

    def held(self, digest: Digest) -> int:
        """See `BlobStore.held`."""
        try:
            return self._part(digest).stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise _translate(error) from error

    def is_complete(self, digest: Digest) -> bool:
        """See `BlobStore.is_complete`."""
        return self._whole(digest).is_file()

    def has_any(self, digest: Digest) -> bool:
        """See `BlobStore.has_any`; asked of each small package that is dropped, so made cheap."""
        return any(
            os.path.lexists(f"{self._place}/{name}")
            for name in (f"{digest[:2]}/{digest}", f"{_PARTS}/{digest}")
        )

    def write(self, digest: Digest, *, offset: int, data: bytes) -> int:
        """See `BlobStore.write`."""
        with self._alone(digest):
            whole = self._whole(digest)
            if self._touch(whole):
                return whole.stat().st_size
            held = self.held(digest)
            if offset > held:
                raise BlobGapError(f"range begins at {offset}, {held} bytes are here")
            fresh = data[held - offset :]
            if fresh:
                try:
                    self._append(digest, fresh)
                except OSError as error:
                    raise _translate(error) from error
            return held + len(fresh)

    def finish(self, digest: Digest, *, size_bytes: int) -> None:
        """See `BlobStore.finish`."""
        with self._alone(digest):
            self._finish(digest, size_bytes=size_bytes)

    def _finish(self, digest: Digest, *, size_bytes: int) -> None:
        whole, part = self._whole(digest), self._part(digest)
        if self._touch(whole):
            return
        # INVARIANT: flush, check, rename, flush the directory; in this order, or a crash leaves a
        # wrong file.
        try:
            self._check(part, digest, size_bytes=size_bytes)
            part.replace(whole)
            _sync_directory(whole.parent)
            _sync_directory(self._directory)
        except FileNotFoundError as error:
            raise BlobMismatchError("0 bytes are not the package that was named") from error
        except OSError as error:
            raise _translate(error) from error

    def read(self, digest: Digest, *, offset: int, count: int) -> bytes:
        """See `BlobStore.read`."""
        try:
            with self._whole(digest).open("rb") as file:
                file.seek(offset)
                return file.read(count)
        except FileNotFoundError as error:
            raise BlobMissingError(f"package `{digest}` is not here") from error
        except OSError as error:
            raise _translate(error) from error

    def path(self, digest: Digest) -> Path:
        """Tell where a complete package or content lies, for whoever reads it on this machine."""
        return self._whole(digest)

    def destroy(self, digest: Digest) -> bool:
        """See `BlobStore.destroy`; the key is destroyed with the entry, which is what counts."""
        if not self.has_any(digest):
            return False
        is_found = False
        for path in (self._whole(digest), self._part(digest)):
            try:
                path.unlink()
                _sync_directory(path.parent)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _translate(error) from error
            is_found = True
        return is_found

    def touch(self, digest: Digest) -> bool:
        """See `BlobStore.touch`."""
        whole = self._whole(digest)
        if not whole.is_file():
            return False
        with self._alone(digest):
            return self._touch(whole)

    def _touch(self, whole: Path) -> bool:
        """Make a complete one young; whoever sweeps looks at its age again in the same lock."""
        try:
            os.utime(whole, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _translate(error) from error
        return True

    def lying(self, *, after: Lying | None, limit: int) -> tuple[Lying, ...]:
        """See `BlobStore.lying`; what has no digest for a name is left alone."""
        found: list[Lying] = []
        try:
            if after is None or after.is_complete:
                begin = "" if after is None else after.digest
                for shelf in sorted(one.name for one in self._directory.iterdir()):
                    if len(shelf) != _SHELF_CHARS or shelf < begin[:_SHELF_CHARS]:
                        continue
                    found += self._on(shelf, begin=begin, is_complete=True)
                    if len(found) >= limit:
                        return tuple(found[:limit])
            begin = "" if after is None or after.is_complete else after.digest
            found += self._on(_PARTS, begin=begin, is_complete=False)
        except OSError as error:
            raise _translate(error) from error
        return tuple(found[:limit])

    def _on(self, shelf: str, *, begin: str, is_complete: bool) -> Iterator[Lying]:
        """What lies in one directory, by digest; others write and remove at the same time."""
        with os.scandir(f"{self._place}/{shelf}") as listed:
            names = sorted(one.name for one in listed)
        for name in names:
            if name <= begin or not DIGEST_PATTERN.fullmatch(name):
                continue
            try:
                seen = os.lstat(f"{self._place}/{shelf}/{name}")
            except FileNotFoundError:
                continue
            if stat.S_ISREG(seen.st_mode):
                yield Lying(
                    digest=Digest(name),
                    size_bytes=seen.st_size,
                    is_complete=is_complete,
                    age_seconds=_age_seconds(seen),
                )

    def sweep(self, digest: Digest, *, older_than_seconds: int) -> bool:
        """See `BlobStore.sweep`."""
        is_found = False
        try:
            with self._alone(digest):
                for path in (self._whole(digest), self._part(digest)):
                    try:
                        if _age_seconds(path.lstat()) <= older_than_seconds:
                            continue
                        path.unlink()
                    except FileNotFoundError:
                        continue
                    _sync_directory(path.parent)
                    is_found = True
        except OSError as error:
            raise _translate(error) from error
        return is_found

    @contextmanager
    def _alone(self, digest: Digest) -> Iterator[None]:
        """Keep others from the same package, and from few others; the system frees it in any case.

        A large one is checked for seconds, by another worker or beside this one's turns.
        """
        directory = self._whole(digest).parent
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
            handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise _translate(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _append(self, digest: Digest, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(self._part(digest), flags, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
        finally:
            os.close(handle)

    def _check(self, part: Path, digest: Digest, *, size_bytes: int) -> None:
        running, total = running_digest(), 0
        with part.open("rb") as file:
            while step := file.read(_STEP_BYTES):
                running.update(step)
                total += len(step)
            os.fsync(file.fileno())
        if total != size_bytes or running.hexdigest() != digest:
            part.unlink()
            raise BlobMismatchError(f"{total} bytes are not the package that was named")

    def _whole(self, digest: Digest) -> Path:
        assert DIGEST_PATTERN.fullmatch(digest)
        return self._directory / digest[:2] / digest

    def _part(self, digest: Digest) -> Path:
        assert DIGEST_PATTERN.fullmatch(digest)
        return self._parts / digest


def _age_seconds(seen: os.stat_result) -> int:
    return int(time.time() - seen.st_mtime)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _translate(error: OSError) -> StoreFullError | StoreFailedError:
    if error.errno in _NO_ROOM:
        return StoreFullError("no room on the disk for a package")
    return StoreFailedError(f"the disk failed: {error.strerror}")
