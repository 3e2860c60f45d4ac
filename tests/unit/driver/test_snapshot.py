"""The snapshot: a cache that stays small, and gives back exactly what folding gave."""

from relto.node import restore_state
from tests.support_node import Three


def _after(cases: int) -> Three:
    three = Three()
    three.adopt_all(known=None)
    three.delegate("JPN")
    three.hold("JPN", "launch-1")
    for number in range(cases):
        three.ask(f"c-{number}")
    three.settle()
    return three


def test_a_snapshot_gives_back_what_folding_gave() -> None:
    state = _after(12)["KOR"].node.state
    assert state.register
    again = restore_state(state.snapshot())
    assert again == state
    assert again.snapshot() == state.snapshot()
    assert again.digest() == state.digest()


def test_what_is_owed_is_written_once_however_many_items_it_is_owed_for() -> None:
    """A restart with a million entries reads some 240 MB; with duties in each line it were 640."""
    few, many = (_after(cases)["KOR"].node.state for cases in (5, 45))
    assert all(line.obligations for line in many.register.values())
    added = len(many.snapshot()) - len(few.snapshot())
    assert added < 40 * 1_600
    owed = {id(line.obligations) for line in restore_state(many.snapshot()).register.values()}
    assert len(owed) < len(many.register)
