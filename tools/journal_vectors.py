"""Write the test vectors of the journal and of packages, from fixed keys, salts and times.

python tools/journal_vectors.py            writes tests/vectors/journal/*.json
python tools/journal_vectors.py --check    exits 1 when a file is not what would be written

Each file is one success or one failure: id, clause, why, input, expect. Everything is text: bytes
are base64, or hex where the name says so. ML-DSA-65 draws randomness when it signs, so a signature
that is there already is kept.
"""

import argparse
import base64
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from msgspec.structs import replace
from whenever import Instant

from relto.codec import BATCH, CARD, CONTEXT, HEADER, SIGNED_CARD, decode_note
from relto.journal import (
    Draft,
    LogState,
    append,
    consistency_proof,
    cosign,
    empty_log,
    extend,
    inclusion_proof,
    key_id,
    make_batch,
    peaks_of,
    sign_card,
    sign_checkpoint,
    subtree_root,
)
from relto.model import Entry, Label, LogId, NodeCard, PackageContext, PartyKeys
from relto.seal import (
    EMPTY_ROOT,
    commitment,
    derive_content_key,
    digest,
    digest_bytes,
    expand_sealing_seed,
    leaf_hash,
    seal_package,
)
from relto.units import CaseId, HoldingId, InstrumentId, LevelId, PartyCode, SchemeId

FOLDER: Final = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "journal"
AT: Final = Instant.from_utc(2019, 11, 22, 9)
LOG: Final = LogId(source=PartyCode("JPN"), target=PartyCode("KOR"))
CONTENT_KEY: Final = bytes(range(32))

Vector = Mapping[str, object]


class FixedSigner:
    """Keys that follow from one byte, as the vectors say."""

    def __init__(self, byte: int) -> None:
        """Take the byte that is repeated in every seed."""
        self.seed = bytes([byte]) * 32
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(self.seed)
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(self.seed)
        self.keys = PartyKeys(
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            mldsa65=self._mldsa65.public_key().public_bytes_raw(),
            sealing=bytes(1_216),
        )

    def sign(self, message: bytes) -> bytes:
        """Sign with Ed25519."""
        return self._ed25519.sign(message)

    def sign_durable(self, message: bytes, *, context: bytes) -> bytes:
        """Sign with ML-DSA-65."""
        return self._mldsa65.sign(message, context)


class FixedSalts:
    """Salts that count up: 32 times 0x01, then 32 times 0x02, and so on."""

    def __init__(self) -> None:
        """Begin before the first."""
        self._count = 0

    def draw(self, count: int) -> bytes:
        """Give the next salt."""
        self._count += 1
        return bytes([self._count]) * count


JPN: Final = FixedSigner(1)
KOR: Final = FixedSigner(2)


def b64(data: bytes) -> str:
    """Write bytes as the vectors do."""
    return base64.b64encode(data).decode()


def history() -> tuple[LogState, list[Entry]]:
    """Five entries of a small case."""
    state, salts, made = empty_log(LOG, is_exercise=False), FixedSalts(), list[Entry]()
    for number, kind in enumerate(("request", "release", "receipt", "request", "refusal"), 1):
        draft = Draft(
            kind=kind,
            case=CaseId(f"c-{(number + 2) // 3}"),
            parts=(("message", b'{"n":%d}' % number), ("title", b"title")),
        )
        state, entry = append(state, draft, now=AT.add(seconds=number), entropy=salts)
        made.append(entry)
    return state, made


def vector(name: str, clause: str, why: str, given: Vector, expect: Vector) -> tuple[str, Vector]:
    """Put one vector together."""
    return name, {"id": name, "clause": clause, "why": why, "input": given, "expect": expect}


def trees(entries: list[Entry]) -> Iterator[tuple[str, Vector]]:
    """Roots and proofs of small trees."""
    leaves = [leaf_hash(entry.raw) for entry in entries]
    peaks = peaks_of(leaves)
    texts = [entry.raw.decode() for entry in entries]
    yield vector(
        "tree-empty", "JN-9", "the empty tree", {"headers": []}, {"root_hex": EMPTY_ROOT.hex()}
    )
    for size in range(1, len(entries) + 1):
        yield vector(
            f"tree-{size}",
            "JN-9",
            f"the root over {size} headers",
            {"headers": texts[:size]},
            {
                "leaves_hex": [leaf.hex() for leaf in leaves[:size]],
                "root_hex": subtree_root(leaves[:size]).hex(),
            },
        )
    for index in (0, 2, 4):
        proof = inclusion_proof(lambda it: peaks[it - 1], index=index, size=5)
        yield vector(
            f"inclusion-{index + 1}-of-5",
            "JN-18",
            "a leaf's way to the root",
            {
                "leaf_hex": leaves[index].hex(),
                "index": index,
                "size": 5,
                "root_hex": subtree_root(leaves).hex(),
                "proof_hex": [node.hex() for node in proof],
            },
            {"verified": True},
        )
    given: dict[str, object] = {}
    for old in (1, 3, 4):
        nodes = consistency_proof(lambda it: peaks[it - 1], old=old, size=5)
        given = {
            "old": old,
            "old_root_hex": subtree_root(leaves[:old]).hex(),
            "size": 5,
            "root_hex": subtree_root(leaves).hex(),
            "proof_hex": [node.hex() for node in nodes],
        }
        yield vector(
            f"consistency-{old}-to-5",
            "JN-19",
            "a later tree continues an earlier one",
            given,
            {"verified": True},
        )
    forked = {**given, "old_root_hex": subtree_root([leaves[0], *leaves[2:5]]).hex()}
    yield vector(
        "consistency-forked",
        "JN-19",
        "the earlier tree is not a prefix of the later one",
        forked,
        {"error": "peer.bad_proof"},
    )


def headers(entries: list[Entry]) -> Iterator[tuple[str, Vector]]:
    """Headers, good and bad."""
    for entry in entries[:2]:
        header = entry.header
        bodies = [body for body in entry.bodies if body is not None]
        yield vector(
            f"header-{header.number}",
            "JN-4",
            "a header, its commitments and the hash that the next header names",
            {
                "header": entry.raw.decode(),
                "salts": [b64(body.salt) for body in bodies],
                "contents": [b64(body.content) for body in bodies],
            },
            {
                "commitments_hex": [
                    commitment(salt=body.salt, body=body.content) for body in bodies
                ],
                "sha256_hex": digest(entry.raw),
                "leaf_hex": leaf_hash(entry.raw).hex(),
            },
        )
    text = entries[0].raw.decode()
    changes: dict[str, tuple[str, str, str]] = {
        "space": ("JN-3", text.replace('"number":1', '"number": 1'), "peer.not_canonical"),
        "duplicate-key": (
            "JN-3",
            text.replace('"version":1', '"version":1,"version":1'),
            "peer.not_canonical",
        ),
        "default-written-out": (
            "JN-3",
            text.replace('"kind":"request"', '"kind":"request","epoch":0'),
            "peer.not_canonical",
        ),
        "trailing-bytes": ("JN-3", text + "\n", "peer.not_canonical"),
        "unknown-field": ("JN-2", text[:-1] + ',"more":1}', "peer.malformed"),
        "unknown-version": (
            "JN-4",
            text.replace('"version":1', '"version":2'),
            "peer.malformed",
        ),
        "full-width-party": ("JN-1", text.replace("JPN", "ＪＰＮ"), "peer.malformed"),
        "cyrillic-party": ("JN-1", text.replace("KOR", "КOR"), "peer.malformed"),
        "number-beyond-2-53": (
            "JN-4",
            text.replace('"number":1', f'"number":{2**53}'),
            "peer.malformed",
        ),
        "offset-for-z": ("JN-3", text.replace("Z", "+00:00"), "peer.not_canonical"),
    }
    for name, (clause, changed, code) in changes.items():
        assert changed != text
        yield vector(
            f"header-bad-{name}",
            clause,
            name.replace("-", " "),
            {"header": changed},
            {"error": code},
        )


def notes(state: LogState, kept: Mapping[str, Vector]) -> Iterator[tuple[str, Vector]]:
    """Checkpoints and acknowledgements."""
    keys = {
        "origin": LOG.origin,
        "author_ed25519": b64(JPN.keys.ed25519),
    }
    plain = sign_checkpoint(LOG, size=5, root=state.root, signer=JPN, is_durable=False)
    expect = {"size": 5, "root_hex": state.root.hex()}
    yield vector(
        "checkpoint",
        "JN-12",
        "a head signed by its author with Ed25519",
        {**keys, "author_seed": b64(JPN.seed), "note": plain.note.decode()},
        {**expect, "key_id_hex": key_id(LOG.origin, b"\x01", JPN.keys.ed25519).hex()},
    )
    durable = _kept_note(kept, "checkpoint-durable")
    if durable is None:
        durable = sign_checkpoint(
            LOG, size=5, root=state.root, signer=JPN, is_durable=True
        ).note.decode()
    yield vector(
        "checkpoint-durable",
        "JN-13",
        "a head signed with Ed25519 and ML-DSA-65",
        {**keys, "author_mldsa65": b64(JPN.keys.mldsa65), "note": durable},
        expect,
    )
    given = cosign(plain, signer=KOR, party=PartyCode("KOR"), at=AT.add(seconds=10))
    yield vector(
        "acknowledgement",
        "JN-15",
        "the partner's cosignature on a head it has stored",
        {
            **keys,
            "cosigner": "relto/KOR",
            "cosigner_ed25519": b64(KOR.keys.ed25519),
            "cosigner_seed": b64(KOR.seed),
            "note": given.note.decode(),
        },
        {**expect, "at": given.at.format_iso()},
    )
    for name, changed, code in (
        ("size", plain.note.replace(b"\n5\n", b"\n6\n"), "peer.bad_signature"),
        ("origin", plain.note.replace(b"JPN/KOR\n5", b"KOR/JPN\n5"), "peer.identity_mismatch"),
        ("leading-zero", plain.note.replace(b"\n5\n", b"\n05\n"), "peer.malformed"),
        ("no-signature", plain.note.split(b"\n\n")[0] + b"\n\n", "peer.malformed"),
        (
            "another-key",
            sign_checkpoint(LOG, size=5, root=state.root, signer=KOR, is_durable=False).note,
            "peer.unknown_key",
        ),
    ):
        yield vector(
            f"checkpoint-bad-{name}",
            "JN-12",
            name.replace("-", " "),
            {**keys, "note": changed.decode()},
            {"error": code},
        )


def _kept_note(kept: Mapping[str, Vector], name: str) -> str | None:
    given = kept.get(name, {}).get("input")
    note = given.get("note") if isinstance(given, dict) else None
    if not isinstance(note, str):
        return None
    return note if len(decode_note(note.encode()).signatures) == 2 else None


def batches(entries: list[Entry]) -> Iterator[tuple[str, Vector]]:
    """Batches, good and bad, held against a log of two entries."""
    held = empty_log(LOG, is_exercise=False)
    whole = held
    for entry in entries:
        whole = extend(whole, entry)
        held = extend(held, entry) if entry.header.number <= 2 else held
    good = BATCH.encode(make_batch(whole, entries, signer=JPN)).decode()
    setting = {
        "author_ed25519": b64(JPN.keys.ed25519),
        "held": [entry.raw.decode() for entry in entries[:2]],
        "now": AT.add(seconds=60).format_iso(),
    }
    yield vector(
        "batch-overlapping",
        "JN-16",
        "five entries to a partner that holds two",
        {**setting, "batch": good},
        {"new": [3, 4, 5], "repeated": 2, "root_hex": whole.root.hex()},
    )
    other, salts = held, FixedSalts()
    forked = list(entries[:1])
    other = extend(empty_log(LOG, is_exercise=False), entries[0])
    for _ in range(2):
        other, entry = append(other, Draft(kind="recall"), now=AT.add(seconds=9), entropy=salts)
        forked.append(entry)
    for name, batch, code in (
        ("fork", BATCH.encode(make_batch(other, forked, signer=JPN)).decode(), "peer.fork"),
        ("gap", good.replace('"first":1', '"first":4'), "peer.gap"),
        ("body", good.replace(b64(b'{"n":3}'), b64(b'{"n":9}')), "peer.malformed"),
        (
            "direction",
            good.replace('"source":"JPN"', '"source":"USA"', 1),
            "peer.identity_mismatch",
        ),
    ):
        assert batch != good
        yield vector(
            f"batch-bad-{name}",
            "JN-16",
            name,
            {**setting, "batch": batch},
            {"error": code},
        )


def packages() -> Iterator[tuple[str, Vector]]:
    """Contexts, packages, sealing seeds."""
    content = b"launch detected"
    context = PackageContext(
        version=1,
        source=PartyCode("JPN"),
        target=PartyCode("KOR"),
        instrument=InstrumentId("jpn-kor-gsomia-2016"),
        originator=PartyCode("JPN"),
        label=Label(scheme=SchemeId("jpn"), level=LevelId("hi")),
        holding=HoldingId("h-1"),
        case=CaseId("c-1"),
        content=digest(content),
        content_bytes=len(content),
    )
    text = CONTEXT.encode(context)
    bound = digest_bytes(text)
    sealed = seal_package(content, content_key=CONTENT_KEY, context=bound)
    given = {"content_key": b64(CONTENT_KEY), "context": text.decode()}
    yield vector(
        "package",
        "PK-1",
        "a small package, its context and its content address",
        {**given, "package": b64(sealed)},
        {
            "context_hex": bound.hex(),
            "content": b64(content),
            "address_hex": digest(sealed),
        },
    )
    yield vector(
        "package-empty",
        "PK-1",
        "no content: one empty final chunk",
        {**given, "package": b64(seal_package(b"", content_key=CONTENT_KEY, context=bound))},
        {"context_hex": bound.hex(), "content": ""},
    )
    other = text.replace(b'"target":"KOR"', b'"target":"USA"')
    for name, changed in (
        ("cut", {**given, "package": b64(sealed[:-1])}),
        ("other-context", {**given, "context": other.decode(), "package": b64(sealed)}),
        ("flipped", {**given, "package": b64(sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:])}),
        ("magic", {**given, "package": b64(b"X" + sealed[1:])}),
    ):
        yield vector(f"package-bad-{name}", "PK-6", name, changed, {"error": "peer.bad_package"})
    salt = bytes(range(32, 64))
    yield vector(
        "content-key",
        "PK-8",
        "the content key of a package, from a secret, a salt and its context",
        {"secret": b64(CONTENT_KEY), "salt": b64(salt), "context": text.decode()},
        {"content_key": b64(derive_content_key(CONTENT_KEY, salt=salt, context=bound))},
    )
    seed = bytes(range(32))
    lattice, classical = expand_sealing_seed(seed)
    yield vector(
        "sealing-seed",
        "PK-3",
        "a seed expands to the seeds of both component keys",
        {"seed": b64(seed)},
        {"mlkem768_seed": b64(lattice), "x25519_private": b64(classical)},
    )


def cards(kept: Mapping[str, Vector]) -> Iterator[tuple[str, Vector]]:
    """Node cards: one, the next one after a change of keys, and what is refused of either."""
    keys = {byte: replace(FixedSigner(byte).keys, sealing=_sealing()) for byte in (1, 3)}
    first = _card(keys[1], serial=1)
    signed = _kept_card(kept, "card") or sign_card(first, signer=_with(keys[1], 1))
    yield vector(
        "card",
        "JN-26",
        "a first card, signed with both keys in it, and the fingerprint that people compare",
        {"signed": signed.decode()},
        {"party": "JPN", "serial": 1, "fingerprint": digest(CARD.encode(first))},
    )
    second = _card(keys[3], serial=2)
    follows = _kept_card(kept, "card-successor") or sign_card(
        second, signer=_with(keys[3], 3), predecessor=FixedSigner(1)
    )
    yield vector(
        "card-successor",
        "JN-28",
        "the next card, signed with the new keys and with those of the card before",
        {"current": signed.decode(), "signed": follows.decode()},
        {"party": "JPN", "serial": 2, "fingerprint": digest(CARD.encode(second))},
    )
    parts = SIGNED_CARD.decode(follows)
    swapped = replace(parts, predecessor=parts.ed25519)
    other = replace(SIGNED_CARD.decode(signed), ed25519=parts.ed25519)
    for name, clause, code, given in (
        ("signature", "JN-26", "peer.bad_signature", {"signed": SIGNED_CARD.encode(other)}),
        (
            "successor",
            "JN-28",
            "peer.bad_signature",
            {"current": signed, "signed": SIGNED_CARD.encode(swapped)},
        ),
        ("serial", "JN-28", "peer.succession", {"current": follows, "signed": signed}),
    ):
        texts = {key: value.decode() for key, value in given.items()}
        yield vector(f"card-bad-{name}", clause, name, texts, {"error": code})


def _card(keys: PartyKeys, *, serial: int) -> NodeCard:
    return NodeCard(
        protocol=1,
        party=LOG.source,
        serial=serial,
        issued_at=AT.add(hours=serial),
        keys=keys,
        certificate=b"DER",
        endpoints=("https://node.jpn.example:8443",),
    )


def _sealing() -> bytes:
    lattice, classical = expand_sealing_seed(bytes(range(32)))
    inner = MLKEM768PrivateKey.from_seed_bytes(lattice).public_key().public_bytes_raw()
    outer = X25519PrivateKey.from_private_bytes(classical).public_key().public_bytes_raw()
    return inner + outer


def _with(keys: PartyKeys, byte: int) -> FixedSigner:
    signer = FixedSigner(byte)
    signer.keys = keys
    return signer


def _kept_card(kept: Mapping[str, Vector], name: str) -> bytes | None:
    given = kept.get(name, {}).get("input")
    text = given.get("signed") if isinstance(given, dict) else None
    return text.encode() if isinstance(text, str) else None


def vectors(kept: Mapping[str, Vector]) -> dict[str, Vector]:
    """Make all vectors."""
    state, entries = history()
    made: dict[str, Vector] = {}
    for name, one in (
        *headers(entries),
        *trees(entries),
        *notes(state, kept),
        *batches(entries),
        *packages(),
        *cards(kept),
    ):
        assert name not in made
        made[name] = one
    assert HEADER.decode(entries[0].raw).number == 1
    return made


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    kept: dict[str, Vector] = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.json")
    }
    wrong = 0
    made = vectors(kept)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, one in made.items():
        path = FOLDER / f"{name}.json"
        text = json.dumps(one, indent=2, ensure_ascii=False) + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong += 1
            if not given.check:
                path.write_text(text, encoding="utf-8")
    stale = sorted(set(kept) - set(made))
    print(f"{len(made)} vectors, {wrong} differ, {len(stale)} stale {stale or ''}")
    return int(given.check and bool(wrong or stale))


if __name__ == "__main__":
    sys.exit(main())
