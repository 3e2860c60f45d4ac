"""An originator changes a label: its own item stands under the new one for whoever asks next."""

import pytest
from msgspec.structs import replace

from relto.model import Label
from relto.model.delegation import Delegations
from relto.model.message import ConsentGiven
from relto.node import AskConsent, Hold, OutdatedError, Reclassify
from relto.node.commands import CaseTakenError
from relto.node.fold import fold
from relto.sim.storm.memory import check_memory
from tests.sim.test_recovery import set_back
from tests.support_node import ADMIN, Three

HI = Label(scheme="jpn", level="hi")
GOKUHI = Label(scheme="jpn", level="gokuhi")


def reclassify(three: Three, case: str, label: Label, *, party: str = "JPN") -> None:
    three.clock.at = three.clock.at.add(seconds=1)
    three[party].command(Reclassify(case=case, holding="launch-1", label=label, by=ADMIN))
    three.settle()


def given(*, snapshot_entries: int | None = None) -> Three:
    """Tokyo has given one item to Seoul in `c-1`, by its standing authority up to `hi`."""
    three = Three() if snapshot_entries is None else Three(snapshot_entries=snapshot_entries)
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    assert three.state("KOR", "c-1") == "receipted"
    return three


def label_sent(three: Three, case: str, *, to: str) -> Label:
    (item,) = three[to].story(case).file.arrived.message.items
    return item.label


def test_whoever_asks_after_a_label_was_raised_gets_the_item_under_the_new_one() -> None:
    """EX-58: no standing authority up to the old level lets it go."""
    three = given()
    reclassify(three, "c-1", GOKUHI)
    for case, party in (("c-2", "USA"), ("c-3", "KOR")):
        three.ask(case, by=party)
        three.settle()
        assert three.state("JPN", case) == "queued"
        three.approve("JPN", case)
        three.settle()
        assert label_sent(three, case, to=party) == GOKUHI
    assert [one.holding.label for one in three["JPN"].node.state.items()] == [GOKUHI]


def test_of_several_orders_about_one_item_the_latest_counts_to_whomever_it_was_said() -> None:
    """EX-58: also when it takes the label down again."""
    three = given()
    three.ask("c-2", by="USA")
    three.settle()
    reclassify(three, "c-1", GOKUHI)
    reclassify(three, "c-2", HI)
    three.ask("c-3")
    three.settle()
    assert label_sent(three, "c-3", to="KOR") == HI
    reclassify(three, "c-1", HI)
    reclassify(three, "c-2", GOKUHI)
    three.ask("c-4")
    three.settle()
    assert three.state("JPN", "c-4") == "queued"


@pytest.mark.parametrize("first", ["KOR", "USA"])
def test_the_latest_order_counts_in_whatever_order_partners_give_them_back(first: str) -> None:
    """EX-42, EX-58."""
    three = given()
    three.ask("c-2", by="USA")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    reclassify(three, "c-1", HI)
    reclassify(three, "c-2", GOKUHI)
    set_back(three, "JPN", backup)
    assert three["JPN"].node.state.item("launch-1").holding.label == HI
    for other in (first, "USA" if first == "KOR" else "KOR") * 6:
        frame = three["JPN"].next_batch(other, is_poll=True)
        three["JPN"].receive_reply(other, three[other].handle_exchange("JPN", frame))
    assert three["JPN"].node.state.item("launch-1").holding.label == GOKUHI


def test_an_older_order_that_comes_back_late_changes_nothing() -> None:
    """EX-47, EX-58: from a partner that was passed over when the others gave back."""
    three = given()
    before = three.clock.at
    reclassify(three, "c-1", GOKUHI)
    state = three["JPN"].node.state
    (told,) = (one for one in three["JPN"].story("c-1").facts if one.kind == "reclassified")
    number, message = state.heads["JPN/KOR"].number, replace(told.message, label=HI)
    older = replace(told, number=number + 1, at=before, message=message)
    assert fold(state, older) is None
    assert state.item("launch-1").holding.label == GOKUHI
    assert fold(state, replace(older, number=number + 2, at=told.at)) is None
    assert state.item("launch-1").holding.label == HI


@pytest.mark.parametrize("first", ["KOR", "USA"])
def test_an_order_is_not_lost_with_everything_that_led_to_it(first: str) -> None:
    """EX-42, EX-58: the backup is older than the request, the release and its receipt."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.settle()
    backup = three.sites["JPN"].disk.copy()
    three.ask("c-1")
    three.settle()
    reclassify(three, "c-1", GOKUHI)
    set_back(three, "JPN", backup)
    for other in (first, "USA" if first == "KOR" else "KOR") * 6:
        frame = three["JPN"].next_batch(other, is_poll=True)
        three["JPN"].receive_reply(other, three[other].handle_exchange("JPN", frame))
    assert three["JPN"].node.state.item("launch-1").holding.label == GOKUHI


def test_an_item_that_was_forgotten_comes_back_under_its_new_label() -> None:
    """EX-5, EX-58: before and after a restart, from a snapshot and from the whole journal."""
    three = given(snapshot_entries=1)
    reclassify(three, "c-1", GOKUHI)
    site = three.sites["JPN"]
    assert "launch-1" not in site.driver.node.state.stock
    digest = site.driver.node.state.digest()
    for is_whole in (False, True):
        if is_whole:
            site.disk.snapshots = {}
            site.disk.marks = {}
        site.start()
        state = site.driver.node.state
        assert state.digest() == digest
        assert state.item("launch-1").holding.label == GOKUHI
        assert [one.holding.label for one in state.items(("dprk",))] == [GOKUHI]
        check_memory(site.driver, site.disk)
    three.ask("c-2", by="USA")
    three.settle()
    assert three.state("JPN", "c-2") == "queued"


def test_a_yes_to_the_old_label_is_no_yes_to_the_new_one() -> None:
    """EX-49, EX-58: the case is put before the officers anew."""
    three = given()
    three.adopt_delegations("JPN", Delegations(holder="JPN", two_persons_from="hi"))
    three.ask("c-2", by="USA")
    three.settle()
    three.approve("JPN", "c-2", officer="tokyo-1")
    three.hold("JPN", "other-1", topics=("prc.cyber",), content=b"another")
    three.ask("c-3", by="USA", topics=("prc.cyber",))
    three.settle()
    three.approve("JPN", "c-3", officer="tokyo-1")
    reclassify(three, "c-1", GOKUHI)
    assert three["JPN"].node.state.open["c-2"].officers == ()
    assert three["JPN"].node.state.open["c-3"].officers == ("tokyo-1",)
    with pytest.raises(OutdatedError):
        three.approve("JPN", "c-2", officer="tokyo-2")
    three["JPN"].tick()
    three.approve("JPN", "c-2", officer="tokyo-2")
    three.settle()
    assert three.state("JPN", "c-2") == "queued"
    three.approve("JPN", "c-2", officer="tokyo-1")
    three.settle()
    assert label_sent(three, "c-2", to="USA") == GOKUHI


def consent_asked() -> Three:
    """Seoul waits for Tokyo's word before it gives on to Washington what came from Tokyo."""
    three = given()
    three.adopt_delegations("JPN", Delegations(holder="JPN", two_persons_from="hi"))
    three.ask("c-2", by="USA", holder="KOR")
    three.settle()
    three["KOR"].command(AskConsent(case="c-2", by=ADMIN))
    three.settle()
    return three


def test_a_consent_is_to_the_label_that_the_item_has_when_it_is_given() -> None:
    """EX-31, EX-58."""
    three = consent_asked()
    three.approve("JPN", "c-2", officer="tokyo-1")
    reclassify(three, "c-1", GOKUHI)
    three.approve("JPN", "c-2", officer="tokyo-2")
    three.settle()
    assert three.state("JPN", "c-2") == "queued"
    three.approve("JPN", "c-2", officer="tokyo-1")
    three.settle()
    consents = [
        fact.message.item.label
        for fact in three["JPN"].story("c-2").facts
        if isinstance(fact.message, ConsentGiven)
    ]
    assert consents == [GOKUHI]


def test_a_holder_decides_anew_about_what_it_received_when_the_label_changes() -> None:
    """EX-44, EX-49: the change comes in another case than the one that waits."""
    three = consent_asked()
    three.adopt_delegations("KOR", Delegations(holder="KOR", two_persons_from="iii-kup"))
    for officer in ("tokyo-1", "tokyo-2"):
        three.approve("JPN", "c-2", officer=officer)
    three.settle()
    three["KOR"].tick()
    three.approve("KOR", "c-2", officer="seoul-1")
    reclassify(three, "c-1", GOKUHI)
    file = three["KOR"].node.state.open["c-2"]
    assert (file.state.value, file.officers, file.is_relabelled) == ("queued", (), True)
    three["KOR"].tick()
    three.approve("KOR", "c-2", officer="seoul-2")
    three.settle()
    assert three.state("KOR", "c-2") == "queued"


def test_a_label_that_another_gives_leaves_an_own_item_of_that_id_alone() -> None:
    """EX-44, EX-58: only the originator's word counts, and only for its own item."""
    three = consent_asked()
    for officer in ("tokyo-1", "tokyo-2"):
        three.approve("JPN", "c-2", officer=officer)
    three.settle()
    three.approve("KOR", "c-2")
    three.settle()
    assert three.state("USA", "c-2") == "receipted"
    three.hold("KOR", "launch-1", topics=("prc.cyber",), content=b"another")
    before = {one.holding.id: one for one in three["KOR"].node.state.items()}
    reclassify(three, "c-2", GOKUHI, party="KOR")
    assert {one.holding.id: one for one in three["KOR"].node.state.items()} == before


def test_registering_an_item_again_under_its_old_label_does_not_bring_that_back() -> None:
    """EX-29, EX-58."""
    three = given()
    (old,) = (one.holding for one in three["JPN"].node.state.items())
    reclassify(three, "c-1", GOKUHI)
    with pytest.raises(CaseTakenError):
        three["JPN"].command(Hold(holding=old, by=ADMIN))
    (now,) = (one.holding for one in three["JPN"].node.state.items())
    assert three["JPN"].command(Hold(holding=now, by=ADMIN)).facts == ()
    assert now.label == GOKUHI
