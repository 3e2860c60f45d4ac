"""Signed notes (C2SP): a text, an empty line, and one line for each signature.

Only the form is checked here. Whose signature it is and whether it fits is `relto.journal`'s
business.
"""

import re
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from typing import Final

from msgspec import Struct

from relto.codec.strict import MalformedError, MessageTooLargeError
from relto.limits import NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX

_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DASH: Final = "— "
_KEY_ID_BYTES: Final = 4


class NoteSignature(Struct, frozen=True, kw_only=True):
    """One signature line.

    Args:
        name: The key's name.
        key_id: Four bytes that tell keys of one name apart.
        signature: The rest, as the key's type defines it.
    """

    name: str
    key_id: bytes
    signature: bytes


class SignedNote(Struct, frozen=True, kw_only=True):
    """A note nobody has verified yet.

    Args:
        text: What was signed; ends with a line feed.
        signatures: In the order of the lines; at least one.
    """

    text: str
    signatures: tuple[NoteSignature, ...]


def encode_note(note: SignedNote) -> bytes:
    """Write a note.

    Source: C2SP signed-note; docs/spec/journal.md JN-11.
    """
    assert note.text.endswith("\n")
    assert note.signatures
    lines = "".join(
        f"{_DASH}{line.name} {b2a_base64(line.key_id + line.signature, newline=False).decode()}\n"
        for line in note.signatures
    )
    return f"{note.text}\n{lines}".encode()


def decode_note(data: bytes) -> SignedNote:
    """Read a note; what cannot be written back to the same bytes is refused.

    Args:
        data: The whole note.

    Raises:
        MessageTooLargeError: Too many bytes or signatures.
        MalformedError: Not a signed note.

    Source: C2SP signed-note; docs/spec/journal.md JN-11.
    """
    if len(data) > NOTE_BYTES_MAX:
        raise MessageTooLargeError(f"note too large: {len(data)} bytes, limit {NOTE_BYTES_MAX}")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("note malformed: not UTF-8") from error
    if _CONTROL.search(whole) is not None:
        raise MalformedError("note malformed: control character")
    text, found, signatures = whole.rpartition("\n\n")
    if not found or not text:
        raise MalformedError("note malformed: no signatures")
    lines = signatures.split("\n")
    if lines.pop():
        raise MalformedError("note malformed: no final line feed")
    if not 0 < len(lines) <= NOTE_SIGNATURES_MAX:
        raise MalformedError(
            f"note malformed: {len(lines)} signatures, limit {NOTE_SIGNATURES_MAX}"
        )
    note = SignedNote(text=text + "\n", signatures=tuple(_line(line) for line in lines))
    if encode_note(note) != data:
        raise MalformedError("note malformed: not in canonical form")
    return note


def _line(line: str) -> NoteSignature:
    if not line.startswith(_DASH):
        raise MalformedError("note malformed: signature line without a dash")
    name, found, encoded = line.removeprefix(_DASH).partition(" ")
    if not found or not name or "+" in name or name != "".join(name.split()):
        raise MalformedError("note malformed: key name")
    try:
        raw = a2b_base64(encoded, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise MalformedError("note malformed: signature is not base64") from error
    if len(raw) <= _KEY_ID_BYTES:
        raise MalformedError("note malformed: signature too short")
    return NoteSignature(name=name, key_id=raw[:_KEY_ID_BYTES], signature=raw[_KEY_ID_BYTES:])
