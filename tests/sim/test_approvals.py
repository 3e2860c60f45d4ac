"""An officer's yes is to one decision, under one law; another is put before them anew (EX-49)."""

import pytest
from msgspec.structs import replace

from relto.adapters.lawfiles import digest_of
from relto.model.delegation import Delegations
from relto.node import Approve, AskConsent, By, OutdatedError
from tests.sim.test_exchange_consent import amended
from tests.support_node import ADMIN, Three


def halfway() -> Three:
    """One of two officers has said yes."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1", level="gokuhi")
    three.adopt_delegations(
        "JPN", replace(three["JPN"].node.state.delegations, two_persons_from="gokuhi")
    )
    three.ask("c-1")
    three.settle()
    three.approve("JPN", "c-1", officer="one")
    assert counted(three) == (2, 1)
    return three


def counted(three: Three, party: str = "JPN") -> tuple[int, int]:
    (waiting,) = three[party].node.queue()
    return waiting.needs, waiting.approved


def adopt_other_law(three: Three, party: str = "JPN") -> None:
    files = amended(excluded="prc")
    three[party].adopt_law(files, digest=digest_of(files), by=ADMIN)


def test_both_officers_are_asked_anew_under_a_new_law() -> None:
    three = halfway()
    adopt_other_law(three)
    three["JPN"].tick()
    assert counted(three) == (2, 0)
    queued = three["JPN"].node.state.open["c-1"].queued
    assert queued.law == three["JPN"].node.state.law
    three["JPN"].tick()
    kinds = [fact.kind for fact in three["JPN"].story("c-1").facts]
    assert kinds.count("queued") == 2
    three.approve("JPN", "c-1", officer="two")
    three.settle()
    assert three.state("KOR", "c-1") == "referred"
    three.approve("JPN", "c-1", officer="one")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    release = three["KOR"].story("c-1").file.arrived.message
    assert release.law == three["JPN"].node.state.law
    assert len(release.approvals) == 2


def test_a_yes_to_what_the_law_has_overtaken_is_refused_before_it_counts() -> None:
    three = halfway()
    adopt_other_law(three)
    before = three["JPN"].node.state.digest()
    with pytest.raises(OutdatedError):
        three.approve("JPN", "c-1", officer="two")
    assert three["JPN"].node.state.digest() == before
    assert counted(three) == (2, 0)


def test_the_same_law_adopted_again_asks_nobody_anew() -> None:
    three = halfway()
    three.adopt("JPN", known=three["JPN"].node.state.law.known)
    three["JPN"].tick()
    assert counted(three) == (2, 1)


def test_what_another_instrument_would_carry_now_is_put_before_the_officers_anew() -> None:
    three = halfway()
    state = three["JPN"].node.state
    file = state.open["c-1"]
    state.open["c-1"] = replace(file, queued=replace(file.queued, instrument="another-pact"))
    with pytest.raises(OutdatedError):
        three.approve("JPN", "c-1", officer="two")
    # Even if both had said yes to it before.
    state.open["c-1"] = replace(state.open["c-1"], officers=("one", "two"))
    three["JPN"].tick()
    assert counted(three) == (2, 0)
    assert state.open["c-1"].queued.instrument == file.queued.instrument


def test_one_officer_is_no_longer_enough_when_two_are_needed_meanwhile() -> None:
    three = Three(parties=("JPN", "KOR"), delegated=False)
    three.hold("JPN", "launch-1", level="gokuhi")
    three.ask("c-1")
    three.settle()
    assert counted(three) == (1, 0)
    three.adopt_delegations("JPN", Delegations(holder="JPN", two_persons_from="gokuhi"))
    with pytest.raises(OutdatedError):
        three.approve("JPN", "c-1", officer="one")
    three["JPN"].tick()
    assert counted(three) == (2, 0)


def test_an_originators_officers_are_asked_anew_for_a_consent_too() -> None:
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2", by="USA", holder="KOR")
    three.settle()
    three.adopt_delegations(
        "JPN", replace(three["JPN"].node.state.delegations, two_persons_from="hi")
    )
    three["KOR"].command(AskConsent(case="c-2", by=ADMIN))
    three.settle()
    three.approve("JPN", "c-2", officer="one")
    assert counted(three) == (2, 1)
    adopt_other_law(three)
    assert counted(three) == (2, 0)
    three.approve("JPN", "c-2", officer="two")
    three.settle()
    assert three.state("JPN", "c-2") == "queued"
    by = By(officer="one", role="disclosure-officer", reason="still needed")
    three["JPN"].command(Approve(case="c-2", by=by))
    three.settle()
    assert three.state("JPN", "c-2") == "answered"


def test_a_restart_counts_as_the_node_did() -> None:
    """EX-5."""
    three = halfway()
    adopt_other_law(three)
    three["JPN"].tick()
    three.approve("JPN", "c-1", officer="two")
    digest = three["JPN"].node.state.digest()
    assert three.sites["JPN"].start().node.state.digest() == digest
    assert counted(three) == (2, 1)
