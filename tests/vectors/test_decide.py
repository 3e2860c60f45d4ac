"""The vectors of the decision: every execution reaches what they expect, and they notice faults."""

from pathlib import Path

import pytest

from relto.decide import Planner, decide
from relto.model import RULE_ORDER, Outcome, Verdict
from relto.testing.plain import PlainLibrary
from relto.testing.vectors import Vector, decode, encode, expectation_of, law_of, vector_of
from tests.architecture.project import ROOT
from tools.decide_vectors import coverage, decider, faults, notices, verdicts_given

FOLDER = Path(__file__).parent / "decide"
LIBRARY = decode((FOLDER / "library.json").read_bytes(), PlainLibrary)
FILES = sorted(FOLDER.glob("[0-9]*.json"))
VECTORS = [decode(file.read_bytes(), Vector) for file in FILES]
QUESTIONS = [(law_of(one, LIBRARY), one.case, one.at) for one in VECTORS]

# Faults that change only words for people: which of two true things a sentence says, and a remedy
# that would take every topic away, or that names the purpose of a received item (rule_rows.py has
# those).
WORDS_ONLY = {
    "came = ",
    "words = [",
    'remedy = f"without',
    "if wanted is not None or received_for is None or received_for not in",
    "if not is_for(rule, received_for)",
    'lack = "need"',
    "needed = leg.ladder",
}

EXECUTIONS = {
    "reference": lambda law, case, at: decide(law, case, at=at),
    "plan": lambda law, case, at: Planner(law).decide(case, at=at),
}


@pytest.mark.parametrize("execution", EXECUTIONS.values(), ids=EXECUTIONS)
@pytest.mark.parametrize("vector", VECTORS, ids=[one.id for one in VECTORS])
def test_an_execution_reaches_what_the_vector_expects(vector, execution):
    decided = execution(law_of(vector, LIBRARY), vector.case, vector.at)
    assert expectation_of(decided) == vector.expect


@pytest.mark.parametrize("file", FILES, ids=[one.stem for one in FILES])
def test_a_vector_is_read_as_it_was_written(file):
    assert encode(decode(file.read_bytes(), Vector)) + b"\n" == file.read_bytes()


@pytest.mark.parametrize("vector", VECTORS, ids=[one.id for one in VECTORS])
def test_a_question_is_written_down_as_it_was_asked(vector):
    law = law_of(vector, LIBRARY)
    decided = decide(law, vector.case, at=vector.at)
    written = vector_of(
        law, vector.case, vector.at, decided, id="again", clauses=("DEC-1",), why="to compare"
    )
    assert written.why == "to compare"
    again = law_of(decode(encode(written), Vector), LIBRARY)
    assert decide(again, written.case, at=written.at) == decided


def test_every_verdict_that_a_rule_can_give_stands_in_some_vector():
    """Read off the rules themselves: a rule that begins to ask needs a vector in which it asks."""
    seen = {
        (rule, Verdict(verdict))
        for vector in VECTORS
        for one in vector.expect.considered
        for rule, verdict in zip(RULE_ORDER, one.verdicts, strict=True)
    }
    given = {(rule, verdict) for rule, some in verdicts_given().items() for verdict in some}
    assert len(given) == 2 * len(RULE_ORDER) + 3
    assert seen == given


def test_the_specification_shows_how_many_vectors_there_are_for_each_verdict():
    assert coverage(VECTORS) in (ROOT / "docs/spec/decide.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_is_reached_by_some_instrument_in_some_vector(outcome):
    assert any(one.outcome is outcome for vector in VECTORS for one in vector.expect.considered)


def test_the_vectors_notice_every_fault_in_the_rules():
    """Flip one sign, one connective, one verdict: some vector must come out otherwise."""
    right = [one.expect for one in VECTORS]
    lost = []
    for module, mutant in faults():
        faulty = decider(module, mutant)
        if not any(map(lambda q, r: notices(faulty, q, r), QUESTIONS, right)):
            line = Path(module.__file__).read_text(encoding="utf-8").splitlines()[mutant.line - 1]
            if not any(words in line for words in WORDS_ONLY):
                lost.append(f"{module.__name__}:{mutant.line}: {mutant.what}: {line.strip()}")
    assert lost == []
