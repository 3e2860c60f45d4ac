"""Sealing content keys: what the core itself does of it."""

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from relto.seal import (
    HPKE_SUITE,
    SEALED_KEY_BYTES,
    SEALING_KEY_BYTES,
    PublicKeyError,
    check_sealing_key,
    expand_sealing_seed,
    seal_content_key,
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
    key = bytes(range(32))
    sealed = seal_content_key(key, recipient=PUBLIC, info=b"context")
    assert len(sealed) == SEALED_KEY_BYTES
    assert HPKE_SUITE.decrypt(sealed, PRIVATE, b"context") == key
    assert seal_content_key(key, recipient=PUBLIC, info=b"context") != sealed


@pytest.mark.parametrize(
    "public",
    [b"", PUBLIC[:-1], PUBLIC + b"\x00", PUBLIC[:1184] + bytes(32), b"\xff" * 1184 + PUBLIC[1184:]],
    ids=["empty", "short", "long", "classical half without effect", "lattice half out of range"],
)
def test_a_key_that_must_not_be_used_is_refused(public):
    with pytest.raises(PublicKeyError):
        check_sealing_key(public)
    with pytest.raises(PublicKeyError):
        seal_content_key(bytes(32), recipient=public, info=b"")
