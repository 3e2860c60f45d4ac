"""`relto init`, `serve`, `status`, `card`, `key`, `delegations`, `law adopt`."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct
from rich.console import Console

from relto.adapters.lawfiles import read_file, read_files
from relto.cli.desk import DirOption, OfficerOption, ReasonOption, answer_of, by
from relto.cli.desk_views import render_card, render_done, render_status
from relto.cli.key_uses import uses
from relto.cli.output import InputError, JsonFlag, emit, instant_of, safe
from relto.console import (
    AdoptAuthorities,
    AdoptFiles,
    CardAnswer,
    Done,
    Home,
    LookCard,
    LookStatus,
    RotateKeys,
    Status,
    create_home,
    serve_home,
    serve_worker,
    serve_workers,
    show_fingerprint,
)
from relto.units import Digest, PartyCode

key_app = typer.Typer(name="key", help="The node's keys.", no_args_is_help=True)
delegations_app = typer.Typer(
    name="delegations", help="Standing authorities to release.", no_args_is_help=True
)


class Made(Struct, frozen=True, kw_only=True):
    """A node that was made.

    Args:
        directory: Where.
        party: Whose.
        endpoints: Where partners reach it; empty when it only calls.
        fingerprint: Of its card.
        card: The file to hand over.
        is_exercise: On an exercise clock.
    """

    directory: str
    party: PartyCode
    endpoints: tuple[str, ...]
    fingerprint: Digest
    card: str
    is_exercise: bool


def init(
    party: Annotated[
        str, typer.Argument(metavar="PARTY", help="Whose node: a code of the library.")
    ],
    *,
    directory: DirOption,
    listen: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="Where to listen; port 0 takes a free one; empty makes a node that only calls.",
        ),
    ] = "127.0.0.1:0",
    endpoint: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Where partners reach it, if not where it listens."),
    ] = None,
    law: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Law files to begin with, instead of the packaged ones."),
    ] = None,
    is_exercise: Annotated[
        bool, typer.Option("--exercise", help="Run on an exercise clock, and say so everywhere.")
    ] = False,
    clock: Annotated[
        str | None,
        typer.Option(metavar="INSTANT", help="Where the exercise clock begins; without it, now."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a node: its directory, its keys, its card, and its journal with the law in it.

    Example: relto init JPN --dir jpn --listen 192.0.2.1:8443
    """
    verified = create_home(
        directory,
        party=party,
        listen=listen,
        endpoints=tuple(endpoint or ()),
        law=law,
        is_exercise=is_exercise,
        begins_at=None if clock is None else instant_of(clock, name="--clock"),
    )
    made = Made(
        directory=str(directory),
        party=verified.card.party,
        endpoints=verified.card.endpoints,
        fingerprint=verified.fingerprint,
        card=str(directory / "card.relto"),
        is_exercise=verified.card.is_exercise,
    )

    def render(console: Console) -> None:
        console.print(f"made a node of {made.party} in {safe(made.directory)}", highlight=False)
        if made.is_exercise:
            console.print("EXERCISE EXERCISE EXERCISE", style="bold")
        console.print(f"card         {safe(made.card)}", highlight=False)
        console.print(f"fingerprint  {show_fingerprint(made.fingerprint)}", highlight=False)
        console.print("next: give the card to your partners and compare fingerprints, then")
        console.print(f"      relto peer add CARD --fingerprint F --dir {safe(made.directory)}")

    emit(made, as_json=as_json, render=render)


def serve(
    directory: DirOption,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How many processes serve it, when its journal is in PostgreSQL; 0 for one that "
            "holds the journal alone. Otherwise `node.toml` says.",
        ),
    ] = None,
    handed: Annotated[str, typer.Option(hidden=True)] = "",
    as_json: JsonFlag = False,
) -> None:
    """Run the node until it is told to stop; events go to stderr, one line each.

    Example: relto serve --dir jpn

    Example: relto serve --dir jpn --workers 3
    """
    count = Home(directory).config().workers if workers is None else workers
    if handed:
        serve_worker(directory, as_json=as_json, handed=handed)
    elif count:
        serve_workers(directory, count=count, as_json=as_json)
    else:
        serve_home(directory, as_json=as_json)


def status(directory: DirOption, as_json: JsonFlag = False) -> None:
    """Say how the node is.

    Example: relto status --dir jpn
    """
    answer = answer_of(directory, LookStatus())
    assert isinstance(answer, Status)
    emit(answer, as_json=as_json, render=lambda console: render_status(console, answer))


def card(
    directory: DirOption,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the card there, to be handed over.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the node's own card and its fingerprint.

    Example: relto card --dir jpn --out jpn.relto
    """
    answer = answer_of(directory, LookCard())
    assert isinstance(answer, CardAnswer)
    if out is not None:
        try:
            out.write_bytes(answer.card)
        except OSError as error:
            raise InputError(f"cannot write `{out}`: {error.strerror}") from error
    emit(answer, as_json=as_json, render=lambda console: render_card(console, answer))


key_app.command("uses")(uses)


@key_app.command("rotate")
def rotate(
    directory: DirOption,
    officer: OfficerOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Make new keys and announce them to all partners, signed by the old ones.

    Example: relto key rotate --dir jpn --reason "yearly"
    """
    order = RotateKeys(by=by(officer, "administrator", reason))
    answer = answer_of(directory, order)
    assert isinstance(answer, CardAnswer)
    emit(answer, as_json=as_json, render=lambda console: render_card(console, answer))


@delegations_app.command("adopt")
def delegations_adopt(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    *,
    directory: DirOption,
    margin: Annotated[
        int,
        typer.Option(min=0, metavar="SECONDS", help="A release must be lawful this long ahead."),
    ] = 0,
    officer: OfficerOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Adopt standing authorities from a file; they replace all earlier ones.

    Example: relto delegations adopt jpn/delegations.toml --dir jpn
    """
    order = AdoptAuthorities(
        file=file.name,
        content=read_file(file),
        margin_seconds=margin,
        by=by(officer, "administrator", reason),
    )
    _done(directory, order, as_json=as_json)


def law_adopt(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE…", help="Files of acts or instruments, or one directory."),
    ],
    *,
    directory: DirOption,
    known: Annotated[
        str | None,
        typer.Option(
            metavar="INSTANT", help="Only acts known until then count; all in the files otherwise."
        ),
    ] = None,
    officer: OfficerOption = "",
    reason: ReasonOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Adopt law files in a node; each replaces the file of that name, a directory replaces all.

    Example: relto law adopt acts/jpn-kor-gsomia-2016.toml --dir jpn --reason "note of 22 November"
    """
    is_whole = len(files) == 1 and files[0].is_dir()
    content = read_files(files[0]) if is_whole else {_name(path): read_file(path) for path in files}
    order = AdoptFiles(
        files=content,
        is_whole=is_whole,
        known=None if known is None else instant_of(known, name="--known"),
        by=by(officer, "administrator", reason),
    )
    _done(directory, order, as_json=as_json)


def _name(path: Path) -> str:
    """Name a file as the library does: with its folder, when that is one of the library's."""
    folder = path.resolve().parent.name
    return f"{folder}/{path.name}" if folder in {"acts", "instruments", "schemes"} else path.name


def _done(directory: Path, order: AdoptAuthorities | AdoptFiles, *, as_json: bool) -> None:
    answer = answer_of(directory, order)
    assert isinstance(answer, Done)
    emit(answer, as_json=as_json, render=lambda console: render_done(console, answer))


def register(app: typer.Typer) -> None:
    """Wire these commands into the program; `adopt` belongs to the group `law`."""
    app.command()(init)
    app.command()(serve)
    app.command()(status)
    app.command()(card)
    app.add_typer(key_app)
    app.add_typer(delegations_app)
    app.command("adopt")(law_adopt)
