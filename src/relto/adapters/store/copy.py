"""Copying a store into an empty one of either kind; the copy counts only when its heads agree."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, Engine, create_engine, func, select, text
from sqlalchemy.pool import NullPool

from relto.adapters.store.places import open_store
from relto.adapters.store.tables import METADATA, STORE
from relto.journal import LogState, audit_log
from relto.model import Entry
from relto.ports.store import Store, StoreError, Transaction

_PAGE: Final = 2_000


class StoreCopyError(StoreError):
    """A copy is not the same as what was copied, or there was something in its place."""

    code = "world.store_copy"
    hint_default = "the original is untouched; throw the copy away and try again"


class Copied(Struct, frozen=True, kw_only=True):
    """What was copied, and the heads that agree on both sides.

    Args:
        rows: How many rows, by table.
        heads: Each log's size and root, by origin.
    """

    rows: Mapping[str, int]
    heads: Mapping[str, tuple[int, str]]


def check_empty(url: str) -> None:
    """See that a place can take a copy.

    Raises:
        StoreCopyError: It holds a journal.
        StoreError: It cannot be opened.
    """
    with closing(open_store(url)) as store:
        _check_empty(store)


def _check_empty(store: Store) -> None:
    with store.reading() as tx:
        if tx.position() or tx.logs():
            raise StoreCopyError("the target holds a journal already")


def copy_store(source: str, target: str, *, is_running: bool = False) -> Copied:
    """Copy a store.

    Args:
        source: URL of the store.
        target: URL of an empty place; opened alone.
        is_running: The source is a database that may be written meanwhile: what is copied is one
            picture of it. Otherwise it is opened alone, too.

    Returns:
        What was copied, after every entry of the copy has been read and checked.

    Raises:
        StoreCopyError: The target is not empty, or the copy differs.
        AuditError: The entries copied are not those of their heads: the original is damaged.
        StoreError: One of the two cannot be opened or written.
    """
    with (
        closing(open_store(source, is_readonly=is_running)) as held,
        closing(open_store(target)) as copy,
    ):
        _check_empty(copy)
        with held.reading() as old:
            rows = _copy_rows(source, target, picture=_picture(held) if is_running else "")
            with copy.reading() as new:
                return Copied(rows=rows, heads=_compare(old, new))


def _copy_rows(source: str, target: str, *, picture: str) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    reader = create_engine(source, poolclass=NullPool)
    writer = create_engine(target, poolclass=NullPool)
    with _looking(reader, picture=picture) as old, writer.begin() as new:
        for table in METADATA.sorted_tables:
            if table is STORE:
                continue
            ordered = select(table).order_by(*table.primary_key.columns)
            result = old.execution_options(yield_per=_PAGE).execute(ordered)
            names = table.columns.keys()
            counts[table.name] = 0
            for page in result.partitions(_PAGE):
                new.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in page])
                counts[table.name] += len(page)
        if new.dialect.name == "postgresql":
            _move_sequences(new)
    return counts


def _picture(held: Store) -> str:
    from relto.adapters.store.postgres import PostgresStore

    if not isinstance(held, PostgresStore):
        raise StoreCopyError("a journal in a file is copied by SQLite itself")
    return held.picture()


@contextmanager
def _looking(reader: Engine, *, picture: str) -> Iterator[Connection]:
    """Connect to the source; with a picture, to what another connection sees at this moment."""
    if not picture:
        with reader.connect() as old:
            yield old
        return
    with reader.connect().execution_options(isolation_level="REPEATABLE READ") as old:
        # Named by the server itself, in digits and dashes.
        assert re.fullmatch(r"[0-9A-F-]+", picture)
        old.execute(text(f"SET TRANSACTION SNAPSHOT '{picture}'"))
        yield old


def _move_sequences(new: Connection) -> None:
    """Let numbering go on after the rows that came with their numbers."""
    for table in METADATA.sorted_tables:
        (key, *_) = table.primary_key.columns
        if table.autoincrement_column is None or table is STORE:
            continue
        highest = new.execute(select(func.max(key))).scalar()
        if highest is not None:
            new.execute(
                select(func.setval(func.pg_get_serial_sequence(table.name, key.name), highest))
            )


def _compare(old: Transaction, new: Transaction) -> Mapping[str, tuple[int, str]]:
    states = old.logs()
    if new.logs() != states or new.position() != old.position():
        raise StoreCopyError("the heads of the copy differ")
    for state in states:
        audit_log(state, _entries(new, state), author=None, partner=None)
    if new.kept() != old.kept():
        raise StoreCopyError("the evidence kept in the copy differs")
    return {state.log.origin: (state.size, state.root.hex()) for state in states}


def _entries(tx: Transaction, state: LogState) -> Iterator[Entry]:
    """Read a log page by page; each entry is checked as it is read."""
    for first in range(1, state.size + 1, _PAGE):
        yield from tx.entries(state.log, first=first, end=min(first + _PAGE, state.size + 1))
