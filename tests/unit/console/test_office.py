"""The office: what an order does beyond the command that it becomes."""

from pathlib import Path

import pytest

from relto.adapters.keys import NodeKeys
from relto.console import ApproveCase, Config, Home, Office, PinCard
from relto.journal import sign_card, verify_card
from relto.model import PROTOCOL_MAJOR, NodeCard
from relto.node import By, OutdatedError
from tests.sim.test_approvals import adopt_other_law, counted, halfway
from tests.support_node import ADMIN, OCTOBER, Site, Three


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


class Service:
    """What a running node adds, as far as pinning a card goes."""

    def __init__(self) -> None:
        self.let_go: list[str] = []

    def compared(self, partner: str) -> None:
        self.let_go.append(partner)


def test_a_newer_card_that_people_compared_ends_the_former_certificate_at_once(
    tmp_path: Path,
) -> None:
    """LK-5: unlike a card that the partner announced itself; pinning it again changes nothing."""
    three = Three(parties=("JPN",))
    other = Site("KOR", three.clock)
    keys = NodeKeys.create(tmp_path, party="KOR", now=OCTOBER)
    signed = sign_card(
        NodeCard(
            protocol=PROTOCOL_MAJOR,
            party="KOR",
            serial=1,
            issued_at=three.clock.at,
            keys=other.keys.keys,
            certificate=keys.certificate,
            is_exercise=True,
        ),
        signer=other.keys,
    )
    card = verify_card(three.sites["JPN"].card, is_exercise=True)
    office = Office(three["JPN"], home=Home(tmp_path), config=Config(party="JPN"), card=card)
    service = office.service = Service()
    print_ = verify_card(signed, is_exercise=True).fingerprint
    order = PinCard(card=signed, fingerprint=print_, by=ADMIN)
    office.answer(order)
    office.answer(order)
    assert service.let_go == ["KOR"]
