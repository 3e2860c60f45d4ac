"""Making and changing the tables of a store.

A new store is made at once and stamped; an older one is brought up by Alembic's migrations. A test
holds the two ways to the same tables.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from relto.adapters.store.tables import METADATA, SCHEMA_VERSION, STORE
from relto.ports.store import StoreLockedError

# Held by whoever has a database open, alone or shared.
WHOLE_LOCK: Final = "relto/store"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def create_schema(connection: Connection) -> None:
    """Make all tables in an empty database, and write down their version."""
    METADATA.create_all(connection)
    connection.execute(
        text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:it)"), {"it": SCHEMA_VERSION})
    connection.execute(STORE.insert().values(id=1, fence=0))


def upgrade(url: str) -> None:
    """Bring a store's tables to the version of this program; the store must be closed.

    Args:
        url: `sqlite:///…` or `postgresql+psycopg://…`.

    Raises:
        StoreLockedError: A process of the node has the database open.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            _lock(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _lock(connection: Connection) -> None:
    """Keep everybody out until the transaction ends."""
    query = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0))")
    if connection.execute(query, {"name": WHOLE_LOCK}).scalar() is not True:
        raise StoreLockedError("the database is in use by another process of this node")


__all__ = ["SCHEMA_VERSION", "WHOLE_LOCK", "create_schema", "upgrade"]
