"""Backups of a node: a directory with everything but its keys, and a manifest of digests.

    manifest.json     what is in it: the heads of all logs, and name, size and digest of each file
    journal.sqlite    the journal, copied while it may be in use, whole; also one from a database
    blobs/…           complete packages and contents
    node.toml, delegations.toml, card.relto, keys/*.card

Keys are left out unless asked for: whoever has them can speak for the party. A restored node is
behind its partners and must reconcile before it says anything new (FL-17).
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from errno import EEXIST
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated, Final

from msgspec import Meta, Struct
from whenever import Instant

from relto.codec import Codec
from relto.errors import LocalError, PeerError, WorldError
from relto.ports.store import Store
from relto.seal import running_digest
from relto.units import DIGEST_PATTERN, Digest

_MANIFEST: Final = "manifest.json"
_STORE: Final = "journal.sqlite"
_PLAIN: Final = ("node.toml", "delegations.toml", "card.relto")
_KEYS: Final = "keys"
_BLOBS: Final = "blobs"
_STEP_BYTES: Final = 1_048_576


class BackupPlaceError(LocalError):
    """A backup cannot be made or restored there."""

    code = "local.backup_place"
    hint_default = "choose a directory that does not exist"


class BackupDamagedError(WorldError):
    """A backup is not what was backed up."""

    code = "world.backup_damaged"
    hint_default = "use another backup; nothing was restored"


class BackedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a backup.

    Args:
        name: Its path in the backup.
        size_bytes: Its length.
        digest: SHA-256 of it.
    """

    name: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*\Z")
    ]
    size_bytes: int
    digest: Digest


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a log stood when the backup was made."""

    origin: str
    size: int
    root: str


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup holds.

    Args:
        version: Of this format.
        made_at: When.
        has_keys: The private keys are in it.
        heads: The logs.
        files: The files, by name.
    """

    version: Annotated[int, Meta(ge=1, le=1)]
    made_at: Instant
    has_keys: bool
    heads: tuple[Head, ...]
    files: tuple[BackedFile, ...]


MANIFEST: Final = Codec(Manifest, name="backup manifest", limit=268_435_456)


def make_backup(
    directory: Path, target: Path, *, store: Store, has_keys: bool, now: Instant
) -> Manifest:
    """Back a node up, also while it runs.

    Args:
        directory: The node's.
        target: A directory that does not exist yet.
        store: The copy of the journal that lies in `target` already, open; its heads go into the
            manifest.
        has_keys: Take the private keys along.
        now: The machine's clock.

    Returns:
        What was backed up. The manifest is written last: without it there is no backup.

    Raises:
        BackupPlaceError: Something cannot be read or written.
    """
    try:
        for name in _PLAIN:
            if (directory / name).is_file():
                _copy(directory / name, target / name)
        for source in _blobs(directory):
            _copy(source, target / source.relative_to(directory))
        for source in sorted((directory / _KEYS).glob("*" if has_keys else "*.card")):
            _copy(source, target / _KEYS / source.name)
        with store.transaction() as tx:
            heads = tuple(
                Head(origin=state.log.origin, size=state.size, root=state.root.hex())
                for state in tx.logs()
            )
        manifest = Manifest(
            version=1, made_at=now, has_keys=has_keys, heads=heads, files=_listed(target)
        )
        _write(target / _MANIFEST, MANIFEST.encode(manifest))
    except OSError as error:
        raise BackupPlaceError(f"cannot back up: {error.strerror}") from error
    return manifest


@contextmanager
def begin_backup(target: Path) -> Iterator[Path]:
    """Make a backup's directory and name the file into which the journal is to be copied.

    If the caller fails, the directory is removed: half a backup would only take up room.

    Raises:
        BackupPlaceError: It exists, or cannot be made.
    """
    try:
        target.mkdir(mode=0o700)
    except OSError as error:
        raise BackupPlaceError(f"cannot make `{target}`: {error.strerror}") from error
    try:
        yield target / _STORE
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def read_backup(source: Path) -> Manifest:
    """Check a backup, every byte of it.

    Raises:
        BackupDamagedError: A file is missing, changed, or was added.
    """
    try:
        manifest = MANIFEST.decode((source / _MANIFEST).read_bytes())
        listed = _listed(source)
    except (OSError, PeerError) as error:
        raise BackupDamagedError("there is no whole backup") from error
    if listed != manifest.files:
        wrong = sorted({it.name for it in {*listed} ^ {*manifest.files}})
        raise BackupDamagedError(f"not what was backed up: `{wrong[0]}`")
    return manifest


class Restored(Struct, frozen=True, kw_only=True):
    """A backup that is being put back.

    Args:
        manifest: What it holds.
        directory: Where its files lie, until they are believed.
    """

    manifest: Manifest
    directory: Path


@contextmanager
def restore_backup(source: Path, directory: Path) -> Iterator[Restored]:
    """Put a backup into a new directory; the caller checks the journal before it believes it.

    Until the caller has ended, the files lie in a directory of another name: what was interrupted,
    or did not stand the check, must never be served, for it does not know that it is behind.

    Args:
        source: The backup.
        directory: A directory that does not exist yet.

    Raises:
        BackupDamagedError: The backup is not whole; nothing was written.
        BackupPlaceError: The directory exists, or cannot be written.
    """
    manifest = read_backup(source)
    try:
        if directory.exists():
            raise FileExistsError(EEXIST, os.strerror(EEXIST))
        beside = Path(
            mkdtemp(prefix=f".{directory.name}.restoring-", dir=directory.absolute().parent)
        )
    except OSError as error:
        raise _cannot_restore(directory, error) from error
    try:
        try:
            for file in manifest.files:
                _copy(source / file.name, beside / file.name)
        except OSError as error:
            raise _cannot_restore(directory, error) from error
        if _listed(beside) != manifest.files:
            raise BackupDamagedError("the copy is not what was backed up")
        yield Restored(manifest=manifest, directory=beside)
        try:
            beside.rename(directory)
        except OSError as error:
            raise _cannot_restore(directory, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _cannot_restore(directory: Path, error: OSError) -> BackupPlaceError:
    return BackupPlaceError(f"cannot restore to `{directory}`: {error.strerror}")


def heads_of(store: Store) -> tuple[Head, ...]:
    """Give the heads of all logs of a store, by source and target; closes it."""
    with closing(store), store.transaction() as tx:
        return tuple(
            Head(origin=state.log.origin, size=state.size, root=state.root.hex())
            for state in tx.logs()
        )


def _blobs(directory: Path) -> list[Path]:
    """Complete packages alone; what is under way is fetched again."""
    return sorted(
        path
        for path in (directory / _BLOBS).glob("??/*")
        if path.is_file() and DIGEST_PATTERN.fullmatch(path.name)
    )


def _listed(root: Path) -> tuple[BackedFile, ...]:
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            raise OSError(0, f"`{name}` is a link")
        # A store's lock and log beside it come and go; the manifest cannot list itself.
        is_passing = name.startswith((f"{_STORE}-", f"{_STORE}.lock")) or name == _MANIFEST
        if path.is_file() and not is_passing:
            found.append(_describe(path, name))
    return tuple(found)


def _describe(path: Path, name: str) -> BackedFile:
    running, total = running_digest(), 0
    with path.open("rb") as file:
        while step := file.read(_STEP_BYTES):
            running.update(step)
            total += len(step)
    return BackedFile(name=name, size_bytes=total, digest=Digest(running.hexdigest()))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as copy, source.open("rb") as original:
        shutil.copyfileobj(original, copy, _STEP_BYTES)
        copy.flush()
        os.fsync(copy.fileno())


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
