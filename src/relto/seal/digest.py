"""Digests, commitments and tree hashes: every use of SHA-256 in relto, each in its own domain.

Rules kept here: a tree hash is RFC 9162 (leaf prefix 0x00, node prefix 0x01); a commitment to a
part has prefix 0x02, so no part can ever be taken for a leaf or a node; a salt has a fixed length,
so the split between salt and body is never in doubt.
"""

from collections.abc import Mapping
from hashlib import sha256 as _sha256
from typing import Final, Protocol

from relto.units import Digest

HASH_BYTES: Final = 32
SALT_BYTES: Final = 32
DIGEST_ZERO: Final = Digest("0" * 64)
EMPTY_ROOT: Final = _sha256(b"").digest()


class RunningDigest(Protocol):
    """A SHA-256 under way, for content too large to hold."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def hexdigest(self) -> str:
        """Give the digest of all bytes so far, in lower-case hex."""


def running_digest() -> RunningDigest:
    """Begin a SHA-256 over bytes that come in pieces."""
    return _sha256()


def digest(data: bytes) -> Digest:
    """Give the SHA-256 of `data` in lower-case hex, as values carry it."""
    return Digest(_sha256(data).hexdigest())


def digest_bytes(data: bytes) -> bytes:
    """Give the SHA-256 of `data` as 32 bytes, as signatures and contexts use it."""
    return _sha256(data).digest()


def digest_of_files(files: Mapping[str, bytes]) -> Digest:
    """Give SHA-256 over names and bytes, each preceded by its length, in the order of names.

    Source: docs/spec/law.md LAW-9.
    """
    parts: list[bytes] = []
    for name in sorted(files):
        for part in (name.encode(), files[name]):
            parts += (len(part).to_bytes(8, "big"), part)
    return digest(b"".join(parts))


def leaf_hash(header: bytes) -> bytes:
    """Give the RFC 9162 hash of one leaf: SHA-256 of 0x00 and the header's bytes as signed.

    Source: RFC 9162, section 2.1.1; docs/spec/journal.md JN-9.
    """
    return _sha256(b"\x00" + header).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Give the RFC 9162 hash of an inner node: SHA-256 of 0x01, the left and the right child.

    Source: RFC 9162, section 2.1.1; docs/spec/journal.md JN-9.
    """
    return _sha256(b"\x01" + left + right).digest()


def commitment(*, salt: bytes, body: bytes) -> Digest:
    """Commit to a part's body under a salt, so that it can be destroyed and guessing is in vain.

    Args:
        salt: Exactly `SALT_BYTES` random bytes, destroyed together with the body.
        body: The part's bytes; may be empty.

    Source: docs/spec/journal.md JN-5.
    """
    assert len(salt) == SALT_BYTES
    return Digest(_sha256(b"\x02" + salt + body).hexdigest())
