"""What a partner sent before it was set back from a backup, and comes after it has gone on."""

import pytest

from relto.journal import ForkError, StaleError, empty_log, extend
from tests.support_journal import JPN_KOR
from tests.unit.journal.test_verify import batch_of, fork_at


@pytest.mark.parametrize("first", [2, 3, 4, 5])
def test_fl_17_what_was_signed_before_the_log_was_set_back_is_stale_and_no_fork(log, mirror, first):
    """JN-36: a frame from before comes after the entry that says so, wherever it begins."""
    before = fork_at(log, 4)
    log.say(kind="epoch")
    mirror.take(batch_of(log))
    held = mirror.state
    with pytest.raises(StaleError, match=f"entry {max(first, 4)} of .* is of epoch 0"):
        mirror.take(batch_of(before, first=first))
    assert mirror.state == held
    log.say(b"and on")
    mirror.take(batch_of(log, first=5))


def test_fl_19_a_history_that_the_epoch_does_not_give_up_is_a_fork(log, mirror):
    """JN-36: it gives up what came after it, not what was acknowledged before."""
    other = fork_at(log, 3)
    log.say(kind="epoch")
    mirror.take(batch_of(log))
    with pytest.raises(ForkError):
        mirror.take(batch_of(other, first=3))


def test_fl_19_an_epoch_in_place_of_what_is_held_is_a_fork(log, mirror):
    """JN-36: whoever writes anew what its partner holds has two histories, whatever it says."""
    mirror.take(batch_of(log))
    anew = fork_at(log, 3)
    anew.held, anew.state = [], empty_log(JPN_KOR, is_exercise=False)
    for entry in log.held[:2]:
        anew.held.append(entry)
        anew.state = extend(anew.state, entry)
    anew.say(kind="epoch")
    with pytest.raises(ForkError):
        mirror.take(batch_of(anew, first=3))
