"""What a node keeps in memory, and what it lets go of."""

import pytest
from msgspec.structs import replace

from relto.codec.pack import PackedError
from relto.node import Destroy, State, restore_state
from relto.sim.storm.memory import check_memory
from tests.support_node import ADMIN, Three


def test_a_snapshot_of_another_version_is_not_read() -> None:
    """EX-5: the journal is folded instead."""
    state = State(party="JPN")
    assert restore_state(state.snapshot()) == state
    with pytest.raises(PackedError):
        restore_state(replace(state, version=1).snapshot())


def test_of_two_items_of_a_case_the_one_that_was_destroyed_is_not_found_any_more() -> None:
    """EX-44: by its topic; who knows its id still sees that it was held."""
    three = Three(parties=("JPN", "KOR"), snapshot_entries=1)
    for name in ("launch-1", "launch-2"):
        three.hold("JPN", name, content=name.encode())
    three.ask("c-1")
    three.settle()
    three["KOR"].command(Destroy(case="c-1", holding="launch-1", method="burnt", by=ADMIN))
    three.settle()
    state = three["KOR"].node.state
    assert not state.register
    assert [one.reference for one in state.items(("dprk",))] == ["launch-2"]
    assert [one.reference for one in state.items()] == ["launch-1", "launch-2"]
    assert state.item("jpn.launch-1").reference == "launch-1"
    check_memory(three["KOR"], three.sites["KOR"].disk)


def test_a_state_that_has_never_forgotten_needs_no_archive() -> None:
    """EX-5."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    three.ask("c-1")
    three.settle()
    state = replace(three["KOR"].node.state, archive=None)
    assert state.case("c-1").is_closed
    assert state.case("c-9") is None
    assert state.item("no-such") is None
    assert [one.reference for one in state.items(("dprk",))] == ["launch-1"]
    assert list(state.items(("prc",))) == []


def test_what_is_looked_up_is_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """EX-5: and found again when it was not."""
    monkeypatch.setattr("relto.driver.shelf.REMEMBERED_MAX", 2)
    three = Three(parties=("JPN", "KOR"), snapshot_entries=1)
    three.hold("JPN", "launch-1")
    for number in range(5):
        three.ask(f"c-{number}")
        three.settle()
    state = three["KOR"].node.state
    for _ in range(2):
        assert all(state.case(f"c-{number}").is_closed for number in range(5))
    assert len(state.archive._cases) == 2
