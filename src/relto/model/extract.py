"""A case as evidence for a third person: entries, proofs, signed heads, cards, law files."""

from typing import Annotated, Final

from msgspec import Meta, Struct
from whenever import Instant

from relto.limits import (
    CARD_BYTES_MAX,
    EXTRACT_CARDS_MAX,
    EXTRACT_ENTRIES_MAX,
    EXTRACT_FILES_MAX,
    EXTRACT_LOGS_MAX,
    HEADER_BYTES_MAX,
    NOTE_BYTES_MAX,
    PARTS_MAX,
    PROOF_HASHES_MAX,
)
from relto.model.entry import Body, LogId, WireCase, WireDigest, WireParty

# The newest form that is known here; older ones are read too.
EXTRACT_VERSION: Final = 2


class ExtractedEntry(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """One entry with the proof that it stands in its log.

    Args:
        header: Its header, as it was signed.
        bodies: One for each part; `None` where it was destroyed or is not shown.
        path: Inclusion proof in the tree of the log's checkpoint, lowest sibling first.
    """

    header: Annotated[bytes, Meta(max_length=HEADER_BYTES_MAX)]
    bodies: Annotated[tuple[Body | None, ...], Meta(max_length=PARTS_MAX)] = ()
    path: Annotated[tuple[bytes, ...], Meta(max_length=PROOF_HASHES_MAX)] = ()


class ExtractedLog(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """The entries of one log that belong to the case.

    Args:
        log: Which log.
        checkpoint: The author's signed note over a tree that holds all of them.
        acknowledgement: The partner's cosigned note; empty when there is none.
        consistency: That the checkpoint's tree continues the acknowledged one.
        entries: By number.
    """

    log: LogId
    checkpoint: Annotated[bytes, Meta(max_length=NOTE_BYTES_MAX)]
    acknowledgement: Annotated[bytes, Meta(max_length=NOTE_BYTES_MAX)] = b""
    consistency: Annotated[tuple[bytes, ...], Meta(max_length=PROOF_HASHES_MAX)] = ()
    entries: Annotated[tuple[ExtractedEntry, ...], Meta(max_length=EXTRACT_ENTRIES_MAX)]


class ExtractedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A law file that lies beside the extract, under a generated name.

    Args:
        name: Its name in the law.
        digest: SHA-256 of its bytes.
    """

    name: Annotated[str, Meta(min_length=1, max_length=256)]
    digest: WireDigest


class Extract(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything about one case that a third person needs, besides trust in the parties' keys.

    Args:
        version: Of this format; from 2 on it shows the delegations that releases name.
        case: The case.
        made_by: Whose node made the extract; it is believed in nothing.
        made_at: When.
        is_exercise: The entries are exercise entries.
        logs: By source and target.
        cards: Signed cards of the parties, as they came.
        files: The law files in force for the case's entries.
    """

    version: Annotated[int, Meta(ge=1, le=EXTRACT_VERSION)]
    case: WireCase
    made_by: WireParty
    made_at: Instant
    is_exercise: bool = False
    logs: Annotated[tuple[ExtractedLog, ...], Meta(max_length=EXTRACT_LOGS_MAX)]
    cards: Annotated[
        tuple[Annotated[bytes, Meta(max_length=CARD_BYTES_MAX)], ...],
        Meta(max_length=EXTRACT_CARDS_MAX),
    ]
    files: Annotated[tuple[ExtractedFile, ...], Meta(max_length=EXTRACT_FILES_MAX)] = ()
