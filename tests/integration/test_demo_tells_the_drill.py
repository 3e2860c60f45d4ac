"""The demonstration on real nodes and the drill in virtual time are one story."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

import relto
from relto.cli import main
from relto.cli.demo import run
from relto.cli.drill import play_all
from relto.cli.live import LiveStage, NodeEndedError
from relto.cli.scenarios import Loaded, load_scenario
from relto.console import is_running
from relto.sim.account import Row

pytestmark = [pytest.mark.net, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load_scenario("gsomia-2019")


def _without_the_wire(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(replace(row, wire_ms=None) for row in rows)


@pytest.mark.slow
def test_the_demonstration_and_the_drill_end_with_the_same_table(
    loaded: Loaded, tmp_path: Path
) -> None:
    live, stage = run(loaded, loaded.scenario.endings, tmp_path, is_quiet=True)
    drilled = play_all(loaded, is_quiet=True)
    assert stage is None
    assert live.is_as_expected
    assert drilled.is_as_expected
    assert [one.ending for one in live.endings] == [one.ending for one in drilled.endings]
    for mine, theirs in zip(live.endings, drilled.endings, strict=True):
        assert all(row.wire_ms is not None for row in mine.rows)
        assert _without_the_wire(mine.rows) == theirs.rows


def test_a_node_that_ends_by_itself_is_a_clear_error_and_takes_the_others_along(
    loaded: Loaded, tmp_path: Path
) -> None:
    stages: list[LiveStage] = []

    def end_one(stage: LiveStage) -> None:
        stages.append(stage)
        stage.processes.kill("USA")

    worlds = (loaded.scenario.ending("lapsed"),)
    with pytest.raises(NodeEndedError, match="the node of USA has ended") as ended:
        run(loaded, worlds, tmp_path, is_quiet=True, started=end_one)
    assert "serve.log" in ended.value.hint
    (stage,) = stages
    assert stage.processes.pids() == {}


@pytest.mark.slow
def test_serving_leaves_the_nodes_running_and_says_how_to_stop_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "demo"
    words = ["demo", "--dir", str(place), "--ending", "suspended", "--serve"]
    told = subprocess.run(
        [sys.executable, "-m", "relto", *words],
        env={**os.environ, "PYTHONPATH": str(Path(relto.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "every outcome is what the law says" in " ".join(told.stdout.split())
    assert " EXERCISE " in told.stderr
    pids = [int(word) for word in told.stderr.rsplit("Stop them with: kill ", 1)[1].split()]
    try:
        assert len(pids) == 3
        assert main(["status", "--dir", str(place / "suspended" / "KOR"), "--json"]) == 0
        status = msgspec.json.decode(capsys.readouterr().out)
        assert (status["party"], status["is_running"], status["is_exercise"]) == ("KOR", True, True)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 10
    while any(is_running(place / "suspended" / party) for party in ("JPN", "KOR", "USA")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_directory_that_is_in_use_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["demo", "--dir", str(tmp_path)]) == 2
    assert "is not empty" in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_directory_that_cannot_be_made_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["demo", "--dir", str(tmp_path / "file" / "below")]) == 2
    assert "cannot make" in capsys.readouterr().err
