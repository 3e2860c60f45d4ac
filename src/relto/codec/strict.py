"""Strict JSON: bytes that are not exactly what we would have written ourselves are refused.

Size is checked before anything is read. Then the bytes are decoded into a closed shape, encoded
again, and compared. One comparison refuses duplicate keys, spaces, trailing bytes, other escapes,
other spellings of a number or an instant, defaults written out, and whatever else two readers could
read in two ways (FL-29).
"""

from typing import Generic, TypeVar

import msgspec
from whenever import Instant

from relto.errors import PeerError

T = TypeVar("T")


class MessageTooLargeError(PeerError):
    """More bytes than this kind of message may have."""

    code = "peer.too_large"


class MalformedError(PeerError):
    """Bytes that do not have the shape they must have."""

    code = "peer.malformed"
    hint_default = "the sender runs other software, or the bytes were damaged"


class NotCanonicalError(PeerError):
    """Bytes that mean something but are not written in the one allowed way."""

    code = "peer.not_canonical"
    hint_default = "the sender must write each value in its one canonical form"


def _encode_hook(value: object) -> object:
    if isinstance(value, Instant):
        return value.format_iso()
    raise NotImplementedError(f"no wire form for {type(value).__name__}")


def _decode_hook(kind: type, value: object) -> object:
    if kind is Instant:
        if not isinstance(value, str):
            raise ValueError("an instant is written as text")
        return Instant.parse_iso(value)
    raise NotImplementedError(f"no wire form for {kind.__name__}")


_ENCODER = msgspec.json.Encoder(enc_hook=_encode_hook, order="deterministic")


class Codec(Generic[T]):
    """Bytes to one kind of value and back; each value has exactly one form.

    Args:
        kind: The type, or a union of tagged types.
        name: What it is called in errors.
        limit: The most bytes one may have.

    Source: docs/spec/journal.md JN-2, JN-3; ADR-0032.
    """

    def __init__(self, kind: type[T], *, name: str, limit: int) -> None:
        """Compile the decoder once; it is used for every message."""
        self.name = name
        self.limit = limit
        self._decoder = msgspec.json.Decoder(kind, dec_hook=_decode_hook)

    def encode(self, value: T) -> bytes:
        """Give the one canonical form of a value.

        Raises:
            MessageTooLargeError: It would be larger than a reader accepts.
        """
        data = _ENCODER.encode(value)
        if len(data) > self.limit:
            raise MessageTooLargeError(
                f"{self.name} too large: {len(data)} bytes, limit {self.limit}"
            )
        return data

    def reads(self, data: bytes, value: T) -> bool:
        """Tell whether bytes that `encode` gave for a value are read as that value."""
        return self._decoder.decode(data) == value

    def decode(self, data: bytes) -> T:
        """Read a value from bytes nobody has vouched for.

        Args:
            data: The whole message, nothing after it.

        Raises:
            MessageTooLargeError: More than `limit` bytes.
            MalformedError: Not JSON, or not of this shape.
            NotCanonicalError: Of this shape, but not in its canonical form.
        """
        if len(data) > self.limit:
            raise MessageTooLargeError(
                f"{self.name} too large: {len(data)} bytes, limit {self.limit}"
            )
        try:
            value = self._decoder.decode(data)
            again = _ENCODER.encode(value)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
            raise MalformedError(f"{self.name} malformed") from error
        if again != data:
            raise NotCanonicalError(f"{self.name} not in canonical form")
        return value


class _Versioned(msgspec.Struct):
    version: int


_VERSIONED = msgspec.json.Decoder(_Versioned)


def version_of(data: bytes) -> int | None:
    """Read the version of a document, whatever else stands in it; `None` when it has none.

    Args:
        data: Bytes nobody has vouched for, of a size that its reader accepts.
    """
    try:
        return _VERSIONED.decode(data).version
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return None
