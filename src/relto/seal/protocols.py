"""What the core is handed instead of keys and randomness: four small protocols.

Real ones live in `relto.adapters.keys`, deterministic twins in `relto.sim`. The core never sees a
private key.
"""

from typing import Protocol

from relto.model import PartyKeys


class Entropy(Protocol):
    """A source of unpredictable bytes: salts, secrets, case ids."""

    def draw(self, count: int) -> bytes:
        """Give `count` fresh bytes; the same again only in a simulation with the same seed."""


class Signer(Protocol):
    """One party's signing keys, behind a door."""

    @property
    def keys(self) -> PartyKeys:
        """The public halves, so that what is signed can name its key."""

    def sign(self, message: bytes) -> bytes:
        """Sign with Ed25519: 64 bytes. The message begins with its own domain line."""

    def sign_durable(self, message: bytes, *, context: bytes) -> bytes:
        """Sign with ML-DSA-65: 3,309 bytes, bound to `context` (FIPS 204)."""


class Sealer(Protocol):
    """Closes a secret so that only one recipient can open it."""

    def seal(self, secret: bytes, *, recipient: bytes, info: bytes) -> bytes:
        """Seal 32 bytes to the recipient's public sealing key, bound to `info`."""


class Opener(Protocol):
    """One party's opening key, behind a door."""

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """Open what was sealed to this party under the same `info`; else `PackageError`."""
