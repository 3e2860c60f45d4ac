"""`relto backup`, `relto restore`, `relto store`: a node's memory, copied, brought back, moved."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from whenever import Instant

from relto.adapters.backup import (
    BackupDamagedError,
    Manifest,
    begin_backup,
    heads_of,
    make_backup,
    restore_backup,
)
from relto.adapters.store import (
    SqliteStore,
    check_empty,
    copy_store,
    is_file,
    open_store,
    place_of,
    set_place,
    upgrade,
)
from relto.cli.output import JsonFlag, emit, safe, table
from relto.console import Home
from relto.driver import mark_restored
from relto.journal import LogState, audit_log
from relto.model import Entry
from relto.ports.store import Transaction

store_app = typer.Typer(
    name="store",
    help="Where the journal is kept: SQLite by default, PostgreSQL when a node outgrows it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

DirOption = Annotated[
    Path,
    typer.Option(
        "--dir", metavar="D", envvar="RELTO_DIR", help="The node's directory; RELTO_DIR names it."
    ),
]
_PAGE = 1_024


def register(app: typer.Typer) -> None:
    """Put these commands into the `relto` command."""
    app.command()(backup)
    app.command()(restore)
    app.add_typer(store_app)


def backup(
    directory: DirOption,
    out: Annotated[Path, typer.Option(metavar="B", help="A directory that does not exist yet.")],
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys", help="Take the private keys along; whoever has them speaks for you."
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Back a node up, also while it runs: journal, packages, settings; keys only when asked.

    A journal in PostgreSQL is copied as it stands at one moment, into the same kind of backup.

    Example: relto backup --dir jpn --out jpn-backup
    """
    Home(directory).config()
    place = place_of(directory)
    with begin_backup(out) as copy:
        if is_file(place):
            with closing(SqliteStore.look(Home(directory).store_file)) as store:
                store.backup(copy)
        else:
            copy_store(place, f"sqlite:///{copy.absolute()}", is_running=True)
            copy.with_name(copy.name + ".lock").unlink()
        with closing(SqliteStore.look(copy)) as copied:
            made = make_backup(directory, out, store=copied, has_keys=with_keys, now=Instant.now())
    _show(made, title=f"backed up to {out}", as_json=as_json)


def restore(
    source: Annotated[Path, typer.Argument(metavar="B", help="A backup.")],
    directory: Annotated[
        Path, typer.Option("--dir", metavar="D", help="A directory that does not exist yet.")
    ],
    to: Annotated[
        str,
        typer.Option(
            metavar="URL", help="An empty PostgreSQL database for the journal, instead of a file."
        ),
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Bring a node back from a backup, after checking every byte and every entry of it.

    The node is then behind its partners. It says nothing new before it has heard from each of them
    what it had said after the backup; `relto link reconcile PARTNER` calls one at once.

    Example: relto restore jpn-backup --dir jpn

    Example: relto restore jpn-backup --dir jpn --to postgresql+psycopg://relto@db/jpn
    """
    if to:
        check_empty(to)
    with restore_backup(source, directory) as restored:
        manifest, beside = restored.manifest, restored.directory
        # A backup may be older than this program.
        upgrade(place_of(beside))
        with closing(SqliteStore(Home(beside).store_file)) as store:
            store.check()
            with store.transaction() as tx:
                for state in tx.logs():
                    audit_log(state, _entries(tx, state), author=None, partner=None)
            mark_restored(store)
        if to:
            copy_store(place_of(beside), to)
            set_place(beside, to)
            Home(beside).store_file.unlink()
        if heads_of(open_store(place_of(beside), is_readonly=True)) != manifest.heads:
            raise BackupDamagedError("the heads are not those that were backed up")
    _show(manifest, title=f"restored to {directory}", as_json=as_json)
    if not manifest.has_keys:
        typer.echo("next: put the node's keys back into its `keys` directory", err=True)
    typer.echo(
        "next: relto serve; it says nothing new before it has heard from each partner:"
        " relto link reconcile PARTNER",
        err=True,
    )


@store_app.command()
def show(directory: DirOption, as_json: JsonFlag = False) -> None:
    """Say where the journal is, and where its logs stand.

    Example: relto store show --dir jpn
    """
    Home(directory).config()
    place = place_of(directory)
    heads = heads_of(open_store(place, is_readonly=True))
    answer = {"place": _without_password(place), "heads": heads}

    def render(console: Console) -> None:
        console.print(_without_password(place), highlight=False)
        rows = [(head.origin, str(head.size), head.root[:16]) for head in heads]
        console.print(table("", ("log", "entries", "root"), rows))

    emit(answer, as_json=as_json, render=render)


@store_app.command()
def migrate(
    directory: DirOption,
    to: Annotated[str, typer.Option(metavar="URL", help="An empty PostgreSQL database.")],
    as_json: JsonFlag = False,
) -> None:
    """Move the journal of a stopped node into PostgreSQL, and compare the heads before it counts.

    The old file stays where it is, and is no longer used.

    Example: relto store migrate --dir jpn --to postgresql+psycopg://relto@db/jpn
    """
    Home(directory).config()
    copied = copy_store(place_of(directory), to)
    set_place(directory, to)
    answer = {"place": _without_password(to), "heads": copied.heads, "rows": copied.rows}

    def render(console: Console) -> None:
        rows = [
            (origin, str(size), root[:16]) for origin, (size, root) in sorted(copied.heads.items())
        ]
        console.print(table("moved; the heads agree", ("log", "entries", "root"), rows))

    emit(answer, as_json=as_json, render=render)


@store_app.command("upgrade")
def upgrade_(directory: DirOption, as_json: JsonFlag = False) -> None:
    """Bring the tables of a stopped node to the version of this program.

    Example: relto store upgrade --dir jpn
    """
    Home(directory).config()
    place = place_of(directory)
    upgrade(place)
    open_store(place).close()
    emit(
        {"place": _without_password(place)},
        as_json=as_json,
        render=lambda console: console.print("the store is of this version"),
    )


def _show(manifest: Manifest, *, title: str, as_json: bool) -> None:
    def render(console: Console) -> None:
        rows = [(head.origin, str(head.size), head.root[:16]) for head in manifest.heads]
        console.print(table(safe(title), ("log", "entries", "root"), rows))
        keys = "with the keys" if manifest.has_keys else "without the keys"
        console.print(f"{len(manifest.files)} files, {keys}", highlight=False)

    emit(manifest, as_json=as_json, render=render)


def _entries(tx: Transaction, state: LogState) -> Iterator[Entry]:
    for first in range(1, state.size + 1, _PAGE):
        yield from tx.entries(state.log, first=first, end=min(first + _PAGE, state.size + 1))


def _without_password(url: str) -> str:
    if is_file(url):
        return url
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)
