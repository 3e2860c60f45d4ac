"""The `relto` command: every sub-command is wired here, and nowhere else.

The commands translate arguments, call a room, and show the answer; no rule of the house lives here.
"""

import sys
import traceback
from typing import Final

import typer
from typer.core import TyperGroup

from relto.cli import demo, drill, exchange, node, peer, store
from relto.cli.decide import decide_app, routes
from relto.cli.impact import impact
from relto.cli.journal import journal_app
from relto.cli.law import law_app
from relto.cli.output import Exit, exit_of, safe, show_error
from relto.errors import ReltoError

# As a newcomer meets them: see it, ask the law, run a node, share, prove.
_ORDER: Final = (
    *("demo", "drill"),
    *("law", "decide", "routes", "impact"),
    *("init", "serve", "status", "card", "peer", "link", "key", "clock", "delegations"),
    *("hold", "holdings", "request", "inbox", "cases", "approve", "refuse", "ask-consent", "show"),
    *("journal", "backup", "restore", "store"),
)


class _InOrder(TyperGroup):
    """The group of all commands; one that has no place in the order stands at the end."""

    def list_commands(self, ctx: object) -> list[str]:  # noqa: ARG002 - the library hands it over
        """Name the commands in the order of `_ORDER`."""
        place = {name: index for index, name in enumerate(_ORDER)}
        return sorted(self.commands, key=lambda name: place.get(name, len(place)))


app = typer.Typer(
    name="relto",
    cls=_InOrder,
    help="Share sensitive information exactly as the agreements in force allow, with evidence.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(law_app)
app.add_typer(decide_app)
app.add_typer(journal_app)
app.command()(routes)
app.command()(impact)
node.register(app, law=law_app)
peer.register(app)
exchange.register(app)
store.register(app)
drill.register(app)
demo.register(app)


@app.callback()
def _root() -> None:
    """Keep `relto` a command with sub-commands, however many are wired."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: Without the program's name; `None` takes the process's own.

    Returns:
        0 yes, 1 no, 2 usage, 3 peer, 4 world, 70 bug (house style 11).
    """
    words = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    try:
        result = typer.main.get_command(app).main(words, prog_name="relto", standalone_mode=False)
        return int(result or 0)
    except typer.Exit as leaving:
        return int(leaving.exit_code)
    except typer.TyperException as wrong:
        typer.echo(f"usage: {safe(wrong.format_message())}", err=True)
        typer.echo("next: add --help to see what the command takes", err=True)
        return int(Exit.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("stopped", err=True)
        return 130
    except ReltoError as error:
        show_error(error, as_json="--json" in words)
        return int(exit_of(error))
    # The last-resort handler: a bug ends the process, loudly (ASVS 16.5.4).
    except Exception as bug:  # noqa: BLE001 - nothing may pass by
        traceback.print_exc(file=sys.stderr)
        typer.echo(f"bug: {safe(str(bug))}", err=True)
        return int(Exit.BUG)
