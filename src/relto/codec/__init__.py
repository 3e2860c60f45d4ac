"""Bytes to nouns and back; refuses before it allocates.

Spec: `docs/spec/journal.md` for entries and notes, `docs/spec/package.md` for contexts,
`docs/spec/exchange.md` for messages. No states. Every decoder gives a value or a `PeerError`, never
anything else.
"""

from relto.codec.entry import (
    BATCH,
    CARD,
    CONTEXT,
    EXTRACT,
    FORK,
    FRAME,
    HEADER,
    SIGNED_CARD,
    decode_entry,
    wire_entry,
)
from relto.codec.note import NoteSignature, SignedNote, decode_note, encode_note
from relto.codec.strict import (
    Codec,
    MalformedError,
    MessageTooLargeError,
    NotCanonicalError,
    version_of,
)

__all__ = [
    "BATCH",
    "CARD",
    "CONTEXT",
    "EXTRACT",
    "FORK",
    "FRAME",
    "HEADER",
    "SIGNED_CARD",
    "Codec",
    "MalformedError",
    "MessageTooLargeError",
    "NotCanonicalError",
    "NoteSignature",
    "SignedNote",
    "decode_entry",
    "decode_note",
    "encode_note",
    "version_of",
    "wire_entry",
]
