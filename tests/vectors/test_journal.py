"""The journal's vectors, run through this implementation, and the hashes once more by hand.

Whoever implements the journal anew runs the same files. What a reader must compute is compared with
what is written; what it must refuse is refused with the code that is written.
"""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from whenever import Instant

from relto.codec import BATCH, CONTEXT, HEADER, decode_note
from relto.errors import PeerError
from relto.journal import (
    check_consistency,
    check_inclusion,
    cosign,
    empty_log,
    extend,
    first_ring,
    key_id,
    sign_checkpoint,
    verify_batch,
    verify_card,
    verify_checkpoint,
    verify_cosignature,
    verify_successor,
)
from relto.model import Entry, LogId, PartyKeys
from relto.seal import derive_content_key, digest_bytes, expand_sealing_seed, open_package
from tests.support_journal import JPN

FOLDER = Path(__file__).parent / "journal"
VECTORS = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")
}
LOG = LogId(source="JPN", target="KOR")


def named(*prefixes):
    return sorted(name for name in VECTORS if name.startswith(prefixes))


def raw(text):
    return base64.b64decode(text, validate=True)


def unhex(texts):
    return [bytes.fromhex(text) for text in texts]


def refused(vector, run):
    """Run a vector; hold a refusal to the code that is written."""
    code = vector["expect"].get("error")
    if code is None:
        return run()
    with pytest.raises(PeerError) as caught:
        run()
    assert caught.value.code == code
    return None


def ring(given):
    keys = PartyKeys(
        ed25519=raw(given["author_ed25519"]),
        mldsa65=raw(given["author_mldsa65"]) if "author_mldsa65" in given else JPN.keys.mldsa65,
        sealing=bytes(1_216),
    )
    return first_ring("JPN", keys, begins_at=Instant.MIN)


def test_every_file_is_one_vector_and_none_is_forgotten():
    groups = named("header", "tree", "inclusion", "consistency", "checkpoint", "acknowledgement")
    rest = named("batch", "package", "content-key", "sealing", "card")
    assert sorted([*groups, *rest]) == sorted(VECTORS)
    for name, vector in VECTORS.items():
        assert set(vector) == {"id", "clause", "why", "input", "expect"}
        assert vector["id"] == name
        assert vector["why"]


@pytest.mark.parametrize("name", named("header"))
def test_headers(name):
    """JN-1 to JN-5."""
    vector = VECTORS[name]
    text = vector["input"]["header"].encode()
    header = refused(vector, lambda: HEADER.decode(text))
    if header is None:
        return
    expect = vector["expect"]
    made = [
        hashlib.sha256(b"\x02" + raw(salt) + raw(content)).hexdigest()
        for salt, content in zip(vector["input"]["salts"], vector["input"]["contents"], strict=True)
    ]
    assert made == expect["commitments_hex"] == [part.commitment for part in header.parts]
    assert hashlib.sha256(text).hexdigest() == expect["sha256_hex"]
    assert hashlib.sha256(b"\x00" + text).hexdigest() == expect["leaf_hex"]


def mth(leaves):
    """The root as RFC 9162 defines it, written anew."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


@pytest.mark.parametrize("name", named("tree"))
def test_trees(name):
    """JN-9: by the definition, and as a log grows."""
    headers = [text.encode() for text in VECTORS[name]["input"]["headers"]]
    root = VECTORS[name]["expect"]["root_hex"]
    leaves = [hashlib.sha256(b"\x00" + header).digest() for header in headers]
    assert mth(leaves).hex() == root
    state = empty_log(LOG, is_exercise=False)
    for header in headers:
        state = extend(state, Entry(raw=header, header=HEADER.decode(header)))
    assert state.root.hex() == root


@pytest.mark.parametrize("name", named("inclusion"))
def test_inclusion_proofs(name):
    """JN-18."""
    given = VECTORS[name]["input"]
    check_inclusion(
        unhex(given["proof_hex"]),
        leaf=bytes.fromhex(given["leaf_hex"]),
        index=given["index"],
        size=given["size"],
        root=bytes.fromhex(given["root_hex"]),
    )


@pytest.mark.parametrize("name", named("consistency"))
def test_consistency_proofs(name):
    """JN-19."""
    given = VECTORS[name]["input"]
    refused(
        VECTORS[name],
        lambda: check_consistency(
            unhex(given["proof_hex"]),
            old=given["old"],
            old_root=bytes.fromhex(given["old_root_hex"]),
            size=given["size"],
            root=bytes.fromhex(given["root_hex"]),
        ),
    )


@pytest.mark.parametrize("name", named("checkpoint"))
def test_checkpoints(name):
    """JN-10 to JN-13."""
    vector = VECTORS[name]
    given, expect = vector["input"], vector["expect"]
    checkpoint = refused(
        vector,
        lambda: verify_checkpoint(
            given["note"].encode(),
            log=LOG,
            ring=ring(given),
            at=None,
            is_durable=name == "checkpoint-durable",
        ),
    )
    if checkpoint is None:
        return
    assert (checkpoint.size, checkpoint.root.hex()) == (expect["size"], expect["root_hex"])
    if "key_id_hex" in expect:
        public = raw(given["author_ed25519"])
        by_hand = hashlib.sha256(given["origin"].encode() + b"\n\x01" + public).digest()[:4]
        assert by_hand.hex() == expect["key_id_hex"]
        assert decode_note(given["note"].encode()).signatures[0].key_id == by_hand
        assert key_id(given["origin"], b"\x01", public) == by_hand


def test_the_checkpoint_is_made_by_the_key_that_the_vector_names():
    """JN-12: Ed25519 signs a message in one way only, so writers are held to the vector too."""
    given, expect = (VECTORS["checkpoint"][key] for key in ("input", "expect"))
    assert raw(given["author_seed"]) == b"\x01" * 32
    root = bytes.fromhex(expect["root_hex"])
    made = sign_checkpoint(LOG, size=expect["size"], root=root, signer=JPN, is_durable=False)
    assert made.note.decode() == given["note"]


def test_acknowledgements():
    """JN-15."""
    from tests.support_journal import KOR

    given, expect = (VECTORS["acknowledgement"][key] for key in ("input", "expect"))
    assert raw(given["cosigner_seed"]) == b"\x02" * 32
    keys = first_ring("KOR", KOR.keys, begins_at=Instant.MIN)
    assert KOR.keys.ed25519 == raw(given["cosigner_ed25519"])
    verified = verify_cosignature(given["note"].encode(), log=LOG, ring=keys)
    assert (verified.size, verified.root.hex()) == (expect["size"], expect["root_hex"])
    assert verified.at.format_iso() == expect["at"]
    checkpoint = verify_checkpoint(
        VECTORS["checkpoint"]["input"]["note"].encode(),
        log=LOG,
        ring=ring(given),
        at=None,
        is_durable=False,
    )
    again = cosign(checkpoint, signer=KOR, party="KOR", at=verified.at)
    assert again.note.decode() == given["note"]


@pytest.mark.parametrize("name", named("batch"))
def test_batches(name):
    """JN-14, JN-16."""
    vector = VECTORS[name]
    given, expect = vector["input"], vector["expect"]
    held = [Entry(raw=text.encode(), header=HEADER.decode(text.encode())) for text in given["held"]]
    state = empty_log(LOG, is_exercise=False)
    for entry in held:
        state = extend(state, entry)
    verified = refused(
        vector,
        lambda: verify_batch(
            BATCH.decode(given["batch"].encode()),
            state=state,
            ring=ring(given),
            read=lambda first, end: held[first - 1 : end - 1],
            now=Instant.parse_iso(given["now"]),
        ),
    )
    if verified is None:
        return
    assert [entry.header.number for entry in verified.entries] == expect["new"]
    assert verified.repeated == expect["repeated"]
    assert verified.state.root.hex() == expect["root_hex"]


@pytest.mark.parametrize("name", named("package"))
def test_packages(name):
    """PK-1, PK-2, PK-5, PK-6, PK-9."""
    vector = VECTORS[name]
    given, expect = vector["input"], vector["expect"]
    context = given["context"].encode()
    assert CONTEXT.encode(CONTEXT.decode(context)) == context
    package = raw(given["package"])
    content = refused(
        vector,
        lambda: open_package(
            package, content_key=raw(given["content_key"]), context=digest_bytes(context)
        ),
    )
    if content is None:
        return
    assert content == raw(expect["content"])
    assert hashlib.sha256(context).hexdigest() == expect["context_hex"]
    if "address_hex" in expect:
        assert hashlib.sha256(package).hexdigest() == expect["address_hex"]


def test_the_package_once_more_by_hand():
    """PK-1, PK-2, PK-5: the format as the page describes it, with the cipher alone."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    given, expect = (VECTORS["package"][key] for key in ("input", "expect"))
    header = b"RELTOPK1" + (1 << 20).to_bytes(4, "big")
    nonce = bytes(7) + (0).to_bytes(4, "big") + b"\x01"
    data = header + hashlib.sha256(given["context"].encode()).digest()
    sealed = AESGCM(raw(given["content_key"])).encrypt(nonce, raw(expect["content"]), data)
    assert raw(given["package"]) == header + sealed


@pytest.mark.parametrize("name", named("card"))
def test_cards(name):
    """JN-26, JN-28."""
    vector = VECTORS[name]
    given, expect = vector["input"], vector["expect"]
    signed = given["signed"].encode()

    def verify():
        if "current" not in given:
            return verify_card(signed, is_exercise=False)
        current = verify_card(given["current"].encode(), is_exercise=False).card
        return verify_successor(signed, current=current)

    verified = refused(vector, verify)
    if verified is not None:
        card = verified.card
        assert (card.party, card.serial) == (expect["party"], expect["serial"])
        assert verified.fingerprint == expect["fingerprint"]


def test_the_cards_once_more_by_hand():
    """JN-26, JN-28: the format as the page describes it, with JSON and the signatures alone."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

    def check(keys, domain, card, ed25519, mldsa65):
        message = domain + b"\n" + card
        Ed25519PublicKey.from_public_bytes(raw(keys["ed25519"])).verify(raw(ed25519), message)
        key = MLDSA65PublicKey.from_public_bytes(raw(keys["mldsa65"]))
        key.verify(raw(mldsa65), message, domain)

    given, expect = (VECTORS["card-successor"][key] for key in ("input", "expect"))
    current, signed = (json.loads(given[key]) for key in ("current", "signed"))
    card = raw(signed["card"])
    new, old = json.loads(card)["keys"], json.loads(raw(current["card"]))["keys"]
    check(new, b"relto/card/1", card, signed["ed25519"], signed["mldsa65"])
    domain = b"relto/card-successor/1"
    check(old, domain, card, signed["predecessor"], signed["predecessor_mldsa65"])
    assert hashlib.sha256(card).hexdigest() == expect["fingerprint"]


def test_content_keys():
    """PK-8."""
    given, expect = (VECTORS["content-key"][key] for key in ("input", "expect"))
    key = derive_content_key(
        raw(given["secret"]),
        salt=raw(given["salt"]),
        context=digest_bytes(given["context"].encode()),
    )
    assert key == raw(expect["content_key"])


def test_sealing_seeds():
    """PK-3."""
    vector = VECTORS["sealing-seed"]
    seed = raw(vector["input"]["seed"])
    lattice, classical = expand_sealing_seed(seed)
    assert lattice == raw(vector["expect"]["mlkem768_seed"])
    assert classical == raw(vector["expect"]["x25519_private"])
    assert hashlib.shake_256(seed).digest(96) == lattice + classical


def test_the_files_are_those_that_the_tool_writes():
    """A change of the format changes a vector, and somebody sees it."""
    from tools.journal_vectors import vectors

    assert vectors(VECTORS) == VECTORS
