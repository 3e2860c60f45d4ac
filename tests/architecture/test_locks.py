"""The requirement files: all pinned, all hashed, and no word about where packages come from."""

import re
from pathlib import Path

import pytest

from tests.architecture.project import PROJECT, ROOT

FOLDER = ROOT / "requirements"
LOCKS = sorted(FOLDER.glob("*.txt"))

# In pieces, so that this page passes its own test.
PLACES = re.compile(
    r"py" r"pi\.org|python" r"hosted|--index" r"-url|--find" r"-links|--trusted" r"-host"
)

# Which inputs each lock answers for, beside `build.in`.
INPUTS = {
    "base.txt": ((), ()),
    "test.txt": (("postgres", "bulk", "picture", "analysis", "reach"), ("test.in",)),
    "bench.txt": ((), ("bench.in",)),
    "deep.txt": ((), ("deep.in",)),
    "spark.txt": (("spark",), ()),
    "lock.txt": ((), ("lock.in",)),
}


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def _wanted(path: Path) -> set[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {_name(line) for line in lines if line and not line.startswith(("#", "-"))}


def _pins(path: Path) -> dict[str, str]:
    """Each pinned package with everything that belongs to its requirement line."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    return {_name(line): line for line in lines}


def test_every_lock_is_known() -> None:
    assert {path.name for path in LOCKS} == set(INPUTS)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_requirement_is_pinned_and_hashed(lock: Path) -> None:
    pins = _pins(lock)
    loose = [
        name
        for name, line in pins.items()
        if "==" not in line or not re.search(r"--hash=sha256:[0-9a-f]{64}\b", line)
    ]
    assert pins
    assert loose == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_lock_answers_its_inputs(lock: Path) -> None:
    extras, inputs = INPUTS[lock.name]
    project = PROJECT["project"]
    wanted = _wanted(FOLDER / "build.in")
    for name in inputs:
        wanted |= _wanted(FOLDER / name)
    for extra in extras:
        wanted |= {_name(one) for one in project["optional-dependencies"][extra]}
    if extras or lock.name == "base.txt":
        wanted |= {_name(one) for one in project["dependencies"]}
    missing = wanted - set(_pins(lock))
    assert missing == set(), "run `make lock`"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_two_locks_never_disagree(lock: Path) -> None:
    if lock.name == "lock.txt":  # its own environment's business
        return
    base = {name: line.split()[0] for name, line in _pins(FOLDER / "test.txt").items()}
    other = {name: line.split()[0] for name, line in _pins(lock).items()}
    assert {name: pin for name, pin in other.items() if base.get(name, pin) != pin} == {}


def test_what_is_installed_is_held_to_its_lock_also_where_an_extra_is_asked_for() -> None:
    """Without `-c`, a new release of such a package makes every fresh installation fail."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (line,) = (one for one in makefile.splitlines() if "--require-hashes" in one)
    assert "-r requirements/$(1).txt -c requirements/$(1).txt" in line


def test_no_file_says_where_packages_come_from() -> None:
    kinds = {".py", ".toml", ".txt", ".in", ".md", ".cfg", ".ini", ".sh", ".yml", ".yaml"}
    folders = (
        "src",
        "tests",
        "tools",
        "bench",
        "examples",
        "docs",
        "changes",
        "requirements",
        ".ci",
    )
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    files += [path for path in ROOT.iterdir() if path.name != "Makefile"]
    found = [
        path.relative_to(ROOT).as_posix()
        for path in files
        if path.is_file()
        and (path.suffix in kinds or path.parent.name == ".ci")
        and PLACES.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
