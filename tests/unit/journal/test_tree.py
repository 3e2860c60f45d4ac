"""The Merkle tree, held against the recursive definitions of RFC 9162."""

import hashlib

import pytest

from relto.journal import (
    ProofError,
    check_consistency,
    check_inclusion,
    consistency_proof,
    frontier_of,
    frontier_root,
    grow,
    inclusion_proof,
    peaks_of,
    subtree_root,
)
from relto.seal import EMPTY_ROOT, leaf_hash

SIZES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33)
ENTRIES = [b"entry %d" % number for number in range(40)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


PEAKS = peaks_of(LEAVES)


def read(number):
    return PEAKS[number - 1]


def mth(entries):
    """RFC 9162, 2.1.1, as it is written there."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = split(len(entries))
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m, entries):
    """RFC 9162, 2.1.3.1, as it is written there."""
    if len(entries) == 1:
        return []
    k = split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def subproof(m, entries, whole):
    """RFC 9162, 2.1.4.1, as it is written there."""
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], whole), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], False), mth(entries[:k])]


def split(count):
    k = 1
    while k * 2 < count:
        k *= 2
    return k


@pytest.mark.parametrize("size", SIZES)
def test_the_root_is_the_one_of_the_rfc(size):
    """JN-9."""
    frontier = ()
    for index in range(size):
        frontier = grow(frontier, size=index, leaf=LEAVES[index])
    root = mth(ENTRIES[:size])
    assert frontier_root(frontier) == subtree_root(LEAVES[:size]) == root
    assert frontier_of(read, size=size) == frontier
    assert len(frontier) == bin(size).count("1")


def test_the_published_roots_of_certificate_transparency():
    """JN-9: the reference tree of the certificate-transparency project."""
    inputs = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    leaves = [leaf_hash(bytes.fromhex(it)) for it in inputs]
    assert [subtree_root(leaves[: n + 1]).hex() for n in range(8)] == roots


@pytest.mark.parametrize("size", SIZES[1:])
def test_inclusion_proofs_are_those_of_the_rfc_and_verify(size):
    """JN-18."""
    root = mth(ENTRIES[:size])
    for index in range(size):
        proof = inclusion_proof(read, index=index, size=size)
        assert list(proof) == path(index, ENTRIES[:size])
        check_inclusion(proof, leaf=LEAVES[index], index=index, size=size, root=root)


@pytest.mark.parametrize("size", SIZES)
def test_consistency_proofs_are_those_of_the_rfc_and_verify(size):
    """JN-19."""
    root = mth(ENTRIES[:size])
    for old in range(size + 1):
        proof = consistency_proof(read, old=old, size=size)
        if old:
            assert list(proof) == subproof(old, ENTRIES[:size], True)
        old_root = mth(ENTRIES[:old])
        check_consistency(proof, old=old, old_root=old_root, size=size, root=root)


def test_a_peak_is_the_largest_complete_subtree_that_ends_with_a_leaf():
    """JN-9."""
    for number in range(1, 41):
        width = number & -number
        assert PEAKS[number - 1][1] == mth(ENTRIES[number - width : number])


def test_no_other_inclusion_proof_verifies():
    """JN-18: wrong leaf, place, size, root, order, length, and every flipped bit of a hash."""
    size, index = 13, 5
    root = subtree_root(LEAVES[:size])
    good = inclusion_proof(read, index=index, size=size)
    given = {"leaf": LEAVES[index], "index": index, "size": size, "root": root}
    bad = [
        (good, {**given, "leaf": LEAVES[index + 1]}),
        (good, {**given, "root": EMPTY_ROOT}),
        (good[:-1], given),
        (good[1:], given),
        ((*good, LEAVES[0]), given),
        (tuple(reversed(good)), given),
        ((), given),
        ((b"short", *good[1:]), given),
        (good, {**given, "index": -1}),
        (good, {**given, "index": size}),
        (good, {**given, "size": 0}),
        *((good, {**given, "index": other}) for other in range(size) if other != index),
        *((good, {**given, "size": other}) for other in (6, 8, 20, 2**40)),
        *(
            ((*good[:n], bytes([good[n][0] ^ 1]) + good[n][1:], *good[n + 1 :]), given)
            for n in range(4)
        ),
    ]
    for proof, arguments in bad:
        with pytest.raises(ProofError):
            check_inclusion(proof, **arguments)


def test_no_other_consistency_proof_verifies():
    """JN-19."""
    for old, size in ((6, 13), (8, 13), (5, 8), (1, 2), (12, 13)):
        good = consistency_proof(read, old=old, size=size)
        given = {
            "old": old,
            "old_root": subtree_root(LEAVES[:old]),
            "size": size,
            "root": subtree_root(LEAVES[:size]),
        }
        bad = [
            (good, {**given, "old_root": EMPTY_ROOT}),
            (good, {**given, "root": EMPTY_ROOT}),
            (good, {**given, "old": old - 1}),
            (good, {**given, "size": old}),
            (good, {**given, "old": size + 1}),
            (good, {**given, "old": -1}),
            (good[:-1], given),
            ((*good, LEAVES[0]), given),
            ((*good, *good, *good), given),
            ((), given),
            ((b"", *good[1:]), given),
        ]
        for proof, arguments in bad:
            if proof == good and arguments == given:
                continue
            with pytest.raises(ProofError):
                check_consistency(proof, **arguments)


def test_a_tree_is_consistent_with_itself_and_with_the_empty_one_without_proof():
    root = subtree_root(LEAVES[:5])
    check_consistency((), old=0, old_root=EMPTY_ROOT, size=5, root=root)
    check_consistency((), old=5, old_root=root, size=5, root=root)
    for old, old_root, proof in ((0, root, ()), (5, EMPTY_ROOT, ()), (5, root, (LEAVES[0],))):
        with pytest.raises(ProofError):
            check_consistency(proof, old=old, old_root=old_root, size=5, root=root)
