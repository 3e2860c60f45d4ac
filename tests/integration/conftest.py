"""An empty PostgreSQL database for a test, on the server of the test session."""

import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

_COUNT = itertools.count(1)


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """The URL of a database that nobody else uses, and that goes when the test ends."""
    name = f"relto_test_{next(_COUNT)}"
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
