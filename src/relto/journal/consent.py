"""An originator's consent as signed evidence: what a node checks, and a third person alike.

It travels in a release that rests on it, with a proof that it stands in its originator's log.
"""

from msgspec import Struct

from relto.codec import HEADER
from relto.codec.message import decode_message
from relto.errors import PeerError
from relto.journal.checkpoint import check_entry, verify_checkpoint
from relto.journal.keyring import KeyRing
from relto.model import Header
from relto.model.message import ConsentGiven, Proof
from relto.seal import SALT_BYTES, commitment


class BadEvidenceError(PeerError):
    """A proof does not show what it is said to show."""

    code = "peer.bad_evidence"
    hint_default = "it proves no consent; ask for the originator's consent again"


class ProvenConsent(Struct, frozen=True, kw_only=True):
    """A consent that its originator signed; only `verify_consent` makes one.

    Args:
        header: Of its entry in the originator's log.
        message: What it says.
    """

    header: Header
    message: ConsentGiven


def verify_consent(
    proof: Proof, *, ring: KeyRing, is_exercise: bool, is_live: bool
) -> ProvenConsent:
    """Verify that an entry of another log is its author's consent.

    Args:
        proof: As it came in a release; nothing about it is believed.
        ring: The author's keys, which somebody has compared.
        is_exercise: The world that it must be of.
        is_live: It arrives now, so revoked keys count for nothing.

    Raises:
        BadEvidenceError: It is of another log or world, not what was signed, or no consent.
        PeerError: A signature, proof or form does not hold.

    Source: docs/spec/journal.md JN-24; docs/spec/exchange.md EX-21.
    """
    # 1. The header belongs to the log that is named, and is of our world.
    header = HEADER.decode(proof.header)
    if (header.source, header.target) != (proof.source, proof.target):
        raise BadEvidenceError("the entry belongs to another log")
    if header.is_exercise != is_exercise:
        raise BadEvidenceError("exercise and real evidence never mix")
    # 2. The body is the one that the header commits to.
    named = {part.name: part.commitment for part in header.parts}
    if len(proof.salt) != SALT_BYTES or named.get(proof.part) != commitment(
        salt=proof.salt, body=proof.body
    ):
        raise BadEvidenceError("the body is not the one that was signed")
    # 3. The author signed a tree, and the header is in it.
    head = verify_checkpoint(
        proof.checkpoint, log=header.log, ring=ring, at=None, is_durable=False, is_live=is_live
    )
    check_entry(proof.header, number=header.number, path=proof.path, head=head)
    # 4. It is a consent of its author.
    message = decode_message(proof.body, kind=header.kind)
    if not isinstance(message, ConsentGiven) or message.consent.originator != proof.source:
        raise BadEvidenceError("the entry is no consent of its author")
    return ProvenConsent(header=header, message=message)
