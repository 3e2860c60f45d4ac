"""The demonstration on real nodes and the drill in virtual time are one story."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from relto.cli.demo import run
from relto.cli.drill import play_all
from relto.cli.live import LiveStage, NodeEndedError
from relto.cli.scenarios import Loaded, load_scenario
from relto.sim.account import Row

pytestmark = [pytest.mark.net, pytest.mark.timeout(120)]


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
