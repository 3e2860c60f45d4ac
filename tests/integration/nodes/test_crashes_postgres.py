"""The same kills with the journals in PostgreSQL: what holds for a file holds for a database."""

from collections.abc import Callable

import pytest

from tests.integration.nodes.conftest import Party
from tests.integration.nodes.test_crashes import (
    ASKER,
    HOLDER,
    kill_the_asker,
    kill_the_holder,
)

pytestmark = [
    pytest.mark.net,
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.timeout(600),
]


@pytest.fixture
def pair_in_databases(
    pair: tuple[Party, Party], databases: Callable[[], str]
) -> tuple[Party, Party]:
    """The pair, moved to a database each; the files are gone."""
    for party in pair:
        party.run("store", "migrate", "--to", databases())
        (party.directory / "journal.sqlite").unlink()
    return pair


@pytest.mark.parametrize("point", HOLDER)
def test_a_holder_in_a_database_goes_on_after_a_kill(
    pair_in_databases: tuple[Party, Party], point: str
) -> None:
    """FL-1, FL-2, FL-4, FL-5, FL-6."""
    jpn, kor = pair_in_databases
    kill_the_holder(jpn, kor, point)
    assert all(log["is_sound"] for log in jpn.run("journal", "verify"))


@pytest.mark.parametrize("point", ASKER)
def test_an_asker_in_a_database_goes_on_after_a_kill(
    pair_in_databases: tuple[Party, Party], point: str
) -> None:
    """FL-1, FL-2, FL-3."""
    jpn, kor = pair_in_databases
    kill_the_asker(jpn, kor, point)
    assert all(log["is_sound"] for log in kor.run("journal", "verify"))
