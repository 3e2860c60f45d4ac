"""A node's private keys, on disk and in use: the only place where they exist.

    keys/0001.secrets     Ed25519, ML-DSA-65 and X-Wing seeds of card 1
    keys/0001.key         TLS key (PEM)
    keys/0001.crt         TLS certificate (PEM), self-signed; partners pin it by the card

Files are written whole or not at all, readable by their owner alone, and never changed: a key
change adds a set.
"""

from relto.adapters.keys.certificate import is_of_party, valid_until
from relto.adapters.keys.files import KeysExistError, KeysMissingError, KeysUnsafeError
from relto.adapters.keys.keys import NodeKeys, OsEntropy

__all__ = [
    "KeysExistError",
    "KeysMissingError",
    "KeysUnsafeError",
    "NodeKeys",
    "OsEntropy",
    "is_of_party",
    "valid_until",
]
