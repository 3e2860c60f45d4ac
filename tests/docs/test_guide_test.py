"""The guide to testing one's own agreements: its blocks stand in its example, which holds."""

import re
import runpy

import pytest

from relto.decide import decide
from relto.model import Outcome
from relto.testing import RandomDice, make_case, make_instant, vocabulary_of
from tests.architecture.project import ROOT

GUIDE = (ROOT / "docs/guides/test-your-agreements.md").read_text(encoding="utf-8")
FILE = ROOT / "examples/test-your-agreements/test_ours.py"
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
EXAMPLE = runpy.run_path(str(FILE))
PROMISES = {name: value for name, value in EXAMPLE.items() if name.startswith("test_")}


def test_every_block_of_the_guide_stands_in_the_example() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert len(BLOCKS) == 2
    for block in BLOCKS:
        assert block in text


@pytest.mark.parametrize("name", PROMISES)
def test_a_promise_of_the_example_holds(name: str) -> None:
    PROMISES[name]()


def test_the_cases_made_for_a_real_law_reach_every_outcome_and_every_rule() -> None:
    """A strategy whose cases were all denied at the door would test nothing."""
    law = EXAMPLE["LAW"]
    words = vocabulary_of(law)
    outcomes: set[Outcome] = set()
    failing: set[str] = set()
    for seed in range(1500):
        dice = RandomDice(seed)
        case, at = make_case(dice, law, words), make_instant(dice, words.cuts)
        decision = decide(law, case, at=at)
        outcomes.add(decision.outcome)
        failing |= {
            found.rule
            for one in decision.considered
            for found in one.findings
            if found.verdict == "fail"
        }
    assert outcomes == set(Outcome)
    assert len(failing) == 11
