"""Where a node's store is: a file in its directory, unless `store.url` there names a database."""

import os
from pathlib import Path
from typing import Final

from relto.adapters.store.sqlite import SqliteStore
from relto.errors import LocalError
from relto.ports.store import SharedStore, Store

FILE_NAME: Final = "journal.sqlite"
URL_NAME: Final = "store.url"
_SQLITE: Final = "sqlite:///"
_POSTGRES: Final = "postgresql"
_URL_BYTES_MAX: Final = 4_096


class StorePlaceError(LocalError):
    """What names a store cannot be used."""

    code = "local.store_place"
    hint_default = "write it like postgresql+psycopg://user@host/database"


def place_of(directory: Path) -> str:
    """Name a node's store as a URL.

    Args:
        directory: The node's.

    Raises:
        StorePlaceError: `store.url` is there and cannot be used.
    """
    named = directory / URL_NAME
    try:
        text = named.read_bytes()[: _URL_BYTES_MAX + 1].decode().strip()
    except FileNotFoundError:
        return f"{_SQLITE}{(directory / FILE_NAME).absolute()}"
    except (OSError, UnicodeDecodeError) as error:
        raise StorePlaceError(f"cannot read `{named}`") from error
    _check(text)
    return text


def is_file(url: str) -> bool:
    """Tell whether a store is a file, which has one writer."""
    return url.startswith(_SQLITE)


def set_place(directory: Path, url: str) -> None:
    """Make a node use a database from its next start on.

    Raises:
        StorePlaceError: It is not a place for a store.
    """
    _check(url)
    part = directory / f".{URL_NAME}.part"
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(url.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(directory / URL_NAME)


def open_store(url: str, *, is_readonly: bool = False) -> Store:
    """Open the store that a URL names, alone.

    Args:
        url: As `place_of` gives it.
        is_readonly: Look on beside a running node.

    Raises:
        StorePlaceError: It is not a place for a store.
        StoreError: It cannot be opened.
    """
    _check(url)
    if is_file(url):
        return SqliteStore(Path(url.removeprefix(_SQLITE)), is_readonly=is_readonly)
    from relto.adapters.store.postgres import PostgresStore

    return PostgresStore(url, is_readonly=is_readonly)


def open_shared(url: str) -> SharedStore:
    """Open the store that a URL names, together with other workers of its node.

    Args:
        url: As `place_of` gives it; a database.

    Raises:
        StorePlaceError: It is not a place that several workers can share.
        StoreError: It cannot be opened.
    """
    _check(url)
    if is_file(url):
        raise StorePlaceError(
            "a journal in a file has one writer",
            hint="`relto store migrate` moves it to PostgreSQL; `workers = 0` serves it as it is",
        )
    from relto.adapters.store.shared import SharedPostgresStore

    return SharedPostgresStore(url)


def _check(url: str) -> None:
    if not url.startswith((_SQLITE + "/", _POSTGRES)) or "\n" in url:
        raise StorePlaceError("not a place for a store", hint=StorePlaceError.hint_default)
