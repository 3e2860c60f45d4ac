"""Signed tree heads and their cosignatures, in the C2SP forms.

    relto/JPN/KOR                       origin
    1024                                size
    CsUYapGGPo4dkMgIAUqom/Xajj7h…       root

    — relto/JPN/KOR …                   Ed25519 by the author (type 0x01)
    — relto/JPN/KOR …                   ML-DSA-65 by the author (type 0xff), on every n-th
    — relto/KOR …                       Ed25519 cosignature/v1 by the partner (type 0x04)

Existing tools read and verify the Ed25519 lines and pass over the one they do not know.
"""

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from whenever import Instant

from relto.codec import MalformedError, NoteSignature, SignedNote, decode_note, encode_note
from relto.errors import PeerError
from relto.journal.keyring import KeyRing, UnknownKeyError
from relto.journal.tree import check_inclusion
from relto.limits import DURABLE_CHECKPOINT_ENTRIES
from relto.model import Acknowledgement, Checkpoint, LogId, PartyKeys
from relto.model.entry import INTEGER_MAX
from relto.seal import (
    HASH_BYTES,
    Signer,
    check_ed25519,
    check_mldsa65,
    digest_bytes,
    leaf_hash,
)
from relto.units import PartyCode

_AUTHOR: Final = b"\x01"
_COSIGNER: Final = b"\x04"
_DURABLE: Final = b"\xffrelto/mldsa65/1"
_DURABLE_CONTEXT: Final = b"relto/checkpoint/1"
_TIMESTAMP_BYTES: Final = 8


class WrongLogError(PeerError):
    """A checkpoint, batch or acknowledgement belongs to another log, direction or party."""

    code = "peer.identity_mismatch"
    hint_default = (
        "certificate, signer and party must be the same, and the direction must be this link's"
    )


class NotDurableError(PeerError):
    """A checkpoint that must carry the post-quantum signature does not."""

    code = "peer.not_durable"
    hint_default = f"every {DURABLE_CHECKPOINT_ENTRIES} entries the author signs with ML-DSA-65 too"


def is_durable_due(*, old: int, size: int) -> bool:
    """Tell whether a checkpoint must carry ML-DSA-65: when it steps over a multiple of 64.

    Args:
        old: The size of the checkpoint before it, as its reader knows it.
        size: Its own size.

    Source: docs/spec/journal.md JN-13.
    """
    return size // DURABLE_CHECKPOINT_ENTRIES > old // DURABLE_CHECKPOINT_ENTRIES


def cosigner_name(party: PartyCode) -> str:
    """Give the key name under which a party cosigns its partners' logs."""
    return f"relto/{party}"


def sign_checkpoint(
    log: LogId,
    *,
    size: int,
    root: bytes,
    signer: Signer,
    newer: Sequence[Signer] = (),
    is_durable: bool,
) -> Checkpoint:
    """Sign a tree head as its author.

    Args:
        log: Which log.
        size: How many entries.
        root: The root over them.
        signer: The author's keys.
        newer: Its later keys, of which the reader may or may not have heard.
        is_durable: Sign with ML-DSA-65 as well.

    Source: docs/spec/journal.md JN-10, JN-12, JN-13.
    """
    text = _text(log, size=size, root=root)
    message = text.encode()
    signers = [signer, *newer]
    lines = [
        NoteSignature(
            name=log.origin,
            key_id=key_id(log.origin, _AUTHOR, one.keys.ed25519),
            signature=one.sign(message),
        )
        for one in signers
    ]
    if is_durable:
        lines += [
            NoteSignature(
                name=log.origin,
                key_id=key_id(log.origin, _DURABLE, one.keys.mldsa65),
                signature=one.sign_durable(message, context=_DURABLE_CONTEXT),
            )
            for one in signers
        ]
    note = encode_note(SignedNote(text=text, signatures=tuple(lines)))
    return Checkpoint(log=log, size=size, root=root, note=note)


def verify_checkpoint(
    note: bytes,
    *,
    log: LogId,
    ring: KeyRing,
    at: Instant | None,
    is_durable: bool,
    is_live: bool = True,
) -> Checkpoint:
    """Verify an author's signed tree head.

    Args:
        note: Bytes nobody has vouched for.
        log: The log it must belong to.
        ring: The author's keys.
        at: When the final entry it covers was journaled, by the entry itself; `None` believes any
            key the author ever had, for evidence that outlives its keys.
        is_durable: It must carry a valid ML-DSA-65 signature.
        is_live: It arrives now, so revoked keys count for nothing.

    Returns:
        The verified checkpoint, with the note as it came.

    Raises:
        MalformedError: Not a checkpoint.
        WrongLogError: Of another log.
        UnknownKeyError: No key that may be used has signed it.
        SignatureError: A known key's signature does not fit.
        NotDurableError: The ML-DSA-65 signature is missing.

    Source: docs/spec/journal.md JN-10 to JN-13.
    """
    signed = decode_note(note)
    size, root = _read(signed.text, log)
    if ring.party != log.source:
        raise WrongLogError(f"log of `{log.source}` cannot be signed by `{ring.party}`")
    message = signed.text.encode()
    candidates = ring.every(is_live=is_live) if at is None else ring.usable(at, is_live=is_live)
    keys = _known(
        signed, name=log.origin, kind=_AUTHOR, candidates=candidates, public=lambda it: it.ed25519
    )
    check_ed25519(keys[0].ed25519, signature=keys[1], message=message)
    try:
        durable = _known(
            signed,
            name=log.origin,
            kind=_DURABLE,
            candidates=candidates,
            public=lambda it: it.mldsa65,
        )
    except UnknownKeyError as error:
        if is_durable:
            raise NotDurableError(f"checkpoint of size {size} lacks ML-DSA-65") from error
    else:
        check_mldsa65(
            durable[0].mldsa65, signature=durable[1], message=message, context=_DURABLE_CONTEXT
        )
    return Checkpoint(log=log, size=size, root=root, note=note)


def cosign(
    checkpoint: Checkpoint,
    *,
    signer: Signer,
    newer: Sequence[Signer] = (),
    party: PartyCode,
    at: Instant,
) -> Acknowledgement:
    """Acknowledge: say that all entries up to this head are stored here, durably.

    Args:
        checkpoint: A verified checkpoint whose root equals the one computed here.
        signer: The keys of the party that stored them.
        newer: Its later keys, of which the author may or may not have heard.
        party: That party.
        at: Now; kept in whole seconds.

    Source: C2SP tlog-cosignature; docs/spec/journal.md JN-15.
    """
    signed = decode_note(checkpoint.note)
    seconds = at.timestamp()
    name = cosigner_name(party)
    lines = [
        NoteSignature(
            name=name,
            key_id=key_id(name, _COSIGNER, one.keys.ed25519),
            signature=seconds.to_bytes(_TIMESTAMP_BYTES, "big")
            + one.sign(_cosigned(signed.text, seconds)),
        )
        for one in (signer, *newer)
    ]
    own = tuple(it for it in signed.signatures if it.name == checkpoint.log.origin)
    note = encode_note(SignedNote(text=signed.text, signatures=(*own, *lines)))
    return Acknowledgement(
        log=checkpoint.log,
        size=checkpoint.size,
        root=checkpoint.root,
        at=Instant.from_timestamp(seconds),
        note=note,
    )


def verify_cosignature(
    note: bytes, *, log: LogId, ring: KeyRing, is_live: bool = True
) -> Acknowledgement:
    """Verify the partner's cosignature on a head; whether the head is ours is for the caller.

    Args:
        note: Bytes nobody has vouched for.
        log: The log it must belong to.
        ring: The cosigner's keys.
        is_live: It arrives now, so revoked keys count for nothing.

    Raises:
        MalformedError: Not a cosigned checkpoint.
        WrongLogError: Of another log.
        UnknownKeyError: No key that may be used has cosigned it.
        SignatureError: The cosignature does not fit.

    Source: C2SP tlog-cosignature; docs/spec/journal.md JN-15.
    """
    signed = decode_note(note)
    size, root = _read(signed.text, log)
    name = cosigner_name(ring.party)
    for line in signed.signatures:
        if line.name != name or len(line.signature) <= _TIMESTAMP_BYTES:
            continue
        at = _instant(int.from_bytes(line.signature[:_TIMESTAMP_BYTES], "big"))
        for keys in ring.usable(at, is_live=is_live):
            if line.key_id == key_id(name, _COSIGNER, keys.ed25519):
                check_ed25519(
                    keys.ed25519,
                    signature=line.signature[_TIMESTAMP_BYTES:],
                    message=_cosigned(signed.text, at.timestamp()),
                )
                return Acknowledgement(log=log, size=size, root=root, at=at, note=note)
    raise UnknownKeyError(
        f"acknowledgement of `{log.origin}` not cosigned by a known key of `{ring.party}`"
    )


def check_entry(raw: bytes, *, number: int, path: Sequence[bytes], head: Checkpoint) -> None:
    """Check that a header stands in the tree of a head that its author signed.

    Args:
        raw: The header, as it was signed.
        number: The number that stands in it.
        path: The inclusion proof; anything.
        head: A verified checkpoint of the entry's log.

    Raises:
        ProofError: It is not proved.

    Source: docs/spec/journal.md JN-9, JN-18.
    """
    check_inclusion(path, leaf=leaf_hash(raw), index=number - 1, size=head.size, root=head.root)


def peek_checkpoint(note: bytes, *, log: LogId) -> tuple[int, bytes]:
    """Read size and root of a note without believing them: to know what to check it against."""
    return _read(decode_note(note).text, log)


@lru_cache(maxsize=4_096)
def key_id(name: str, kind: bytes, public: bytes) -> bytes:
    """Give the four bytes that tell which key of a name, and of which type, has signed.

    Source: C2SP signed-note; docs/spec/journal.md JN-11.
    """
    return digest_bytes(name.encode() + b"\n" + kind + public)[:4]


def _known(
    signed: SignedNote,
    *,
    name: str,
    kind: bytes,
    candidates: tuple[PartyKeys, ...],
    public: Callable[[PartyKeys], bytes],
) -> tuple[PartyKeys, bytes]:
    """Find the first signature line made by one of the keys; unknown lines are passed over."""
    for keys in candidates:
        wanted = key_id(name, kind, public(keys))
        for line in signed.signatures:
            if line.name == name and line.key_id == wanted:
                return keys, line.signature
    raise UnknownKeyError(f"no known key has signed the checkpoint of `{name}`")


def _text(log: LogId, *, size: int, root: bytes) -> str:
    assert len(root) == HASH_BYTES
    return f"{log.origin}\n{size}\n{b2a_base64(root, newline=False).decode()}\n"


def _read(text: str, log: LogId) -> tuple[int, bytes]:
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise MalformedError("checkpoint malformed: three lines expected")
    origin, written, encoded, _ = lines
    if origin != log.origin:
        raise WrongLogError(f"checkpoint of another log, expected `{log.origin}`")
    if not (written.isascii() and written.isdecimal()) or len(written) > 16:
        raise MalformedError("checkpoint malformed: size")
    try:
        root = a2b_base64(encoded, strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise MalformedError("checkpoint malformed: root is not base64") from error
    # Written back, it must be the same text: no leading zeros, no other spelling of the root.
    size = int(written)
    if size > INTEGER_MAX or len(root) != HASH_BYTES or _text(log, size=size, root=root) != text:
        raise MalformedError("checkpoint malformed: not in canonical form")
    return size, root


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _instant(seconds: int) -> Instant:
    try:
        return Instant.from_timestamp(seconds)
    except (ValueError, OverflowError) as error:
        raise MalformedError("acknowledgement malformed: time out of range") from error
