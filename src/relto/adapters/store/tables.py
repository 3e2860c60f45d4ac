"""The tables of a store, the same on SQLite and PostgreSQL, and their statements, compiled once.

SQLAlchemy describes the tables and writes the statements for each database; on the hot path they go
straight to the driver's cursor, because building them anew for each call costs more than the write
itself (ADR-0033).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    UniqueConstraint,
    any_,
    bindparam,
    func,
    select,
    tuple_,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from relto.ports.store import StoreVersionError

SCHEMA_VERSION: Final = "0002"
METADATA: Final = MetaData()

# SQLite numbers its rows only for a column it calls INTEGER.
_Key = BigInteger().with_variant(Integer, "sqlite")

STORE: Final = Table(
    "store",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("fence", BigInteger, nullable=False),
)
LOG: Final = Table(
    "log",
    METADATA,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("origin", String, nullable=False, unique=True),
    Column("state", LargeBinary, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
)
ENTRY: Final = Table(
    "entry",
    METADATA,
    Column("position", _Key, primary_key=True, autoincrement=False),
    Column("log_id", _Key, ForeignKey("log.id"), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("case_id", String),
    Column("leaf", LargeBinary, nullable=False),
    Column("peak", LargeBinary, nullable=False),
    Column("header", LargeBinary, nullable=False),
    Column("bodies", LargeBinary, nullable=False),
    UniqueConstraint("log_id", "number"),
    Index("entry_case", "case_id"),
)
# Names and ranks sort by their bytes everywhere.
_Text = String().with_variant(String(collation="C"), "postgresql")
MARK: Final = Table(
    "mark",
    METADATA,
    Column("log_id", _Key, ForeignKey("log.id"), primary_key=True, autoincrement=False),
    Column("name", _Text, primary_key=True),
    Column("rank", _Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
CLAIM: Final = Table(
    "claim",
    METADATA,
    Column("origin", String, primary_key=True),
    Column("fence", BigInteger, nullable=False),
)
SNAPSHOT: Final = Table(
    "snapshot",
    METADATA,
    Column("name", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
)
BLOB: Final = Table(
    "blob",
    METADATA,
    Column("digest", String, primary_key=True),
    Column("state", String, nullable=False, index=True),
    Column("content", LargeBinary, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
)
KEPT: Final = Table(
    "kept",
    METADATA,
    Column("id", _Key, primary_key=True, autoincrement=True),
    Column("content", LargeBinary, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
)
VALUE: Final = Table(
    "value",
    METADATA,
    Column("name", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("checksum", LargeBinary, nullable=False),
)


def other_version(got: object) -> StoreVersionError:
    """The error for a store of another version than this program's, with the way out of it."""
    said = "none" if got is None else str(got)
    is_newer = said.isdigit() and int(said) > int(SCHEMA_VERSION)
    return StoreVersionError(
        f"store of version `{said}`, expected `{SCHEMA_VERSION}`",
        hint="install the newer relto that wrote it"
        if is_newer
        else StoreVersionError.hint_default,
    )


class Statement:
    """One statement as text for a driver, and the order in which it wants its values."""

    def __init__(self, query: ClauseElement, dialect: Dialect) -> None:
        """Compile once."""
        compiled = query.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        self._order: Sequence[str] = tuple(compiled.positiontup or ())
        # Values that the dialect itself adds, such as SQLite's missing offset.
        self._fixed = {name: it for name, it in compiled.params.items() if it is not None}

    def values(self, given: Mapping[str, object]) -> tuple[object, ...]:
        """Put values into the driver's order."""
        whole = {**self._fixed, **given} if self._fixed else given
        return tuple(whole[name] for name in self._order)


class Statements:
    """All statements of the store, compiled for one database."""

    def __init__(self, dialect: Dialect) -> None:
        """Compile them."""

        def compiled(query: ClauseElement) -> Statement:
            return Statement(query, dialect)

        origin: BindParameter[str] = bindparam("p_origin")
        entry = select(
            ENTRY.c.position,
            LOG.c.origin,
            ENTRY.c.number,
            ENTRY.c.case_id,
            ENTRY.c.leaf,
            ENTRY.c.header,
            ENTRY.c.bodies,
        ).join_from(ENTRY, LOG)
        in_range = (
            LOG.c.origin == origin,
            ENTRY.c.number >= bindparam("p_first"),
            ENTRY.c.number < bindparam("p_end"),
        )
        self._has_lists = dialect.name == "postgresql"
        self.values = compiled(
            select(VALUE.c.name, VALUE.c.content, VALUE.c.checksum).where(
                _is_among(has_lists=self._has_lists)
            )
        )
        self.fence = compiled(select(STORE.c.fence))
        self.final_position = compiled(select(func.max(ENTRY.c.position)))
        self.log = compiled(
            select(LOG.c.id, LOG.c.origin, LOG.c.state, LOG.c.checksum).where(
                LOG.c.origin == origin
            )
        )
        self.logs = compiled(
            select(LOG.c.id, LOG.c.origin, LOG.c.state, LOG.c.checksum).order_by(LOG.c.origin)
        )
        self.add_log = compiled(LOG.insert().values(_params("origin", "state", "checksum")))
        self.put_log = compiled(
            LOG.update().where(LOG.c.origin == origin).values(_params("state", "checksum"))
        )
        self.add_entry = compiled(
            ENTRY.insert().values(
                _params(
                    "position", "log_id", "number", "case_id", "leaf", "peak", "header", "bodies"
                )
            )
        )
        self.entries = compiled(entry.where(*in_range).order_by(ENTRY.c.number))
        self.peak = compiled(
            select(ENTRY.c.leaf, ENTRY.c.peak)
            .join(LOG)
            .where(LOG.c.origin == origin, ENTRY.c.number == bindparam("p_number"))
        )
        self.case = compiled(
            entry.where(
                ENTRY.c.case_id == bindparam("p_case"), ENTRY.c.position <= bindparam("p_until")
            ).order_by(ENTRY.c.position)
        )
        self.since = compiled(
            entry.where(ENTRY.c.position > bindparam("p_position"))
            .order_by(ENTRY.c.position)
            .limit(bindparam("p_limit"))
        )
        self._marks(compiled, entry)
        self._beside(compiled)

    def _marks(
        self, compiled: Callable[[ClauseElement], Statement], entry: Select[tuple[object, ...]]
    ) -> None:
        """Compile the statements about marks."""
        values = _params("log_id", "name", "rank", "number")
        self.add_mark = compiled(MARK.insert().values(values))
        # Both databases know these words, and SQLAlchemy only with one of their dialects at hand.
        self.add_mark.text += " ON CONFLICT DO NOTHING"
        self.drop_mark = compiled(
            MARK.delete().where(
                MARK.c.log_id == bindparam("p_log_id"),
                MARK.c.name == bindparam("p_name"),
                MARK.c.rank == bindparam("p_rank"),
                MARK.c.number == bindparam("p_number"),
            )
        )
        self.clear_marks = compiled(MARK.delete())
        self.marked = compiled(
            entry.add_columns(MARK.c.rank)
            .where(
                LOG.c.origin == bindparam("p_origin"),
                MARK.c.log_id == LOG.c.id,
                MARK.c.number == ENTRY.c.number,
                MARK.c.name == bindparam("p_name"),
                tuple_(MARK.c.rank, MARK.c.number)
                > tuple_(
                    bindparam("p_rank", type_=String), bindparam("p_number", type_=BigInteger)
                ),
                MARK.c.number <= bindparam("p_until"),
            )
            .order_by(MARK.c.rank, MARK.c.number)
            .limit(bindparam("p_limit"))
        )

    def _beside(self, compiled: Callable[[ClauseElement], Statement]) -> None:
        """Compile the statements about what lies beside the entries."""
        self.put_bodies = compiled(
            ENTRY.update()
            .where(ENTRY.c.position == bindparam("p_position"))
            .values(_params("bodies"))
        )
        self.drop_snapshot = compiled(
            SNAPSHOT.delete().where(SNAPSHOT.c.name == bindparam("p_name"))
        )
        self.add_snapshot = compiled(
            SNAPSHOT.insert().values(_params("name", "position", "content", "checksum"))
        )
        self.snapshot = compiled(
            select(SNAPSHOT.c.position, SNAPSHOT.c.content, SNAPSHOT.c.checksum).where(
                SNAPSHOT.c.name == bindparam("p_name")
            )
        )
        self.drop_blob = compiled(BLOB.delete().where(BLOB.c.digest == bindparam("p_digest")))
        self.add_blob = compiled(
            BLOB.insert().values(_params("digest", "state", "content", "checksum"))
        )
        blob = select(BLOB.c.digest, BLOB.c.state, BLOB.c.content, BLOB.c.checksum)
        self.blob = compiled(blob.where(BLOB.c.digest == bindparam("p_digest")))
        self.blobs = compiled(
            blob.where(BLOB.c.state == bindparam("p_state")).order_by(BLOB.c.digest)
        )
        self.add_kept = compiled(KEPT.insert().values(_params("content", "checksum")))
        self.kept = compiled(select(KEPT.c.content, KEPT.c.checksum).order_by(KEPT.c.id))
        self.drop_value = compiled(VALUE.delete().where(VALUE.c.name == bindparam("p_name")))
        self.add_value = compiled(VALUE.insert().values(_params("name", "content", "checksum")))
        self.value = compiled(
            select(VALUE.c.content, VALUE.c.checksum).where(VALUE.c.name == bindparam("p_name"))
        )

    def names(self, names: Sequence[str]) -> object:
        """Give the parameter of `values`: a list, or JSON where the database knows no lists."""
        return list(names) if self._has_lists else json.dumps(list(names))


def _is_among(*, has_lists: bool) -> ColumnElement[bool]:
    """Many names at once, with one parameter, so that the statement is always the same."""
    if has_lists:
        return VALUE.c.name == any_(bindparam("p_names", type_=ARRAY(String)))
    listed = func.json_each(bindparam("p_names")).table_valued("value")
    return VALUE.c.name.in_(select(listed.c.value))


def _params(*names: str) -> dict[str, object]:
    return {name: bindparam(f"p_{name}") for name in names}
