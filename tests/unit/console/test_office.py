"""The office: what an order does beyond the command that it becomes."""

from pathlib import Path

import pytest

from relto.console import (
    ApproveCase,
    Config,
    CustodyOf,
    Home,
    LookInbox,
    LookLinks,
    LookStatus,
    Office,
)
from relto.errors import LocalError
from relto.journal import verify_card
from relto.model import Label
from relto.model.message import Step
from relto.node import By, OutdatedError, RevokeCard
from tests.sim.test_approvals import adopt_other_law, counted, halfway
from tests.sim.test_hand_delivery import BEFORE_SUSPENSION, LAPSE
from tests.support_node import OCTOBER, Three, register


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


def desk(three: Three, party: str, tmp_path: Path) -> Office:
    card = verify_card(three.sites[party].card, is_exercise=True)
    return Office(three[party], home=Home(tmp_path), config=Config(party=party), card=card)


def done(step: Step, **more: object) -> CustodyOf:
    by = By(officer="one", role="registrar", reason="because")
    return CustodyOf(**{"step": step, "case": "c-1", "by": by, **more})


def kept(three: Three, party: str) -> str:
    (line,) = three[party].node.state.register.values()
    return line.state.value


def released() -> Three:
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    return three


def test_an_item_that_was_given_is_reclassified_and_recalled_and_then_destroyed(
    tmp_path: Path,
) -> None:
    """EX-25, EX-27: each step by an order, and read by the other side."""
    three = released()
    giver, receiver = desk(three, "JPN", tmp_path / "j"), desk(three, "KOR", tmp_path / "k")
    giver.answer(done(Step.RECLASSIFY, label=Label(scheme="jpn", level="gokuhi")))
    giver.answer(done(Step.RECALL))
    three.settle()
    assert kept(three, "KOR") == kept(three, "JPN") == "recalled"
    story = receiver.answer(done(Step.DESTROY, holding="launch-1", text="shredded"))
    assert "launch-1: shredded" in [one.text for one in story.entries]
    three.settle()
    assert kept(three, "JPN") == "destroyed"
    (line,) = three["JPN"].node.state.register.values()
    assert line.label.level == "gokuhi"


def test_an_item_that_is_recalled_waits_in_the_inbox_until_it_is_destroyed(tmp_path: Path) -> None:
    """EX-27: nobody destroys what nobody has been told of."""
    three = released()
    giver, receiver = desk(three, "JPN", tmp_path / "j"), desk(three, "KOR", tmp_path / "k")
    assert receiver.answer(LookInbox()).cases == ()
    giver.answer(done(Step.RECALL))
    three.settle()
    (line,) = receiver.answer(LookInbox()).cases
    assert (line.case, line.waits_for) == ("c-1", "JPN recalls `launch-1`: destroy it")
    assert receiver.answer(LookStatus()).waiting == 1
    assert giver.answer(LookInbox()).cases == ()
    receiver.answer(done(Step.DESTROY, text="shredded"))
    assert receiver.answer(LookInbox()).cases == ()
    assert receiver.answer(LookStatus()).waiting == 0


def test_a_loss_is_told_to_whoever_gave_the_item(tmp_path: Path) -> None:
    """EX-25: Japan-ROK 2016, Art. 17."""
    three = released()
    receiver = desk(three, "KOR", tmp_path)
    receiver.answer(done(Step.REPORT_LOSS, text="a laptop is missing", is_possible_only=True))
    three.settle()
    assert kept(three, "JPN") == kept(three, "KOR")
    told = [fact.message for fact in three["JPN"].story("c-1").facts][-1]
    assert (told.text, told.is_possible_only) == ("a laptop is missing", True)


def handed_on(**changes: object) -> Three:
    """Tokyo's item has gone through Washington to Seoul, after the lapse."""
    three = Three(at=OCTOBER, known=BEFORE_SUSPENSION, **changes)
    three.hold("JPN", "launch-1")
    three.set_clock(LAPSE)
    three.ask("c-1")
    for officers in ("JPN", "USA"):
        three.settle()
        three.approve(officers, "c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    return three


@pytest.mark.parametrize("snapshot_entries", [4, 2_048])
def test_a_loss_behind_an_intermediary_waits_there_until_it_is_reported_on(
    tmp_path: Path, snapshot_entries: int
) -> None:
    """EX-56: the originator hears of it from whom it had given the item; also in the long run."""
    three = handed_on(snapshot_entries=snapshot_entries)
    desks = {party: desk(three, party, tmp_path / party) for party in ("JPN", "KOR", "USA")}
    desks["KOR"].answer(done(Step.REPORT_LOSS, text="a laptop is missing"))
    three.settle()
    if snapshot_entries == 4:
        three.set_clock(LAPSE.add(hours=1))
        three.set_clock(LAPSE.add(hours=2))
    for _ in ("before", "after a restart"):
        (line,) = desks["USA"].answer(LookInbox()).cases
        words = "KOR has lost `launch-1`: report it to whom it came from"
        assert (line.case, line.waits_for) == ("c-1", words)
        assert desks["USA"].answer(LookStatus()).waiting == 1
        state = three["USA"].node.state.digest()
        assert three.sites["USA"].start().node.state.digest() == state
        desks["USA"] = desk(three, "USA", tmp_path / "again")
    assert desks["JPN"].answer(LookInbox()).cases == ()
    desks["USA"].answer(done(Step.REPORT_LOSS, text="Seoul misses a laptop"))
    three.settle()
    assert desks["USA"].answer(LookInbox()).cases == ()
    assert desks["USA"].answer(LookStatus()).waiting == 0
    (given,) = register(three["JPN"])
    assert (given.partner, given.state, given.note) == ("USA", "lost", "Seoul misses a laptop")


def test_what_an_intermediary_has_destroyed_itself_cannot_be_reported_as_lost(
    tmp_path: Path,
) -> None:
    """EX-56, EX-25: a destroyed item moves no more, so nothing waits that nobody could do."""
    three = handed_on()
    desks = {party: desk(three, party, tmp_path / party) for party in ("KOR", "USA")}
    desks["USA"].answer(done(Step.DESTROY, text="shredded"))
    desks["KOR"].answer(done(Step.REPORT_LOSS, text="a laptop is missing"))
    three.settle()
    assert desks["USA"].answer(LookInbox()).cases == ()


WRONG = {
    "no such case": done(Step.RECALL, case="no-such"),
    "no such item": done(Step.RECALL, holding="launch-9"),
    "nothing that is done to an item": done(Step.APPROVE),
    "a change to no label": done(Step.RECLASSIFY),
    "a label of no scheme": done(Step.RECLASSIFY, label=Label(scheme="jpn", level="no-such")),
    "what was given is not destroyed here": done(Step.DESTROY, text="shredded"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_done_to_an_item_changes_nothing(name: str, tmp_path: Path) -> None:
    """EX-28."""
    three = released()
    giver = desk(three, "JPN", tmp_path)
    before = three["JPN"].node.state.digest()
    with pytest.raises(LocalError):
        giver.answer(WRONG[name])
    assert three["JPN"].node.state.digest() == before


def test_an_item_is_named_where_a_case_has_several(tmp_path: Path) -> None:
    """EX-28."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.hold("JPN", "launch-2")
    three.ask("c-1")
    three.settle()
    giver = desk(three, "JPN", tmp_path)
    with pytest.raises(LocalError, match="2 items"):
        giver.answer(done(Step.RECALL))
    giver.answer(done(Step.RECALL, holding="launch-2"))
    states = {line.holding: line.state.value for line in three["JPN"].node.state.register.values()}
    assert states["launch-2"] == "recalled"


def test_a_link_whose_partner_has_only_revoked_cards_says_what_it_waits_for(tmp_path: Path) -> None:
    """FL-21."""
    three = Three(parties=("JPN", "KOR"))
    office = desk(three, "JPN", tmp_path)
    assert [line.error for line in office.answer(LookLinks()).links] == [""]
    by = By(officer="one", role="administrator", reason="its keys were copied")
    three["JPN"].command(RevokeCard(party="KOR", serial=1, by=by))
    (line,) = office.answer(LookLinks()).links
    assert "revoked" in line.error
    assert "relto peer add" in line.error
