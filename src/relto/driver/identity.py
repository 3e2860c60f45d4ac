"""Whose store it is, which keys speak for it, and where the store keeps that."""

from collections.abc import Sequence
from typing import ClassVar, Final

from msgspec import Struct
from whenever import Instant

from relto.codec.pack import pack
from relto.errors import LocalError, WorldError
from relto.journal import KeyRing, KeySpan
from relto.seal import Signer
from relto.seal import digest as digest_of
from relto.units import Digest, PartyCode

IDENTITY_VALUE: Final = "identity"
KEYS_VALUE: Final = "keys"


class NotInitialisedError(LocalError):
    """The store holds no node yet."""

    code = "local.not_initialised"
    hint_default = "`relto init PARTY --dir D` makes one"


class OtherNodeError(LocalError):
    """The store belongs to another party, or to the other world."""

    code = "local.other_node"


class OtherKeysError(LocalError):
    """The keys at hand are not those of this node, or older ones that are still needed are gone."""

    code = "local.other_keys"
    hint_default = "keep the former keys until every partner has acknowledged the change"


class KeysChangedError(WorldError):
    """Another worker has announced keys that this one has not read."""

    code = "world.keys_changed"
    hint_default = "open the node anew, with the new keys in its `keys` directory"
    retryable: ClassVar[bool] = True


class Identity(Struct, frozen=True, kw_only=True):
    """Whose store this is; written once.

    Args:
        party: Whose node.
        is_exercise: It runs on an exercise clock, and always will.
    """

    party: PartyCode
    is_exercise: bool


def law_value(digest: Digest) -> str:
    """Name the row of the store that holds a law file."""
    return f"law/{digest}"


def keys_value(signer: Signer) -> bytes:
    """Name a set of keys in the store by their digest."""
    return digest_of(pack(signer.keys)).encode()


def ring_of(party: PartyCode, signers: Sequence[Signer]) -> KeyRing:
    """Give all own keys, newest first, for what this node signed itself."""
    begin = Instant.from_timestamp(0)
    return KeyRing(
        party=party,
        spans=tuple(
            KeySpan(keys=signer.keys, serial=len(signers) - place, begins_at=begin)
            for place, signer in enumerate(signers)
        ),
    )


def identity_value(identity: Identity) -> tuple[str, bytes]:
    """Give the row of the store that says whose it is."""
    return IDENTITY_VALUE, pack(identity)
