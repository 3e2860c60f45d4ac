"""What the house style asks for and no other checker sees."""

import ast
import re
import sys
from collections.abc import Iterator

import pytest
from coverage.files import GlobMatcher

from tests.architecture.project import (
    PROJECT,
    ROOT,
    Module,
    core,
    imported,
    modules,
    python_files,
    shells,
)

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70

# Longer than the limit, with the reason. The list may only shrink.
EXCUSED_FILES: dict[str, str] = {}
EXCUSED_FUNCTIONS: dict[str, str] = {}

# What a room of the core may import from others' packages, beyond the two that every room may.
# `zoneinfo` and `tomllib` are in the standard library, and still belong to one room each.
# A new line here needs a decision record.
EVERYWHERE = {"msgspec", "whenever"}
IN_ONE_ROOM = {
    "seal": {"cryptography"},
    "law": {"tree_sitter", "tree_sitter_toml", "tomllib", "zoneinfo"},
    "decide": {"numpy", "polars", "ibis", "z3"},
    "impact": {"numpy", "polars", "ibis", "z3"},
}


def _at(module: Module, line: int, what: str) -> str:
    return f"{module.where}:{line}: {what}"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_the_walk_finds_the_house() -> None:
    assert {"model", "law", "errors"} <= {module.room for module in core()}
    assert {"cli", "adapters", "driver"} <= shells()
    assert not {"model", "law", "decide", "node", "seal"} & shells()


def test_every_folder_of_code_is_a_package() -> None:
    """The import contracts do not see a folder without a door plate."""
    bare = {
        module.path.parent.relative_to(ROOT).as_posix()
        for module in modules()
        if not (module.path.parent / "__init__.py").exists()
        and module.path.parent.name != "versions"  # the migration tool loads these by path
    }
    assert bare == set()


def test_no_room_uses_a_private_name_of_another() -> None:
    found = [
        _at(module, line, name)
        for module in modules()
        for line, name in imported(module.tree)
        if name.startswith("relto.")
        and name.split(".")[1] != module.room
        and any(_is_private(part) for part in name.split("."))
    ]
    assert found == []


def test_imports_are_absolute() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert found == []


def test_the_core_never_waits() -> None:
    waiting = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    found = [
        _at(module, node.lineno, type(node).__name__)
        for module in core()
        for node in ast.walk(module.tree)
        if isinstance(node, waiting)
    ]
    assert found == []


def _floats(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=float() | complex()):
                yield node.lineno, f"the number {node.value}"
            case ast.Name(id="float"):
                yield node.lineno, "float"
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield node.lineno, "true division gives a float"
            case _:
                pass


def test_the_core_counts_in_integers() -> None:
    found = [_at(module, line, what) for module in core() for line, what in _floats(module.tree)]
    assert found == []


def test_the_core_needs_few_libraries() -> None:
    found = [
        _at(module, line, name)
        for module in core()
        for line, name in imported(module.tree)
        if (package := name.split(".")[0]) != "relto"
        and package not in EVERYWHERE | IN_ONE_ROOM.get(module.room, set())
        and (package not in sys.stdlib_module_names or package in {"tomllib", "zoneinfo"})
    ]
    assert found == []


def test_nothing_imports_the_strategies_we_ship() -> None:
    found = [
        _at(module, line, name)
        for module in modules()
        for line, name in imported(module.tree)
        if module.room != "testing" and f"{name}.".startswith("relto.testing.")
    ]
    assert found == []


def test_files_are_short() -> None:
    long = {
        where: count
        for path in python_files()
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
        and (where := path.relative_to(ROOT).as_posix()) not in EXCUSED_FILES
    }
    assert long == {}


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring: to say more is never too long."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def test_functions_are_short() -> None:
    long = {}
    for path in python_files():
        where = path.relative_to(ROOT).as_posix()
        for function in _functions(ast.parse(path.read_text(encoding="utf-8"))):
            name = f"{where}::{function.name}"
            if _code_lines(function) > FUNCTION_LINES_MAX and name not in EXCUSED_FUNCTIONS:
                long[name] = _code_lines(function)
    assert long == {}


def test_an_excuse_is_still_needed() -> None:
    files = {path.relative_to(ROOT).as_posix(): path for path in python_files()}
    for where in EXCUSED_FILES:
        assert len(files[where].read_text(encoding="utf-8").splitlines()) > FILE_LINES_MAX, where
    for name in EXCUSED_FUNCTIONS:
        where, _, function = name.partition("::")
        tree = ast.parse(files[where].read_text(encoding="utf-8"))
        lengths = [_code_lines(one) for one in _functions(tree) if one.name == function]
        assert max(lengths) > FUNCTION_LINES_MAX, name


def _undocumented(node: ast.Module | ast.ClassDef) -> Iterator[ast.stmt]:
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            overload = any(
                isinstance(one, ast.Name) and one.id == "overload" for one in child.decorator_list
            )
            if child.name.startswith("_") or overload:
                continue
            if ast.get_docstring(child) is None:
                yield child
            if isinstance(child, ast.ClassDef):
                yield from _undocumented(child)


def test_every_public_name_says_what_it_is() -> None:
    silent = [f"{module.where}:1" for module in modules() if ast.get_docstring(module.tree) is None]
    silent += [
        _at(module, child.lineno, getattr(child, "name", ""))
        for module in modules()
        for child in _undocumented(module.tree)
    ]
    assert silent == []


def _exports(tree: ast.Module) -> bool:
    """Whether the file says in `__all__` which names it gives out."""
    targets = [
        target
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    return any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets)


def test_every_room_has_a_door_plate_that_exports_its_names() -> None:
    closed = [
        module.where
        for module in modules()
        if module.path.name == "__init__.py"
        and module.path.parent.parent.name == "relto"
        and module.room not in {"adapters", "library"}
        and not _exports(module.tree)
    ]
    assert closed == []


def test_nothing_is_left_to_fix() -> None:
    word = "FIX" + "ME"
    found = [
        path.relative_to(ROOT).as_posix()
        for path in (*python_files(), *(ROOT / "src").rglob("*.toml"), ROOT / "Makefile")
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []


def test_an_open_item_has_a_name() -> None:
    bare = re.compile(r"#.*\bTODO\b(?!\([a-z0-9-]+\))")
    found = [
        path.relative_to(ROOT).as_posix()
        for path in python_files()
        if bare.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_an_ignored_check_says_which() -> None:
    blanket = re.compile(r"# (type: ignore(?!\[)|noqa(?!: [A-Z]+[0-9]+))")
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in python_files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if blanket.search(line)
    ]
    assert found == []


def test_assertions_are_never_switched_off() -> None:
    assert sys.flags.optimize == 0, "relto's assertions are promises; run Python without -O"
    switch = re.compile(r"python[0-9.]*\s+(-[A-Za-z]+\s+)*-OO?\b|PYTHONOPTIMIZE\s*[:?]?=")
    places = [ROOT / "Makefile", ROOT / "pyproject.toml", *(ROOT / ".ci").glob("*")]
    found = [path.name for path in places if switch.search(path.read_text(encoding="utf-8"))]
    assert found == []
    assert "unexport PYTHONOPTIMIZE" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_the_lower_bar_of_coverage_is_for_shells_alone() -> None:
    """A pattern that matches nothing would move files under the other bar unseen."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^SHELLS := (\S+)$", makefile, re.MULTILINE)
    assert found is not None
    patterns = {one: GlobMatcher([one]) for one in found[1].split(",")}
    lower = {
        one: {module.room for module in modules() if matcher.match(str(module.path))}
        for one, matcher in patterns.items()
    }
    assert {one: rooms for one, rooms in lower.items() if not rooms or not rooms <= shells()} == {}


def test_the_version_is_said_once() -> None:
    import relto

    assert relto.__version__ == PROJECT["project"]["version"]


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "NOTICE", "CHANGELOG.md"])
def test_the_papers_are_there(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip() != ""
