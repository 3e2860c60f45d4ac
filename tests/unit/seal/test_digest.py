"""Digests, commitments, tree hashes."""

import hashlib

from relto.seal import (
    DIGEST_ZERO,
    EMPTY_ROOT,
    commitment,
    digest,
    digest_bytes,
    leaf_hash,
    node_hash,
    running_digest,
)


def test_a_digest_is_lower_case_hex_of_sha_256():
    assert digest(b"abc") == hashlib.sha256(b"abc").hexdigest() == digest_bytes(b"abc").hex()
    assert digest(b"abc").startswith("ba7816bf")


def test_a_running_digest_does_not_mind_how_bytes_are_cut():
    running = running_digest()
    for piece in (b"a", b"", b"bc"):
        running.update(piece)
    assert running.hexdigest() == digest(b"abc")


def test_leaves_nodes_and_parts_never_share_a_hash():
    """JN-5, JN-9: each use has its own prefix."""
    salt = bytes(32)
    content = salt + b"body"
    hashes = {
        leaf_hash(content).hex(),
        node_hash(salt, b"body").hex(),
        commitment(salt=salt, body=b"body"),
        digest(content),
    }
    assert len(hashes) == 4


def test_the_empty_tree_is_the_hash_of_nothing():
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT


def test_the_same_body_under_two_salts_has_two_commitments():
    """JN-5: guessing a destroyed body is in vain."""
    assert commitment(salt=bytes(32), body=b"x") != commitment(salt=b"\x01" * 32, body=b"x")
    assert DIGEST_ZERO == "0" * 64
