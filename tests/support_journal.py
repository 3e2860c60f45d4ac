"""Parties with real keys from fixed seeds, and a way to make entries: for tests of the journal."""

import random
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from whenever import Instant

from relto.journal import (
    Draft,
    KeyRing,
    LogState,
    VerifiedBatch,
    acknowledge,
    append,
    empty_log,
    first_ring,
    peaks_of,
    verify_batch,
)
from relto.model import Batch, Entry, LogId, PartyKeys
from relto.seal import leaf_hash

AT = Instant.from_utc(2019, 11, 22, 9)
JPN_KOR = LogId(source="JPN", target="KOR")
KOR_JPN = LogId(source="KOR", target="JPN")
JPN_JPN = LogId(source="JPN", target="JPN")


class SeededSigner:
    """Signs with keys that follow from one byte."""

    def __init__(self, seed: int) -> None:
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(bytes([seed]) * 32)
        self.keys = PartyKeys(
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            mldsa65=self._mldsa65.public_key().public_bytes_raw(),
            sealing=bytes(1_216),
        )

    def sign(self, message: bytes) -> bytes:
        return self._ed25519.sign(message)

    def sign_durable(self, message: bytes, *, context: bytes) -> bytes:
        return self._mldsa65.sign(message, context)


class SeededEntropy:
    """Gives the same bytes for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def draw(self, count: int) -> bytes:
        return self._random.randbytes(count)


JPN = SeededSigner(1)
KOR = SeededSigner(2)
USA = SeededSigner(3)


def ring(party: str, signer: SeededSigner) -> KeyRing:
    return first_ring(party, signer.keys, begins_at=AT.subtract(hours=24))


class Log:
    """A log and its entries, in a list; reads as a store does."""

    def __init__(self, log: LogId = JPN_KOR, *, seed: int = 1, is_exercise: bool = False) -> None:
        self.state: LogState = empty_log(log, is_exercise=is_exercise)
        self.held: list[Entry] = []
        self.entropy = SeededEntropy(seed)

    def say(self, *contents: bytes, kind: str = "release", case: str = "c-1", at: Instant = AT):
        parts = tuple((f"part-{place}", content) for place, content in enumerate(contents))
        draft = Draft(kind=kind, case=case, parts=parts)
        self.state, entry = append(self.state, draft, now=at, entropy=self.entropy)
        self.held.append(entry)
        return entry

    def read(self, first: int, end: int) -> Sequence[Entry]:
        return self.held[first - 1 : end - 1]

    def peaks(self, number: int) -> tuple[bytes, bytes]:
        return peaks_of([leaf_hash(entry.raw) for entry in self.held])[number - 1]

    def unacknowledged(self) -> Sequence[Entry]:
        return self.held[self.state.acknowledged :]


JPN_RING = ring("JPN", JPN)


class Mirror:
    """What KOR holds of JPN's log."""

    def __init__(self, log: LogId = JPN_KOR, *, is_exercise: bool = False) -> None:
        self.state = empty_log(log, is_exercise=is_exercise)
        self.held: list[Entry] = []

    def read(self, first: int, end: int) -> Sequence[Entry]:
        return self.held[first - 1 : end - 1]

    def take(self, batch: Batch, *, keys: KeyRing = JPN_RING, now: Instant = AT) -> VerifiedBatch:
        verified = verify_batch(batch, state=self.state, ring=keys, read=self.read, now=now)
        self.held += verified.entries
        self.state = acknowledge(verified, signer=KOR, party="KOR", now=now)
        return verified
