"""A log as a value: appending, signing, batches."""

import pytest
from msgspec.structs import replace

from relto.codec import HEADER, decode_entry
from relto.journal import (
    LOG_STATE,
    ClockError,
    Draft,
    EntryTooLargeError,
    append,
    empty_log,
    entry_bytes,
    frontier_of,
    make_batch,
    sign_head,
    verify_checkpoint,
)
from relto.limits import BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, BODY_BYTES_MAX, PARTS_MAX
from relto.seal import DIGEST_ZERO, EMPTY_ROOT, digest
from tests.support_journal import AT, JPN, JPN_KOR, Log, SeededEntropy, ring


def test_an_empty_log_has_the_empty_root():
    state = empty_log(JPN_KOR, is_exercise=False)
    assert (state.size, state.root, state.head, state.at) == (0, EMPTY_ROOT, DIGEST_ZERO, None)


def test_entries_are_numbered_from_one_and_chained():
    """JN-7."""
    log = Log()
    first, second = log.say(b"a"), log.say(b"b")
    assert (first.header.number, first.header.previous) == (1, DIGEST_ZERO)
    assert (second.header.number, second.header.previous) == (2, digest(first.raw))
    assert log.state.head == digest(second.raw)
    assert log.state.frontier == frontier_of(log.peaks, size=2)


def test_a_header_says_what_was_drafted():
    """JN-4."""
    draft = Draft(kind="release", case="c-1", parts=(("message", b"m"), ("title", b"t")))
    _, entry = append(empty_log(JPN_KOR, is_exercise=True), draft, now=AT, entropy=SeededEntropy())
    header = HEADER.decode(entry.raw)
    assert header == entry.header
    assert (header.kind, header.case, header.at, header.is_exercise) == ("release", "c-1", AT, True)
    assert [part.name for part in header.parts] == ["message", "title"]
    assert entry.content("title") == b"t"


def test_salts_differ_and_hide_equal_bodies():
    """JN-5."""
    entry = Log().say(b"same", b"same")
    one, two = entry.header.parts
    assert one.commitment != two.commitment


def test_fl_13_a_clock_that_went_back_stops_the_log():
    """JN-8: order comes from numbers; times never go back."""
    log = Log()
    log.say(b"a", at=AT)
    log.say(b"b", at=AT)
    with pytest.raises(ClockError):
        log.say(b"c", at=AT.subtract(nanoseconds=1))


def test_an_epoch_entry_opens_a_new_epoch():
    """JN-21."""
    log = Log()
    log.say(b"a")
    log.say(kind="epoch")
    log.say(b"b")
    assert [entry.header.epoch for entry in log.held] == [0, 1, 1]


def test_what_a_partner_would_refuse_is_not_written():
    """JN-4: our own bounds are the partner's."""
    log = Log()
    with pytest.raises(EntryTooLargeError):
        log.say(bytes(BODY_BYTES_MAX + 1))
    with pytest.raises(EntryTooLargeError):
        log.say(*(b"x" for _ in range(PARTS_MAX + 1)))
    assert log.state.size == 0


def test_a_head_is_signed():
    """JN-12."""
    log = Log()
    log.say(b"a")
    state = sign_head(log.state, signer=JPN)
    checkpoint = verify_checkpoint(
        state.note, log=JPN_KOR, ring=ring("JPN", JPN), at=AT, is_durable=False
    )
    assert (checkpoint.size, checkpoint.root) == (1, log.state.root)


def test_a_batch_begins_after_what_is_acknowledged():
    """JN-14."""
    log = Log()
    for number in range(5):
        log.say(b"%d" % number)
    acknowledged = replace(
        log.state, acknowledged=2, acknowledged_frontier=frontier_of(log.peaks, size=2)
    )
    batch = make_batch(acknowledged, log.held[2:4], signer=JPN)
    assert (batch.first, len(batch.entries)) == (3, 2)
    checkpoint = verify_checkpoint(
        batch.checkpoint, log=JPN_KOR, ring=ring("JPN", JPN), at=AT, is_durable=False
    )
    assert checkpoint.size == 4
    assert [decode_entry(it).header.number for it in batch.entries] == [3, 4]


def test_a_batch_with_nothing_new_says_where_the_log_stands():
    """JN-14."""
    batch = make_batch(empty_log(JPN_KOR, is_exercise=False), (), signer=JPN)
    assert (batch.first, batch.entries) == (1, ())


def test_a_batch_is_bounded_by_count_and_by_bytes():
    """JN-14."""
    log = Log()
    for _ in range(BATCH_ENTRIES_MAX + 1):
        log.say()
    assert len(make_batch(log.state, log.held, signer=JPN).entries) == BATCH_ENTRIES_MAX
    big = Log()
    for _ in range(20):
        big.say(bytes(BODY_BYTES_MAX))
    taken = make_batch(big.state, big.held, signer=JPN).entries
    assert 0 < len(taken) < 20
    total = sum(entry_bytes(decode_entry(it)) for it in taken)
    assert total <= BATCH_BYTES_MAX < total + entry_bytes(big.held[0])


def test_the_largest_entry_fits_a_batch():
    log = Log()
    log.say(*(bytes(BODY_BYTES_MAX) for _ in range(PARTS_MAX)))
    assert len(make_batch(log.state, log.held, signer=JPN).entries) == 1


def test_a_state_reads_back_and_stays_small():
    log = Log()
    for _ in range(100):
        log.say(b"x")
    state = sign_head(log.state, signer=JPN, is_durable=True)
    data = LOG_STATE.encode(state)
    assert LOG_STATE.decode(data) == state
    assert len(data) < 8_000
