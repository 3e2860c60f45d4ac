"""Making and changing the tables of a store.

A new store is made at once and stamped; an older one is brought up by Alembic's migrations, all in
one transaction. A test holds the two ways to the same tables.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from relto.adapters.store.sqlite import lock_file, translate
from relto.adapters.store.tables import METADATA, SCHEMA_VERSION, STORE, other_version
from relto.ports.store import StoreCorruptError, StoreFailedError, StoreLockedError

if TYPE_CHECKING:
    from alembic.config import Config

# Held by whoever has a database open, alone or shared.
WHOLE_LOCK: Final = "relto/store"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_SQLITE: Final = "sqlite:///"


def create_schema(connection: Connection) -> None:
    """Make all tables in an empty database, and write down their version."""
    METADATA.create_all(connection)
    connection.execute(
        text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:it)"), {"it": SCHEMA_VERSION})
    connection.execute(STORE.insert().values(id=1, fence=0))


def engine_of(url: str) -> Engine:
    """Give SQLAlchemy's way to a store; the path of a file is taken as it is, not as a URL's."""
    if not url.startswith(_SQLITE):
        return create_engine(url, poolclass=NullPool)
    place = URL.create("sqlite", database=url.removeprefix(_SQLITE))
    return create_engine(place, poolclass=NullPool)


def upgrade(url: str) -> None:
    """Bring a store's tables to the version of this program, wholly or not at all.

    Args:
        url: `sqlite:///…` or `postgresql+psycopg://…`.

    Raises:
        StoreLockedError: A process of the node has it open.
        StoreCorruptError: There is no store.
        StoreVersionError: It is of a version that this program does not know.
        StoreFailedError: The database cannot be reached, or fails.
    """
    with _alone(url), _typed():
        engine = engine_of(url)
        if url.startswith(_SQLITE):
            _begin_at_once(engine)
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                _lock(connection)
            _check_known(connection)
            run_migrations(connection)


def run_migrations(connection: Connection) -> None:
    """Run the steps that a store lacks, in the transaction of the caller, who holds the lock."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _check_known(connection: Connection) -> None:
    from alembic.script import ScriptDirectory

    if not inspect(connection).has_table("alembic_version"):
        raise StoreCorruptError("there is no store")
    got = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    known = {one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions()}
    if got not in known:
        raise other_version(got)


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """Keep everybody out of a file; of a database, the transaction does."""
    if not url.startswith(_SQLITE):
        yield
        return
    path = Path(url.removeprefix(_SQLITE))
    if not path.is_file():
        raise StoreCorruptError(f"there is no `{path.name}`")
    lock = lock_file(path)
    try:
        yield
    finally:
        os.close(lock)


def _begin_at_once(engine: Engine) -> None:
    """Have SQLite's driver begin where we begin, so that tables change in the transaction, too."""

    def leave_alone(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        assert isinstance(connection, sqlite3.Connection)
        connection.isolation_level = None

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", leave_alone)
    event.listen(engine, "begin", begin)


@contextmanager
def _typed() -> Iterator[None]:
    """Say in the words of this room what a database answers."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise translate(error.orig) from error
        said, *_ = str(error.orig).splitlines() or ["no reason given"]
        raise StoreFailedError(f"the database failed: {said}") from error


def _lock(connection: Connection) -> None:
    """Keep everybody out until the transaction ends."""
    query = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    if connection.execute(query, {"name": WHOLE_LOCK}).scalar() is not True:
        raise StoreLockedError("the database is in use by another process of this node")


__all__ = [
    "SCHEMA_VERSION",
    "WHOLE_LOCK",
    "create_schema",
    "engine_of",
    "run_migrations",
    "upgrade",
]
