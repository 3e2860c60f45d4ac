"""Sealing secrets and deriving content keys: what the core itself does of it."""

import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from relto.seal import (
    HPKE_SUITE,
    KEY_SALT_BYTES,
    SEALED_KEY_BYTES,
    SEALED_SECRET_BYTES,
    SEALING_KEY_BYTES,
    PublicKeyError,
    check_sealing_key,
    derive_content_key,
    expand_sealing_seed,
    seal_secret,
)

SEED = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
LATTICE, CLASSICAL = expand_sealing_seed(SEED)
PRIVATE = MLKEM768X25519PrivateKey(
    MLKEM768PrivateKey.from_seed_bytes(LATTICE), X25519PrivateKey.from_private_bytes(CLASSICAL)
)
PUBLIC = (
    MLKEM768PrivateKey.from_seed_bytes(LATTICE).public_key().public_bytes_raw()
    + X25519PrivateKey.from_private_bytes(CLASSICAL).public_key().public_bytes_raw()
)


def test_a_seed_expands_to_the_two_component_keys():
    """PK-3: as the X-Wing draft expands the seed of its first test vector."""
    import hashlib

    assert hashlib.shake_256(SEED).digest(96) == LATTICE + CLASSICAL
    assert (len(LATTICE), len(CLASSICAL)) == (64, 32)
    assert len(PUBLIC) == SEALING_KEY_BYTES
    # The public key of that vector begins and ends so.
    assert PUBLIC.hex().startswith(
        "e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5"
    )


def test_what_is_sealed_opens_with_the_key_and_the_context():
    """PK-4."""
    secret = bytes(range(32))
    sealed = seal_secret(secret, recipient=PUBLIC, info=b"context")
    assert len(sealed) == SEALED_SECRET_BYTES
    assert HPKE_SUITE.decrypt(sealed, PRIVATE, b"context") == secret
    assert seal_secret(secret, recipient=PUBLIC, info=b"context") != sealed


@pytest.mark.parametrize(
    "public",
    [b"", PUBLIC[:-1], PUBLIC + b"\x00", PUBLIC[:1184] + bytes(32), b"\xff" * 1184 + PUBLIC[1184:]],
    ids=["empty", "short", "long", "classical half without effect", "lattice half out of range"],
)
def test_a_key_that_must_not_be_used_is_refused(public):
    with pytest.raises(PublicKeyError):
        check_sealing_key(public)
    with pytest.raises(PublicKeyError):
        seal_secret(bytes(32), recipient=public, info=b"")


def test_a_content_key_comes_of_secret_salt_and_context():
    """PK-8: HKDF-SHA256 as RFC 5869 writes it down, one block long."""
    secret, salt, context = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))

    def keyed(key: bytes, text: bytes) -> bytes:
        code = hmac.HMAC(key, hashes.SHA256())
        code.update(text)
        return code.finalize()

    key = derive_content_key(secret, salt=salt, context=context)
    assert key == keyed(keyed(salt, secret), context + b"\x01")
    others = {
        derive_content_key(bytes(32), salt=salt, context=context),
        derive_content_key(secret, salt=bytes(32), context=context),
        derive_content_key(secret, salt=salt, context=bytes(32)),
    }
    assert len(others | {key}) == 4


def test_a_sealed_key_is_a_sealed_secret_and_a_salt():
    """PK-10."""
    assert (SEALED_SECRET_BYTES, KEY_SALT_BYTES, SEALED_KEY_BYTES) == (1_168, 32, 1_200)
