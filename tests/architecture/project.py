"""What the architecture tests know about the project: its files, rooms and syntax."""

import ast
import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent.parent
SOURCE: Final = ROOT / "src" / "relto"
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

PURE_CONTRACT: Final = "The core touches nothing outside itself"


class Module(NamedTuple):
    """One file of the package."""

    path: Path
    room: str
    tree: ast.Module

    @property
    def where(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


def contract(name: str) -> dict[str, object]:
    return next(one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["name"] == name)


def shells() -> frozenset[str]:
    """The rooms that may touch the world, as the import contract excuses them."""
    excused = contract(PURE_CONTRACT)["ignore_imports"]
    assert isinstance(excused, list)
    return frozenset(line.split(".")[1].split(" ")[0] for line in excused)


@functools.cache
def modules() -> tuple[Module, ...]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).parts
        room = parts[0].removesuffix(".py")
        found.append(Module(path, room, ast.parse(path.read_text(encoding="utf-8"))))
    return tuple(found)


def core() -> tuple[Module, ...]:
    outside = shells() | {"__init__"}
    return tuple(module for module in modules() if module.room not in outside)


def python_files() -> Iterator[Path]:
    for folder in ("src", "tests", "tools", "bench", "examples"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every dotted name a file imports, with its line; `from a import b` gives `a.b`."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
            case _:
                pass
