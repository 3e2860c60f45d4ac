"""Empty PostgreSQL databases for a test, on the server of the test session."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

_COUNT = itertools.count(1)


@pytest.fixture
def databases(postgres_url: str) -> Iterator[Callable[[], str]]:
    """Make databases that nobody else uses, and that go when the test ends; gives their URLs."""
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    made: list[str] = []

    def make() -> str:
        made.append(f"relto_test_{next(_COUNT)}")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {made[-1]}"))
        return make_url(postgres_url).set(database=made[-1]).render_as_string(hide_password=False)

    yield make
    with engine.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def database(databases: Callable[[], str]) -> str:
    """The URL of one such database."""
    return databases()
