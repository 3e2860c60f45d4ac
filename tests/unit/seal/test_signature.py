"""Checking signatures and public keys."""

import pytest

from relto.seal import (
    ED25519_KEY_BYTES,
    MLDSA65_KEY_BYTES,
    MLDSA65_SIGNATURE_BYTES,
    PublicKeyError,
    SignatureError,
    check_ed25519,
    check_mldsa65,
    check_signing_keys,
)
from tests.support_journal import JPN, KOR

FIELD = 2**255 - 19
SMALL_ORDER = {
    "zero": (0).to_bytes(32, "little"),
    "zero, sign bit": (2**255).to_bytes(32, "little"),
    "identity": (1).to_bytes(32, "little"),
    "order two": (FIELD - 1).to_bytes(32, "little"),
    "order eight": bytes.fromhex(
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
    ),
    "order eight, other": bytes.fromhex(
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
    ),
    "not canonical": (FIELD + 1).to_bytes(32, "little"),
}


def test_a_good_signature_passes():
    check_ed25519(JPN.keys.ed25519, signature=JPN.sign(b"m"), message=b"m")
    signature = JPN.sign_durable(b"m", context=b"c")
    assert len(signature) == MLDSA65_SIGNATURE_BYTES
    check_mldsa65(JPN.keys.mldsa65, signature=signature, message=b"m", context=b"c")


@pytest.mark.parametrize(
    ("signature", "message"),
    [(JPN.sign(b"m"), b"n"), (KOR.sign(b"m"), b"m"), (b"", b"m"), (bytes(64), b"m")],
    ids=["other message", "other signer", "empty", "zeros"],
)
def test_a_signature_that_does_not_fit_is_refused(signature, message):
    with pytest.raises(SignatureError):
        check_ed25519(JPN.keys.ed25519, signature=signature, message=message)


def test_a_durable_signature_of_another_context_is_refused():
    signature = JPN.sign_durable(b"m", context=b"c")
    for given, message, context in (
        (signature, b"m", b"d"),
        (signature, b"n", b"c"),
        (signature[:-1], b"m", b"c"),
        (b"", b"m", b"c"),
    ):
        with pytest.raises(SignatureError):
            check_mldsa65(JPN.keys.mldsa65, signature=given, message=message, context=context)


@pytest.mark.parametrize("name", SMALL_ORDER)
def test_a_key_of_small_order_is_no_key(name):
    """JN-27: its owner could deny every word."""
    with pytest.raises(PublicKeyError):
        check_signing_keys(ed25519=SMALL_ORDER[name], mldsa65=JPN.keys.mldsa65)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_no_key(length):
    with pytest.raises(PublicKeyError):
        check_signing_keys(ed25519=b"\x07" * length, mldsa65=JPN.keys.mldsa65)
    with pytest.raises(PublicKeyError):
        check_signing_keys(ed25519=JPN.keys.ed25519, mldsa65=b"\x07" * length)
    assert (ED25519_KEY_BYTES, MLDSA65_KEY_BYTES) == (32, 1_952)


def test_good_keys_are_keys():
    check_signing_keys(ed25519=JPN.keys.ed25519, mldsa65=JPN.keys.mldsa65)
