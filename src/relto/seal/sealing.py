"""Sealing a secret to one recipient, and the content keys that come of it.

The secret is sealed by HPKE in base mode with X-Wing, HKDF-SHA256 and AES-256-GCM: 32 bytes, since
HPKE holds the interpreter's lock. The packages of one turn may share it; each has a content key of
its own, derived from the secret, a fresh salt and the package's context. Who sent it is proven by
the journal, not here.
"""

from functools import lru_cache
from hashlib import shake_256
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from relto.seal.signature import PublicKeyError

SEALING_SEED_BYTES: Final = 32
SEALING_KEY_BYTES: Final = 1_216
CONTENT_KEY_BYTES: Final = 32
SECRET_BYTES: Final = 32
SEALED_SECRET_BYTES: Final = 1_120 + SECRET_BYTES + 16
KEY_SALT_BYTES: Final = 32
# What a release carries: the sealed secret, then the salt.
SEALED_KEY_BYTES: Final = SEALED_SECRET_BYTES + KEY_SALT_BYTES
_MLKEM768_KEY_BYTES: Final = 1_184

HPKE_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def expand_sealing_seed(seed: bytes) -> tuple[bytes, bytes]:
    """Expand a 32-byte seed into the two component seeds, as the X-Wing draft does.

    Args:
        seed: Exactly `SEALING_SEED_BYTES` bytes; the only secret that is kept.

    Returns:
        The ML-KEM-768 seed (64 bytes) and the X25519 private key (32 bytes).

    Source: draft-connolly-cfrg-xwing-kem, section 5.2; docs/spec/package.md PK-3.
    """
    assert len(seed) == SEALING_SEED_BYTES
    expanded = shake_256(seed).digest(96)
    return expanded[:64], expanded[64:]


@lru_cache(maxsize=1_024)
def _parse(public: bytes) -> MLKEM768X25519PublicKey:
    if len(public) != SEALING_KEY_BYTES:
        raise PublicKeyError(
            f"not a sealing key: {len(public)} bytes, expected {SEALING_KEY_BYTES}"
        )
    try:
        classical = X25519PublicKey.from_public_bytes(public[_MLKEM768_KEY_BYTES:])
        # An all-zero shared secret would leave the classical half without effect: refuse such a
        # point.
        X25519PrivateKey.from_private_bytes(b"\x01" * 32).exchange(classical)
        lattice = MLKEM768PublicKey.from_public_bytes(public[:_MLKEM768_KEY_BYTES])
    except ValueError as error:
        raise PublicKeyError("not a sealing key: a component is malformed") from error
    return MLKEM768X25519PublicKey(lattice, classical)


def check_sealing_key(public: bytes) -> None:
    """Check that a public sealing key is usable, before a card with it is registered.

    Args:
        public: ML-KEM-768 key (1,184 bytes), then X25519 key (32 bytes).

    Raises:
        PublicKeyError: It is not.

    Source: docs/spec/package.md PK-3.
    """
    _parse(public)


def seal_secret(secret: bytes, *, recipient: bytes, info: bytes) -> bytes:
    """Seal a secret to a recipient; the library draws randomness, so no two results agree.

    Args:
        secret: Exactly `SECRET_BYTES` fresh random bytes.
        recipient: The public sealing key from the recipient's card.
        info: What it is bound to; opening under anything else fails.

    Returns:
        Encapsulation (1,120 bytes) and the encrypted secret.

    Raises:
        PublicKeyError: `recipient` is not a sealing key.

    Source: RFC 9180; docs/spec/package.md PK-4.
    """
    assert len(secret) == SECRET_BYTES
    return HPKE_SUITE.encrypt(secret, _parse(recipient), info)


def derive_content_key(secret: bytes, *, salt: bytes, context: bytes) -> bytes:
    """Derive the content key of one package.

    Args:
        secret: As it was sealed, or came out of the sealed secret.
        salt: Exactly `KEY_SALT_BYTES` bytes, drawn for this package alone.
        context: The 32-byte hash of the package's context.

    Returns:
        `CONTENT_KEY_BYTES` bytes. Without the salt, or under another context, they are out of
        reach even for those who know the secret.

    Source: RFC 5869 with SHA-256; docs/spec/package.md PK-8.
    """
    assert len(secret) == SECRET_BYTES
    assert len(salt) == KEY_SALT_BYTES
    kdf = HKDF(hashes.SHA256(), length=CONTENT_KEY_BYTES, salt=salt, info=context)
    return kdf.derive(secret)
