"""Run the mutation tool over `decide/`, and compare what survived with what may.

The tool (mutmut, configured in pyproject.toml) makes one small fault at a time and runs the quick
tests that reach it. A fault that no test notices has to stand in `tests/mutants.toml` with the
reason why nobody could notice it; one that stands there and is noticed has to leave it.

python tools/mutate.py               every module of `decide/`
python tools/mutate.py rules view    some of them

Exits 0 when exactly the listed faults survive, 1 otherwise, 2 when the run itself failed.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
LIST: Final = ROOT / "tests" / "mutants.toml"
PACKAGE: Final = "relto.decide"
WORKERS: Final = os.environ.get("WORKERS", "2")

# A fault that makes a test run for ever is noticed as well.
NOTICED: Final = frozenset({"killed", "timeout", "segfault"})


class Fault(NamedTuple):
    """One fault as the list names it: by what it changes, not by a number that moves."""

    module: str
    function: str
    was: str
    becomes: str


class Score(NamedTuple):
    """What came out for one module."""

    made: int
    noticed: int


def expected(text: str) -> dict[Fault, int]:
    """Read the list of faults that nobody could notice.

    Args:
        text: TOML: tables `equivalent`, each with `module`, `function`, `was`, `becomes` and `why`,
            and with `times` where a function has the same line more than once.

    Returns:
        How often each may survive.

    Raises:
        ValueError: An entry has no reason, or stands there twice.
    """
    found: dict[Fault, int] = {}
    for one in tomllib.loads(text).get("equivalent", ()):
        fault = Fault(one["module"], one["function"], one["was"], one["becomes"])
        if not one.get("why", "").strip() or fault in found:
            raise ValueError(f"no reason, or listed twice: {fault}")
        found[fault] = one.get("times", 1)
    return found


def compare(
    survived: Mapping[Fault, int], listed: Mapping[Fault, int], modules: frozenset[str]
) -> tuple[list[Fault], list[Fault]]:
    """Say which survivors are not listed, and which listed faults did not survive.

    Args:
        survived: How often each fault survived.
        listed: How often each may.
        modules: Those that were run; the list's other entries are left alone.
    """
    new = sorted(one for one, times in survived.items() if times > listed.get(one, 0))
    gone = sorted(
        one
        for one, times in listed.items()
        if one.module in modules and times > survived.get(one, 0)
    )
    return new, gone


def fault_of(name: str, diff: str) -> Fault:
    """Name a fault by what it changes.

    Args:
        name: The tool's own name for it: module, function and a number.
        diff: The change as a unified diff.
    """
    module, _, mangled = name.removeprefix(f"{PACKAGE}.").partition(".")
    # Functions are called `x_name`, methods `xǁClassǁname`.
    path = mangled.rpartition("__mutmut_")[0].removeprefix("x")
    function = path.removeprefix("ǁ").replace("ǁ", ".") if "ǁ" in path else path.removeprefix("_")
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    was, becomes = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Fault(module, function, was, becomes)


def _tool(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def _run(modules: list[str]) -> bool:
    """Make and try the faults anew: what a former run found says nothing about changed tests."""
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    patterns = [f"{PACKAGE}.{name}.*" for name in modules]
    done = subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", WORKERS, *patterns],
        cwd=ROOT,
        stdout=sys.stderr,
        env={**os.environ, "RELTO_HYPOTHESIS": "steady"},
        check=False,
    )
    return done.returncode == 0


def _statuses(modules: list[str]) -> Iterator[tuple[str, str]]:
    for line in _tool("results", "--all", "true").splitlines():
        name, _, status = line.strip().partition(": ")
        module = name.removeprefix(f"{PACKAGE}.").partition(".")[0]
        if status and (not modules or module in modules):
            yield name, status


def main(modules: list[str]) -> int:
    """Run, print the score of each module and every difference from the list."""
    listed = expected(LIST.read_text(encoding="utf-8"))
    if not _run(modules):
        return 2
    made: Counter[str] = Counter()
    noticed: Counter[str] = Counter()
    survived: Counter[Fault] = Counter()
    for name, status in _statuses(modules):
        module = name.removeprefix(f"{PACKAGE}.").partition(".")[0]
        made[module] += 1
        noticed[module] += status in NOTICED
        if status not in NOTICED:
            survived[fault_of(name, _tool("show", name))] += 1
            print(f"{status}: {name}", file=sys.stderr)
    if not made or (modules and set(modules) != set(made)):
        print(f"no fault was made in some of: {', '.join(modules) or PACKAGE}", file=sys.stderr)
        return 2
    return _report(
        {name: Score(made[name], noticed[name]) for name in sorted(made)},
        *compare(survived, listed, frozenset(made)),
    )


def _report(scores: Mapping[str, Score], new: list[Fault], gone: list[Fault]) -> int:
    whole = Score(*(sum(numbers) for numbers in zip(*scores.values(), strict=True)))
    for name, score in (*scores.items(), ("all", whole)):
        share = 100 * score.noticed / score.made
        print(f"{name:<14}{score.noticed:>6} of {score.made:>5} noticed {share:>8.2f} %")
    for title, faults in (
        ("survived, and is not listed in tests/mutants.toml", new),
        ("listed in tests/mutants.toml, and was noticed or not made", gone),
    ):
        for fault in faults:
            print(f"\n{title}: {fault.module}.{fault.function}")
            print(f"  was      {fault.was}\n  becomes  {fault.becomes}")
    return 1 if new or gone else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
