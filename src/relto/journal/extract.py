"""Extracts: making one from what a node holds, and verifying one with the parties' cards.

The verifier believes neither the extract nor the node that made it. It believes cards whose
fingerprints somebody has compared, and from there checks every signature, proof, commitment and
digest.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec import Struct
from whenever import Instant

from relto.codec import HEADER, decode_entry
from relto.codec.message import decode_message
from relto.errors import PeerError
from relto.journal.card import verify_card
from relto.journal.checkpoint import WrongLogError, verify_checkpoint, verify_cosignature
from relto.journal.keyring import KeyRing, KeySpan
from relto.journal.log import LogState
from relto.journal.tree import (
    Peaks,
    ProofError,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
)
from relto.model import (
    Checkpoint,
    Entry,
    Extract,
    ExtractedEntry,
    ExtractedLog,
    WireEntry,
)
from relto.model.message import LawAdopted, Message, Proof, Released
from relto.seal import commitment, digest, leaf_hash
from relto.units import Digest, PartyCode

MESSAGE_PART = "message"
LAW_KIND = "law-adopted"


class ExtractError(PeerError):
    """An extract contradicts itself: an entry of another case, a file nobody adopted."""

    code = "peer.bad_extract"
    hint_default = "it proves nothing; ask for a fresh one"


class UntrustedKeyError(PeerError):
    """Nobody has vouched for the keys of a party whose word the extract rests on."""

    code = "peer.untrusted_key"
    hint_default = "get the party's card over a channel you trust, and give it with --keys"


class Statement(Struct, frozen=True, kw_only=True):
    """One entry of a verified extract: what its author said, and who can no longer deny it.

    Args:
        entry: The entry.
        message: Its message, decoded; `None` when it was destroyed or is of an unknown kind.
        destroyed: Names of the parts that are gone or not shown.
        is_acknowledged: The partner has signed that it holds the entry.
    """

    entry: Entry
    message: Message | None
    destroyed: tuple[str, ...]
    is_acknowledged: bool


class VerifiedExtract(Struct, frozen=True, kw_only=True):
    """What an extract proves; only `verify_extract` makes one.

    Args:
        extract: The extract.
        statements: Its entries, by time, log and number.
        fingerprints: Of the trusted cards, by party; the newest of each.
        law: Digests of the law that was adopted, oldest first.
    """

    extract: Extract
    statements: tuple[Statement, ...]
    fingerprints: Mapping[PartyCode, Digest]
    law: tuple[Digest, ...]


def extract_log(state: LogState, entries: Sequence[Entry], *, peaks: Peaks) -> ExtractedLog:
    """Take entries out of a log, with their proofs.

    Args:
        state: The log; its note must cover all of it.
        entries: Which entries, by number.
        peaks: Gives the log's peaks.

    Source: docs/spec/journal.md JN-22.
    """
    assert state.note
    whole = state.acknowledgement if _covers(state, entries) else state.note
    size = state.acknowledged if whole is state.acknowledgement else state.size
    acknowledgement = state.acknowledgement
    return ExtractedLog(
        log=state.log,
        checkpoint=whole,
        acknowledgement=acknowledgement,
        consistency=(
            consistency_proof(peaks, old=state.acknowledged, size=size) if acknowledgement else ()
        ),
        entries=tuple(
            ExtractedEntry(
                header=entry.raw,
                bodies=entry.bodies,
                path=inclusion_proof(peaks, index=entry.header.number - 1, size=size),
            )
            for entry in entries
        ),
    )


def verify_extract(
    extract: Extract, *, files: Mapping[Digest, bytes], trusted: Sequence[Digest]
) -> VerifiedExtract:
    """Verify an extract, offline, believing only the cards that somebody has compared.

    Args:
        extract: As decoded; nothing about it is believed.
        files: The files beside it, by the digest that the extract gives.
        trusted: Fingerprints of cards whose owners are known.

    Raises:
        UntrustedKeyError: A party's keys are not among the trusted cards.
        ExtractError: It contradicts itself.
        PeerError: A signature, proof, commitment or form does not hold.

    Source: docs/spec/journal.md JN-23.
    """
    # 1. Cards: each proves its keys; only the trusted ones count.
    rings, fingerprints = _rings(extract, trusted)
    # 2. Files: each is what its digest says.
    for file in extract.files:
        if file.digest not in files or digest(files[file.digest]) != file.digest:
            raise ExtractError(
                f"law file `{file.name}` is missing, or is not the one that was adopted"
            )
    if len(files) != len({file.digest for file in extract.files}):
        raise ExtractError("a law file that the extract does not name")
    # 3. Logs: heads, acknowledgements, entries, bodies.
    if len({log.log for log in extract.logs}) != len(extract.logs):
        raise ExtractError("a log appears twice")
    if any(extract.made_by not in {it.log.source, it.log.target} for it in extract.logs):
        raise ExtractError(f"`{extract.made_by}` holds no log of two others")
    statements = [
        statement for log in extract.logs for statement in _verify_log(extract, log, rings=rings)
    ]
    if all(it.entry.header.case != extract.case for it in statements):
        raise ExtractError(f"nothing of case `{extract.case}` is shown")
    # 4. Law: every file that was adopted is here; nothing is here that was not.
    adopted = [it.message for it in statements if isinstance(it.message, LawAdopted)]
    _verify_files(extract, adopted=adopted)
    _verify_law(extract, statements, adopted=adopted)
    # 5. Consents that releases rest on, each in its originator's own log.
    for statement in statements:
        if isinstance(statement.message, Released):
            for proof in statement.message.consents:
                with _about(f"consent of `{proof.source}` that {_where(statement.entry)} rests on"):
                    verify_proof(proof, rings=rings)
    return VerifiedExtract(
        extract=extract,
        statements=tuple(sorted(statements, key=_order)),
        fingerprints=fingerprints,
        law=tuple(law.law.digest for law in adopted),
    )


def verify_proof(proof: Proof, *, rings: Mapping[PartyCode, KeyRing]) -> None:
    """Verify an entry of another log that an entry rests on, such as an originator's consent.

    Args:
        proof: As it came in a message.
        rings: The trusted keys.

    Raises:
        UntrustedKeyError: Its author's keys are not trusted.
        PeerError: It does not hold.

    Source: docs/spec/journal.md JN-24.
    """
    entry = decode_entry_header(proof.header)
    header = entry.header
    if (header.source, header.target) != (proof.source, proof.target):
        raise WrongLogError(f"proof of `{header.log.origin}` says it is of another log")
    checkpoint = verify_checkpoint(
        proof.checkpoint,
        log=header.log,
        ring=_ring(rings, header.source),
        at=None,
        is_durable=False,
        is_live=False,
    )
    check_inclusion(
        proof.path,
        leaf=leaf_hash(proof.header),
        index=header.number - 1,
        size=checkpoint.size,
        root=checkpoint.root,
    )
    expected = {part.name: part.commitment for part in header.parts}.get(proof.part)
    if len(proof.salt) != 32 or commitment(salt=proof.salt, body=proof.body) != expected:
        raise ProofError(f"body of `{header.log.origin}` {header.number} is not what was signed")


def decode_entry_header(raw: bytes) -> Entry:
    """Read a header alone, its bodies not shown.

    Raises:
        MalformedError: Not a header.
    """
    header = HEADER.decode(raw)
    return decode_entry(WireEntry(header=raw, bodies=(None,) * len(header.parts)))


def _covers(state: LogState, entries: Sequence[Entry]) -> bool:
    return bool(state.acknowledgement) and all(
        entry.header.number <= state.acknowledged for entry in entries
    )


def _rings(
    extract: Extract, trusted: Sequence[Digest]
) -> tuple[Mapping[PartyCode, KeyRing], Mapping[PartyCode, Digest]]:
    spans: dict[PartyCode, list[KeySpan]] = {}
    fingerprints: dict[PartyCode, Digest] = {}
    for place, data in enumerate(extract.cards, start=1):
        with _about(f"card {place} of the extract"):
            verified = verify_card(data, is_exercise=extract.is_exercise)
        if verified.fingerprint not in trusted:
            continue
        card = verified.card
        if all(span.serial < card.serial for span in spans.get(card.party, ())):
            fingerprints[card.party] = verified.fingerprint
        spans.setdefault(card.party, []).append(
            KeySpan(keys=card.keys, serial=card.serial, begins_at=card.issued_at)
        )
    return {
        party: KeyRing(party=party, spans=tuple(sorted(found, key=lambda span: -span.serial)))
        for party, found in spans.items()
    }, fingerprints


def _ring(rings: Mapping[PartyCode, KeyRing], party: PartyCode) -> KeyRing:
    if party not in rings:
        raise UntrustedKeyError(f"no trusted card of `{party}`")
    return rings[party]


def _verify_log(
    extract: Extract, log: ExtractedLog, *, rings: Mapping[PartyCode, KeyRing]
) -> list[Statement]:
    ring = _ring(rings, log.log.source)
    with _about(f"head of `{log.log.origin}`"):
        head = verify_checkpoint(
            log.checkpoint, log=log.log, ring=ring, at=None, is_durable=False, is_live=False
        )
    acknowledged = _verify_acknowledged(log, head=head, rings=rings)
    statements = []
    previous = 0
    for shown in log.entries:
        with _about(f"`{log.log.origin}`"):
            entry = decode_entry(WireEntry(header=shown.header, bodies=shown.bodies))
        header = entry.header
        where = _where(entry)
        if header.log != log.log or header.is_exercise != extract.is_exercise:
            raise WrongLogError(f"{where} is of another log or of the other world")
        if header.number <= previous:
            raise ExtractError(f"{where} is out of order")
        if header.case != extract.case and header.kind != LAW_KIND:
            raise ExtractError(f"{where} is not of case `{extract.case}`")
        with _about(where):
            check_inclusion(
                shown.path,
                leaf=leaf_hash(shown.header),
                index=header.number - 1,
                size=head.size,
                root=head.root,
            )
        previous = header.number
        statements.append(
            Statement(
                entry=entry,
                message=_message(entry),
                destroyed=tuple(
                    part.name
                    for part, body in zip(header.parts, entry.bodies, strict=True)
                    if body is None
                ),
                is_acknowledged=header.number <= acknowledged,
            )
        )
    return statements


def _verify_acknowledged(
    log: ExtractedLog, *, head: Checkpoint, rings: Mapping[PartyCode, KeyRing]
) -> int:
    """Tell up to which number the partner has acknowledged; 0 when it has not."""
    if not log.acknowledgement:
        return 0
    ring = _ever(_ring(rings, log.log.target))
    with _about(f"acknowledgement of `{log.log.origin}`"):
        given = verify_cosignature(log.acknowledgement, log=log.log, ring=ring, is_live=False)
        check_consistency(
            log.consistency, old=given.size, old_root=given.root, size=head.size, root=head.root
        )
    return given.size


def _ever(ring: KeyRing) -> KeyRing:
    """Let all keys count at all times: which counted when is for the judge, who sees the times."""
    early = Instant.MIN
    return KeyRing(
        party=ring.party,
        spans=tuple(
            KeySpan(keys=span.keys, serial=span.serial, begins_at=early) for span in ring.spans
        ),
    )


def _message(entry: Entry) -> Message | None:
    content = entry.content(MESSAGE_PART) if entry.header.parts else None
    if content is None:
        return None
    try:
        return decode_message(content, kind=entry.header.kind)
    except PeerError:
        return None


def _verify_files(extract: Extract, *, adopted: Sequence[LawAdopted]) -> None:
    """Check that the files shown, under their names, are those of the law that was adopted."""
    named = {(it.name, it.digest) for law in adopted for it in law.files}
    shown = {file.digest: file.name for file in extract.files}
    for content, name in shown.items():
        if (name, content) not in named:
            raise ExtractError(f"law file `{name}` is not of the law that was adopted")
    for name, content in sorted(named):
        if content not in shown:
            raise ExtractError(f"law file `{name}`, which was adopted, is not shown")


def _verify_law(
    extract: Extract, statements: Sequence[Statement], *, adopted: Sequence[LawAdopted]
) -> None:
    """Check that releases of the party that made the extract rest on law that it adopted."""
    known = {law.law.digest for law in adopted}
    for statement in statements:
        header = statement.entry.header
        if not isinstance(statement.message, Released) or header.source != extract.made_by:
            continue
        if statement.message.law.digest not in known:
            raise ExtractError(f"{_where(statement.entry)} rests on law that is not shown")


def _where(entry: Entry) -> str:
    return f"entry {entry.header.number} of `{entry.header.log.origin}`"


@contextmanager
def _about(what: str) -> Iterator[None]:
    """Say in an error which part of the evidence it is about."""
    try:
        yield
    except PeerError as error:
        error.message = f"{what}: {error.message}"
        raise


def _order(statement: Statement) -> tuple[Instant, str, int]:
    header = statement.entry.header
    return header.at, header.log.origin, header.number
