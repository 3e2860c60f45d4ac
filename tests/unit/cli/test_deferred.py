"""Commands are imported when they are called, and say of themselves what the program says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import relto
from relto.cli import app, main
from relto.cli.deferred import DeferredGroup

# What only a running node, a database, a table or a picture needs.
HEAVY = ("aiohttp", "sqlalchemy", "psycopg", "numpy", "polars", "matplotlib")
QUESTION = "decide --from JPN --to KOR --topic dprk.missile.launch --level hi --requested"


def _imported_by(line: str) -> list[str]:
    """Run a command in a process of its own and say which heavy libraries it has imported."""
    program = (
        "import sys\n"
        "from relto.cli import main\n"
        f"main({line.split()!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(relto.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout
    return ran.stderr.strip().splitlines()[-1:]


def test_the_help_of_the_program_imports_nothing_heavy() -> None:
    assert _imported_by("--help") == ["[]"]


@pytest.mark.slow
@pytest.mark.parametrize("line", ["law show tisa-2014", QUESTION])
def test_a_question_to_the_law_imports_nothing_heavy(line: str) -> None:
    assert _imported_by(line) == ["[]"]


def _deferred(group: DeferredGroup, words: str) -> list[tuple[str, str, str]]:
    """List each command that stands elsewhere: its words, what is said of it, what it says."""
    found = []
    for name in group.list_commands(typer.Context(group)):
        member = group.member(name)
        if name in group.places:
            own = member.get_short_help_str(1_000)
            found.append((f"{words} {name}", group.places[name].purpose, own))
        if isinstance(member, DeferredGroup):
            found += _deferred(member, f"{words} {name}")
    return found


def test_what_the_program_says_of_a_command_is_what_the_command_says() -> None:
    program = typer.main.get_command(app)
    assert isinstance(program, DeferredGroup)
    found = _deferred(program, "relto")
    assert "relto law adopt" in [words for words, _, _ in found]
    assert [one for one in found if one[1] != one[2]] == []


def test_a_mistyped_command_is_answered_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["inbax"]) == 2
    assert "inbox" in capsys.readouterr().err
