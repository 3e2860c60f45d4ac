"""Sealed packages: content in chunks, each encrypted and bound to its place and its context.

    header   magic `RELTOPK1` · chunk size (4 bytes, big-endian)
    chunk    AES-256-GCM of at most chunk-size bytes, 16-byte tag
    nonce    7 zero bytes · chunk index (4 bytes) · 1 for the final chunk, otherwise 0
    data     header · 32-byte hash of the context

The content key is random and used for one package only, so a counter nonce never repeats under a
key. A package cut at a chunk's edge lacks its final flag and does not open. Nothing is handed out
before its chunk is verified.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from relto.errors import LocalError, PeerError
from relto.limits import PACKAGE_BYTES_MAX, PACKAGE_CHUNK_BYTES
from relto.seal.digest import HASH_BYTES
from relto.seal.sealing import CONTENT_KEY_BYTES

PACKAGE_MAGIC: Final = b"RELTOPK1"
PACKAGE_HEADER_BYTES: Final = len(PACKAGE_MAGIC) + 4
TAG_BYTES: Final = 16


class PackageError(PeerError):
    """A package does not open: changed, cut, of another context, or not for this key."""

    code = "peer.bad_package"
    hint_default = "nothing of it was used; ask the holder to send it again"


class PackageTooLargeError(LocalError):
    """Content is larger than one package may be."""

    code = "local.package_too_large"
    hint_default = "split the material; the originator decides where"


def sealed_size(content_bytes: int) -> int:
    """Tell how many bytes a package of so much content has.

    Args:
        content_bytes: Length of the content; zero is allowed and takes one empty final chunk.
    """
    assert content_bytes >= 0
    chunks = max(1, -(-content_bytes // PACKAGE_CHUNK_BYTES))
    return PACKAGE_HEADER_BYTES + content_bytes + chunks * TAG_BYTES


def seal_chunks(content: Iterable[bytes], *, content_key: bytes, context: bytes) -> Iterator[bytes]:
    """Encrypt content as a stream; memory stays at two chunks.

    Args:
        content: The content, cut anywhere; how it is cut does not change the result.
        content_key: 32 random bytes, used for this one package only.
        context: The 32-byte hash of the context (parties, label, holding, case, direction).

    Yields:
        Header, then encrypted chunks. Together they are the package.

    Raises:
        PackageTooLargeError: More than `PACKAGE_BYTES_MAX` bytes would come out.

    Source: docs/spec/package.md PK-1, PK-2, PK-5.
    """
    assert len(content_key) == CONTENT_KEY_BYTES
    assert len(context) == HASH_BYTES
    cipher = AESGCM(content_key)
    header = PACKAGE_MAGIC + PACKAGE_CHUNK_BYTES.to_bytes(4, "big")
    data = header + context
    yield header
    for index, block, is_final in _blocks(_bounded(content), size=PACKAGE_CHUNK_BYTES):
        yield cipher.encrypt(_nonce(index, is_final=is_final), block, data)


def open_chunks(package: Iterable[bytes], *, content_key: bytes, context: bytes) -> Iterator[bytes]:
    """Decrypt a package as a stream, each chunk verified before it is handed out.

    The caller must not use what came out until the iteration has ended: only the final chunk proves
    that nothing is missing.

    Args:
        package: The package, cut anywhere.
        content_key: As it came out of the sealed key.
        context: The hash of the context this package must belong to.

    Yields:
        Content, chunk by chunk.

    Raises:
        PackageError: Not a package, changed, cut, prolonged, or of another key or context.

    Source: docs/spec/package.md PK-2, PK-5, PK-6.
    """
    assert len(context) == HASH_BYTES
    if len(content_key) != CONTENT_KEY_BYTES:
        raise PackageError(f"content key of {len(content_key)} bytes, expected {CONTENT_KEY_BYTES}")
    cipher = AESGCM(content_key)
    header = PACKAGE_MAGIC + PACKAGE_CHUNK_BYTES.to_bytes(4, "big")
    body = _body(package, header=header)
    for index, block, is_final in _blocks(body, size=PACKAGE_CHUNK_BYTES + TAG_BYTES):
        try:
            yield cipher.decrypt(_nonce(index, is_final=is_final), block, header + context)
        except InvalidTag as error:
            raise PackageError(f"package does not open at chunk {index}") from error


def seal_package(content: bytes, *, content_key: bytes, context: bytes) -> bytes:
    """Encrypt content that fits in memory; see `seal_chunks`."""
    return b"".join(seal_chunks((content,), content_key=content_key, context=context))


def open_package(package: bytes, *, content_key: bytes, context: bytes) -> bytes:
    """Decrypt a package that fits in memory, whole or not at all; see `open_chunks`."""
    return b"".join(open_chunks((package,), content_key=content_key, context=context))


def _nonce(index: int, *, is_final: bool) -> bytes:
    return bytes(7) + index.to_bytes(4, "big") + bytes([is_final])


def _bounded(content: Iterable[bytes]) -> Iterator[bytes]:
    total = 0
    for piece in content:
        total += len(piece)
        if sealed_size(total) > PACKAGE_BYTES_MAX:
            raise PackageTooLargeError(f"content too large: limit {PACKAGE_BYTES_MAX} bytes sealed")
        yield piece


def _body(package: Iterable[bytes], *, header: bytes) -> Iterator[bytes]:
    """Check the header and the size, and pass on what follows the header."""
    total, held = 0, b""
    for piece in package:
        total += len(piece)
        if total > PACKAGE_BYTES_MAX:
            raise PackageError(f"package too large: limit {PACKAGE_BYTES_MAX} bytes")
        if len(held) == len(header):
            yield piece
            continue
        rest = len(header) - len(held)
        held += piece[:rest]
        if not header.startswith(held):
            raise PackageError("not a package: header differs")
        yield piece[rest:]
    if len(held) < len(header):
        raise PackageError(f"not a package: {total} bytes")


def _blocks(pieces: Iterable[bytes], *, size: int) -> Iterator[tuple[int, bytes, bool]]:
    """Cut a stream into blocks of `size`; the final one may be shorter, and always exists."""
    index, held = 0, b""
    for piece in pieces:
        # A full block is kept back until more bytes show that it is not the final one.
        start = 0
        while len(held) + len(piece) - start > size:
            rest = size - len(held)
            yield index, held + piece[start : start + rest], False
            index, held, start = index + 1, b"", start + rest
        held += piece[start:]
    yield index, held, True
