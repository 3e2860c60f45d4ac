"""The tree of errors: whose fault each is can be read from its class, and no two share a code."""

import re
from collections import Counter

from relto.errors import LocalError, PeerError, WorldError
from tests.architecture.project import ROOT
from tools.errors_reference import classes, load

FAMILIES = {"local": LocalError, "peer": PeerError, "world": WorldError}

# Codes that no test raises yet. The list may only shrink.
NOT_RAISED: frozenset[str] = frozenset()


def test_every_error_has_its_own_code() -> None:
    load()
    counts = Counter(one.code for one in classes())
    assert {code: count for code, count in counts.items() if count > 1} == {}


def test_the_code_begins_with_whose_fault_it_is() -> None:
    load()
    wrong = [
        f"{one.__qualname__}: {one.code}"
        for one in classes()
        if not re.fullmatch(r"[a-z]+(\.[a-z][a-z0-9_]*)*", one.code)
        or not issubclass(one, FAMILIES.get(one.code.split(".")[0], ()))
    ]
    assert wrong == []


def test_every_error_is_called_an_error_and_says_what_happened() -> None:
    load()
    wrong = [
        one.__qualname__
        for one in classes()
        if not one.__name__.endswith("Error") or not one.__dict__.get("__doc__")
    ]
    assert wrong == []


def test_every_code_is_raised_by_a_test() -> None:
    load()
    here = ROOT / "tests" / "architecture"
    tests = "\n".join(
        path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "tests").rglob("*"))
        if path.suffix in {".py", ".toml", ".json"} and here not in path.parents
    )
    leaves = [one for one in classes() if one not in FAMILIES.values()]
    silent = {
        one.code
        for one in leaves
        if one.code not in tests and not re.search(rf"\b{one.__name__}\b", tests)
    }
    assert sorted(silent - NOT_RAISED) == []
    assert sorted(NOT_RAISED - silent) == [], "a test raises these: strike them from NOT_RAISED"
