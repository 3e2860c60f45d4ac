"""What a node counts of what a partner hands over, so that its shell can bound it."""

from relto.driver import NO_GROWTH, Growth
from tests.sim.test_recovery import set_back
from tests.support_node import Three


def test_a_partners_entries_are_counted_as_they_are_stored_and_once() -> None:
    """LK-24: what comes a second time adds nothing."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    assert three["JPN"].growth("KOR") == NO_GROWTH
    three.ask("c-1")
    frame = three["KOR"].next_batch("JPN")
    assert frame is not None
    three["JPN"].handle_exchange("KOR", frame)
    once = three["JPN"].growth("KOR")
    assert once.entries == three["JPN"].counts("KOR").theirs == 1
    assert 300 < once.size_bytes < len(frame)
    three["JPN"].handle_exchange("KOR", frame)
    assert three["JPN"].growth("KOR") == once
    three.settle()
    twice = three["JPN"].growth("KOR")
    assert twice.entries == three["JPN"].counts("KOR").theirs == 2
    assert twice.size_bytes > once.size_bytes


def test_what_a_restored_node_gets_back_does_not_count() -> None:
    """LK-24: nobody waits for what was taken long ago."""
    three = Three(parties=("JPN", "KOR"))
    three.hold("JPN", "launch-1")
    backup = three.sites["JPN"].disk.copy()
    for case in ("c-1", "c-2"):
        three.ask(case)
    three.settle()
    set_back(three, "JPN", backup)
    three.settle()
    assert three["JPN"].reconciling() == ()
    held = three["JPN"].counts("KOR").theirs
    assert held >= 4
    # At most what KOR has said only now: that the log goes on.
    assert three["JPN"].growth("KOR").entries <= held - 4


def test_growth_adds_up() -> None:
    """LK-24."""
    assert NO_GROWTH.and_these(2, size_bytes=9).and_these(1, size_bytes=1) == Growth(
        entries=3, size_bytes=10
    )
