"""What a package holds when it has been opened: a short manifest, then the content.

    length of the manifest (4 bytes, big-endian) · manifest (canonical JSON) · content

The title stands here and not in the entry, because it is content.

Spec: docs/spec/package.md.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from relto.codec.strict import Codec, MalformedError
from relto.limits import TEXT_CHARS_MAX

MANIFEST_BYTES_MAX: Final = 32_768
_LENGTH_BYTES: Final = 4


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands before the content.

    Args:
        title: One line for people.
        content_bytes: Length of the content.
    """

    title: Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
    content_bytes: Annotated[int, Meta(ge=0, le=2**53 - 1)]


_MANIFEST: Final = Codec(Manifest, name="manifest", limit=MANIFEST_BYTES_MAX)


def payload_head(*, title: str, content_bytes: int) -> bytes:
    """Give the bytes that stand before the content in a package."""
    manifest = _MANIFEST.encode(Manifest(title=title, content_bytes=content_bytes))
    return len(manifest).to_bytes(_LENGTH_BYTES, "big") + manifest


def split_payload(payload: bytes) -> tuple[Manifest, int]:
    """Read the manifest of an opened package.

    Args:
        payload: The payload, or at least its first `MANIFEST_BYTES_MAX + 4` bytes.

    Returns:
        The manifest and where the content begins.

    Raises:
        MalformedError: There is no manifest there.
    """
    size = int.from_bytes(payload[:_LENGTH_BYTES], "big")
    begin = _LENGTH_BYTES + size
    if size > MANIFEST_BYTES_MAX or len(payload) < begin:
        raise MalformedError("a package begins with its manifest")
    return _MANIFEST.decode(payload[_LENGTH_BYTES:begin]), begin
