"""Every clause of a specification and every fault we promise to survive is cited by a test."""

import re

from tests.architecture.project import ROOT

CLAUSE = re.compile(r"\*\*([A-Z]{2,4}-[0-9]+)\*\*")
CITATION = re.compile(r"\b([A-Z]{2,4}-[0-9]+)\b")
FAULT = re.compile(r"\bFL-([0-9]+)\b|(?<![a-z0-9])fl_([0-9]+)(?![0-9])", re.IGNORECASE)

FAULTS_COUNT = 48

# Rows of the fault list that no test cites yet, and what is missing. The list may only shrink:
# when a test comes, strike its row here in the same change.
NOT_YET: dict[int, str] = {}


def _tests() -> str:
    here = ROOT / "tests" / "architecture"
    texts = [
        path.read_text(encoding="utf-8")
        for folder in ("tests", "examples")
        for suffix in ("*.py", "*.toml", "*.json")
        for path in sorted((ROOT / folder).rglob(suffix))
        if here not in path.parents
    ]
    return "\n".join(texts)


def _faults_cited() -> set[int]:
    return {int(first or second) for first, second in FAULT.findall(_tests())}


def test_every_clause_is_cited_by_a_test() -> None:
    pages = sorted((ROOT / "docs" / "spec").glob("*.md"))
    clauses = {
        clause: page.name
        for page in pages
        for clause in CLAUSE.findall(page.read_text(encoding="utf-8"))
    }
    cited = set(CITATION.findall(_tests()))
    assert {clause: page for clause, page in clauses.items() if clause not in cited} == {}


def test_no_clause_has_two_meanings() -> None:
    seen: dict[str, str] = {}
    twice = []
    for page in sorted((ROOT / "docs" / "spec").glob("*.md")):
        for clause in CLAUSE.findall(page.read_text(encoding="utf-8")):
            if clause in seen:
                twice.append(f"{clause} in {seen[clause]} and {page.name}")
            seen[clause] = page.name
    assert twice == []


def test_every_fault_has_a_test_or_a_reason() -> None:
    silent = set(range(1, FAULTS_COUNT + 1)) - _faults_cited() - set(NOT_YET)
    assert sorted(silent) == []


def test_the_list_of_missing_faults_only_shrinks() -> None:
    covered = _faults_cited() & set(NOT_YET)
    assert sorted(covered) == [], "a test cites these rows: strike them from NOT_YET"
    assert set(NOT_YET) <= set(range(1, FAULTS_COUNT + 1))
    assert all(reason.strip() for reason in NOT_YET.values())
