"""Believing a partner: batches and acknowledgements, good and bad."""

import pytest
from msgspec.structs import replace

from relto.codec import FORK, HEADER, MalformedError
from relto.journal import (
    BodyMissingError,
    ChainError,
    ForkError,
    FutureError,
    GapError,
    NotDurableError,
    ProofError,
    RewoundError,
    UnknownKeyError,
    WrongLogError,
    check_fork,
    cosign,
    empty_log,
    extend,
    fork_sizes,
    frontier_of,
    frontier_root,
    held_size,
    make_batch,
    make_mirror_batch,
    sign_checkpoint,
    verify_acknowledgement,
    verify_restored,
)
from relto.limits import BODY_BYTES_MAX, CLOCK_SKEW_SECONDS_MAX, DURABLE_CHECKPOINT_ENTRIES
from relto.model import Entry, WireEntry
from relto.seal import SignatureError, digest
from tests.support_journal import AT, JPN, JPN_KOR, JPN_RING, KOR, KOR_JPN, USA, Log, Mirror, ring

KOR_RING = ring("KOR", KOR)


def batch_of(log, *, first=1, signer=JPN):
    before = replace(
        log.state,
        acknowledged=first - 1,
        acknowledged_frontier=frontier_of(log.peaks, size=first - 1),
    )
    return make_batch(before, log.held[first - 1 :], signer=signer)


def accept(log, note):
    return verify_acknowledgement(
        note, state=log.state, partner=KOR_RING, own=JPN_RING, peaks=log.peaks
    )


def test_a_batch_is_verified_stored_and_acknowledged(log, mirror):
    """JN-16, JN-17."""
    verified = mirror.take(batch_of(log))
    assert verified.entries == tuple(log.held)
    assert mirror.state.root == log.state.root
    log.state = accept(log, mirror.state.acknowledgement)
    assert log.state.acknowledged == 3
    log.say(b"next")
    assert [it.header.number for it in mirror.take(batch_of(log, first=4)).entries] == [4]
    assert mirror.state.acknowledged == 4
    assert held_size(mirror.state.acknowledgement, log=JPN_KOR) == 4


def test_fl_7_the_same_batch_again_brings_nothing_and_the_same_receipt(log, mirror):
    """JN-16, JN-17: no new row, and the acknowledgement is the one stored, byte for byte."""
    mirror.take(batch_of(log))
    before = mirror.state
    later = AT.add(hours=5)
    again = mirror.take(batch_of(log), now=later)
    assert again.entries == ()
    assert again.repeated == 3
    assert mirror.state == before


def test_fl_25_years_later_an_old_batch_still_brings_the_same_receipt(log, mirror):
    """JN-16: nothing is forgotten after a time; the log itself is the memory."""
    old = batch_of(log)
    mirror.take(old)
    for number in range(40):
        log.say(b"%d" % number, at=AT.add(hours=24 * 30 * number))
    years = AT.add(hours=24 * 365 * 20)
    mirror.take(batch_of(log, first=4), now=years)
    before = mirror.state
    again = mirror.take(old, now=years)
    assert (again.entries, again.repeated, again.checkpoint) == ((), 3, None)
    assert mirror.state == before


def test_an_overlapping_batch_brings_only_what_is_new(log, mirror):
    """JN-16."""
    mirror.take(batch_of(log))
    log.say(b"new")
    verified = mirror.take(batch_of(log, first=2))
    assert [it.header.number for it in verified.entries] == [4]
    assert verified.repeated == 2


def test_a_batch_without_entries_confirms_where_both_stand(log, mirror):
    """JN-14."""
    mirror.take(batch_of(log))
    verified = mirror.take(batch_of(log, first=4))
    assert (verified.entries, verified.repeated) == ((), 0)


def test_fl_9_a_gap_is_named_and_nothing_is_skipped(log, mirror):
    """JN-16: the sender is told which number must come next."""
    with pytest.raises(GapError) as caught:
        mirror.take(batch_of(log, first=2))
    assert (caught.value.expected, caught.value.got) == (1, 2)
    assert mirror.state.size == 0
    mirror.take(batch_of(log))


def test_fl_9_entries_out_of_order_inside_a_batch_are_refused(log, mirror):
    """JN-16."""
    batch = batch_of(log)
    one, two, three = batch.entries
    for entries in ((two, one, three), (one, three), (one, one, three), (one, two, two)):
        with pytest.raises(ChainError):
            mirror.take(replace(batch, entries=entries))


def test_fl_24_a_batch_of_another_log_or_direction_is_refused(log, mirror):
    """JN-16."""
    with pytest.raises(WrongLogError):
        Mirror(KOR_JPN).take(batch_of(log))
    other = Log(KOR_JPN)
    other.say(b"x")
    mixed = replace(batch_of(log), entries=batch_of(other, signer=KOR).entries)
    with pytest.raises(WrongLogError):
        mirror.take(mixed)
    with pytest.raises(WrongLogError):
        mirror.take(batch_of(log), keys=KOR_RING)


def test_fl_23_a_batch_signed_by_another_than_its_author_is_refused(log, mirror):
    """JN-12: the signer is the party of the log, whoever carries the bytes."""
    with pytest.raises(UnknownKeyError):
        mirror.take(batch_of(log, signer=USA))


def test_a_body_changed_on_the_way_is_refused(log, mirror):
    """JN-5."""
    batch = batch_of(log)
    (body,) = batch.entries[1].bodies
    changed = replace(batch.entries[1], bodies=(replace(body, content=b"forged"),))
    with pytest.raises(MalformedError):
        mirror.take(replace(batch, entries=(batch.entries[0], changed, batch.entries[2])))


def test_a_header_changed_on_the_way_is_refused(log, mirror):
    """JN-12, JN-16: no header can be changed without the author's key."""
    batch = batch_of(log)
    header = HEADER.decode(batch.entries[2].header)
    forged = replace(batch.entries[2], header=HEADER.encode(replace(header, kind="refusal")))
    with pytest.raises(ForkError):
        mirror.take(replace(batch, entries=(*batch.entries[:2], forged)))
    assert mirror.state.size == 0


def test_a_checkpoint_of_another_size_is_refused(log, mirror):
    """JN-14."""
    batch = batch_of(log)
    with pytest.raises(ChainError):
        mirror.take(replace(batch, entries=batch.entries[:2]))


def test_a_batch_must_bring_its_bodies(log, mirror):
    """JN-6: except when a log is fetched back."""
    batch = batch_of(log)
    bare = tuple(WireEntry(header=it.header, bodies=(None,)) for it in batch.entries)
    with pytest.raises(BodyMissingError):
        mirror.take(replace(batch, entries=bare))
    restored = verify_restored(
        [replace(batch, entries=bare)],
        state=mirror.state,
        ring=JPN_RING,
        read=mirror.read,
        now=AT,
    )
    assert restored.state.root == log.state.root


def test_fl_13_an_entry_from_the_future_is_refused_and_one_within_the_skew_is_not(mirror):
    """JN-16."""
    log = Log()
    ahead = AT.add(seconds=CLOCK_SKEW_SECONDS_MAX)
    log.say(b"a", at=ahead)
    mirror.take(batch_of(log))
    log.say(b"b", at=ahead.add(nanoseconds=1))
    with pytest.raises(FutureError):
        mirror.take(batch_of(log, first=2))
    mirror.take(batch_of(log, first=2), now=AT.add(seconds=1))


def rewrite(log, **changes):
    """Let the author write a final entry that our own code would never write."""
    entry = log.say(b"x")
    raw = HEADER.encode(replace(entry.header, **changes))
    log.held[-1] = Entry(raw=raw, header=HEADER.decode(raw), bodies=entry.bodies)


@pytest.mark.parametrize(
    "changes",
    [{"at": AT.subtract(hours=1)}, {"epoch": 1}, {"epoch": 7}, {"is_exercise": True}],
    ids=["back in time", "epoch out of nowhere", "epoch leaps", "of the other world"],
)
def test_a_signed_entry_that_does_not_follow_is_refused(log, mirror, changes):
    """JN-8, JN-16, JN-21: the signature does not excuse it."""
    rewrite(log, **changes)
    with pytest.raises(ChainError):
        mirror.take(batch_of(log))


def test_a_signed_entry_with_another_predecessor_is_a_broken_history(log, mirror):
    """JN-7, JN-16."""
    rewrite(log, previous=digest(b"elsewhere"))
    with pytest.raises(ForkError):
        mirror.take(batch_of(log))


def test_an_exercise_log_and_a_real_one_never_meet(log):
    """JN-4."""
    with pytest.raises(ChainError):
        Mirror(is_exercise=True).take(batch_of(log))


def test_the_durable_signature_is_demanded_when_due(mirror):
    """JN-13."""
    log = Log()
    for _ in range(DURABLE_CHECKPOINT_ENTRIES):
        log.say(b"x")
    batch = batch_of(log)
    plain = sign_checkpoint(
        JPN_KOR, size=log.state.size, root=log.state.root, signer=JPN, is_durable=False
    )
    with pytest.raises(NotDurableError):
        mirror.take(replace(batch, checkpoint=plain.note))
    mirror.take(batch)


def test_a_batch_as_large_as_agreed_is_taken(monkeypatch):
    """JN-14: the bound itself is inside."""
    from relto.journal import entry_bytes
    from relto.journal import verify as module

    log = Log()
    log.say(bytes(1_000))
    size = entry_bytes(log.held[0])
    monkeypatch.setattr(module, "BATCH_BYTES_MAX", size)
    assert Mirror().take(batch_of(log)).entries
    monkeypatch.setattr(module, "BATCH_BYTES_MAX", size - 1)
    with pytest.raises(ChainError):
        Mirror().take(batch_of(log))


def test_a_batch_larger_than_agreed_is_refused():
    """JN-14."""
    log, mirror = Log(), Mirror()
    for _ in range(17):
        log.say(bytes(BODY_BYTES_MAX))
    parts = [batch_of(log).entries, *(batch_of(log, first=n).entries for n in (16, 17))]
    entries = tuple({it.header: it for part in parts for it in part}.values())
    checkpoint = sign_checkpoint(
        JPN_KOR, size=17, root=log.state.root, signer=JPN, is_durable=False
    )
    batch = replace(batch_of(log), entries=entries, checkpoint=checkpoint.note)
    assert len(entries) == 17
    with pytest.raises(ChainError):
        mirror.take(batch)


# ---------------------------------------------------------------- forks


def fork_at(log, number):
    """The same author, another history from an entry on."""
    other = Log(seed=2)
    for entry in log.held[: number - 1]:
        other.held.append(entry)

    for entry in other.held:
        other.state = extend(other.state, entry)
    for place in range(number, 6):
        other.say(b"other %d" % place)
    return other


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("first", [1, 2, 3])
def test_fl_8_two_entries_with_one_number_are_a_fork_and_provable(log, mirror, number, first):
    """JN-20: both are kept, and a third person with the author's key alone is convinced."""
    mirror.take(batch_of(log))
    before = mirror.state
    other = fork_at(log, number)
    with pytest.raises(ForkError) as caught:
        mirror.take(batch_of(other, first=first))
    assert mirror.state == before
    evidence = caught.value.evidence
    assert FORK.decode(FORK.encode(evidence)) == evidence
    assert evidence.number == max(number, first)
    assert fork_sizes(evidence) == (3, 5)
    if number >= first:
        check_fork(evidence, ring=JPN_RING)
    else:
        # The offered tree differs before the batch begins: two signed heads, and no proof between
        # them.
        with pytest.raises(ProofError):
            check_fork(evidence, ring=JPN_RING)


def test_fl_19_two_heads_of_one_size_prove_themselves(log):
    """JN-20."""
    other = fork_at(log, 2)
    heads = [
        sign_checkpoint(JPN_KOR, size=3, root=root, signer=JPN, is_durable=False).note
        for root in (log.state.root, frontier_root(frontier_of(other.peaks, size=3)))
    ]
    from relto.model import ForkEvidence

    evidence = ForkEvidence(log=JPN_KOR, held=heads[0], offered=heads[1])
    check_fork(evidence, ring=JPN_RING)
    for bad in (
        replace(evidence, offered=heads[0]),
        replace(evidence, log=KOR_JPN),
        replace(evidence, offered=heads[1].replace(b"\n3\n", b"\n4\n")),
    ):
        with pytest.raises((ProofError, WrongLogError, SignatureError)):
            check_fork(bad, ring=JPN_RING)


def test_fl_19_forged_evidence_does_not_convict(log, mirror):
    """JN-20: nobody is convicted by entries that it did not sign."""
    mirror.take(batch_of(log))
    with pytest.raises(ForkError) as caught:
        mirror.take(batch_of(fork_at(log, 2)))
    good = caught.value.evidence
    check_fork(good, ring=JPN_RING)
    for bad in (
        replace(good, held_header=good.offered_header),
        replace(good, offered_header=good.held_header, offered_proof=good.held_proof),
        replace(good, number=3),
        replace(good, held_proof=()),
        replace(good, offered_proof=good.held_proof),
        replace(
            good, offered=good.held, offered_header=good.held_header, offered_proof=good.held_proof
        ),
    ):
        with pytest.raises(ProofError):
            check_fork(bad, ring=JPN_RING)
    with pytest.raises(UnknownKeyError):
        check_fork(good, ring=ring("JPN", USA))


def test_fl_19_a_rewound_log_that_goes_on_is_a_fork(log, mirror):
    """JN-20: an author that lost its tail and goes on has written two entries with one number."""
    mirror.take(batch_of(log))
    rewound = fork_at(log, 3)
    with pytest.raises(ForkError):
        mirror.take(batch_of(rewound, first=3))


def test_fl_19_another_head_over_the_same_entries_is_a_fork(log, mirror):
    """JN-16, step 6: also when nothing new comes with it."""
    mirror.take(batch_of(log))
    lie = sign_checkpoint(JPN_KOR, size=3, root=bytes(32), signer=JPN, is_durable=False)
    for batch in (batch_of(log), batch_of(log, first=4)):
        with pytest.raises(ForkError) as caught:
            mirror.take(replace(batch, checkpoint=lie.note))
        check_fork(caught.value.evidence, ring=JPN_RING)


def test_fl_20_where_a_log_stands_is_signed_with_the_keys_of_its_final_entry(log, mirror):
    """JN-12: the time that counts is the entry's, also long after the overlap."""
    from relto.journal import rotate
    from tests.support_journal import SeededSigner

    mirror.take(batch_of(log))
    changed = rotate(
        JPN_RING, SeededSigner(9).keys, serial=2, at=AT.add(hours=1), until=AT.add(hours=2)
    )
    later = AT.add(hours=500)
    assert mirror.take(batch_of(log, first=4), keys=changed, now=later).entries == ()
    empty = Log()
    with pytest.raises(UnknownKeyError):
        Mirror().take(batch_of(empty), keys=changed, now=later)


def test_an_older_head_of_the_same_history_is_no_fork(log, mirror):
    """JN-16: late, not lying."""
    old = batch_of(log)
    log.say(b"more")
    mirror.take(batch_of(log))
    assert mirror.take(old).entries == ()


# ---------------------------------------------------------------- acknowledgements


def test_an_acknowledgement_of_part_of_the_log_counts_for_that_part(log, mirror):
    """JN-17."""
    mirror.take(batch_of(log))
    note = mirror.state.acknowledgement
    for number in range(5):
        log.say(b"%d" % number)
    log.state = accept(log, note)
    assert log.state.acknowledged == 3
    assert log.state.acknowledged_frontier == frontier_of(log.peaks, size=3)


def test_an_older_acknowledgement_changes_nothing(log, mirror):
    """JN-17."""
    mirror.take(batch_of(log))
    older = mirror.state.acknowledgement
    log.say(b"more")
    mirror.take(batch_of(log, first=4))
    log.state = accept(log, mirror.state.acknowledgement)
    assert accept(log, older) is log.state
    assert accept(log, log.state.acknowledgement) is log.state


def test_an_acknowledgement_of_another_log_is_refused(log, mirror):
    """JN-17; FL-24."""
    mirror.take(batch_of(log))
    with pytest.raises(WrongLogError):
        verify_acknowledgement(
            mirror.state.acknowledgement,
            state=empty_log(KOR_JPN, is_exercise=False),
            partner=KOR_RING,
            own=JPN_RING,
            peaks=log.peaks,
        )


@pytest.mark.parametrize("size", [2, 3, 9])
def test_fl_19_a_partner_that_vouches_for_what_we_never_signed_is_exposed(log, size):
    """JN-17: its own signature is the evidence."""
    log.state = replace(
        log.state, acknowledged=2, acknowledged_frontier=frontier_of(log.peaks, size=2)
    )
    invented = sign_checkpoint(JPN_KOR, size=size, root=bytes(32), signer=USA, is_durable=False)
    note = cosign(invented, signer=KOR, party="KOR", at=AT).note
    with pytest.raises(ForkError) as caught:
        accept(log, note)
    assert caught.value.evidence.offered == note


def test_fl_17_a_restored_backup_is_noticed_before_anything_new_is_signed(log, mirror):
    """JN-21: the partner's acknowledgement carries our own signature on what we no longer have."""
    backup = log.state
    log.say(b"after the backup")
    mirror.take(batch_of(log))
    note = mirror.state.acknowledgement
    log.state, log.held = backup, log.held[:3]
    with pytest.raises(RewoundError) as caught:
        accept(log, note)
    assert (caught.value.held, caught.value.signed) == (3, 4)


def test_fl_17_what_was_lost_is_fetched_back_and_an_epoch_says_so(log, mirror):
    """JN-21: our own entries come back from the partner's mirror, under our own signature."""
    backup, held = log.state, list(log.held)
    log.say(b"after the backup")
    mirror.take(batch_of(log))
    restored = Log(seed=3)
    restored.state, restored.held = backup, held
    batches = [
        make_mirror_batch(mirror.state, mirror.held[2:3], first=3),
        make_mirror_batch(mirror.state, mirror.held[3:], first=4),
    ]
    verified = verify_restored(
        batches, state=restored.state, ring=JPN_RING, read=restored.read, now=AT
    )
    restored.held += verified.entries
    restored.state = verified.state
    assert restored.state.root == log.state.root
    epoch = restored.say(kind="epoch")
    assert (epoch.header.number, epoch.header.epoch) == (5, 1)
    mirror.take(batch_of(restored, first=5))


def test_fl_17_what_is_given_back_is_believed_only_under_our_own_signature(log, mirror):
    """JN-21."""
    mirror.take(batch_of(log))
    good = make_mirror_batch(mirror.state, mirror.held, first=1)
    fresh = Log()
    other = Log(KOR_JPN)
    other.say(b"x")

    def restore(*batches):
        return verify_restored(batches, state=fresh.state, ring=JPN_RING, read=fresh.read, now=AT)

    assert restore(good).state.root == log.state.root
    with pytest.raises(ChainError):
        restore(replace(good, entries=good.entries[:2]))
    with pytest.raises(GapError) as caught:
        restore(good, replace(good, first=5))
    assert (caught.value.expected, caught.value.got) == (4, 5)
    with pytest.raises(GapError) as caught:
        restore(replace(good, first=2))
    assert (caught.value.expected, caught.value.got) == (1, 2)
    with pytest.raises(WrongLogError):
        restore(batch_of(other, signer=KOR))
    forged = cosign(
        sign_checkpoint(JPN_KOR, size=3, root=log.state.root, signer=KOR, is_durable=False),
        signer=KOR,
        party="KOR",
        at=AT,
    )
    with pytest.raises(UnknownKeyError):
        restore(replace(good, checkpoint=forged.note))


def test_a_backup_that_was_restored_and_went_on_is_noticed_too(log, mirror):
    """JN-21: our own signature on another root of a size we have."""
    backup, held = log.state, list(log.held)
    log.say(b"after the backup")
    mirror.take(batch_of(log))
    restored = Log(seed=3)
    restored.state, restored.held = backup, held
    restored.say(b"something else")
    with pytest.raises(RewoundError):
        accept(restored, mirror.state.acknowledgement)


def test_the_size_a_note_speaks_of_can_be_read_without_believing_it(log, mirror):
    assert held_size(b"", log=JPN_KOR) == 0
    mirror.take(batch_of(log))
    assert held_size(mirror.state.acknowledgement, log=JPN_KOR) == 3


def test_fl_21_after_a_revocation_nothing_that_key_signs_comes_in(log, mirror):
    """JN-29: what is held already stays, and stays verifiable."""
    from relto.journal import revoke

    mirror.take(batch_of(log))
    revoked = revoke(JPN_RING, serial=1, at=AT.add(hours=1))
    log.say(b"backdated", at=AT)
    with pytest.raises(UnknownKeyError):
        mirror.take(batch_of(log, first=4), keys=revoked)
    assert mirror.state.size == 3


def test_fl_20_a_key_change_in_mid_flight_loses_nothing(log, mirror):
    """JN-28: a batch signed with the old key arrives during the overlap; old receipts verify."""
    from relto.journal import rotate, verify_cosignature
    from tests.support_journal import SeededSigner

    newer = SeededSigner(9)
    changed = rotate(JPN_RING, newer.keys, serial=2, at=AT, until=AT.add(hours=24))
    mirror.take(batch_of(log), keys=changed)
    log.say(b"with the new key")
    mirror.take(batch_of(log, first=4, signer=newer), keys=changed)
    kor_changed = rotate(KOR_RING, newer.keys, serial=2, at=AT.add(hours=1), until=AT.add(hours=2))
    verify_cosignature(mirror.state.acknowledgement, log=JPN_KOR, ring=kor_changed)
