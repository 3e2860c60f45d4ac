"""The `relto` command: where every sub-command stands is said here, and nowhere else.

The commands translate arguments, call a room, and show the answer; no rule of the house lives here.
"""

import sys
import traceback
from collections.abc import Mapping
from errno import EDQUOT, EIO, ENOSPC
from io import TextIOWrapper
from typing import ClassVar, Final

import typer

from relto.cli.deferred import DeferredGroup, Place
from relto.cli.output import Exit, InputError, OutputError, exit_of, safe, show_error
from relto.errors import ReltoError

# The disk or device behind stdout failed; the stores tell of their own disks by themselves.
_FULL: Final = frozenset({EDQUOT, EIO, ENOSPC})


class _Commands(DeferredGroup):
    """All commands, as a newcomer meets them: see it, ask the law, run a node, share, prove."""

    places: ClassVar[Mapping[str, Place]] = {
        "demo": Place(
            "relto.cli.demo",
            "Play the autumn of 2019 on three real nodes: three processes, mutual TLS, "
            "three journals.",
        ),
        "drill": Place(
            "relto.cli.drill", "Play a scenario in virtual time: days pass between two lines."
        ),
        "law": Place(
            "relto.cli.law",
            "Agreements and arrangements: what they say, how long they run, what would change.",
        ),
        "decide": Place(
            "relto.cli.decide",
            "May this holder release this to that recipient? With every reason and its article.",
        ),
        "routes": Place(
            "relto.cli.decide",
            "By which lawful ways can it get from its holder to a recipient? And what "
            "closes the others?",
        ),
        "impact": Place(
            "relto.cli.impact",
            "What stops, what goes another way, who loses more, and what would restore it?",
        ),
        "init": Place(
            "relto.cli.node",
            "Make a node: its directory, its keys, its card, and its journal with the law in it.",
        ),
        "serve": Place(
            "relto.cli.node",
            "Run the node until it is told to stop; events go to stderr, one line each.",
        ),
        "status": Place("relto.cli.node", "Say how the node is."),
        "check": Place(
            "relto.cli.check",
            "Say whether somebody has to see to the node: for a timer, and for whatever raises "
            "alarms.",
        ),
        "card": Place("relto.cli.node", "Show the node's own card and its fingerprint."),
        "peer": Place("relto.cli.peer", "Partners, by their cards."),
        "link": Place("relto.cli.peer", "Links to partners."),
        "key": Place("relto.cli.node", "The node's keys."),
        "clock": Place(
            "relto.cli.clock",
            "The node's clock: was it ahead, what follows; the exercise clock.",
        ),
        "delegations": Place("relto.cli.node", "Standing authorities to release."),
        "hold": Place("relto.cli.exchange", "Register an item that this party holds."),
        "holdings": Place("relto.cli.exchange", "List what this party holds."),
        "request": Place(
            "relto.cli.exchange",
            "Request information, by the best lawful way; without one, say what closes each.",
        ),
        "inbox": Place(
            "relto.cli.exchange",
            "List the cases that wait for this party's officers, the most urgent first.",
        ),
        "cases": Place("relto.cli.exchange", "List all cases, the oldest first."),
        "approve": Place(
            "relto.cli.exchange",
            "Approve what waits: a release, or consent to another party's release.",
        ),
        "refuse": Place(
            "relto.cli.exchange", "Refuse what waits; the reason is shown to the other side."
        ),
        "ask-consent": Place(
            "relto.cli.exchange",
            "Ask the originator of an item for consent to the release that waits.",
        ),
        "show": Place(
            "relto.cli.exchange",
            "Tell the whole story of a case: entries both ways, route, markings, "
            "obligations, content.",
        ),
        "recall": Place(
            "relto.cli.custody",
            "Ask for an item back that was given in a case; a certificate of destruction "
            "answers it.",
        ),
        "reclassify": Place(
            "relto.cli.custody",
            "Tell whoever received an item that its label has changed; the receiver alters "
            "its marking.",
        ),
        "destroy": Place(
            "relto.cli.custody",
            "Destroy an item received in a case, and certify it to whoever gave it.",
        ),
        "report-loss": Place(
            "relto.cli.custody",
            "Tell whoever gave an item that it is, or may be, lost or compromised; at once.",
        ),
        "journal": Place(
            "relto.cli.journal",
            "The signed record of every step: list it, verify it, take evidence out of it.",
        ),
        "backup": Place(
            "relto.cli.store",
            "Back a node up, also while it runs: journal, packages, settings; keys only "
            "when asked.",
        ),
        "restore": Place(
            "relto.cli.store",
            "Bring a node back from a backup, after checking every byte and every entry of it.",
        ),
        "store": Place(
            "relto.cli.store",
            "Where the journal is kept: SQLite by default, PostgreSQL when a node outgrows it.",
        ),
    }


app = typer.Typer(
    name="relto",
    cls=_Commands,
    help="Share sensitive information exactly as the agreements in force allow, with evidence.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What a terminal's encoding has no sign for is shown by its number; JSON is UTF-8.
            encoding = "utf-8" if "--json" in words else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    try:
        for place, word in enumerate(words, start=1):
            _check_text(word, place=place)
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
    except OSError as error:
        if error.errno not in _FULL:
            return _bug(error)
        full = OutputError(f"cannot write the answer: {str(error.strerror).lower()}")
        show_error(full, as_json="--json" in words)
        return int(exit_of(full))
    # The last-resort handler: a bug ends the process, loudly (ASVS 16.5.4).
    except Exception as bug:  # noqa: BLE001 - nothing may pass by
        return _bug(bug)


def _bug(bug: Exception) -> int:
    traceback.print_exc(file=sys.stderr)
    typer.echo(f"bug: {safe(str(bug))}", err=True)
    return int(Exit.BUG)


def _check_text(word: str, *, place: int) -> None:
    """Bytes of an argument that are no UTF-8 could not be journaled, nor shown to anybody."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"argument {place} is no text in UTF-8: `{ascii(word)[1:-1]}`",
            hint="type it in a terminal that speaks UTF-8, or give the file another name",
        ) from error
