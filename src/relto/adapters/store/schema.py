"""Making and changing the tables of a store.

A new store is made at once and stamped; an older one is brought up by Alembic's migrations. A test
holds the two ways to the same tables.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from relto.adapters.store.tables import METADATA, SCHEMA_VERSION, STORE

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
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


__all__ = ["SCHEMA_VERSION", "create_schema", "upgrade"]
