"""One node's own values as compact bytes: snapshots and worker messages.

Never what a partner sends.
"""

from typing import Final, TypeVar

import msgspec
from whenever import Instant

from relto.errors import WorldError

T = TypeVar("T")


class PackedError(WorldError):
    """A packed value of our own cannot be read back: another version wrote it, or the disk lied."""

    code = "world.packed"
    hint_default = "delete the snapshot: it is only a cache, the journal holds everything"


def instant_to_text(value: object) -> object:
    """Write an instant in ISO 8601 with `Z`; anything else is our own mistake."""
    assert isinstance(value, Instant)
    return value.format_iso()


def instant_from_text(kind: type, value: object) -> object:
    """Read an instant back; the text must be the one that `instant_to_text` writes."""
    assert kind is Instant
    if not isinstance(value, str):
        raise ValueError("an instant is text")  # noqa: TRY004 - `msgspec` expects it
    return Instant.parse_iso(value)


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=instant_to_text)


def pack(value: object) -> bytes:
    """Give a value of structs, tuples, dicts and scalars as bytes; equal values give equal bytes.

    Args:
        value: Dicts keep their order, so equal means in the same order as well.
    """
    return _ENCODER.encode(value)


def unpack(data: bytes, kind: type[T]) -> T:
    """Read back what `pack` wrote.

    Raises:
        PackedError: The bytes do not hold a `kind`.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=instant_from_text)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise PackedError("a packed value cannot be read") from error
