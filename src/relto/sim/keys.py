"""Keys and entropy for a virtual world: all follows from a seed, so that a run can be replayed.

Signatures are real, since the core verifies them. ML-DSA draws its own randomness, so notes differ
between runs where it signs: a trace is taken over headers. Sealing is not real: it keeps a content
key from whoever lacks the recipient's *public* key or the context, which is enough to see that
nothing is opened by mistake.
"""

import random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from relto.model import PartyKeys
from relto.seal import (
    HASH_BYTES,
    SEALED_KEY_BYTES,
    PackageError,
    digest_bytes,
    expand_sealing_seed,
    open_package,
    seal_package,
    sealed_size,
)


class SeededEntropy:
    """Bytes that follow from a seed; see `relto.seal.Entropy`."""

    def __init__(self, seed: int) -> None:
        """Begin at a seed."""
        self._random = random.Random(seed)

    def draw(self, count: int) -> bytes:
        """See `relto.seal.Entropy`."""
        return self._random.randbytes(count)


class SeededKeys:
    """One party's keys, from a name: `Signer`, `Sealer` and `Opener` at once.

    Args:
        seed: Any text; the same text gives the same keys.
    """

    def __init__(self, seed: str) -> None:
        """Derive the keys."""

        def derived(use: str) -> bytes:
            return digest_bytes(f"relto/sim/{use}/{seed}".encode())

        lattice, classical = expand_sealing_seed(derived("sealing"))
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(derived("ed25519"))
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(derived("mldsa65"))
        self._keys = PartyKeys(
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            mldsa65=self._mldsa65.public_key().public_bytes_raw(),
            sealing=MLKEM768PrivateKey.from_seed_bytes(lattice).public_key().public_bytes_raw()
            + X25519PrivateKey.from_private_bytes(classical).public_key().public_bytes_raw(),
        )

    @property
    def keys(self) -> PartyKeys:
        """See `relto.seal.Signer`."""
        return self._keys

    def sign(self, message: bytes) -> bytes:
        """See `relto.seal.Signer`."""
        return self._ed25519.sign(message)

    def sign_durable(self, message: bytes, *, context: bytes) -> bytes:
        """See `relto.seal.Signer`."""
        return self._mldsa65.sign(message, context)

    def seal(self, content_key: bytes, *, recipient: bytes, info: bytes) -> bytes:
        """See `relto.seal.Sealer`."""
        return seal_package(
            content_key, content_key=_shared(recipient, info), context=bytes(HASH_BYTES)
        ).ljust(SEALED_KEY_BYTES, b"\x00")

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """See `relto.seal.Opener`."""
        if len(sealed) != SEALED_KEY_BYTES:
            raise PackageError(f"sealed key of {len(sealed)} bytes, expected {SEALED_KEY_BYTES}")
        inner = sealed[: sealed_size(HASH_BYTES)]
        return open_package(
            inner, content_key=_shared(self._keys.sealing, info), context=bytes(HASH_BYTES)
        )


def _shared(recipient: bytes, info: bytes) -> bytes:
    return digest_bytes(digest_bytes(recipient) + digest_bytes(info))
