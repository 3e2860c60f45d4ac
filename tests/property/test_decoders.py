"""Every decoder of the journal, fed with anything: a value or a `PeerError`, and nothing else."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from relto.adapters.casezip import read_archive
from relto.codec import (
    BATCH,
    CARD,
    CONTEXT,
    EXTRACT,
    FORK,
    FRAME,
    HEADER,
    SIGNED_CARD,
    decode_note,
    encode_note,
)
from relto.errors import PeerError
from relto.journal import LOG_STATE, make_batch, verify_card
from relto.model import Frame
from relto.seal import open_package
from tests.support_journal import JPN, Log

VECTORS = Path(__file__).parents[1] / "vectors" / "journal"

JSON_CODECS = {
    "header": HEADER,
    "batch": BATCH,
    "frame": FRAME,
    "card": CARD,
    "signed card": SIGNED_CARD,
    "context": CONTEXT,
    "extract": EXTRACT,
    "fork": FORK,
    "log state": LOG_STATE,
}


def card_of(data):
    return verify_card(data, is_exercise=False)


def package_of(data):
    return open_package(data, content_key=bytes(32), context=bytes(32))


DECODERS = {
    **{name: codec.decode for name, codec in JSON_CODECS.items()},
    "note": decode_note,
    "verified card": card_of,
    "package": package_of,
}


def seeds():
    """Sound messages, to begin from when damaging some."""
    from tests.unit.journal.test_card import SIGNED
    from tests.unit.journal.test_extract import World

    log = Log()
    log.say(b"message", b"title")
    batch = make_batch(log.state, log.held, signer=JPN)
    frame = Frame(version=1, source="JPN", target="KOR", batch=batch)
    texts = [
        json.loads(path.read_text(encoding="utf-8"))["input"] for path in VECTORS.glob("*.json")
    ]
    found = [
        FRAME.encode(frame),
        BATCH.encode(batch),
        EXTRACT.encode(World().extract()),
        SIGNED,
        LOG_STATE.encode(log.state),
    ]
    for given_ in texts:
        found += [
            given_[key].encode()
            for key in ("header", "note", "context", "batch")
            if isinstance(given_.get(key), str)
        ]
    return found


SEEDS = seeds()


@st.composite
def damaged(draw):
    """A sound message, cut, flipped, spliced or with one value replaced."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        place = draw(st.integers(0, len(data) - 1))
        match draw(st.sampled_from(("flip", "cut", "drop", "insert", "splice"))):
            case "flip":
                data[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del data[place:]
            case "drop":
                del data[place : place + draw(st.integers(1, 9))]
            case "insert":
                data[place:place] = draw(
                    st.sampled_from(
                        (b'"', b"{", b"[[", b"\\u0000", b"null", b"1e9", b"\xff", b"\n")
                    )
                )
            case "splice":
                other = draw(st.sampled_from(SEEDS))
                data[place:] = other[draw(st.integers(0, len(other))) :]
    return bytes(data)


def hold(name, data):
    try:
        value = DECODERS[name](data)
    except PeerError:
        return
    # What was believed is written back to the very same bytes.
    if name in JSON_CODECS:
        assert JSON_CODECS[name].encode(value) == data
    elif name == "note":
        assert encode_note(value) == data


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.binary(max_size=2_000))
@example(data=b"")
@example(data=b"[" * 2_000)
@example(data=b'{"a":' * 400)
def test_any_bytes_give_a_value_or_a_refusal(name, data):
    """JN-2, JN-3, JN-11, PK-6: bounded time, bounded memory, no other error."""
    hold(name, data)


@pytest.mark.parametrize("name", DECODERS)
@given(data=damaged())
def test_a_damaged_message_gives_a_value_or_a_refusal(name, data):
    """FL-42: what crashes a parser would stop a node; nothing does."""
    hold(name, data)


@given(
    data=st.one_of(st.binary(max_size=500), damaged()), head=st.sampled_from((b"", b"PK\x03\x04"))
)
def test_any_file_is_an_archive_or_refused(data, head, tmp_path_factory):
    """JN-30; FL-30."""
    path = tmp_path_factory.mktemp("zip") / "case.zip"
    path.write_bytes(head + data)
    with pytest.raises(PeerError):
        read_archive(path)
