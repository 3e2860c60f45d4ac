"""Entries as they travel."""

import msgspec
import pytest

from relto.codec import (
    BATCH,
    FRAME,
    MalformedError,
    MessageTooLargeError,
    NotCanonicalError,
    decode_entry,
    wire_entry,
)
from relto.journal import make_batch
from relto.limits import FRAME_BYTES_MAX
from relto.model import Body, Frame, InlinePackage, Rejection
from relto.seal import digest
from tests.support_journal import JPN, Log


def test_an_entry_reads_back():
    """JN-4, JN-5."""
    entry = Log().say(b"message", b"", "제목".encode())
    assert decode_entry(wire_entry(entry)) == entry
    assert entry.content("part-2") == "제목".encode()
    assert entry.content("part-9") is None


def test_a_destroyed_body_reads_as_destroyed():
    """JN-6."""
    entry = Log().say(b"message", b"title")
    wire = msgspec.structs.replace(wire_entry(entry), bodies=(entry.bodies[0], None))
    assert decode_entry(wire).content("part-1") is None
    assert decode_entry(wire).content("part-0") == b"message"


def test_a_body_that_is_not_committed_to_is_refused():
    """JN-5."""
    entry = Log().say(b"message")
    (body,) = entry.bodies
    for other in (
        Body(salt=body.salt, content=b"another"),
        Body(salt=bytes(32), content=body.content),
        Body(salt=body.salt, content=b""),
    ):
        with pytest.raises(MalformedError):
            decode_entry(msgspec.structs.replace(wire_entry(entry), bodies=(other,)))


def test_parts_and_bodies_must_match():
    entry = Log().say(b"message")
    for bodies in ((), (*entry.bodies, None)):
        with pytest.raises(MalformedError):
            decode_entry(msgspec.structs.replace(wire_entry(entry), bodies=bodies))


def test_two_parts_of_one_name_are_refused():
    from relto.codec.entry import HEADER
    from relto.model import WireEntry

    header = HEADER.decode(Log().say(b"message").raw)
    twice = msgspec.structs.replace(header, parts=header.parts * 2)
    with pytest.raises(MalformedError):
        decode_entry(WireEntry(header=HEADER.encode(twice), bodies=(None, None)))


def test_a_header_in_another_form_is_refused():
    entry = Log().say(b"message")
    loose = entry.raw.replace(b'"number":1', b'"number": 1')
    with pytest.raises(NotCanonicalError):
        decode_entry(msgspec.structs.replace(wire_entry(entry), header=loose))


def frame() -> Frame:
    log = Log()
    log.say(b"message", b"title")
    return Frame(
        version=1,
        source="JPN",
        target="KOR",
        batch=make_batch(log.state, log.held, signer=JPN),
        acknowledgement=b"note",
        packages=(InlinePackage(digest=digest(b"x"), content=b"x"),),
        rejection=Rejection(code="peer.gap", number=3, held=2),
    )


def test_a_frame_reads_back():
    data = FRAME.encode(frame())
    assert FRAME.decode(data) == frame()


def test_an_empty_frame_is_small():
    assert FRAME.encode(Frame(version=1, source="JPN", target="KOR")) == (
        b'{"version":1,"source":"JPN","target":"KOR"}'
    )


def test_a_frame_has_a_bound():
    with pytest.raises(MessageTooLargeError):
        FRAME.decode(b" " * (FRAME_BYTES_MAX + 1))
    with pytest.raises(MessageTooLargeError):
        BATCH.decode(b" " * (FRAME_BYTES_MAX + 1))
