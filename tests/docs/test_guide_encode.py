"""The guide to encoding an agreement: its blocks stand in its files, and its commands work."""

import re
import tomllib

import pytest

from relto.adapters.lawfiles import packaged_files
from relto.cli import main
from tests.architecture.project import ROOT

GUIDE = (ROOT / "docs/guides/encode-an-agreement.md").read_text(encoding="utf-8")
FILES = sorted((ROOT / "examples/encode-an-agreement").glob("*.toml"))
BLOCKS = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^\$ relto (law .*)$", GUIDE, re.MULTILINE)


def test_every_block_of_the_guide_stands_in_an_example() -> None:
    texts = [path.read_text(encoding="utf-8") for path in FILES]
    assert len(BLOCKS) >= 6
    for block in BLOCKS:
        assert any(block in text for text in texts), block


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_guide_works(command: str, monkeypatch, capsys) -> None:
    monkeypatch.chdir(ROOT)
    assert main(command.partition(" >")[0].split()) == 0
    assert capsys.readouterr().out


def test_the_example_says_what_the_library_says() -> None:
    example = ROOT / "examples/encode-an-agreement/aut-fin-2017.toml"
    shipped = packaged_files()["instruments/aut-fin-2017.toml"].decode()
    assert tomllib.loads(example.read_text(encoding="utf-8")) == tomllib.loads(shipped)


def test_the_supposed_life_is_the_one_the_guide_tells(monkeypatch, capsys) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["law", "what-if", "examples/encode-an-agreement/what-if.toml"]) == 0
    told = capsys.readouterr().out
    assert "2027-05-01 00:00 +02:00" in told
    assert "2028-02-29 00:00 +01:00" in told
