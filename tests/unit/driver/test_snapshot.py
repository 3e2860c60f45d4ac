"""Snapshots: a cache that stays small, and a node that finds what it has forgotten."""

import pytest
from msgspec.structs import replace

from relto.limits import SNAPSHOT_ENTRIES
from relto.node import restore_state
from relto.ports import StoreCorruptError
from tests.support_node import Three


def _after(cases: int, *, snapshot_entries: int = SNAPSHOT_ENTRIES) -> Three:
    three = Three(snapshot_entries=snapshot_entries)
    three.adopt_all(known=None)
    three.delegate("JPN")
    three.hold("JPN", "launch-1")
    for number in range(cases):
        three.ask(f"c-{number}")
    three.settle()
    return three


def test_a_snapshot_gives_back_what_folding_gave() -> None:
    """EX-5."""
    state = _after(12)["KOR"].node.state
    assert state.heads
    again = restore_state(state.snapshot())
    assert again == replace(state, archive=None)
    assert again.snapshot() == state.snapshot()
    assert again.digest() == state.digest()


def test_a_snapshot_does_not_grow_with_what_is_closed() -> None:
    """A restart with a million entries reads as little as one with a hundred."""
    for party in ("JPN", "KOR"):
        few, many = (_after(cases, snapshot_entries=1)[party].node.state for cases in (5, 60))
        assert len(many.snapshot()) < len(few.snapshot()) + 100
        assert not many.closed
        assert not many.register
        assert not many.stock
        assert not many.incoming
        assert not many.outgoing


def test_a_mark_that_points_at_another_entry_is_never_an_answer_fl_16() -> None:
    """FL-16: nothing in a mark is believed that the entry does not say."""
    three = Three(snapshot_entries=1)
    three.hold("JPN", "launch-1")
    three.hold("JPN", "launch-2")
    state, marks = three["JPN"].node.state, three.sites["JPN"].disk.marks
    (own,) = {log for log, _ in marks}
    (right,) = marks[own, "item/launch-2"]
    for number in (right[1] - 1, 1):
        marks[own, "item/launch-2"] = {("", number)}
        three.sites["JPN"].start()
        state = three["JPN"].node.state
        assert state.item("launch-1") is not None
        with pytest.raises(StoreCorruptError):
            state.item("launch-2")
