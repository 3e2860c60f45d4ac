"""Checking a whole log."""

import pytest
from msgspec.structs import replace

from relto.errors import ReltoError
from relto.journal import (
    AuditError,
    acknowledge,
    audit_log,
    empty_log,
    make_batch,
    sign_head,
    verify_batch,
)
from tests.support_journal import AT, JPN, JPN_KOR, KOR, USA, Log, ring


@pytest.fixture
def mirror():
    """A log as KOR holds it: two entries acknowledged, one not."""
    log = Log()
    for number in range(3):
        log.say(b"%d" % number)
    state = empty_log(JPN_KOR, is_exercise=False)
    verified = verify_batch(
        make_batch(log.state, log.held, signer=JPN),
        state=state,
        ring=ring("JPN", JPN),
        read=log.read,
        now=AT,
    )
    log.state = acknowledge(verified, signer=KOR, party="KOR", now=AT)
    return log


def audit(log, *, state=None, entries=None, author=JPN, partner=KOR):
    return audit_log(
        log.state if state is None else state,
        log.held if entries is None else entries,
        author=ring("JPN", author),
        partner=ring("KOR", partner),
    )


def test_a_sound_log_is_sound(mirror):
    """JN-25."""
    assert audit(mirror) == 3
    assert audit_log(empty_log(JPN_KOR, is_exercise=False), (), author=None, partner=None) == 0


def test_fl_16_what_is_missing_or_wrong_is_found(mirror):
    """JN-25."""
    one, two, three = mirror.held
    other = Log(seed=9)
    other.say(b"x")
    for entries in (
        [one, two],
        [one, three],
        [two, three],
        [one, two, three, three],
        [other.held[0], two, three],
    ):
        with pytest.raises(AuditError):
            audit(mirror, entries=entries)


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 2},
        {"frontier": (bytes(32), bytes(32))},
        {"head": "0" * 64},
        {"at": AT.add(hours=1)},
        {"epoch": 1},
        {"acknowledged": 2},
        {"acknowledged_frontier": ()},
        {"is_exercise": True},
    ],
)
def test_a_state_that_is_not_of_its_entries_is_found(mirror, changes):
    """JN-25."""
    with pytest.raises(AuditError):
        audit(mirror, state=replace(mirror.state, **changes))


def test_signatures_are_checked_too(mirror):
    """JN-25."""
    for keys in ({"author": USA}, {"partner": USA}):
        with pytest.raises(ReltoError):
            audit(mirror, **keys)
    shorter = Log()
    shorter.say(b"0")
    stale = sign_head(shorter.state, signer=JPN)
    with pytest.raises(AuditError):
        audit(mirror, state=replace(mirror.state, note=stale.note))
    early = acknowledge(
        verify_batch(
            make_batch(shorter.state, shorter.held, signer=JPN),
            state=empty_log(JPN_KOR, is_exercise=False),
            ring=ring("JPN", JPN),
            read=shorter.read,
            now=AT,
        ),
        signer=KOR,
        party="KOR",
        now=AT,
    )
    with pytest.raises(AuditError):
        audit(mirror, state=replace(mirror.state, acknowledgement=early.acknowledgement))
