"""Checking signatures. A check returns nothing and raises: there is no boolean to forget.

Public keys are parsed once and kept: parsing costs a third of an Ed25519 verification.
"""

from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from relto.errors import PeerError

ED25519_KEY_BYTES: Final = 32
ED25519_SIGNATURE_BYTES: Final = 64
MLDSA65_KEY_BYTES: Final = 1_952
MLDSA65_SIGNATURE_BYTES: Final = 3_309
_KEYS_KEPT: Final = 1_024

# Every signature fits a key of small order, so whoever owns one could deny every word. RFC 8032
# curve: the y-coordinates of the eight points of small order, little-endian, without the sign bit.
_FIELD: Final = 2**255 - 19
_ORDER_EIGHT: Final = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"
_Y_ORDER_EIGHT: Final = int.from_bytes(bytes.fromhex(_ORDER_EIGHT), "little")
_Y_SMALL_ORDER: Final = (0, 1, _FIELD - 1, _Y_ORDER_EIGHT, _FIELD - _Y_ORDER_EIGHT)


class SignatureError(PeerError):
    """A signature does not fit the message and the key it claims."""

    code = "peer.bad_signature"
    hint_default = "the bytes were changed on the way, or another key signed them"


class PublicKeyError(PeerError):
    """A public key is not one: wrong length, or not a point that may be used."""

    code = "peer.bad_key"
    hint_default = "ask the partner for a fresh node card and compare its fingerprint"


@lru_cache(maxsize=_KEYS_KEPT)
def _ed25519(public: bytes) -> Ed25519PublicKey:
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _FIELD or y in _Y_SMALL_ORDER:
        raise PublicKeyError(
            "not an Ed25519 key that can be trusted: not canonical, or of small order"
        )
    try:
        return Ed25519PublicKey.from_public_bytes(public)
    except ValueError as error:
        raise PublicKeyError(f"not an Ed25519 key: {len(public)} bytes") from error


@lru_cache(maxsize=_KEYS_KEPT)
def _mldsa65(public: bytes) -> MLDSA65PublicKey:
    try:
        return MLDSA65PublicKey.from_public_bytes(public)
    except ValueError as error:
        raise PublicKeyError(f"not an ML-DSA-65 key: {len(public)} bytes") from error


def check_ed25519(public: bytes, *, signature: bytes, message: bytes) -> None:
    """Check an Ed25519 signature (RFC 8032).

    Args:
        public: The 32-byte public key.
        signature: What claims to be the signature; any length.
        message: The exact bytes that were signed.

    Raises:
        SignatureError: It does not fit.
        PublicKeyError: `public` is not a key.

    Source: docs/spec/journal.md JN-12.
    """
    try:
        _ed25519(public).verify(signature, message)
    except InvalidSignature as error:
        raise SignatureError("Ed25519 signature does not fit") from error


def check_mldsa65(public: bytes, *, signature: bytes, message: bytes, context: bytes) -> None:
    """Check an ML-DSA-65 signature (FIPS 204) under its context string.

    Args:
        public: The 1,952-byte public key.
        signature: What claims to be the signature; any length.
        message: The exact bytes that were signed.
        context: The domain: at most 255 bytes.

    Raises:
        SignatureError: It does not fit.
        PublicKeyError: `public` is not a key.

    Source: docs/spec/journal.md JN-13.
    """
    try:
        _mldsa65(public).verify(signature, message, context)
    except InvalidSignature as error:
        raise SignatureError("ML-DSA-65 signature does not fit") from error


def check_signing_keys(*, ed25519: bytes, mldsa65: bytes) -> None:
    """Check that two public keys are usable, before a card with them is registered.

    Raises:
        PublicKeyError: One is malformed, not canonical, or of small order.

    Source: docs/spec/journal.md JN-27.
    """
    _ed25519(ed25519)
    _mldsa65(mldsa65)
