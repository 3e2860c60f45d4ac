"""Extracts: making one from what a node holds, and verifying one with the parties' cards.

The verifier believes neither the extract nor the node that made it. It believes cards whose
fingerprints somebody has compared, and from there checks every signature, proof, commitment and
digest.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from whenever import Instant

from relto.codec import decode_entry
from relto.codec.message import decode_message
from relto.errors import PeerError
from relto.journal.card import verify_card
from relto.journal.checkpoint import (
    WrongLogError,
    check_entry,
    verify_checkpoint,
    verify_cosignature,
)
from relto.journal.consent import ProvenConsent, verify_consent
from relto.journal.keyring import KeyRing, KeySpan
from relto.journal.log import LogState
from relto.journal.missing import find_missing
from relto.journal.order import in_order
from relto.journal.statement import Basis, ExtractError, Statement, where
from relto.journal.tree import Peaks, check_consistency, consistency_proof, inclusion_proof
from relto.model import (
    Acknowledgement,
    Checkpoint,
    Entry,
    Extract,
    ExtractedEntry,
    ExtractedLog,
    LogId,
    WireEntry,
)
from relto.model.delegation import Delegation, Delegations
from relto.model.message import (
    ConsentGiven,
    DelegationsAdopted,
    LawAdopted,
    LawRef,
    Message,
    Released,
)
from relto.seal import digest, digest_of_files
from relto.units import Digest, HoldingId, PartyCode

MESSAGE_PART: Final = "message"
LAW_KIND: Final = "law-adopted"
AUTHORITY_KIND: Final = "delegations-adopted"
# From this version on an extract shows the delegations that releases name.
_SHOWS_AUTHORITY: Final = 2


class UntrustedKeyError(PeerError):
    """Nobody has vouched for the keys of a party whose word the extract rests on."""

    code = "peer.untrusted_key"
    hint_default = "get the party's card over a channel you trust, and give it with --keys"


class VerifiedExtract(Struct, frozen=True, kw_only=True):
    """What an extract proves; only `verify_extract` makes one.

    Args:
        extract: The extract.
        statements: Its entries, no effect before its cause.
        fingerprints: Of the trusted cards of the parties whose word it rests on, newest first.
        law: Digests of the law that was adopted, oldest first.
        missing: What is not shown although an entry that is shown speaks of it, in words.
    """

    extract: Extract
    statements: tuple[Statement, ...]
    fingerprints: Mapping[PartyCode, tuple[Digest, ...]]
    law: tuple[Digest, ...]
    missing: tuple[str, ...]


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
    extract: Extract, *, files: Mapping[int, bytes], trusted: Sequence[Digest]
) -> VerifiedExtract:
    """Verify an extract, offline, believing only the cards that somebody has compared.

    Args:
        extract: As decoded; nothing about it is believed.
        files: The files beside it, by their place among those that the extract names, from 1.
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
    contents = _contents(extract, files)
    # 3. Logs: heads, acknowledgements, entries, bodies.
    if len({log.log for log in extract.logs}) != len(extract.logs):
        raise ExtractError("a log appears twice")
    if any(extract.made_by not in {it.log.source, it.log.target} for it in extract.logs):
        raise ExtractError(f"`{extract.made_by}` holds no log of two others")
    statements: list[Statement] = []
    acknowledged: dict[LogId, Acknowledgement] = {}
    for log in extract.logs:
        given, found = _verify_log(extract, log, rings=rings)
        statements += found
        if given is not None:
            acknowledged[log.log] = given
    if all(it.entry.header.case != extract.case for it in statements):
        raise ExtractError(f"nothing of case `{extract.case}` is shown")
    # 4. Law: every file that was adopted is here; nothing is here that was not.
    adopted = _adopted(statements)
    _verify_files(extract, contents, adopted=tuple(adopted.values()))
    # 5. What releases rest on: law, delegations, consents in their originators' own logs.
    standing = _standing(statements, adopted)
    based = [
        replace(it, basis=_verify_basis(extract, it, it.message, standing, rings=rings))
        if isinstance(it.message, Released)
        else it
        for it in statements
    ]
    relied = _relied_on(based, acknowledged)
    return VerifiedExtract(
        extract=extract,
        statements=in_order(based, acknowledged=acknowledged),
        fingerprints={party: given for party, given in fingerprints.items() if party in relied},
        law=tuple(law.law.digest for law in adopted.values()),
        missing=find_missing(based, made_by=extract.made_by),
    )


def _covers(state: LogState, entries: Sequence[Entry]) -> bool:
    return bool(state.acknowledgement) and all(
        entry.header.number <= state.acknowledged for entry in entries
    )


def _rings(
    extract: Extract, trusted: Sequence[Digest]
) -> tuple[Mapping[PartyCode, KeyRing], Mapping[PartyCode, tuple[Digest, ...]]]:
    spans: dict[PartyCode, list[tuple[KeySpan, Digest]]] = {}
    for place, data in enumerate(extract.cards, start=1):
        with _about(f"card {place} of the extract"):
            verified = verify_card(data, is_exercise=extract.is_exercise)
        if verified.fingerprint in trusted:
            card = verified.card
            span = KeySpan(keys=card.keys, serial=card.serial, begins_at=card.issued_at)
            spans.setdefault(card.party, []).append((span, verified.fingerprint))
    newest_first = {
        party: sorted(found, key=lambda one: (-one[0].serial, one[1]))
        for party, found in spans.items()
    }
    rings = {
        party: KeyRing(party=party, spans=tuple(span for span, _ in found))
        for party, found in newest_first.items()
    }
    return rings, {party: tuple(it for _, it in found) for party, found in newest_first.items()}


def _ring(rings: Mapping[PartyCode, KeyRing], party: PartyCode) -> KeyRing:
    if party not in rings:
        raise UntrustedKeyError(f"no trusted card of `{party}`")
    return rings[party]


def _verify_log(
    extract: Extract, log: ExtractedLog, *, rings: Mapping[PartyCode, KeyRing]
) -> tuple[Acknowledgement | None, list[Statement]]:
    ring = _ring(rings, log.log.source)
    with _about(f"head of `{log.log.origin}`"):
        head = verify_checkpoint(
            log.checkpoint, log=log.log, ring=ring, at=None, is_durable=False, is_live=False
        )
    acknowledgement = _verify_acknowledged(log, head=head, rings=rings)
    acknowledged = 0 if acknowledgement is None else acknowledgement.size
    statements: list[Statement] = []
    for shown in log.entries:
        with _about(f"`{log.log.origin}`"):
            entry = decode_entry(WireEntry(header=shown.header, bodies=shown.bodies))
        header = entry.header
        said = where(entry)
        if header.log != log.log or header.is_exercise != extract.is_exercise:
            raise WrongLogError(f"{said} is of another log or of the other world")
        if statements and header.number <= statements[-1].entry.header.number:
            raise ExtractError(f"{said} is out of order")
        if statements and header.at < statements[-1].entry.header.at:
            raise ExtractError(f"{said} is dated before the entry before it")
        if header.case != extract.case and not _is_standing(entry):
            raise ExtractError(f"{said} is not of case `{extract.case}`")
        with _about(said):
            check_entry(shown.header, number=header.number, path=shown.path, head=head)
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
    return acknowledgement, statements


def _is_standing(entry: Entry) -> bool:
    """Tell whether an entry is no case's and every case's: law or standing authorities."""
    return entry.header.log.is_local and entry.header.kind in {LAW_KIND, AUTHORITY_KIND}


def _verify_acknowledged(
    log: ExtractedLog, *, head: Checkpoint, rings: Mapping[PartyCode, KeyRing]
) -> Acknowledgement | None:
    """Give the partner's newest acknowledgement; `None` when there is none."""
    if not log.acknowledgement:
        return None
    ring = _ever(_ring(rings, log.log.target))
    with _about(f"acknowledgement of `{log.log.origin}`"):
        given = verify_cosignature(log.acknowledgement, log=log.log, ring=ring, is_live=False)
        check_consistency(
            log.consistency, old=given.size, old_root=given.root, size=head.size, root=head.root
        )
    return given


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


def _contents(extract: Extract, files: Mapping[int, bytes]) -> Mapping[Digest, bytes]:
    """Give the files by digest, once each is the one that stands in its place."""
    for place, file in enumerate(extract.files, start=1):
        if place not in files or digest(files[place]) != file.digest:
            raise ExtractError(
                f"law file `{file.name}` ({place}) is missing, or is not the one that was adopted"
            )
    if len(files) != len(extract.files):
        raise ExtractError("a law file that the extract does not name")
    return {file.digest: files[place] for place, file in enumerate(extract.files, start=1)}


def _adopted(statements: Sequence[Statement]) -> Mapping[Entry, LawAdopted]:
    """Give the law that the party that made the extract has adopted, oldest first."""
    return {
        it.entry: it.message
        for it in statements
        if isinstance(it.message, LawAdopted) and it.log.is_local
    }


def _verify_files(
    extract: Extract, files: Mapping[Digest, bytes], *, adopted: Sequence[LawAdopted]
) -> None:
    """Check that the files shown, under their names, are those of the law that was adopted."""
    named = {(it.name, it.digest) for law in adopted for it in law.files}
    shown = {file.digest: file.name for file in extract.files}
    for content, name in shown.items():
        if (name, content) not in named:
            raise ExtractError(f"law file `{name}` is of no adopted law that is shown")
    for name, content in sorted(named):
        if content not in shown:
            raise ExtractError(f"law file `{name}`, which was adopted, is not shown")
    for law in adopted:
        if digest_of_files({it.name: files[it.digest] for it in law.files}) != law.law.digest:
            raise ExtractError(f"law `{law.law.digest}` is not the law of its files")


class _Standing(Struct, frozen=True, kw_only=True):
    """What releases can rest on among the entries shown.

    Args:
        laws: Where the party that made the extract had adopted each law first.
        authorities: What it had adopted as its standing authorities, oldest first.
        consents: For each release, the consents that its author as originator gave before it.
    """

    laws: Mapping[LawRef, Entry]
    authorities: Sequence[tuple[Entry, Delegations]]
    consents: Mapping[Entry, tuple[ProvenConsent, ...]]


def _standing(statements: Sequence[Statement], adopted: Mapping[Entry, LawAdopted]) -> _Standing:
    latest: dict[tuple[LogId, HoldingId | None], ProvenConsent] = {}
    consents: dict[Entry, tuple[ProvenConsent, ...]] = {}
    for it in statements:
        party = it.log.source
        match it.message:
            case ConsentGiven(consent=consent) if consent.originator == party:
                proven = ProvenConsent(header=it.entry.header, message=it.message)
                latest[it.log, consent.holding] = proven
            case Released(items=items):
                own = (item.holding for item in items if item.originator == party)
                consents[it.entry] = tuple(
                    latest[it.log, holding] for holding in own if (it.log, holding) in latest
                )
            case _:
                pass
    return _Standing(
        laws={law.law: entry for entry, law in reversed(tuple(adopted.items()))},
        authorities=[
            (it.entry, it.message.delegations)
            for it in statements
            if isinstance(it.message, DelegationsAdopted) and it.log.is_local
        ],
        consents=consents,
    )


def _verify_basis(
    extract: Extract,
    statement: Statement,
    release: Released,
    standing: _Standing,
    *,
    rings: Mapping[PartyCode, KeyRing],
) -> Basis:
    """Find what a release rests on, and check it where the extract can show it.

    A party shows its own law and its own delegations; its partners' are in logs that only they
    have.
    """
    is_own = statement.log.source == extract.made_by
    said = where(statement.entry)
    law = standing.laws.get(release.law)
    if law is None and is_own:
        raise ExtractError(f"{said} rests on law that is not shown")
    authority, delegation = _authority_of(statement, release, standing) if is_own else (None, None)
    if authority is None and is_own and release.delegation and extract.version >= _SHOWS_AUTHORITY:
        raise ExtractError(
            f"{said} rests on delegation `{release.delegation}`, which is not among the standing"
            " authorities shown for its time"
        )
    proven = []
    for proof in release.consents:
        with _about(f"consent of `{proof.source}` that {said} rests on"):
            ring = _ring(rings, proof.source)
            proven.append(
                verify_consent(proof, ring=ring, is_exercise=extract.is_exercise, is_live=False)
            )
    return Basis(
        law=law,
        authority=authority,
        delegation=delegation,
        consents=(*proven, *standing.consents[statement.entry]),
    )


def _authority_of(
    statement: Statement, release: Released, standing: _Standing
) -> tuple[Entry | None, Delegation | None]:
    """Find the delegation that a release names among those that stood then, by its own clock."""
    at = statement.entry.header.at
    given = standing.authorities
    end = bisect_right(given, at, key=lambda one: one[0].header.at)
    # The newest stood then; what was adopted at that very instant may have come just after it.
    for place in range(end - 1, -1, -1):
        entry, adopted = given[place]
        for delegation in adopted.delegations:
            if delegation.id == release.delegation:
                return entry, delegation
        if entry.header.at != at:
            break
    return None, None


def _relied_on(
    statements: Sequence[Statement], acknowledged: Mapping[LogId, Acknowledgement]
) -> set[PartyCode]:
    """Name the parties whose signatures the verdict rests on."""
    consents = (it for one in statements if one.basis is not None for it in one.basis.consents)
    return (
        {one.log.source for one in statements}
        | {log.target for log in acknowledged}
        | {it.header.source for it in consents}
    )


@contextmanager
def _about(what: str) -> Iterator[None]:
    """Say in an error which part of the evidence it is about."""
    try:
        yield
    except PeerError as error:
        error.message = f"{what}: {error.message}"
        raise
