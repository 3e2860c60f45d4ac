"""Bad law files: each refused with file, line, key, reason and hint, and nothing loaded."""

import pytest

from relto.adapters.lawfiles import library_of, locate
from relto.law import LawFileError, load_library
from relto.law.errors import Problem
from relto.limits import LAW_FILE_BYTES_MAX
from tests.unit.law.bad_acts import BAD_ACTS
from tests.unit.law.bad_files import BAD_TABLES, bad_pact
from tests.unit.law.building import PACT, day, files, pact, problems, rule, signed, toml

BAD = BAD_TABLES | BAD_ACTS


def _found(name: str) -> tuple[Problem, tuple[Problem, ...]]:
    make, key, reason = BAD[name]
    found = problems(make())
    for problem in found:
        if problem.key == key and problem.reason.startswith(reason):
            return problem, found
    raise AssertionError([problem.sentence() for problem in found])


@pytest.mark.parametrize("name", BAD)
def test_a_bad_law_file_is_refused_with_place_reason_and_hint(name: str) -> None:
    """LAW-4, LAW-38, LAW-60 to LAW-69, FL-33, FL-46.

    Ids LAW-62, circles LAW-63, authors LAW-64, targets LAW-65 and LAW-66, contradictions LAW-67,
    days and zones LAW-68, versions LAW-69.
    """
    problem, _ = _found(name)
    assert problem.file
    assert problem.hint
    assert problem.line > 0 or not problem.key
    assert "\n" not in problem.sentence()


@pytest.mark.parametrize(
    "name", ["unknown key", "a zone that does not exist", "an act by a non-party", "no ground"]
)
def test_one_flaw_makes_one_problem(name: str) -> None:
    """LAW-60: what follows from a flaw is not told as another."""
    _, found = _found(name)
    assert len(found) == 1


def test_what_refers_to_a_refused_instrument_is_not_a_problem_of_its_own() -> None:
    """LAW-60."""
    reading = rule(
        id="r", instrument=PACT, party="AAA", on=day("2016-10-01"), end_at_once="ends", text="x"
    )
    given = files(pact(surprise=1), acts=[signed()], readings=[reading])
    assert [item.key for item in problems(given)] == ["surprise"]


def test_all_problems_of_all_files_are_told_at_once() -> None:
    """LAW-60."""
    given = bad_pact(surprise=1, days=rule(zone="UTC", hour=1)) | {"x.toml": b"a = 1\n"}
    assert {(item.file, item.key) for item in problems(given)} == {
        ("instruments/0.toml", "days.hour"),
        ("instruments/0.toml", "surprise"),
        ("x.toml", ""),
    }


def test_several_bad_tables_of_one_list_are_told_each() -> None:
    """LAW-60."""
    found = problems(bad_pact(duties=[{"kind": "mark"}, {"kind": "mark"}]))
    assert [item.key for item in found] == ["duties[1]", "duties[2]"]


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    """LAW-61: what stands in it does not matter, not even whether it is text."""
    with pytest.raises(LawFileError) as caught:
        load_library({"x.toml": b"\xff" * (LAW_FILE_BYTES_MAX + 1)})
    assert [item.reason.partition(":")[0] for item in caught.value.problems] == ["file too large"]


def test_without_a_locator_lines_are_unknown() -> None:
    """LAW-60."""
    with pytest.raises(LawFileError) as caught:
        load_library(bad_pact(surprise=1))
    assert caught.value.problems[0].line == 0
    assert caught.value.problems[0].sentence().startswith("instruments/0.toml: surprise: ")


def test_the_line_is_the_line_of_the_key() -> None:
    """LAW-60."""
    text = toml(pact(surprise=1)).decode()
    expected = text.split("\n").index("surprise = 1") + 1
    assert problems(bad_pact(surprise=1))[0].line == expected


def test_the_error_names_the_first_problem_and_counts_the_others() -> None:
    """LAW-60."""
    with pytest.raises(LawFileError) as caught:
        library_of(bad_pact(surprise=1, other=2))
    assert caught.value.code == "local.law_file"
    assert caught.value.message.endswith("(and 1 more)")


TOML = b"""a = 1
[b.c]
"d e" = { f = [1,
  2], g.h = 3 }
[[i]]
j = 1
[[i]]
  j = 2
  [i.k]
  l = 3
[[i.m]]
n = 1
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 1),
        (("b",), 2),
        (("b", "c", "d e", "f", 1), 4),
        (("b", "c", "d e", "g", "h"), 4),
        (("i", 1, "j"), 8),
        (("i", 1, "k", "l"), 10),
        (("i", 1, "m", 0, "n"), 12),
        (("i", 1, "nowhere"), 7),
        (("nowhere",), 0),
    ],
)
def test_a_path_of_keys_has_its_line(path, line) -> None:
    """LAW-60."""
    assert locate(TOML, path) == line


def test_broken_toml_has_no_lines_but_does_not_fail() -> None:
    """LAW-60."""
    assert locate(b"= = =\n[", ("a",)) == 0
