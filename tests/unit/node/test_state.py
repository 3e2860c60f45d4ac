"""What a node remembers, forgets and reads again: the same as was folded, and nothing else."""

import pytest
from msgspec.structs import replace

from relto.codec.pack import PackedError, pack
from relto.model import Label
from relto.node import AskConsent, Recall, restore_state
from relto.node.assess import as_it_stands
from relto.node.fold import fold_again
from tests.support_node import ADMIN, OCTOBER, Three
from tests.unit.node.test_corners import counsel


def two_items() -> Three:
    """KOR has two items of one case, and one of them is recalled."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.hold("JPN", "launch-2")
    three.ask("c-1")
    three.settle()
    assert len(three["KOR"].node.state.stock) == 2
    three["JPN"].command(Recall(case="c-1", holding="launch-1", by=replace(ADMIN, reason="wrong")))
    three.settle()
    return three


def test_of_a_case_only_the_items_recalled_are_withdrawn() -> None:
    """EX-5, EX-27: an item beside a recalled one may still be given."""
    state = two_items()["KOR"].node.state
    forgotten = state.forget()
    assert [one.reference for one in forgotten.withdrawn] == ["launch-1"]
    assert sorted(one.reference for one in forgotten.items) == ["launch-1", "launch-2"]
    assert state.stock == {}


def test_an_entry_that_was_set_aside_counts_no_more_when_a_case_is_folded_again() -> None:
    """EX-5, EX-42."""
    facts = two_items()["KOR"].story("c-1").facts
    kept = fold_again(facts, party="KOR")
    aside = replace(facts[0], fault="cannot be read")
    assert kept is not None
    assert fold_again((aside, *facts), party="KOR") == kept
    assert fold_again((aside,), party="KOR") is None


def test_a_snapshot_of_another_version_is_not_read() -> None:
    """EX-5: the journal is replayed instead."""
    state = two_items()["KOR"].node.state
    assert restore_state(state.snapshot()).digest() == state.digest()
    other = replace(state, archive=None, version=state.version + 1)
    with pytest.raises(PackedError, match=f"of version {other.version}"):
        restore_state(pack(other))


def test_a_label_that_another_than_its_originator_changed_keeps_an_item_here() -> None:
    """EX-44: what came through somebody else stands under the originator's label alone."""
    three = Three()
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    three.ask("c-2", by="USA", holder="KOR")
    three.settle()
    three["KOR"].command(AskConsent(case="c-2", by=ADMIN))
    three.settle()
    three.approve("JPN", "c-2")
    three.settle()
    three.approve("KOR", "c-2")
    three.settle()
    state, wise = three["USA"].node.state, counsel(three, "USA")
    (stock,) = state.stock.values()
    assert as_it_stands(state, wise, stock, now=OCTOBER) == stock
    label = Label(scheme="jpn", level="gokuhi")
    other = replace(stock, holding=replace(stock.holding, label=label))
    assert as_it_stands(state, wise, other, now=OCTOBER) is None
