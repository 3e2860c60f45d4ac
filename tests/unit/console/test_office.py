"""The office: what an order does beyond the command that it becomes."""

from pathlib import Path

import pytest

from relto.console import ApproveCase, Config, Home, Office
from relto.journal import verify_card
from relto.node import By, OutdatedError
from tests.sim.test_approvals import adopt_other_law, counted, halfway


def test_an_officer_who_said_yes_to_an_outdated_decision_finds_the_present_one(
    tmp_path: Path,
) -> None:
    """EX-49."""
    three = halfway()
    card = verify_card(three.sites["JPN"].card, is_exercise=True)
    office = Office(three["JPN"], home=Home(tmp_path), config=Config(party="JPN"), card=card)
    adopt_other_law(three)
    yes = ApproveCase(case="c-1", by=By(officer="two", role="disclosure-officer"))
    with pytest.raises(OutdatedError):
        office.answer(yes)
    assert counted(three) == (2, 0)
    assert three["JPN"].node.state.open["c-1"].queued.law == three["JPN"].node.state.law
    assert office.answer(yes).line.approved == 1
