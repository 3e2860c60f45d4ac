"""The Merkle tree of a log (RFC 9162), grown one leaf at a time from its frontier.

The frontier is the roots of the complete subtrees, largest first: one for each bit that is set in
the size. It is all that appending needs, so a restart reads a few hashes and not the log.

A leaf's peak is the root of the largest complete subtree that ends with it: the leaf itself where
its number is odd, and the whole tree where it is a power of two. One is stored with each entry,
and a proof in a log of a million entries then reads some two hundred of them.
"""

from collections.abc import Callable, Sequence
from functools import reduce

from relto.errors import PeerError
from relto.seal import EMPTY_ROOT, HASH_BYTES, node_hash

Peaks = Callable[[int], tuple[bytes, bytes]]
"""Gives a leaf's hash and its peak, by the leaf's number from 1."""


class ProofError(PeerError):
    """A proof does not lead from the leaf or the old root to the root."""

    code = "peer.bad_proof"
    hint_default = "the extract was changed, or belongs to another log"


def grow(frontier: tuple[bytes, ...], *, size: int, leaf: bytes) -> tuple[bytes, ...]:
    """Add one leaf to a frontier.

    Args:
        frontier: The complete subtrees of a tree with `size` leaves, largest first.
        size: How many leaves it has.
        leaf: The new leaf's hash.

    Source: RFC 9162, section 2.1.2; docs/spec/journal.md JN-9.
    """
    assert len(frontier) == size.bit_count()
    kept = list(frontier)
    node = leaf
    while size & 1:
        node = node_hash(kept.pop(), node)
        size >>= 1
    kept.append(node)
    return tuple(kept)


def frontier_root(frontier: tuple[bytes, ...]) -> bytes:
    """Give the root of the tree a frontier stands for; the hash of nothing when empty."""
    if not frontier:
        return EMPTY_ROOT
    return reduce(lambda right, left: node_hash(left, right), reversed(frontier))


def subtree_root(leaves: Sequence[bytes]) -> bytes:
    """Give the root over leaf hashes; the hash of nothing when there are none."""
    frontier: tuple[bytes, ...] = ()
    for size, leaf in enumerate(leaves):
        frontier = grow(frontier, size=size, leaf=leaf)
    return frontier_root(frontier)


def peak_of(leaf: bytes, *, number: int, peaks: Peaks) -> bytes:
    """Compute a new leaf's peak.

    Args:
        leaf: Its hash.
        number: Its number, from 1.
        peaks: Gives the peaks before it.
    """
    node, step = leaf, 1
    while not number & step:
        node = node_hash(peaks(number - step)[1], node)
        step <<= 1
    return node


def peaks_of(leaves: Sequence[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Compute the peaks of all leaves of a tree; gives leaf and peak by index."""
    made: list[tuple[bytes, bytes]] = []
    for number, leaf in enumerate(leaves, start=1):
        made.append((leaf, peak_of(leaf, number=number, peaks=lambda it: made[it - 1])))
    return tuple(made)


def frontier_of(peaks: Peaks, *, size: int) -> tuple[bytes, ...]:
    """Give the frontier of the first `size` leaves: for checks and repair."""
    return tuple(_block(peaks, first=first, size=step) for first, step in _blocks(0, size))


def inclusion_proof(peaks: Peaks, *, index: int, size: int) -> tuple[bytes, ...]:
    """Prove that a leaf is in a tree: the hashes beside its way to the root, lowest first.

    Args:
        peaks: Gives the tree's peaks.
        index: The leaf, from 0.
        size: The tree's size; greater than `index`.

    Source: RFC 9162, section 2.1.3.1; docs/spec/journal.md JN-18.
    """
    assert 0 <= index < size
    proof: list[bytes] = []
    first, end = 0, size
    while end - first > 1:
        split = first + _split(end - first)
        if index < split:
            proof.append(_range_root(peaks, first=split, end=end))
            end = split
        else:
            proof.append(_range_root(peaks, first=first, end=split))
            first = split
    return tuple(reversed(proof))


def check_inclusion(
    proof: Sequence[bytes], *, leaf: bytes, index: int, size: int, root: bytes
) -> None:
    """Check an inclusion proof.

    Args:
        proof: The hashes beside the way, lowest first; anything.
        leaf: The leaf's hash.
        index: The leaf's index, from 0.
        size: The size of the tree whose root is `root`.
        root: A root that a verified checkpoint carries.

    Raises:
        ProofError: It does not lead to the root.

    Source: RFC 9162, section 2.1.3.2; docs/spec/journal.md JN-18.
    """
    if not 0 <= index < size or any(len(node) != HASH_BYTES for node in proof):
        raise ProofError(f"inclusion proof malformed: leaf {index} of {size}")
    place, final, node = index, size - 1, leaf
    for sibling in proof:
        if final == 0:
            raise ProofError("inclusion proof too long")
        if place & 1 or place == final:
            node = node_hash(sibling, node)
            while not place & 1 and place:
                place, final = place >> 1, final >> 1
        else:
            node = node_hash(node, sibling)
        place, final = place >> 1, final >> 1
    if final != 0 or node != root:
        raise ProofError(f"inclusion proof does not lead to the root: leaf {index} of {size}")


def consistency_proof(peaks: Peaks, *, old: int, size: int) -> tuple[bytes, ...]:
    """Prove that a tree is a prefix of a larger one.

    Args:
        peaks: Gives peaks of the larger tree.
        old: The smaller size; from 0 to `size`.
        size: The larger size.

    Returns:
        The proof; empty when `old` is 0 or equal to `size`.

    Source: RFC 9162, section 2.1.4.1; docs/spec/journal.md JN-19.
    """
    assert 0 <= old <= size
    if old in (0, size):
        return ()
    proof: list[bytes] = []
    first, end, rest, is_whole = 0, size, old, True
    while rest != end - first:
        split = _split(end - first)
        if rest <= split:
            proof.append(_range_root(peaks, first=first + split, end=end))
            end = first + split
        else:
            proof.append(_range_root(peaks, first=first, end=first + split))
            first, rest, is_whole = first + split, rest - split, False
    if not is_whole:
        proof.append(_range_root(peaks, first=first, end=end))
    return tuple(reversed(proof))


def check_consistency(
    proof: Sequence[bytes], *, old: int, old_root: bytes, size: int, root: bytes
) -> None:
    """Check that a signed tree continues an earlier signed tree.

    Args:
        proof: As `consistency_proof` gives it; anything.
        old: The earlier size.
        old_root: The earlier root.
        size: The later size.
        root: The later root.

    Raises:
        ProofError: The later tree does not continue the earlier one, or the proof is malformed.

    Source: RFC 9162, section 2.1.4.2; docs/spec/journal.md JN-19.
    """
    if not 0 <= old <= size or any(len(node) != HASH_BYTES for node in proof):
        raise ProofError(f"consistency proof malformed: {old} to {size}")
    if old in (0, size):
        expected = EMPTY_ROOT if old == 0 else root
        if proof or old_root != expected:
            raise ProofError(f"tree of size {size} does not continue the one of size {old}")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise ProofError("consistency proof too short")
    place, final = old - 1, size - 1
    while place & 1:
        place, final = place >> 1, final >> 1
    early = late = path[0]
    for node in path[1:]:
        if final == 0:
            raise ProofError("consistency proof too long")
        if place & 1 or place == final:
            early, late = node_hash(node, early), node_hash(node, late)
            while not place & 1 and place:
                place, final = place >> 1, final >> 1
        else:
            late = node_hash(late, node)
        place, final = place >> 1, final >> 1
    if final != 0 or early != old_root or late != root:
        raise ProofError(f"tree of size {size} does not continue the one of size {old}")


def _split(count: int) -> int:
    """Give the largest power of two smaller than `count`."""
    return 1 << (count - 1).bit_length() - 1


def _blocks(first: int, end: int) -> Sequence[tuple[int, int]]:
    """Cut a range that begins at a subtree's edge into complete subtrees, largest first."""
    found = []
    for bit in reversed(range((end - first).bit_length())):
        step = 1 << bit
        if end - first >= step:
            found.append((first, step))
            first += step
    return found


def _block(peaks: Peaks, *, first: int, size: int) -> bytes:
    """Give the root of a complete subtree: a peak, a leaf, or a left peak and what is beside it."""
    number = first + size
    if number & -number == size:
        return peaks(number)[1]
    if size == 1:
        return peaks(number)[0]
    half = size >> 1
    return node_hash(
        _block(peaks, first=first, size=half), _block(peaks, first=first + half, size=half)
    )


def _range_root(peaks: Peaks, *, first: int, end: int) -> bytes:
    return frontier_root(
        tuple(_block(peaks, first=start, size=step) for start, step in _blocks(first, end))
    )
