"""`relto drill`: a scenario in virtual time, all nodes in one process."""

import time
from typing import Annotated

import typer
from rich.console import Console

from relto.adapters.lawfiles import digest_of
from relto.cli.output import Exit, JsonFlag, emit, leave, table
from relto.cli.scenarios import (
    Loaded,
    Report,
    load_scenario,
    report_of,
    scenario_lines,
    worlds_of,
)
from relto.cli.story import Story, differences_table, outcome_table, talk
from relto.sim.drill import drill as play_drill
from relto.sim.play import Quiet

EndingOption = Annotated[
    str, typer.Option("--ending", metavar="NAME", help="Only this ending; all of them otherwise.")
]


def drill(
    scenario: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO",
            help="A scenario of the library, a file that ends in .toml, or `list`.",
        ),
    ],
    ending: EndingOption = "",
    as_json: JsonFlag = False,
) -> None:
    """Play a scenario in virtual time: days pass between two lines.

    The story goes to stderr, the table to stdout. Ends with 0 only if every request ended as the
    scenario expects and as the law computes it; otherwise with 1 and the difference.

    Examples: relto drill list
              relto drill gsomia-2019 --ending lapsed
    """
    if scenario == "list":
        _list(as_json=as_json)
        return
    loaded = load_scenario(scenario)
    began = time.monotonic()
    report = play_all(loaded, ending=ending, is_quiet=as_json)
    took = time.monotonic() - began
    show_report(report, loaded, as_json=as_json)
    if not as_json:
        talk().print(f"played in virtual time; it took {took:.1f} s here", style="dim")
    leave(Exit.YES if report.is_as_expected else Exit.NO)


def play_all(loaded: Loaded, *, ending: str = "", is_quiet: bool = False) -> Report:
    """Play one ending, or all of them, in virtual time.

    Args:
        loaded: The scenario.
        ending: Only this one; empty for all.
        is_quiet: Tell no story.

    Raises:
        UnknownEndingError: The scenario has no such ending.
    """
    story = Story(talk(), loaded.library)
    if not is_quiet:
        story.entitle(loaded.scenario)
    played = [
        play_drill(
            loaded.scenario,
            world,
            files=loaded.files,
            extra=loaded.extra,
            contents=loaded.contents,
            digest_of=digest_of,
            teller=Quiet() if is_quiet else story,
        )
        for world in worlds_of(loaded.scenario, ending)
    ]
    return report_of(loaded, tuple(played))


def show_report(report: Report, loaded: Loaded, *, as_json: bool) -> None:
    """Print the table at the end, and what is not as it should be."""

    def render(console: Console) -> None:
        console.print()
        console.print(outcome_table(report.endings, loaded.library))
        console.print()
        if report.differences:
            console.print(differences_table(report.differences))
            return
        count = sum(len(one.rows) for one in report.endings)
        worlds = f"{len(report.endings)} ending{'s' if len(report.endings) > 1 else ''}"
        console.print(
            f"EXERCISE. {count} requests in {worlds}: every outcome is what the law says, "
            "and what the scenario expects."
        )

    emit(report, as_json=as_json, render=render)


def _list(*, as_json: bool) -> None:
    lines = scenario_lines()
    rows = [(line.id, line.title, ", ".join(line.endings)) for line in lines]
    emit(
        lines,
        as_json=as_json,
        render=lambda console: console.print(table("", ("scenario", "title", "endings"), rows)),
    )


def register(app: typer.Typer) -> None:
    """Wire the command into the program."""
    app.command()(drill)
