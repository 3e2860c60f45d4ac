"""The twins keep what the simulation relies on."""

import pytest

from relto.seal import (
    SEALED_SECRET_BYTES,
    SECRET_BYTES,
    PackageError,
    check_ed25519,
    check_mldsa65,
    check_sealing_key,
)
from relto.sim.agenda import chance
from relto.sim.twins import SeededEntropy, TwinKeys, TwinSealer

KEY = b"k" * SECRET_BYTES


@pytest.fixture(scope="module")
def keys() -> TwinKeys:
    return TwinKeys(chance(1, "keys/JPN"))


def test_the_same_seed_gives_the_same_keys(keys: TwinKeys) -> None:
    assert TwinKeys(chance(1, "keys/JPN")).keys == keys.keys
    assert TwinKeys(chance(2, "keys/JPN")).keys != keys.keys


def test_signatures_are_real(keys: TwinKeys) -> None:
    check_ed25519(keys.keys.ed25519, signature=keys.sign(b"m"), message=b"m")
    durable = keys.sign_durable(b"m", context=b"c")
    check_mldsa65(keys.keys.mldsa65, signature=durable, message=b"m", context=b"c")
    check_sealing_key(keys.keys.sealing)


def test_sealing_opens_for_the_recipient_alone_and_in_its_context_alone(keys: TwinKeys) -> None:
    sealed = TwinSealer().seal(KEY, recipient=keys.keys.sealing, info=b"info")
    assert len(sealed) == SEALED_SECRET_BYTES
    assert keys.open(sealed, info=b"info") == KEY
    other = TwinKeys(chance(1, "keys/KOR"))
    for opener, info, data in (
        (other, b"info", sealed),
        (keys, b"other", sealed),
        (keys, b"info", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (keys, b"info", sealed[:-1]),
    ):
        with pytest.raises(PackageError):
            opener.open(data, info=info)


def test_sealing_hides_the_key_and_repeats_itself(keys: TwinKeys) -> None:
    sealed = TwinSealer().seal(KEY, recipient=keys.keys.sealing, info=b"info")
    assert KEY not in sealed
    assert sealed == TwinSealer().seal(KEY, recipient=keys.keys.sealing, info=b"info")


def test_seeded_entropy_never_repeats_itself_within_a_run() -> None:
    entropy = SeededEntropy(chance(1, "entropy"))
    drawn = [entropy.draw(32) for _ in range(100)]
    assert len(set(drawn)) == 100
    assert SeededEntropy(chance(1, "entropy")).draw(32) == drawn[0]
