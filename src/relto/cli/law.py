"""`relto law`: agreements as the library holds them, their lives, their deadlines, and what if.

Every command reads the packaged library, or with `--law DIR` the files of a directory instead.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
import typer
from rich.console import Console
from rich.text import Text
from whenever import Date, Instant

from relto.adapters import lawfiles
from relto.adapters.proof import prove as prove_change
from relto.cli.deferred import DeferredGroup, Place
from relto.cli.law_views import (
    ListRow,
    render_changes,
    render_dues,
    render_instrument,
    render_list,
    render_timeline,
)
from relto.cli.output import (
    Exit,
    InputError,
    JsonFlag,
    emit,
    instant_of,
    leave,
    party_of,
    safe,
    unknown,
)
from relto.cli.progress import progress
from relto.cli.proof_views import ProvedComparison, render_proof
from relto.law import (
    Instrument,
    Law,
    LawFileError,
    Library,
    Problem,
    State,
    compare,
    compile_law,
    dues,
    schema,
    suppose,
    timeline,
)
from relto.law import calendar as days
from relto.units import InstrumentId


class _LawCommands(DeferredGroup):
    """The commands of `relto law`; the one that changes a node comes with what runs nodes."""

    places: ClassVar[Mapping[str, Place]] = {
        "adopt": Place(
            "relto.cli.node",
            "Adopt law files in a node; each replaces the file of that name, "
            "a directory replaces all.",
        )
    }


law_app = typer.Typer(
    name="law",
    cls=_LawCommands,
    help="Agreements and arrangements: what they say, how long they run, what would change.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

LawOption = Annotated[
    Path | None,
    typer.Option("--law", metavar="DIR", help="Law files to use instead of the packaged ones."),
]
KnownOption = Annotated[
    str | None,
    typer.Option(
        help="As known then: an instant, or a day, which means the end of that day in `--zone`."
    ),
]
ZoneOption = Annotated[str, typer.Option(help="The zone of days given without an hour.")]
ReadingOption = Annotated[
    str | None, typer.Option(metavar="PARTY", help="Whose reading; without it, the text's.")
]
ProveOption = Annotated[
    bool,
    typer.Option(
        "--prove", help="Prove what is newly permitted or denied, over every case (needs z3)."
    ),
]
AtOption = Annotated[str | None, typer.Option(help="The instant asked about; without it, now.")]


@law_app.command("list")
def list_(at: AtOption = None, law: LawOption = None, as_json: JsonFlag = False) -> None:
    """List the instruments with their state.

    Example: relto law list --at 2019-11-22T12:00+09:00
    """
    when = _at(at)
    compiled = compile_law(_library(law))
    rows = [
        _row(compiled, instrument, when) for instrument in compiled.library.instruments.values()
    ]
    emit(rows, as_json=as_json, render=lambda console: render_list(console, rows, when))


def _row(law: Law, instrument: Instrument, when: Instant) -> ListRow:
    terms = instrument.terms
    span = law.state(terms.id, at=when, reading=None)
    return ListRow(
        id=terms.id,
        short=terms.short,
        kind=str(terms.kind),
        parties=terms.parties,
        state=str(span.state),
        until=span.end,
        evidence="-" if span.state is State.UNKNOWN else str(span.evidence),
        is_contested=law.readings_differ(terms.id, at=when) is not None,
        is_example=instrument.is_example,
    )


@law_app.command()
def show(
    instrument: Annotated[str, typer.Argument(metavar="ID")],
    law: LawOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what an instrument says, rule by rule, each with its article and its evidence.

    Example: relto law show tisa-2014
    """
    library = _library(law)
    found = library.instrument(_instrument(library, instrument))
    emit(found, as_json=as_json, render=lambda console: render_instrument(console, found))


@law_app.command()
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...")],
    alone: Annotated[
        bool, typer.Option("--alone", help="Check the files by themselves, without the library.")
    ] = False,
    law: LawOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check law files: schema and sense, each problem with file, line, key, reason and hint.

    The files are laid over the library: one of the same name or id replaces what is there.

    Example: relto law check my-agreement.toml my-acts.toml
    """
    more = {str(path): lawfiles.read_file(path) for path in files}
    try:
        lawfiles.library_of(more if alone else lawfiles.overlay(_files(law), more))
    except LawFileError as error:
        problems = error.problems
        emit(problems, as_json=as_json, render=lambda console: _render(console, problems))
        leave(Exit.NO)
    text = f"{len(files)} file{'s' if len(files) > 1 else ''} checked: nothing wrong"
    emit([], as_json=as_json, render=lambda console: console.print(text))


def _render(console: Console, problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        console.print(Text(safe(problem.sentence())), soft_wrap=True)
        console.print(Text(f"  next: {safe(problem.hint)}", style="dim"), soft_wrap=True)


@law_app.command("timeline")
def timeline_(
    instrument: Annotated[str, typer.Argument(metavar="ID")],
    *,
    known: KnownOption = None,
    reading: ReadingOption = None,
    at: AtOption = None,
    law: LawOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell the life of an instrument: states, acts and what each did, where it is contested.

    Example: relto law timeline jpn-kor-gsomia-2016 --known 2019-11-21 --reading KOR
    """
    library = _library(law)
    id = _instrument(library, instrument)
    zone = library.instruments[id].days.zone
    as_known = _known(known, zone=zone)
    who = None
    if reading is not None:
        who = party_of(reading, name="--reading", known=library.instruments[id].terms.parties)
    told = timeline(
        compile_law(library, known=as_known),
        id,
        reading=who,
        after=_at(at) if at else as_known or _at(None),
    )
    emit(told, as_json=as_json, render=lambda console: render_timeline(console, told))


@law_app.command()
def deadlines(
    *,
    known: KnownOption = None,
    at: AtOption = None,
    zone: ZoneOption = "UTC",
    ics: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them as a calendar as well.")
    ] = None,
    law: LawOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the days that nobody may miss: last days for a notice, and ends that are known.

    Example: relto law deadlines --known 2019-09-01 --at 2019-09-01T00:00Z --ics pact.ics
    """
    compiled = compile_law(_library(law), known=_known(known, zone=zone))
    when = _at(at)
    found = dues(compiled, after=when)
    if ics is not None:
        from relto.adapters.calendar_file import write_calendar

        write_calendar(ics, found, stamp=when)
    emit(found, as_json=as_json, render=lambda console: render_dues(console, found))


@law_app.command()
def diff(
    known: Annotated[
        list[str], typer.Option(help="Twice: as known then, and as known later. See `--zone`.")
    ],
    zone: ZoneOption = "UTC",
    law: LawOption = None,
    prove: ProveOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Compare the law as known on two days: the acts between, and what they changed for whom.

    Example: relto law diff --known 2019-08-21 --known 2019-08-24
    """
    if len(known) != 2:
        raise InputError(
            f"expected `--known` twice, got it {len(known)} times",
            hint="give the earlier day first: --known 2019-08-21 --known 2019-08-24",
        )
    library = _library(law)
    one, two = (compile_law(library, known=_known(day, zone=zone)) for day in known)
    _show_changes(one, two, prove=prove, as_json=as_json)


@law_app.command("what-if")
def what_if(
    acts: Annotated[Path, typer.Argument(metavar="ACTS.toml")],
    *,
    known: KnownOption = None,
    zone: ZoneOption = "UTC",
    law: LawOption = None,
    prove: ProveOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Add acts that nobody has done, and see what the law would be.

    With `--known`, what happened after that day is left out: the acts are added to what was known
    then, and are taken as known themselves.

    Example: relto law what-if end-now.toml --known 2020-09-01
    """
    files = _files(law)
    name = f"what-if/{acts.name}"
    library = lawfiles.library_of({**files, name: lawfiles.read_file(acts)})
    as_known = _known(known, zone=zone)
    _show_changes(*suppose(library, file=name, known=as_known), prove=prove, as_json=as_json)


def _show_changes(before: Law, after: Law, *, prove: bool, as_json: bool) -> None:
    found, library = compare(before, after), after.library
    if not prove:
        emit(found, as_json=as_json, render=lambda console: render_changes(console, found, library))
        return
    with progress("proving", unit="pairs and instruments") as tick:
        proof = prove_change(before, after, progress=tick)

    def render(console: Console) -> None:
        render_changes(console, found, library)
        render_proof(console, proof)

    emit(ProvedComparison(comparison=found, proof=proof), as_json=as_json, render=render)


@law_app.command("schema")
def schema_() -> None:
    """Print the JSON Schema of law files, for an editor to complete and check by.

    Example: relto law schema > law.schema.json
    """
    typer.echo(msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode())


def _files(law: Path | None) -> dict[str, bytes]:
    return lawfiles.packaged_files() if law is None else lawfiles.read_files(law)


def _library(law: Path | None) -> Library:
    return lawfiles.library_of(_files(law))


def _instrument(library: Library, text: str) -> InstrumentId:
    if text in library.instruments:
        return InstrumentId(text)
    raise unknown("instrument", text, name="ID", known=tuple(library.instruments))


def _at(text: str | None) -> Instant:
    return Instant.now() if text is None else instant_of(text)


def _known(text: str | None, *, zone: str) -> Instant | None:
    """Read an instant or a day; a day stands for its last nanosecond: its acts are known."""
    if text is None:
        return None
    try:
        date = Date.parse_iso(text)
    except ValueError:
        return instant_of(text, name="--known")
    if not days.is_zone(zone):
        raise InputError(f"no such time zone: `{safe(zone)}`", hint="use an IANA name, Asia/Seoul")
    return days.day_end(date, zone=zone).subtract(nanoseconds=1)


def register(app: typer.Typer) -> None:
    """Wire these commands into the program."""
    app.add_typer(law_app)
