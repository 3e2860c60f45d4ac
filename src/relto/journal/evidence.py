"""Judging a fork: what a third person checks who has only the evidence and the author's keys."""

from relto.codec import HEADER
from relto.journal.checkpoint import check_entry, peek_checkpoint, verify_checkpoint
from relto.journal.keyring import KeyRing
from relto.journal.tree import ProofError
from relto.model import Checkpoint, ForkEvidence
from relto.seal import leaf_hash


def check_fork(evidence: ForkEvidence, *, ring: KeyRing) -> None:
    """Check that an author has signed two histories of one log.

    Args:
        evidence: What the partner kept; nothing about it is believed.
        ring: All keys the author has had.

    Raises:
        SignatureError: A head is not signed by the author.
        UnknownKeyError: The same.
        WrongLogError: A head is of another log.
        MalformedError: A head or a header is not one.
        ProofError: Both heads are the author's, but they do not contradict each other by
            themselves; the author can clear itself with a consistency proof between them.

    Source: docs/spec/journal.md JN-20; FL-19.
    """
    # 1. Both heads are signed by the author.
    held, offered = (
        verify_checkpoint(
            note, log=evidence.log, ring=ring, at=None, is_durable=False, is_live=False
        )
        for note in (evidence.held, evidence.offered)
    )
    # 2. Two roots of one size cannot both be true.
    if held.size == offered.size and held.root != offered.root:
        return
    # 3. Nor can two entries with one number, each in a tree that its author signed.
    mine = _leaf(evidence, evidence.held_header, evidence.held_proof, head=held)
    theirs = _leaf(evidence, evidence.offered_header, evidence.offered_proof, head=offered)
    if mine == theirs:
        raise ProofError(f"both histories of `{evidence.log.origin}` have the same entry")


def fork_sizes(evidence: ForkEvidence) -> tuple[int, int]:
    """Tell the sizes of the two heads, to ask the author for a consistency proof between them."""
    return (
        peek_checkpoint(evidence.held, log=evidence.log)[0],
        peek_checkpoint(evidence.offered, log=evidence.log)[0],
    )


def _leaf(
    evidence: ForkEvidence, raw: bytes, proof: tuple[bytes, ...], *, head: Checkpoint
) -> bytes:
    """Check that a header has the number in question and is in the tree of a head."""
    if not raw:
        raise ProofError(
            f"the heads of `{evidence.log.origin}` do not contradict each other by themselves",
            hint="ask the author for a consistency proof between the two",
        )
    header = HEADER.decode(raw)
    if header.log != evidence.log or header.number != evidence.number:
        raise ProofError(f"not the header of entry {evidence.number} of `{evidence.log.origin}`")
    check_entry(raw, number=header.number, path=proof, head=head)
    return leaf_hash(raw)
