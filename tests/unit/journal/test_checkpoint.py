"""Signed heads and cosignatures."""

import base64

import pytest

from relto.codec import MalformedError, SignedNote, decode_note, encode_note
from relto.journal import (
    NotDurableError,
    UnknownKeyError,
    WrongLogError,
    cosign,
    is_durable_due,
    key_id,
    peek_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
    verify_cosignature,
)
from relto.limits import DURABLE_CHECKPOINT_ENTRIES
from relto.seal import EMPTY_ROOT, SignatureError
from tests.support_journal import AT, JPN, JPN_KOR, KOR, KOR_JPN, USA, ring

ROOT = bytes(range(32))
RING = ring("JPN", JPN)
PLAIN = sign_checkpoint(JPN_KOR, size=7, root=ROOT, signer=JPN, is_durable=False)
DURABLE = sign_checkpoint(JPN_KOR, size=7, root=ROOT, signer=JPN, is_durable=True)


def verify(note, *, log=JPN_KOR, keys=RING, is_durable=False):
    return verify_checkpoint(note, log=log, ring=keys, at=AT, is_durable=is_durable)


def text_of(note):
    return decode_note(note).text


def test_a_checkpoint_verifies_and_says_what_was_signed():
    """JN-10, JN-12."""
    assert verify(PLAIN.note) == PLAIN
    assert verify(DURABLE.note, is_durable=True) == DURABLE
    assert text_of(PLAIN.note) == f"relto/JPN/KOR\n7\n{base64.b64encode(ROOT).decode()}\n"
    assert peek_checkpoint(PLAIN.note, log=JPN_KOR) == (7, ROOT)


def test_a_key_id_follows_the_note_specification():
    """JN-11: the key and the id of the C2SP example."""
    import hashlib

    name, public = "relto/JPN/KOR", JPN.keys.ed25519
    expected = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
    assert decode_note(PLAIN.note).signatures[0].key_id == key_id(name, b"\x01", public) == expected


def test_a_durable_checkpoint_carries_ml_dsa_and_it_counts():
    """JN-13."""
    with pytest.raises(NotDurableError):
        verify(PLAIN.note, is_durable=True)
    note = decode_note(DURABLE.note)
    classical, durable = note.signatures
    broken = NoteWith(note, (classical, replace(durable, signature=bytes(3_309))))
    for is_durable in (True, False):
        with pytest.raises(SignatureError):
            verify(broken, is_durable=is_durable)


def replace(line, **changes):
    from msgspec.structs import replace as replaced

    return replaced(line, **changes)


def NoteWith(note: SignedNote, signatures) -> bytes:  # noqa: N802
    return encode_note(SignedNote(text=note.text, signatures=signatures))


@pytest.mark.parametrize("place", range(0, len(text_of(PLAIN.note)), 5))
def test_a_changed_text_does_not_verify(place):
    """JN-12."""
    changed = bytearray(PLAIN.note)
    changed[place] ^= 1
    with pytest.raises((SignatureError, MalformedError, WrongLogError)):
        verify(bytes(changed))


def test_fl_24_a_checkpoint_of_another_direction_or_party_is_refused():
    """JN-12: the origin is signed, and only its author may sign it."""
    with pytest.raises(WrongLogError):
        verify(PLAIN.note, log=KOR_JPN)
    with pytest.raises(WrongLogError):
        verify(PLAIN.note, keys=ring("KOR", KOR))
    by_kor = sign_checkpoint(JPN_KOR, size=7, root=ROOT, signer=KOR, is_durable=False)
    with pytest.raises(UnknownKeyError):
        verify(by_kor.note)


def test_lines_of_unknown_keys_are_passed_over():
    """JN-11."""
    note = decode_note(PLAIN.note)
    other = decode_note(
        sign_checkpoint(JPN_KOR, size=7, root=ROOT, signer=USA, is_durable=True).note
    )
    assert verify(NoteWith(note, (*other.signatures, *note.signatures))).size == 7


def test_a_known_key_with_a_wrong_signature_spoils_the_note():
    """JN-11."""
    note = decode_note(PLAIN.note)
    (line,) = note.signatures
    with pytest.raises(SignatureError):
        verify(NoteWith(note, (replace(line, signature=bytes(64)), line)))


TEXTS = {
    "two lines": "relto/JPN/KOR\n7\n",
    "an extension": f"relto/JPN/KOR\n7\n{base64.b64encode(ROOT).decode()}\nmore\n",
    "leading zero": f"relto/JPN/KOR\n07\n{base64.b64encode(ROOT).decode()}\n",
    "negative": f"relto/JPN/KOR\n-7\n{base64.b64encode(ROOT).decode()}\n",
    "plus": f"relto/JPN/KOR\n+7\n{base64.b64encode(ROOT).decode()}\n",
    "underscore": f"relto/JPN/KOR\n1_0\n{base64.b64encode(ROOT).decode()}\n",
    "arabic digits": f"relto/JPN/KOR\n٧\n{base64.b64encode(ROOT).decode()}\n",
    "a huge size": f"relto/JPN/KOR\n{'9' * 5000}\n{base64.b64encode(ROOT).decode()}\n",
    "a size beyond 2**53": f"relto/JPN/KOR\n{2**53}\n{base64.b64encode(ROOT).decode()}\n",
    "short root": f"relto/JPN/KOR\n7\n{base64.b64encode(ROOT[:31]).decode()}\n",
    "root not base64": "relto/JPN/KOR\n7\n****\n",
    "root with loose bits": f"relto/JPN/KOR\n7\n{base64.b64encode(ROOT).decode()[:-2]}9=\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_no_checkpoint_is_malformed_though_signed(name):
    """JN-10."""
    note = NoteWith(SignedNote(text=TEXTS[name], signatures=()), decode_note(PLAIN.note).signatures)
    with pytest.raises(MalformedError):
        verify(note)


def test_the_durable_signature_is_due_when_a_multiple_is_stepped_over():
    """JN-13."""
    step = DURABLE_CHECKPOINT_ENTRIES
    assert not is_durable_due(old=0, size=step - 1)
    assert is_durable_due(old=0, size=step)
    assert is_durable_due(old=step - 1, size=step + 1)
    assert not is_durable_due(old=step, size=2 * step - 1)
    assert is_durable_due(old=1, size=10 * step)


def test_an_acknowledgement_verifies_and_keeps_the_authors_word():
    """JN-15."""
    given = cosign(DURABLE, signer=KOR, party="KOR", at=AT.add(milliseconds=900))
    assert given.at == AT
    verified = verify_cosignature(given.note, log=JPN_KOR, ring=ring("KOR", KOR))
    assert verified == given
    assert verify(given.note, is_durable=True).root == ROOT


def test_an_acknowledgement_by_another_or_changed_is_refused():
    """JN-15."""
    given = cosign(PLAIN, signer=KOR, party="KOR", at=AT)
    with pytest.raises(UnknownKeyError):
        verify_cosignature(given.note, log=JPN_KOR, ring=ring("KOR", USA))
    with pytest.raises(UnknownKeyError):
        verify_cosignature(given.note, log=JPN_KOR, ring=ring("USA", USA))
    with pytest.raises(UnknownKeyError):
        verify_cosignature(PLAIN.note, log=JPN_KOR, ring=ring("KOR", KOR))
    with pytest.raises(WrongLogError):
        verify_cosignature(given.note, log=KOR_JPN, ring=ring("KOR", KOR))
    note = decode_note(given.note)
    own, cosigned = note.signatures
    later = (AT.timestamp() + 1).to_bytes(8, "big") + cosigned.signature[8:]
    with pytest.raises(SignatureError):
        verify_cosignature(
            NoteWith(note, (own, replace(cosigned, signature=later))),
            log=JPN_KOR,
            ring=ring("KOR", KOR),
        )
    never = b"\xff" * 8 + cosigned.signature[8:]
    with pytest.raises(MalformedError):
        verify_cosignature(
            NoteWith(note, (own, replace(cosigned, signature=never))),
            log=JPN_KOR,
            ring=ring("KOR", KOR),
        )


def test_a_checkpoint_signature_is_no_acknowledgement():
    """JN-15: the two are signed under different first lines."""
    own = sign_checkpoint(KOR_JPN, size=7, root=EMPTY_ROOT, signer=KOR, is_durable=False)
    with pytest.raises(UnknownKeyError):
        verify_cosignature(own.note, log=KOR_JPN, ring=ring("KOR", KOR))


def test_the_largest_size_is_one_that_every_reader_reads_alike():
    """JN-10."""
    largest = sign_checkpoint(JPN_KOR, size=2**53 - 1, root=ROOT, signer=JPN, is_durable=False)
    assert verify(largest.note).size == 2**53 - 1


def test_a_cosignature_that_is_a_time_alone_is_passed_over():
    """JN-15."""
    given = cosign(PLAIN, signer=KOR, party="KOR", at=AT)
    own, cosigned = decode_note(given.note).signatures
    bare = replace(cosigned, signature=cosigned.signature[:8])
    with pytest.raises(UnknownKeyError):
        verify_cosignature(
            NoteWith(decode_note(given.note), (own, bare)), log=JPN_KOR, ring=ring("KOR", KOR)
        )


def test_fl_21_what_a_revoked_key_signed_is_not_believed_unless_it_is_told_to_be_old():
    """JN-29: a date before the revocation does not help what arrives now."""
    from relto.journal import revoke

    at = AT.add(hours=1)
    author, partner = revoke(RING, serial=1, at=at), revoke(ring("KOR", KOR), serial=1, at=at)
    given = cosign(PLAIN, signer=KOR, party="KOR", at=AT)
    with pytest.raises(UnknownKeyError):
        verify_checkpoint(PLAIN.note, log=JPN_KOR, ring=author, at=AT, is_durable=False)
    with pytest.raises(UnknownKeyError):
        verify_cosignature(given.note, log=JPN_KOR, ring=partner)
    verify_checkpoint(PLAIN.note, log=JPN_KOR, ring=author, at=AT, is_durable=False, is_live=False)
    verify_cosignature(given.note, log=JPN_KOR, ring=partner, is_live=False)


def test_two_keys_sign_one_head_and_cosign_it_so_that_either_is_enough():
    """JN-12, JN-15: readers pass over the line whose key they do not know."""
    head = sign_checkpoint(
        JPN_KOR, size=0, root=EMPTY_ROOT, signer=JPN, newer=[USA], is_durable=True
    )
    given = cosign(head, signer=KOR, newer=[USA], party="KOR", at=AT)
    for author, partner in ((JPN, KOR), (USA, USA)):
        verify_checkpoint(head.note, log=JPN_KOR, ring=ring("JPN", author), at=AT, is_durable=True)
        verify_cosignature(given.note, log=JPN_KOR, ring=ring("KOR", partner))
    with pytest.raises(UnknownKeyError):
        verify_checkpoint(head.note, log=JPN_KOR, ring=ring("JPN", KOR), at=AT, is_durable=True)
