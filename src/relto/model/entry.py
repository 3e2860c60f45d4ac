"""What a journal is made of: entries, batches, checkpoints, acknowledgements, node cards.

These are the values. How they hang together is `relto.journal`; how they become bytes is
`relto.codec`.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct
from whenever import Instant

from relto.limits import (
    BATCH_ENTRIES_MAX,
    BODY_BYTES_MAX,
    HEADER_BYTES_MAX,
    IDENTIFIER_CHARS_MAX,
    LIST_ITEMS_MAX,
    NOTE_BYTES_MAX,
    PACKAGE_INLINE_BYTES_MAX,
    PARTS_MAX,
    PROOF_HASHES_MAX,
    TEXT_CHARS_MAX,
)
from relto.model.label import Label
from relto.model.party import Precedence
from relto.units import CaseId, Digest, HoldingId, InstrumentId, PartyCode

PROTOCOL_MAJOR: Final = 1

# Integers on the wire stay below 2**53, so that every JSON reader sees the same number (FL-29).
INTEGER_MAX: Final = 2**53 - 1

WireParty = Annotated[PartyCode, Meta(pattern=r"^[A-Z][A-Z0-9]{1,11}\Z")]
WireDigest = Annotated[Digest, Meta(pattern=r"^[0-9a-f]{64}\Z")]
WireName = Annotated[
    str, Meta(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*\Z", max_length=IDENTIFIER_CHARS_MAX)
]
WireCase = Annotated[CaseId, Meta(pattern=r"^[A-Za-z0-9._-]+\Z", max_length=IDENTIFIER_CHARS_MAX)]
WireNumber = Annotated[int, Meta(ge=1, le=INTEGER_MAX)]
WireCount = Annotated[int, Meta(ge=0, le=INTEGER_MAX)]
WireText = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]


class LogId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, order=True):
    """One direction between two parties; a party's own log has itself on both sides.

    Args:
        source: The author.
        target: Whom it is addressed to.
    """

    source: WireParty
    target: WireParty

    @property
    def origin(self) -> str:
        """The name of the log in its checkpoints."""
        return f"relto/{self.source}/{self.target}"

    @property
    def is_local(self) -> bool:
        """The party's own log, which never travels."""
        return self.source == self.target


class PartCommitment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the header says about one part: its name, and a salted hash of its body.

    Args:
        name: What the part is: `message`, `title`, `evidence` …; unique in the entry.
        commitment: SHA-256 over 0x02, the salt and the body.
    """

    name: WireName
    commitment: WireDigest


class Header(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The leaf of the tree: everything about an entry that is signed and never destroyed.

    Args:
        version: Of this format.
        source: Who says it.
        target: To whom.
        number: Its place in the log, from 1; the leaf's index is one less.
        previous: SHA-256 of the header before it; 64 zeros for the first.
        epoch: How often the author has had to rebuild this log from its partner (FL-17).
        at: The author's clock when it was journaled; never before the entry before it.
        kind: What it is: `request`, `release`, `receipt` …
        case: The case it belongs to; `None` when it belongs to none.
        precedence: How urgent; says nothing about the order of numbers.
        is_exercise: Made by a node in exercise mode.
        parts: Its parts, in order.
    """

    version: Annotated[int, Meta(ge=1, le=1)]
    source: WireParty
    target: WireParty
    number: WireNumber
    previous: WireDigest
    at: Instant
    kind: WireName
    epoch: WireCount = 0
    case: WireCase | None = None
    precedence: Precedence = Precedence.ROUTINE
    is_exercise: bool = False
    parts: Annotated[tuple[PartCommitment, ...], Meta(max_length=PARTS_MAX)] = ()

    @property
    def log(self) -> LogId:
        """The log it stands in."""
        return LogId(source=self.source, target=self.target)


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part's content with its salt; both are destroyed together.

    Args:
        salt: 32 random bytes.
        content: The part's bytes.
    """

    salt: Annotated[bytes, Meta(min_length=32, max_length=32)]
    content: Annotated[bytes, Meta(max_length=BODY_BYTES_MAX)]


class MessageBase(Struct, frozen=True, kw_only=True, tag_field="kind"):
    """The part `message` of an entry; its tag is the kind that the header names."""


class Entry(Struct, frozen=True, kw_only=True):
    """One entry: the header as it was signed, and the bodies that still exist.

    Built only by `relto.journal.append` and by decoding, so that `raw` and `header` always agree.

    Args:
        raw: The header's bytes, verified and kept as they came.
        header: The same, decoded.
        bodies: One for each part, in the header's order; `None` where it has been destroyed.
    """

    raw: bytes
    header: Header
    bodies: tuple[Body | None, ...] = ()

    def content(self, name: str) -> bytes | None:
        """Give a part's content; `None` when there is no such part or it has been destroyed."""
        for part, body in zip(self.header.parts, self.bodies, strict=True):
            if part.name == name:
                return None if body is None else body.content
        return None


class WireEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An entry as it travels: nothing about it is believed yet."""

    header: Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)]
    bodies: Annotated[tuple[Body | None, ...], Meta(max_length=PARTS_MAX)] = ()


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Consecutive entries of one log and a checkpoint that covers them; unverified.

    Args:
        log: Which log.
        first: The number of the first entry; with no entries, the size of the log plus one.
        entries: The entries, without gaps.
        checkpoint: The author's signed note over the tree that ends with the final entry.
    """

    log: LogId
    first: WireNumber
    entries: Annotated[tuple[WireEntry, ...], Meta(max_length=BATCH_ENTRIES_MAX)] = ()
    checkpoint: Annotated[bytes, Meta(max_length=NOTE_BYTES_MAX)]


class Checkpoint(Struct, frozen=True, kw_only=True):
    """A tree head under its author's signature; only verifying or signing makes one.

    Args:
        log: Which log.
        size: How many entries the tree has.
        root: Its root hash, 32 bytes.
        note: The signed note, as bytes.
    """

    log: LogId
    size: int
    root: bytes
    note: bytes


class Acknowledgement(Struct, frozen=True, kw_only=True):
    """The partner's cosignature on a checkpoint: it holds all entries up to `size`, durably.

    Args:
        log: Which log.
        size: How many entries it holds.
        root: The root it has computed itself.
        at: When it signed, by its clock, in whole seconds.
        note: The checkpoint's note with the author's and the partner's signature.
    """

    log: LogId
    size: int
    root: bytes
    at: Instant
    note: bytes


class ForkEvidence(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Two signed heads of one log that cannot both be true, with what shows it.

    Args:
        log: Which log.
        held: The note under which the earlier view was signed; empty when nothing was signed yet.
        offered: The note under which the later view was signed.
        number: The first entry at which the two views are known to differ; 0 when unknown.
        held_header: The header held under that number; empty when unknown.
        held_proof: That it is in the tree of `held`.
        offered_header: The header offered under that number; empty when unknown.
        offered_proof: That it is in the tree of `offered`.
    """

    log: LogId
    held: Annotated[bytes, Meta(max_length=NOTE_BYTES_MAX)]
    offered: Annotated[bytes, Meta(max_length=NOTE_BYTES_MAX)]
    number: WireCount = 0
    held_header: Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)] = b""
    held_proof: Annotated[tuple[bytes, ...], Meta(max_length=PROOF_HASHES_MAX)] = ()
    offered_header: Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)] = b""
    offered_proof: Annotated[tuple[bytes, ...], Meta(max_length=PROOF_HASHES_MAX)] = ()


class InlinePackage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A small package that travels with the entries that name it.

    Args:
        digest: Its content address.
        content: Its sealed bytes.
    """

    digest: WireDigest
    content: Annotated[bytes, Meta(max_length=PACKAGE_INLINE_BYTES_MAX)]


class Rejection(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Why the partner would not take what it was sent; never an echo of it.

    Args:
        code: A stable dotted code.
        number: The entry at which it stopped; 0 when it did not get that far.
        held: How many entries of the sender's log it holds.
    """

    code: Annotated[str, Meta(pattern=r"^[a-z0-9_.]+\Z", max_length=IDENTIFIER_CHARS_MAX)]
    number: WireCount = 0
    held: WireCount = 0


class Frame(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One message on a link, either way.

    Args:
        version: The protocol's major version; an unknown one is refused.
        source: Who sends it; must be who the certificate says.
        target: To whom.
        batch: Entries of the sender's log to the target; `None` when it only answers.
        acknowledgement: The sender's cosigned note on the target's log; empty when it holds nothing
            yet.
        packages: Small packages that the entries name.
        rejection: Set when the sender would not take what it was sent.
        is_ahead: Another frame of the sender is on its way, or its answer: entries go on after
            those in it, and the answer goes on after the answer to it.
    """

    version: WireNumber
    source: WireParty
    target: WireParty
    batch: Batch | None = None
    acknowledgement: Annotated[bytes, Meta(max_length=NOTE_BYTES_MAX)] = b""
    packages: Annotated[tuple[InlinePackage, ...], Meta(max_length=LIST_ITEMS_MAX)] = ()
    rejection: Rejection | None = None
    is_ahead: bool = False


class PartyKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A party's public keys.

    Args:
        ed25519: Signs checkpoints and acknowledgements: 32 bytes.
        mldsa65: Signs every n-th checkpoint as well: 1,952 bytes.
        sealing: X-Wing: ML-KEM-768 (1,184 bytes), then X25519 (32 bytes).
    """

    ed25519: Annotated[bytes, Meta(min_length=32, max_length=32)]
    mldsa65: Annotated[bytes, Meta(min_length=1_952, max_length=1_952)]
    sealing: Annotated[bytes, Meta(min_length=1_216, max_length=1_216)]


class NodeCard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who a node is: what partners exchange and compare outside the network.

    Args:
        protocol: The protocol's major version it speaks.
        party: Whose node it is.
        serial: Counts up with each change; a lower one than the one pinned is refused.
        issued_at: When it was made.
        keys: Its public keys.
        certificate: Its TLS certificate, DER; pinned, no authority is asked. Whole, because a port
            can only ask for certificates that it has named to the TLS library beforehand.
        endpoints: `https://host:port` where it listens, best first; empty when it only dials.
        is_exercise: The node runs on an exercise clock; never talks to one that does not.
    """

    protocol: Annotated[int, Meta(ge=1, le=1_000)]
    party: WireParty
    serial: WireNumber
    issued_at: Instant
    keys: PartyKeys
    certificate: Annotated[bytes, Meta(max_length=4_096)]
    endpoints: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^https://[A-Za-z0-9.\[\]:-]+\Z", max_length=256)], ...],
        Meta(max_length=8),
    ] = ()
    is_exercise: bool = False


class SignedCard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A card's bytes with the proofs that its owner holds the keys in it; unverified.

    Args:
        card: The card's bytes, as they were signed.
        ed25519: Signature by the Ed25519 key in the card.
        mldsa65: Signature by the ML-DSA-65 key in the card.
        predecessor: On a key change, the signature by the Ed25519 key of the card before; otherwise
            empty.
        predecessor_mldsa65: On a key change, the same by the ML-DSA-65 key of the card before.
    """

    card: Annotated[bytes, Meta(max_length=16_384)]
    ed25519: Annotated[bytes, Meta(max_length=64)]
    mldsa65: Annotated[bytes, Meta(max_length=3_309)]
    predecessor: Annotated[bytes, Meta(max_length=64)] = b""
    predecessor_mldsa65: Annotated[bytes, Meta(max_length=3_309)] = b""


class PackageContext(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """What a package is bound to; its hash is in every chunk and in the content key.

    Args:
        version: Of this format.
        source: Who sealed it.
        target: Who may open it.
        instrument: Under which it is released.
        originator: Who made the content.
        label: The originator's label.
        holding: The holder's id of the item.
        case: Under which it is released.
        content: SHA-256 of the content.
        content_bytes: Length of the content.
        is_exercise: Sealed by a node in exercise mode.
    """

    version: Annotated[int, Meta(ge=1, le=1)]
    source: WireParty
    target: WireParty
    instrument: InstrumentId
    originator: WireParty
    label: Label
    holding: HoldingId
    case: WireCase
    content: WireDigest
    content_bytes: WireCount
    is_exercise: bool = False
