"""Storms: which seeds are played, and what was played in the end."""

import os
import secrets
import time
from collections.abc import Iterator

import pytest

from relto.adapters.lawfiles import digest_of, packaged_files
from relto.sim.storm.lab import Files, Lab

# Played in every `make test`: enough to notice a broken promise of everyday, in a few seconds.
SHORT_SEEDS = 16
CHUNK = 25


def _number(name: str) -> int | None:
    text = os.environ.get(name, "").strip()
    return int(text) if text else None


def pytest_configure(config: pytest.Config) -> None:
    """Settle the seeds once, before the workers begin, so that all of them know the same."""
    config.relto_sim_began = time.monotonic()
    if hasattr(config, "workerinput"):
        config.relto_sim_base = config.workerinput.get("relto_sim_base", 0)
        return
    is_fresh = _number("RELTO_SIM_SEEDS") is not None and _number("RELTO_SIM_SEED") is None
    config.relto_sim_base = secrets.randbelow(10**9) if is_fresh else 0


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """Tell a worker of the test runner which seeds were drawn."""
    node.workerinput["relto_sim_base"] = node.config.relto_sim_base


def seeds_of(config: pytest.Config) -> list[range]:
    one, many = _number("RELTO_SIM_SEED"), _number("RELTO_SIM_SEEDS")
    if one is not None:
        count = many or 1
        return [range(one + at, one + min(at + CHUNK, count)) for at in range(0, count, CHUNK)]
    base = config.relto_sim_base
    count = SHORT_SEEDS if many is None else many
    size = CHUNK if many is not None else SHORT_SEEDS // 2
    return [range(base + at, base + min(at + size, count)) for at in range(0, count, size)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "storm_seeds" in metafunc.fixturenames:
        chunks = seeds_of(metafunc.config)
        metafunc.parametrize("storm_seeds", chunks, ids=[f"{c.start}-{c.stop - 1}" for c in chunks])


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    files = packaged_files()
    return Lab(Files(files=files, digest=digest_of(files)))


def pytest_report_header(config: pytest.Config) -> str:
    chunks = seeds_of(config)
    return f"storms: seeds {chunks[0].start} to {chunks[-1].stop - 1}; SEED=n replays one"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much virtual time went by, beside the wall's."""
    total: dict[str, int] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name.startswith("storm_") and getattr(report, "when", "") == "call":
                    total[name] = total.get(name, 0) + value
    if not total.get("storm_seeds"):
        return
    seconds = max(time.monotonic() - terminalreporter.config.relto_sim_began, 1e-3)
    rate = total["storm_link_hours"] / seconds * 60
    terminalreporter.write_line(
        f"storms: {total['storm_seeds']} seeds, {total['storm_releases']} releases judged, "
        f"{total['storm_link_hours']} virtual link-hours in {seconds:.0f} s: "
        f"{rate:.0f} per wall minute"
    )
