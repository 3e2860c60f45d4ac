"""Sealed packages: every way to tamper with one."""

import pytest

from relto.limits import PACKAGE_BYTES_MAX, PACKAGE_CHUNK_BYTES
from relto.seal import (
    PACKAGE_HEADER_BYTES,
    TAG_BYTES,
    PackageError,
    PackageTooLargeError,
    open_chunks,
    open_package,
    seal_chunks,
    seal_package,
    sealed_size,
)

KEY = bytes(range(32))
CONTEXT = b"\x01" * 32
STEP = PACKAGE_CHUNK_BYTES + TAG_BYTES
CONTENT = bytes(range(256)) * (3 * PACKAGE_CHUNK_BYTES // 256) + b"end"
PACKAGE = seal_package(CONTENT, content_key=KEY, context=CONTEXT)
HEAD, CHUNKS = (
    PACKAGE[:PACKAGE_HEADER_BYTES],
    [PACKAGE[start : start + STEP] for start in range(PACKAGE_HEADER_BYTES, len(PACKAGE), STEP)],
)


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


TAMPERED = {
    "empty": b"",
    "header alone": HEAD,
    "half a header": HEAD[:5],
    "another magic": b"X" + PACKAGE[1:],
    "another chunk size": flipped(PACKAGE, PACKAGE_HEADER_BYTES - 1),
    "first bit": flipped(PACKAGE, PACKAGE_HEADER_BYTES),
    "bit in the second chunk": flipped(PACKAGE, PACKAGE_HEADER_BYTES + STEP + 7),
    "final bit": flipped(PACKAGE, len(PACKAGE) - 1),
    "final byte cut": PACKAGE[:-1],
    "final chunk cut": HEAD + b"".join(CHUNKS[:-1]),
    "all but the first chunk cut": HEAD + CHUNKS[0],
    "first chunk cut": HEAD + b"".join(CHUNKS[1:]),
    "chunks swapped": HEAD + CHUNKS[1] + CHUNKS[0] + b"".join(CHUNKS[2:]),
    "chunk doubled": HEAD + CHUNKS[0] + CHUNKS[0] + b"".join(CHUNKS[1:]),
    "byte added": PACKAGE + b"\x00",
    "chunk added": PACKAGE + CHUNKS[-1],
    "twice": PACKAGE + PACKAGE,
    "chunk of another package": HEAD
    + seal_package(CONTENT, content_key=KEY, context=b"\x02" * 32)[PACKAGE_HEADER_BYTES:][:STEP]
    + b"".join(CHUNKS[1:]),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_package_does_not_open(name):
    """PK-2, PK-5, PK-6."""
    with pytest.raises(PackageError):
        open_package(TAMPERED[name], content_key=KEY, context=CONTEXT)


@pytest.mark.parametrize(
    ("key", "context"),
    [(b"\x09" * 32, CONTEXT), (KEY, bytes(32)), (KEY[:16], CONTEXT), (b"", CONTEXT)],
    ids=["other key", "other context", "short key", "no key"],
)
def test_fl_24_another_key_or_context_does_not_open(key, context):
    """PK-5: a package replayed to another node, agreement or direction is of another context."""
    with pytest.raises(PackageError):
        open_package(PACKAGE, content_key=key, context=context)


@pytest.mark.parametrize(
    "size",
    [0, 1, PACKAGE_CHUNK_BYTES - 1, PACKAGE_CHUNK_BYTES, PACKAGE_CHUNK_BYTES + 1, len(CONTENT)],
)
def test_content_comes_back(size):
    """PK-1."""
    package = seal_package(CONTENT[:size], content_key=KEY, context=CONTEXT)
    assert len(package) == sealed_size(size)
    assert open_package(package, content_key=KEY, context=CONTEXT) == CONTENT[:size]


@pytest.mark.parametrize("step", [1_000_003, 65_536, len(PACKAGE)])
def test_how_the_stream_is_cut_does_not_matter(step):
    """PK-1: the same package, the same content, whatever the pieces."""

    def cut(data):
        return (data[start : start + step] for start in range(0, len(data), step))

    assert b"".join(seal_chunks(cut(CONTENT), content_key=KEY, context=CONTEXT)) == PACKAGE
    assert b"".join(open_chunks(cut(PACKAGE), content_key=KEY, context=CONTEXT)) == CONTENT


def test_a_header_may_arrive_byte_by_byte():
    package = seal_package(b"x", content_key=KEY, context=CONTEXT)
    pieces = [bytes([it]) for it in package]
    assert b"".join(open_chunks([b"", *pieces], content_key=KEY, context=CONTEXT)) == b"x"


class Huge(bytes):
    """A piece that says it is huge, so that the bound is tested without the memory."""

    def __len__(self) -> int:
        return PACKAGE_BYTES_MAX + 1


def test_content_without_end_is_stopped():
    """PK-7: the bound is checked before a piece is taken."""
    with pytest.raises(PackageTooLargeError):
        list(seal_chunks([b"x", Huge()], content_key=KEY, context=CONTEXT))


def test_a_package_without_end_is_stopped():
    """PK-7."""
    with pytest.raises(PackageError):
        list(open_chunks([HEAD, Huge()], content_key=KEY, context=CONTEXT))
