"""The wire forms of the journal: headers, entries, batches, frames, cards, package contexts."""

from typing import Final

from relto.codec.strict import Codec, MalformedError
from relto.limits import (
    BATCH_BYTES_MAX,
    CARD_BYTES_MAX,
    EXTRACT_BYTES_MAX,
    FRAME_BYTES_MAX,
    HEADER_BYTES_MAX,
)
from relto.model import (
    Batch,
    Entry,
    Extract,
    ForkEvidence,
    Frame,
    Header,
    NodeCard,
    PackageContext,
    SignedCard,
    WireEntry,
)
from relto.seal import commitment

HEADER: Final = Codec(Header, name="header", limit=HEADER_BYTES_MAX)
BATCH: Final = Codec(Batch, name="batch", limit=FRAME_BYTES_MAX)
FRAME: Final = Codec(Frame, name="frame", limit=FRAME_BYTES_MAX)
CARD: Final = Codec(NodeCard, name="node card", limit=CARD_BYTES_MAX)
SIGNED_CARD: Final = Codec(SignedCard, name="signed node card", limit=CARD_BYTES_MAX)
CONTEXT: Final = Codec(PackageContext, name="package context", limit=HEADER_BYTES_MAX)
EXTRACT: Final = Codec(Extract, name="extract", limit=EXTRACT_BYTES_MAX)
FORK: Final = Codec(ForkEvidence, name="fork evidence", limit=BATCH_BYTES_MAX)


def wire_entry(entry: Entry) -> WireEntry:
    """Give an entry the shape in which it travels; its header's bytes stay as they are."""
    return WireEntry(header=entry.raw, bodies=entry.bodies)


def decode_entry(wire: WireEntry) -> Entry:
    """Read an entry and check that each body is the one its header commits to.

    A destroyed body stays `None`. That says nothing yet about who wrote it: a checkpoint must cover
    it.

    Raises:
        MalformedError: The header is malformed, or parts and bodies do not match.
        NotCanonicalError: The header is not in its canonical form.

    Source: docs/spec/journal.md JN-4, JN-5.
    """
    header = HEADER.decode(wire.header)
    if len({part.name for part in header.parts}) != len(header.parts):
        raise MalformedError(f"entry {header.number} malformed: a part's name is used twice")
    if len(wire.bodies) != len(header.parts):
        raise MalformedError(
            f"entry {header.number} malformed: "
            f"{len(wire.bodies)} bodies for {len(header.parts)} parts"
        )
    for part, body in zip(header.parts, wire.bodies, strict=True):
        if body is not None and commitment(salt=body.salt, body=body.content) != part.commitment:
            raise MalformedError(
                f"entry {header.number} malformed: `{part.name}` is not what was signed"
            )
    return Entry(raw=wire.header, header=header, bodies=wire.bodies)
