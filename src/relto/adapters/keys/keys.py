"""Keys in use: signing, sealing, opening, and fresh bytes from the operating system."""

import os
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from whenever import Instant

from relto.adapters.keys.certificate import der_of, make_certificate
from relto.adapters.keys.files import (
    SECRETS,
    Secrets,
    read_own,
    read_secrets,
    secrets_path,
    write_new,
)
from relto.errors import WorldError
from relto.model import PartyKeys
from relto.seal import (
    HPKE_SUITE,
    SEALED_SECRET_BYTES,
    PackageError,
    expand_sealing_seed,
    seal_secret,
)
from relto.units import PartyCode


class EntropyError(WorldError):
    """The operating system gives no random bytes (FL-47); without them nothing is sealed."""

    code = "world.entropy"


class OsEntropy:
    """Fresh bytes from the operating system; without state, so a fork repeats nothing (FL-47)."""

    def draw(self, count: int) -> bytes:
        """See `relto.seal.Entropy`.

        Raises:
            EntropyError: There are none to be had.
        """
        try:
            data = os.urandom(count)
        except (NotImplementedError, OSError) as error:
            raise EntropyError("no random bytes from the operating system") from error
        if count >= 16 and not any(data):
            raise EntropyError("the operating system gives zeros for random bytes")
        return data


class NodeKeys:
    """One node's keys: `Signer`, `Sealer` and `Opener` at once.

    The newest set signs. All sets open: what was sealed to a key before its change still arrives
    (FL-20).
    """

    def __init__(self, directory: Path, sets: tuple[Secrets, ...]) -> None:
        """Take the sets of seeds, newest first; use `create` or `load`."""
        self._directory = directory
        self._sets = sets
        newest = sets[0]
        self.serial = newest.serial
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(newest.ed25519)
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(newest.mldsa65)
        self._opening = tuple(_opening_key(secrets.sealing) for secrets in sets)
        self._keys = PartyKeys(
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            mldsa65=self._mldsa65.public_key().public_bytes_raw(),
            sealing=_public_sealing_key(newest.sealing),
        )

    @classmethod
    def create(cls, directory: Path, *, party: PartyCode, now: Instant) -> Self:
        """Make the first set of keys.

        Args:
            directory: Made where it is missing.
            party: Whose node.
            now: The machine's clock.

        Raises:
            KeysExistError: There are keys already.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(directory, (_make_set(directory, serial=1, party=party, now=now),))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Load all sets.

        Raises:
            KeysMissingError: There are none, or one is damaged.
            KeysUnsafeError: Others may read them.
        """
        return cls(directory, read_secrets(directory))

    def rotate(self, *, party: PartyCode, now: Instant) -> "NodeKeys":
        """Make a further set and give the keys with it; announcing it is for the caller.

        This object stays usable: it signs the announcement as the predecessor.
        """
        newest = _make_set(self._directory, serial=self.serial + 1, party=party, now=now)
        return NodeKeys(self._directory, (newest, *self._sets))

    @property
    def former(self) -> "tuple[NodeKeys, ...]":
        """The keys before, newest first; each as it was when it was the newest."""
        return tuple(
            NodeKeys(self._directory, self._sets[place:]) for place in range(1, len(self._sets))
        )

    @property
    def keys(self) -> PartyKeys:
        """See `relto.seal.Signer`."""
        return self._keys

    @property
    def tls_key_file(self) -> Path:
        """The TLS key, PEM."""
        return self._directory / f"{self.serial:04}.key"

    @property
    def tls_certificate_file(self) -> Path:
        """The TLS certificate, PEM."""
        return self._directory / f"{self.serial:04}.crt"

    @property
    def certificate(self) -> bytes:
        """The TLS certificate, DER, as the card carries it."""
        return der_of(read_own(self.tls_certificate_file))

    def sign(self, message: bytes) -> bytes:
        """See `relto.seal.Signer`."""
        return self._ed25519.sign(message)

    def sign_durable(self, message: bytes, *, context: bytes) -> bytes:
        """See `relto.seal.Signer`."""
        return self._mldsa65.sign(message, context)

    def seal(self, secret: bytes, *, recipient: bytes, info: bytes) -> bytes:
        """See `relto.seal.Sealer`."""
        return seal_secret(secret, recipient=recipient, info=info)

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """See `relto.seal.Opener`."""
        if len(sealed) != SEALED_SECRET_BYTES:
            raise PackageError(
                f"sealed secret of {len(sealed)} bytes, expected {SEALED_SECRET_BYTES}"
            )
        for key in self._opening:
            try:
                return HPKE_SUITE.decrypt(sealed, key, info)
            except (InvalidTag, ValueError):
                continue
        raise PackageError(
            "the sealed secret does not open: not for this node, or not from this one"
        )


def _make_set(directory: Path, *, serial: int, party: PartyCode, now: Instant) -> Secrets:
    entropy = OsEntropy()
    secrets = Secrets(
        serial=serial,
        ed25519=entropy.draw(32),
        mldsa65=entropy.draw(32),
        sealing=entropy.draw(32),
    )
    key, certificate = make_certificate(party, now=now)
    # The secrets come last: a set without them does not exist, and the next attempt writes the
    # others anew.
    for path, data in (
        (directory / f"{serial:04}.key", key),
        (directory / f"{serial:04}.crt", certificate),
    ):
        if not secrets_path(directory, serial).exists():
            path.unlink(missing_ok=True)
        write_new(path, data)
    write_new(secrets_path(directory, serial), SECRETS.encode(secrets))
    return secrets


def _opening_key(seed: bytes) -> MLKEM768X25519PrivateKey:
    lattice, classical = expand_sealing_seed(seed)
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(lattice),
        X25519PrivateKey.from_private_bytes(classical),
    )


def _public_sealing_key(seed: bytes) -> bytes:
    lattice, classical = expand_sealing_seed(seed)
    return (
        MLKEM768PrivateKey.from_seed_bytes(lattice).public_key().public_bytes_raw()
        + X25519PrivateKey.from_private_bytes(classical).public_key().public_bytes_raw()
    )
