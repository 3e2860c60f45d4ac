"""The table of faults names tests that exist and that cite the row."""

import ast
import re

import pytest

from tests.architecture.project import ROOT

PAGE = ROOT / "docs" / "reference" / "faults.md"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"\[`(test_\w+)`\]\(\.\./\.\./(tests/[\w/]+\.py)\)")
ROWS = {int(number): tests for number, _, _, tests in ROW.findall(PAGE.read_text("utf-8"))}


def test_every_fault_has_a_row() -> None:
    assert sorted(ROWS) == list(range(1, 49))


@pytest.mark.parametrize("number", sorted(ROWS))
def test_a_row_names_tests_that_cite_it(number: int) -> None:
    named = TEST.findall(ROWS[number])
    assert named
    for name, path in named:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        functions = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
        ]
        assert functions, f"{path} has no {name}"
        said = name + " " + (ast.get_docstring(functions[0]) or "")
        assert re.search(rf"\bFL-{number}\b|(?<![a-z0-9])fl_{number}(?![0-9])", said), name
