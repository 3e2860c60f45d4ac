"""Node cards."""

import random

import msgspec
import pytest

from relto.codec import CARD, SIGNED_CARD, MalformedError
from relto.journal import (
    FingerprintError,
    ProtocolError,
    SuccessionError,
    read_fingerprint,
    show_fingerprint,
    sign_card,
    verify_card,
    verify_successor,
)
from relto.model import NodeCard, PartyKeys
from relto.seal import PublicKeyError, SignatureError, digest
from relto.sim.twins import TwinKeys
from tests.support_journal import AT

JPN = TwinKeys(random.Random(1))
NEWER = TwinKeys(random.Random(2))
OTHER = TwinKeys(random.Random(3))


def card(keys=JPN, **changes):
    plain = NodeCard(
        protocol=1,
        party="JPN",
        serial=1,
        issued_at=AT,
        keys=keys.keys,
        certificate=b"der",
        endpoints=("https://127.0.0.1:8443", "https://[::1]:8443"),
    )
    return msgspec.structs.replace(plain, **changes)


SIGNED = sign_card(card(), signer=JPN)


def test_a_card_verifies_and_shows_its_fingerprint():
    """JN-26."""
    verified = verify_card(SIGNED, is_exercise=False)
    assert verified.card == card()
    assert verified.fingerprint == digest(CARD.encode(card()))
    assert verify_card(SIGNED, is_exercise=False, fingerprint=verified.fingerprint) == verified


def test_the_wrong_fingerprint_is_refused():
    """JN-27: the bad input that `peer add` must catch."""
    with pytest.raises(FingerprintError):
        verify_card(SIGNED, is_exercise=False, fingerprint=digest(b"another"))


def test_an_exercise_card_and_a_real_node_never_meet():
    """JN-27."""
    with pytest.raises(ProtocolError):
        verify_card(SIGNED, is_exercise=True)
    exercise = sign_card(card(is_exercise=True), signer=JPN)
    with pytest.raises(ProtocolError):
        verify_card(exercise, is_exercise=False)
    assert verify_card(exercise, is_exercise=True).card.is_exercise


def test_an_unknown_major_version_is_refused():
    """JN-27."""
    with pytest.raises(ProtocolError):
        verify_card(sign_card(card(protocol=2), signer=JPN), is_exercise=False)


@pytest.mark.parametrize("field", ["ed25519", "mldsa65", "card"])
def test_a_card_whose_owner_lacks_the_keys_is_refused(field):
    """JN-26."""
    signed = SIGNED_CARD.decode(SIGNED)
    other = SIGNED_CARD.decode(sign_card(card(OTHER), signer=OTHER))
    mixed = msgspec.structs.replace(signed, **{field: getattr(other, field)})
    with pytest.raises(SignatureError):
        verify_card(SIGNED_CARD.encode(mixed), is_exercise=False)


BAD_CARDS = {
    "a party in full width": {"party": "ＪＰＮ"},
    "a party with Cyrillic": {"party": "КOR"},
    "a party in hangul": {"party": "한국"},
    "plain http": {"endpoints": ("http://127.0.0.1:1",)},
    "a path in the endpoint": {"endpoints": ("https://127.0.0.1:1/x",)},
    "user information in the endpoint": {"endpoints": ("https://a@b:1",)},
    "a name beyond ASCII in the endpoint": {"endpoints": ("https://한국:1",)},
    "too many endpoints": {"endpoints": ("https://a:1",) * 9},
    "serial zero": {"serial": 0},
    "a huge certificate": {"certificate": bytes(4_097)},
}


@pytest.mark.parametrize("name", BAD_CARDS)
def test_fl_33_a_card_with_a_bad_name_or_address_is_not_registered(name):
    """JN-27: identity is the key and a closed ASCII code; nothing is compared by its looks."""
    with pytest.raises(MalformedError):
        verify_card(sign_card(card(**BAD_CARDS[name]), signer=JPN), is_exercise=False)


@pytest.mark.parametrize(
    "keys",
    [
        {"ed25519": bytes(32)},
        {"ed25519": (1).to_bytes(32, "little")},
        {"sealing": bytes(1_216)},
        {"sealing": b"\xff" * 1_216},
    ],
)
def test_a_card_with_a_key_that_must_not_be_used_is_refused(keys):
    """JN-27."""
    bad = msgspec.structs.replace(JPN.keys, **keys)

    class Posing:
        def __init__(self) -> None:
            self.keys: PartyKeys = bad

        sign = staticmethod(JPN.sign)
        sign_durable = staticmethod(JPN.sign_durable)

    data = sign_card(card(keys=Posing()), signer=Posing())
    with pytest.raises(PublicKeyError):
        verify_card(data, is_exercise=False)


def test_fl_20_a_successor_is_announced_by_old_and_new_keys():
    """JN-28."""
    new = card(NEWER, serial=2)
    data = sign_card(new, signer=NEWER, predecessor=JPN)
    assert verify_successor(data, current=card()).card == new


@pytest.mark.parametrize(
    ("changes", "predecessor", "error"),
    [
        ({"serial": 1}, JPN, SuccessionError),
        ({"serial": 2, "party": "KOR"}, JPN, SuccessionError),
        ({"serial": 2}, OTHER, SignatureError),
        ({"serial": 2}, None, SignatureError),
        ({"serial": 2, "is_exercise": True}, JPN, ProtocolError),
    ],
    ids=["same serial", "other party", "other keys", "not announced", "other world"],
)
def test_a_card_that_does_not_continue_the_pinned_one_is_refused(changes, predecessor, error):
    """JN-28."""
    data = sign_card(card(NEWER, **changes), signer=NEWER, predecessor=predecessor)
    with pytest.raises(error):
        verify_successor(data, current=card())


def test_people_may_write_a_fingerprint_as_they_like():
    shown = show_fingerprint(digest(b"x"))
    assert len(shown.split()) == 16
    for text in (shown, shown.upper(), shown.replace(" ", ":"), digest(b"x")):
        assert read_fingerprint(text) == digest(b"x")


@pytest.mark.parametrize(
    "text", ["", "12", "g" * 64, "g" + "0" * 63, digest(b"x")[:-1], digest(b"x") + "0", "１" * 64]
)
def test_part_of_a_fingerprint_is_none(text):
    """JN-27: whole or not at all, so that nobody compares eight digits only."""
    with pytest.raises(FingerprintError):
        read_fingerprint(text)
