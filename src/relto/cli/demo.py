"""`relto demo`: three real nodes on this machine, one pact, one crisis."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace
from rich.console import Console

from relto.cli.drill import EndingOption, show_report
from relto.cli.live import LiveStage
from relto.cli.output import Exit, InputError, JsonFlag, leave, safe
from relto.cli.scenarios import Loaded, Report, load_scenario, report_of, worlds_of
from relto.cli.story import Story, talk
from relto.sim.play import Played, Quiet, Teller, play
from relto.sim.scenario import World

SCENARIO = "gsomia-2019"

Started = Callable[[LiveStage], None]


def demo(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--dir", metavar="D", help="Where the nodes are made; a new temporary place otherwise."
        ),
    ] = None,
    ending: EndingOption = "",
    is_serving: Annotated[
        bool, typer.Option("--serve", help="Leave the nodes of the last ending running.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Play the autumn of 2019 on three real nodes: three processes, mutual TLS, three journals.

    The story goes to stderr, the table to stdout. Ends with 0 only if every request ended as the
    scenario expects and as the law computes it; otherwise with 1 and the difference.

    Examples: relto demo
              relto demo --ending lapsed --serve
    """
    loaded = load_scenario(SCENARIO)
    worlds = worlds_of(loaded.scenario, ending)
    place = _place(directory)
    console = talk()
    try:
        report, stage = run(loaded, worlds, place, is_serving=is_serving, is_quiet=as_json)
    except BaseException:
        console.print(f"what the nodes wrote is kept in {safe(str(place))}", style="bold")
        raise
    if directory is None and stage is None and report.is_as_expected:
        shutil.rmtree(place)
        report = replace(report, directory="")
    show_report(report, loaded, as_json=as_json)
    if stage is not None:
        _tell_how_to_go_on(console, stage)
    elif report.directory:
        console.print(f"what the nodes wrote is in {safe(str(place))}", style="dim")
    leave(Exit.YES if report.is_as_expected else Exit.NO)


def run(
    loaded: Loaded,
    worlds: tuple[World, ...],
    place: Path,
    *,
    is_serving: bool = False,
    is_quiet: bool = False,
    is_restarting: bool = False,
    started: Started | None = None,
) -> tuple[Report, LiveStage | None]:
    """Play endings on real nodes, each on nodes of its own.

    Args:
        loaded: The scenario.
        worlds: Its endings, in the order to be played.
        place: Empty; each ending gets a directory below it.
        is_serving: Leave the nodes of the last ending running.
        is_quiet: Tell no story.
        is_restarting: Somebody ends processes and starts them again meanwhile.
        started: Told of each stage as soon as its nodes run.

    Returns:
        What came of it, and the stage that still runs, if one does.

    Raises:
        NodeEndedError: A node's process ended although nobody stopped it.
        StalledError: The nodes would not come to rest, or wait for an officer nobody plays.
    """
    console = talk()
    story = Story(console, loaded.library)
    teller: Teller = Quiet() if is_quiet else story
    if not is_quiet:
        story.entitle(loaded.scenario)
    played: list[Played] = []
    for world in worlds:
        is_last = world is worlds[-1]
        stage = LiveStage(
            loaded.scenario,
            directory=place / world.id,
            begins_at=loaded.scenario.steps_of(world)[0].at,
            files=loaded.files,
            contents=loaded.contents,
            is_restarting=is_restarting,
        )
        is_left = False
        try:
            if not is_quiet and world is worlds[0]:
                _tell_nodes(console, stage)
            if started is not None:
                started(stage)
            played.append(
                play(
                    loaded.scenario,
                    world,
                    stage,
                    files=loaded.files,
                    extra=loaded.extra,
                    teller=teller,
                )
            )
            is_left = is_serving and is_last
        finally:
            if not is_left:
                stage.processes.stop()
        if is_left:
            return report_of(loaded, tuple(played), directory=str(place)), stage
    return report_of(loaded, tuple(played), directory=str(place)), None


def _place(directory: Path | None) -> Path:
    """Find where the nodes are made.

    Raises:
        InputError: The directory is there and not empty, or cannot be made.
    """
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="relto-demo-"))
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise InputError(
                f"`{safe(str(directory))}` is not empty", hint="name a new directory with --dir"
            )
    except OSError as error:
        raise InputError(
            f"cannot make `{safe(str(directory))}`: {(error.strerror or 'refused').lower()}"
        ) from error
    return directory.resolve()


def _tell_nodes(console: Console, stage: LiveStage) -> None:
    console.print()
    console.print(
        " Three nodes on this machine, each a process with its own keys, journal and clock:",
        highlight=False,
    )
    for party in stage.processes.directories:
        status = stage.status(party)
        console.print(f"   {party}  https://{status.listens_at}", highlight=False)
    console.print(" They talk over TLS 1.3 and know each other by pinned cards alone.")


def _tell_how_to_go_on(console: Console, stage: LiveStage) -> None:
    program = f"{Path(sys.executable).name} -m relto"
    console.print()
    console.print("The nodes are still running. Talk to them, for instance:", style="bold")
    for party, place in stage.processes.directories.items():
        console.print(f"  {program} status --dir {safe(str(place))}", soft_wrap=True)
        if party == next(iter(stage.processes.directories)):
            console.print(f"  {program} cases --dir {safe(str(place))}", soft_wrap=True)
    numbers = " ".join(str(pid) for pid in stage.processes.pids().values())
    console.print(f"Stop them with: kill {numbers}", style="bold")


def register(app: typer.Typer) -> None:
    """Wire the command into the program."""
    app.command()(demo)
