"""Write `docs/reference/commands.md` from the help of every command.

python tools/commands_reference.py            writes the page
python tools/commands_reference.py --check    exits 1 when the page is not current
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer
from typer.core import TyperGroup

from relto.cli import app
from relto.cli.deferred import DeferredGroup

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reference" / "commands.md"

_WIDTH_CHARS: Final = 98

_INTRODUCTION = """\
# Commands

Answers go to stdout, talk goes to stderr, and `--json` is on every command that answers. Exit
codes: 0 yes · 1 no (denied, not verified) · 2 usage · 3 the partner's fault · 4 the world's · 70 a
bug. A command about a node takes `--dir`, or the environment variable `RELTO_DIR`. This page is
written by `make docs` from the commands themselves.
"""


def helps() -> Iterator[tuple[str, str]]:
    """Give each command with its help, groups before their members, in the order of the program.

    Returns:
        The words that call it, and the text it prints with `--help`.
    """
    root = typer.Context(
        typer.main.get_command(app),
        info_name="relto",
        terminal_width=_WIDTH_CHARS,
        help_option_names=["-h", "--help"],
    )
    yield from _walk("relto", root)


def _walk(words: str, context: typer.Context) -> Iterator[tuple[str, str]]:
    command = context.command
    yield words, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if not isinstance(command, TyperGroup):
        return
    for name in command.list_commands(context):
        member = _member(command, name)
        if not member.hidden:
            yield from _walk(
                f"{words} {name}", typer.Context(member, info_name=name, parent=context)
            )


def _member(group: TyperGroup, name: str) -> typer.core.TyperCommand | TyperGroup:
    if isinstance(group, DeferredGroup):
        return group.member(name)
    found = group.commands[name]
    assert isinstance(found, typer.core.TyperCommand | TyperGroup)
    return found


def render() -> str:
    """Return the page as it should be."""
    parts = [f"## `{words}`\n\n```text\n{text.strip()}\n```\n" for words, text in helps()]
    return "\n".join([_INTRODUCTION, *parts])


def main() -> int:
    """Write the page, or with `--check` compare it."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text(encoding="utf-8") != render())
    PAGE.write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
