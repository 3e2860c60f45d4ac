"""Key changes and revocations."""

import pytest

from relto.journal import (
    SuccessionError,
    UnknownKeyError,
    revoke,
    rotate,
    sign_checkpoint,
    verify_checkpoint,
)
from relto.seal import EMPTY_ROOT
from tests.support_journal import AT, JPN, JPN_KOR, USA, SeededSigner, ring

NEWER = SeededSigner(9)
UNTIL = AT.add(hours=48)
FIRST = ring("JPN", JPN)
ROTATED = rotate(FIRST, NEWER.keys, serial=2, at=AT, until=UNTIL)


def signed(signer):
    return sign_checkpoint(JPN_KOR, size=0, root=EMPTY_ROOT, signer=signer, is_durable=True).note


def accepts(keys, signer, at, *, is_live=True):
    try:
        verify_checkpoint(
            signed(signer), log=JPN_KOR, ring=keys, at=at, is_durable=True, is_live=is_live
        )
    except UnknownKeyError:
        return False
    return True


@pytest.mark.parametrize(
    ("signer", "at", "expected"),
    [
        (JPN, AT, True),
        (NEWER, AT, True),
        (NEWER, AT.subtract(nanoseconds=1), False),
        (JPN, UNTIL.subtract(nanoseconds=1), True),
        (JPN, UNTIL, False),
        (NEWER, UNTIL, True),
        (USA, AT, False),
        (JPN, AT.subtract(hours=25), False),
    ],
)
def test_fl_20_both_keys_count_during_the_overlap_and_one_outside_it(signer, at, expected):
    """JN-28: half-open; what counts is the time of the entry, so old signatures stay valid."""
    assert accepts(ROTATED, signer, at) is expected
    assert accepts(ROTATED, signer, at, is_live=False) is expected


def test_fl_21_a_revoked_key_counts_for_nothing_that_arrives_now():
    """JN-29: whatever date it writes; what is journaled already stays verifiable."""
    revoked = revoke(ROTATED, serial=1, at=AT)
    before = AT.subtract(hours=1)
    assert not accepts(revoked, JPN, before)
    assert accepts(revoked, JPN, before, is_live=False)
    assert not accepts(revoked, JPN, AT, is_live=False)
    assert accepts(revoked, NEWER, AT)


def test_a_card_stands_in_for_those_before_it_that_were_revoked():
    """JN-29: what was said before and never came is signed with the next card, and keeps its
    time."""
    before, early = AT.subtract(hours=1), AT.subtract(hours=25)
    revoked = revoke(ROTATED, serial=1, at=AT.add(hours=2))
    for is_live in (True, False):
        assert accepts(revoked, NEWER, before, is_live=is_live)
        assert not accepts(revoked, NEWER, early, is_live=is_live)
        assert not accepts(ROTATED, NEWER, before, is_live=is_live)
    third = rotate(revoked, USA.keys, serial=3, at=UNTIL, until=UNTIL.add(hours=1))
    assert not accepts(third, USA, before), "the card between has not been revoked"
    assert accepts(revoke(third, serial=2, at=UNTIL), USA, before)


def test_a_ring_keeps_all_it_had():
    third = rotate(ROTATED, USA.keys, serial=3, at=UNTIL, until=UNTIL.add(hours=1))
    assert [span.serial for span in third.spans] == [3, 2, 1]
    assert third.usable(UNTIL, is_live=True) == (USA.keys, NEWER.keys)
    assert SuccessionError.code == "peer.succession"
