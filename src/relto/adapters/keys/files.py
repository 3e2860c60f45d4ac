"""Secrets on disk: written whole or not at all, for their owner's eyes only."""

import os
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct

from relto.codec import Codec
from relto.errors import LocalError, PeerError

_SUFFIX: Final = ".secrets"
_OTHERS: Final = 0o077

Seed = Annotated[bytes, Meta(min_length=32, max_length=32)]


class KeysMissingError(LocalError):
    """There are no keys in the node's directory, or they cannot be read."""

    code = "local.keys_missing"
    hint_default = "put them back from where they were kept; `relto init` makes a new node"


class KeysExistError(LocalError):
    """There are keys already; they are never overwritten."""

    code = "local.keys_exist"
    hint_default = "use another directory, or change the keys with `relto key rotate`"


class KeysUnsafeError(LocalError):
    """Others than the owner may read the keys."""

    code = "local.keys_unsafe"
    hint_default = (
        "remove the rights of others (`chmod -R go= keys`), and consider changing the keys"
    )


class Secrets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The seeds of one card's keys.

    Args:
        serial: The card's serial.
        ed25519: Ed25519 private key.
        mldsa65: ML-DSA-65 seed.
        sealing: X-Wing seed.
    """

    serial: int
    ed25519: Seed
    mldsa65: Seed
    sealing: Seed

    def __repr__(self) -> str:
        """Say nothing: a secret never gets into a log by way of an error."""
        return f"Secrets(serial={self.serial}, …)"


SECRETS: Final = Codec(Secrets, name="secrets file", limit=4_096)


def write_new(path: Path, data: bytes) -> None:
    """Write a new file for its owner alone; after a crash it is whole or absent.

    Raises:
        KeysExistError: It exists.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
        # A link, unlike a rename, fails when the name is taken.
        path.hardlink_to(draft)
    except FileExistsError as error:
        raise KeysExistError(f"`{path.name}` exists already") from error
    finally:
        os.close(handle)
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_own(path: Path) -> bytes:
    """Read a file that only its owner may read.

    Raises:
        KeysMissingError: It is not there, or not ours.
        KeysUnsafeError: Others may read it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise KeysMissingError(f"cannot read `{path.name}`: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            raise KeysUnsafeError(f"others may read `{path.name}`")
        return file.read(65_536)


def read_secrets(directory: Path) -> tuple[Secrets, ...]:
    """Read all sets of keys, newest first.

    Raises:
        KeysMissingError: There are none, or one is damaged.
        KeysUnsafeError: Others may read them.
    """
    found = []
    for path in sorted(directory.glob(f"*{_SUFFIX}"), reverse=True):
        try:
            secrets = SECRETS.decode(read_own(path))
        except PeerError as error:
            raise KeysMissingError(f"`{path.name}` is damaged", hint="restore it") from error
        if path != secrets_path(directory, secrets.serial):
            raise KeysMissingError(f"`{path.name}` holds the keys of card {secrets.serial}")
        found.append(secrets)
    if not found:
        raise KeysMissingError(f"no keys in `{directory}`")
    return tuple(found)


def secrets_path(directory: Path, serial: int) -> Path:
    """Name the file with the seeds of a card's keys."""
    return directory / f"{serial:04}{_SUFFIX}"
