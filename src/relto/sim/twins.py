"""Deterministic twins of what a node is handed in the real world: chance, signatures, sealing.

Signatures are real, because a partner verifies them; only their keys are drawn from a seed.
Sealing is a twin: the real one draws randomness of its own, so a run would not repeat itself. The
twin keeps what matters here: only the recipient's opener opens it, only under the same `info`, and
what is sealed does not show the content key. It protects nothing and has no place outside a
simulation.
"""

import random
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from relto.model import PartyKeys
from relto.seal import (
    SEALED_SECRET_BYTES,
    SEALING_SEED_BYTES,
    SECRET_BYTES,
    PackageError,
    digest_bytes,
    expand_sealing_seed,
)

_SEED_BYTES: Final = 32


class SeededEntropy:
    """Bytes that are the same again with the same seed.

    Args:
        luck: The stream they are drawn from.
    """

    def __init__(self, luck: random.Random) -> None:
        """Take over a stream of chance."""
        self._luck = luck

    def draw(self, count: int) -> bytes:
        """See `relto.seal.Entropy`."""
        return self._luck.randbytes(count)


class TwinKeys:
    """One card's keys: signs for real, opens what `TwinSealer` has sealed.

    Args:
        luck: The stream the keys are drawn from.
    """

    def __init__(self, luck: random.Random) -> None:
        """Draw the keys."""
        seeds = [luck.randbytes(_SEED_BYTES) for _ in range(2)]
        sealing = luck.randbytes(SEALING_SEED_BYTES)
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(seeds[0])
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(seeds[1])
        lattice, classical = expand_sealing_seed(sealing)
        self._keys = PartyKeys(
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            mldsa65=self._mldsa65.public_key().public_bytes_raw(),
            sealing=MLKEM768PrivateKey.from_seed_bytes(lattice).public_key().public_bytes_raw()
            + X25519PrivateKey.from_private_bytes(classical).public_key().public_bytes_raw(),
        )
        self.secrets = (*seeds, sealing, lattice, classical)

    @property
    def keys(self) -> PartyKeys:
        """See `relto.seal.Signer`."""
        return self._keys

    def sign(self, message: bytes) -> bytes:
        """See `relto.seal.Signer`."""
        return self._ed25519.sign(message)

    def sign_durable(self, message: bytes, *, context: bytes) -> bytes:
        """See `relto.seal.Signer`; the one thing here that is not the same twice."""
        return self._mldsa65.sign(message, context)

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """See `relto.seal.Opener`."""
        if len(sealed) != SEALED_SECRET_BYTES:
            raise PackageError("a sealed secret of another length")
        mask, hidden = sealed[:32], sealed[32 : 32 + SECRET_BYTES]
        secret = _veil(hidden, mask, self._keys.sealing, info)
        if _tag(secret, mask, self._keys.sealing, info) != sealed[-32:]:
            raise PackageError("the sealed secret is not for this key, or bound to something else")
        return secret


class TwinOpener:
    """Opens what was sealed to any of a party's keys, old ones too.

    Args:
        keys: Newest first.
    """

    def __init__(self, keys: tuple[TwinKeys, ...]) -> None:
        """Keep the keys."""
        self._keys = keys

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """See `relto.seal.Opener`."""
        for keys in self._keys:
            try:
                return keys.open(sealed, info=info)
            except PackageError:
                continue
        raise PackageError("the sealed secret is not for this party, or bound to something else")


class TwinSealer:
    """Seals secrets without drawing randomness of its own."""

    def seal(self, secret: bytes, *, recipient: bytes, info: bytes) -> bytes:
        """See `relto.seal.Sealer`."""
        assert len(secret) == SECRET_BYTES
        mask = digest_bytes(b"relto/sim/mask" + secret + recipient + info)
        padding = bytes(SEALED_SECRET_BYTES - 64 - SECRET_BYTES)
        hidden = _veil(secret, mask, recipient, info)
        return mask + hidden + padding + _tag(secret, mask, recipient, info)


def _veil(secret: bytes, mask: bytes, recipient: bytes, info: bytes) -> bytes:
    stream = digest_bytes(b"relto/sim/veil" + mask + recipient + info)
    return bytes(one ^ other for one, other in zip(secret, stream, strict=True))


def _tag(secret: bytes, mask: bytes, recipient: bytes, info: bytes) -> bytes:
    return digest_bytes(b"relto/sim/tag" + secret + mask + recipient + info)
