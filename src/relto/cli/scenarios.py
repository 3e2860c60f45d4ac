"""Scenarios from the package or from a file, with all they name, checked before they are played."""

from collections.abc import Mapping
from importlib.resources import files as package_files
from pathlib import Path, PurePosixPath

from msgspec import Struct

from relto.adapters.lawfiles import library_of, locate, packaged_files, read_file
from relto.cli.output import unknown
from relto.errors import LocalError
from relto.law import Library
from relto.limits import LAW_FILE_BYTES_MAX
from relto.sim.account import Difference
from relto.sim.play import Played
from relto.sim.scenario import Scenario, World, check_scenario, decode_scenario

_FOLDER = "scenarios"


class ScenarioFileError(LocalError):
    """A file that a scenario names cannot be used."""

    code = "local.scenario_file"


class Loaded(Struct, frozen=True, kw_only=True):
    """A scenario, ready to be played.

    Args:
        scenario: Checked.
        library: The law files that every node begins with, loaded.
        files: The same as bytes, by name.
        extra: Law files that steps add, by the names that the scenario uses.
        contents: Files of the items, by the names that the scenario uses.
    """

    scenario: Scenario
    library: Library
    files: Mapping[str, bytes]
    extra: Mapping[str, bytes]
    contents: Mapping[str, bytes]


class ScenarioLine(Struct, frozen=True, kw_only=True):
    """A scenario in a list."""

    id: str
    title: str
    endings: tuple[str, ...]


class Report(Struct, frozen=True, kw_only=True):
    """What a drill or a demonstration has come to.

    Args:
        scenario: Its id.
        title: Its title.
        is_exercise: Always; levels and delays are exercise values.
        is_as_expected: Every outcome is what the law and the scenario say.
        endings: One for each ending played.
        directory: Where the nodes of a demonstration lie; empty for a drill.
    """

    scenario: str
    title: str
    is_exercise: bool = True
    is_as_expected: bool
    endings: tuple[Played, ...]
    directory: str = ""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Everything that is not as it should be, in the order played."""
        return tuple(found for one in self.endings for found in one.differences)


def report_of(loaded: Loaded, played: tuple[Played, ...], *, directory: str = "") -> Report:
    """Sum up what was played."""
    return Report(
        scenario=loaded.scenario.id,
        title=loaded.scenario.title,
        is_as_expected=not any(one.differences for one in played),
        endings=played,
        directory=directory,
    )


def packaged_scenarios() -> dict[str, bytes]:
    """Give the scenarios shipped with relto, by id."""
    folder = package_files("relto") / "library" / _FOLDER
    return {
        item.name.removesuffix(".toml"): item.read_bytes()
        for item in sorted(folder.iterdir(), key=lambda one: one.name)
        if item.name.endswith(".toml") and not item.name.endswith(".acts.toml")
    }


def scenario_lines() -> tuple[ScenarioLine, ...]:
    """List the scenarios shipped with relto."""
    lines: list[ScenarioLine] = []
    for name, data in packaged_scenarios().items():
        scenario = decode_scenario(f"{name}.toml", data, locate=locate)
        endings = tuple(world.id for world in scenario.endings)
        lines.append(ScenarioLine(id=scenario.id, title=scenario.title, endings=endings))
    return tuple(lines)


def load_scenario(name: str) -> Loaded:
    """Load a scenario with all it names, and check it against the law it will be played under.

    Args:
        name: The id of a packaged scenario, or the path of a file that ends in `.toml`.

    Raises:
        InputError: No packaged scenario of that name.
        ScenarioError: The scenario is wrong somewhere; the error lists everything found.
        ScenarioFileError: A file that it names lies outside, is missing or is too large.
    """
    beside: Path | None = None
    if name.endswith(".toml"):
        path = Path(name)
        beside, label, data = path.resolve().parent, path.name, read_file(path)
    else:
        known = packaged_scenarios()
        if name not in known:
            raise unknown("scenario", name, name="SCENARIO", known=sorted(known))
        label, data = f"{name}.toml", known[name]
    scenario = decode_scenario(label, data, locate=locate)
    files = packaged_files()
    extra = {
        file: _named(file, beside)
        for world in scenario.endings
        for step in scenario.steps_of(world)
        for file in step.files
    }
    contents = {item.file: _named(item.file, beside) for item in scenario.holdings}
    check_scenario(
        scenario,
        label,
        data,
        library=library_of(dict(files) | extra),
        contents=contents,
        locate=locate,
    )
    return Loaded(
        scenario=scenario,
        library=library_of(files),
        files=files,
        extra=extra,
        contents=contents,
    )


def worlds_of(scenario: Scenario, ending: str) -> tuple[World, ...]:
    """Give the endings to play: the one named, or all of them.

    Raises:
        UnknownEndingError: There is none of that name.
    """
    return (scenario.ending(ending),) if ending else scenario.endings


def _named(name: str, beside: Path | None) -> bytes:
    """Read a file of the library, or one beside the scenario; nothing else can be named."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name:
        raise ScenarioFileError(
            f"the scenario names a file outside: `{name}`",
            hint="name a file of the library, or one beside the scenario",
        )
    if beside is not None and (beside / name).is_file():
        return read_file(beside / name)
    found = package_files("relto") / "library" / name
    if not found.is_file():
        raise ScenarioFileError(
            f"no file `{name}`", hint="name a file of the library, or one beside the scenario"
        )
    data = found.read_bytes()
    assert len(data) <= LAW_FILE_BYTES_MAX
    return data
