"""`relto drill` on the command line: answers, errors, exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import relto
from relto.cli import main
from relto.cli.scenarios import ScenarioFileError, load_scenario, packaged_scenarios

NAME = "gsomia-2019"


def _write(directory: Path, *changes: tuple[str, str]) -> str:
    """The packaged scenario as a file of the user's own, with changes."""
    text = packaged_scenarios()[NAME].decode("utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    path = directory / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_list_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "list"]) == 0
    assert NAME in capsys.readouterr().out


def test_a_drill_tells_its_story_on_stderr_and_its_table_on_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["drill", NAME, "--ending", "lapsed"]) == 0
    told = capsys.readouterr()
    assert "insists on the direct way" in told.err
    assert "with JPN’s signed consent" in told.err
    assert "JPN-USA-KOR, TISA" in told.out
    assert "every outcome is what the law says" in told.out
    assert "EXERCISE" in told.out


def test_what_every_ending_shares_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", NAME]) == 0
    told = capsys.readouterr()
    assert told.err.count("released directly, as above") == 4
    assert told.out.count("October 2019") == 1


def test_json_carries_the_rows_and_no_story(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", NAME, "--ending", "suspended", "--json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    report = msgspec.json.decode(told.out)
    assert report["is_as_expected"] is True
    assert report["is_exercise"] is True
    (ending,) = report["endings"]
    assert [row["outcome"] for row in ending["rows"]] == ["released"] * 4
    assert [row["wire_ms"] for row in ending["rows"]] == [None] * 4


def test_a_wrong_expectation_ends_with_no_and_the_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path, ('approvals = ["JPN", "USA"]', 'approvals = ["USA"]'))
    assert main(["drill", path, "--ending", "lapsed"]) == 1
    assert "Not as it should be" in capsys.readouterr().out


def test_a_scenario_may_name_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("x\n", encoding="utf-8")
    path = _write(tmp_path, ("data/dprk-launch-2019-10-02.csv", "own.csv"))
    assert load_scenario(path).contents["own.csv"] == b"x\n"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "data/../../x", "data/none.csv"])
def test_a_scenario_cannot_name_files_elsewhere(tmp_path: Path, name: str) -> None:
    path = _write(tmp_path, ("data/dprk-launch-2019-10-02.csv", name))
    with pytest.raises(ScenarioFileError):
        load_scenario(path)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["drill", "gsomia-2091"], "local.input", "did you mean `gsomia-2019`?"),
        (["drill", NAME, "--ending", "won"], "local.scenario_unknown_ending", "`lapsed`"),
        (["drill", "no/such.toml"], "local.law_directory", "no/such.toml"),
    ],
)
def test_what_cannot_be_played_is_a_usage_error(
    arguments: list[str], code: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert code in told.err
    assert words in told.err


def test_an_unknown_topic_in_a_scenario_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _write(tmp_path, ('topics = ["prc.cyber"]', 'topics = ["prc.ciber"]'))
    assert main(["drill", path]) == 2
    assert "mine.toml:" in (told := capsys.readouterr().err)
    assert "unknown topic `prc.ciber`" in told


@pytest.mark.slow
def test_another_hash_seed_tells_the_same_story() -> None:
    said = [
        subprocess.run(
            [sys.executable, "-m", "relto", "drill", NAME, "--json"],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(relto.__file__).parents[1]),
                "PYTHONHASHSEED": seed,
            },
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "20191123")
    ]
    assert said[0] == said[1]
    assert said[0]
