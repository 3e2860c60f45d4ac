"""Copying a store into an empty one of either kind; the copy counts only when its heads agree."""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Final

from msgspec import Struct
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    LargeBinary,
    String,
    func,
    select,
    text,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import NullType

from relto.adapters.store.places import open_store
from relto.adapters.store.schema import engine_of
from relto.adapters.store.tables import METADATA, STORE
from relto.journal import LogState, audit_log
from relto.model import Entry
from relto.ports.store import Store, StoreCorruptError, StoreError, Transaction

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
        StoreCopyError: The target is not empty, it does not take a row, or the copy differs.
        StoreCorruptError: A row of the original is none that a store writes.
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
    reader = engine_of(source)
    writer = engine_of(target)
    with _typed("the journal"), _looking(reader, picture=picture) as old, writer.begin() as new:
        for table in METADATA.sorted_tables:
            if table is not STORE:
                counts[table.name] = _copy_table(table.name, old, new)
        if new.dialect.name == "postgresql":
            _move_sequences(new)
    return counts


def _copy_table(name: str, old: Connection, new: Connection) -> int:
    table, count = METADATA.tables[name], 0
    # What is there: SQLite keeps anything anywhere, and SQLAlchemy would make bytes of it.
    columns = [type_coerce(column, NullType()).label(column.name) for column in table.columns]
    ordered = select(*columns).order_by(*table.primary_key.columns)
    with _typed(f"table `{name}`"):
        result = old.execution_options(yield_per=_PAGE).execute(ordered)
        for page in result.partitions(_PAGE):
            new.execute(table.insert(), [_sound(name, tuple(row)) for row in page])
            count += len(page)
    return count


def _sound(name: str, row: tuple[object, ...]) -> Mapping[str, object]:
    """Give a row with the names of its columns, if each holds what a store puts there.

    Raises:
        StoreCorruptError: One does not.
    """
    table = METADATA.tables[name]
    named = dict(zip(table.columns.keys(), row, strict=True))
    for column in table.columns:
        if not isinstance(named[column.name], _kinds(column)):
            key = ", ".join(f"{one.name} {named[one.name]}" for one in table.primary_key.columns)
            raise StoreCorruptError(
                f"table `{name}`, row of {key}: "
                f"`{column.name}` holds something else than a store puts there"
            )
    return named


def _kinds(column: Column[object]) -> tuple[type, ...]:
    kind: type = int
    if isinstance(column.type, LargeBinary):
        kind = bytes
    elif isinstance(column.type, String):
        kind = str
    return (kind, type(None)) if column.nullable else (kind,)


@contextmanager
def _typed(what: str) -> Iterator[None]:
    """Say in the words of this room what a database answers."""
    try:
        yield
    except DBAPIError as error:
        said, *_ = str(error.orig).splitlines() or [type(error.orig).__name__]
        raise StoreCopyError(f"{what} cannot be copied: {said}") from error


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
