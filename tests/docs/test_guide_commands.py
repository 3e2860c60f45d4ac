"""Every command that the README and the guides show is one that there is, with such options."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from relto.cli.app import app
from relto.cli.deferred import DeferredGroup

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md")))
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CALL = re.compile(r"^(?:\$ )?(?:\S+/)?relto (.+)$|^ExecStart=\S*/relto (.+)$", re.MULTILINE)
_ALWAYS = {"--help", "-h"}


def calls():
    for page in PAGES:
        for block in _BLOCK.findall(page.read_text("utf-8")):
            for found in _CALL.finditer(block.replace("\\\n", " ")):
                yield pytest.param(found[1] or found[2], id=f"{page.stem}: {found[0].strip()[:60]}")


def command_of(words):
    """Go down to the command that the words name; what is left are its options and arguments."""
    found, left = typer.main.get_command(app), list(words)
    while left and hasattr(found, "commands") and left[0] in found.commands:
        name = left.pop(0)
        found = found.member(name) if isinstance(found, DeferredGroup) else found.commands[name]
    return found, left


@pytest.mark.parametrize("call", list(calls()))
def test_a_command_that_is_shown_is_one_that_there_is(call):
    words = shlex.split(call.split(" >")[0], comments=True)
    words = words[: words.index("&")] if "&" in words else words
    command, left = command_of(words)
    options = {name for one in command.params for name in one.opts} | _ALWAYS
    assert command.name != "relto", f"no command: {call}"
    assert not getattr(command, "commands", None) or command.name == "decide", f"a group: {call}"
    unknown = [word for word in left if word.startswith("--") and word.split("=")[0] not in options]
    assert unknown == []


def test_many_commands_are_shown():
    assert sum(1 for _ in calls()) > 60
