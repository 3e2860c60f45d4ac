"""Strict JSON: one value has one form, and everything else is refused (FL-29)."""

import msgspec
import pytest
from whenever import Instant

from relto.codec import (
    Codec,
    MalformedError,
    MessageTooLargeError,
    NotCanonicalError,
    version_of,
)
from relto.codec.entry import HEADER
from relto.limits import HEADER_BYTES_MAX
from relto.model.entry import WireCount
from tests.support_journal import Log


class Sample(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    name: str
    count: WireCount = 0
    at: Instant | None = None
    more: tuple[str, ...] = ()


SAMPLE = Codec(Sample, name="sample", limit=300_000)
DEEP = 100_000

BAD = {
    "empty": b"",
    "not JSON": b"hello",
    "an array": b"[]",
    "null": b"null",
    "missing field": b"{}",
    "unknown field": b'{"name":"a","other":1}',
    "wrong type": b'{"name":1}',
    "NaN": b'{"name":"a","count":NaN}',
    "infinity": b'{"name":"a","count":1e400}',
    "a fraction": b'{"name":"a","count":1.5}',
    "more than 64 bits": b'{"name":"a","count":123456789012345678901234567890}',
    "lone surrogate": b'{"name":"\\ud800"}',
    "lone low surrogate": b'{"name":"\\udc00x"}',
    "not UTF-8": b'{"name":"\xff"}',
    "overlong UTF-8": b'{"name":"\xc0\xaf"}',
    "UTF-16": '{"name":"a"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"name":"a"}',
    "trailing bytes": b'{"name":"a"}x',
    "two values": b'{"name":"a"}{"name":"a"}',
    "raw control character": b'{"name":"\x01"}',
    "not an instant": b'{"name":"a","at":"yesterday"}',
    "an instant out of range": b'{"name":"a","at":"99999-01-01T00:00:00Z"}',
    "an instant as a number": b'{"name":"a","at":1}',
    "deep arrays": b'{"name":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep unknown": b'{"name":"a","other":' + b'{"a":' * (DEEP // 5) + b"1" + b"}" * (DEEP // 5),
    "deep and cut": b"[" * DEEP,
    "comment": b'{"name":"a"/**/}',
    "single quotes": b"{'name':'a'}",
    "trailing comma": b'{"name":"a",}',
}
OTHER_FORM = {
    "duplicate key": b'{"name":"b","name":"a"}',
    "the same key and value twice": b'{"name":"a","name":"a"}',
    "space": b'{"name": "a"}',
    "final line feed": b'{"name":"a"}\n',
    "fields in another order": b'{"count":1,"name":"a"}',
    "default written out": b'{"name":"a","count":0}',
    "escape that is not needed": b'{"name":"\\u0061"}',
    "escaped solidus": b'{"name":"a\\/b"}',
    "escaped letter beyond ASCII": b'{"name":"\\u97d3"}',
    "integer with a fraction": b'{"name":"a","count":1.0}',
    "integer with an exponent": b'{"name":"a","count":1e0}',
    "minus zero": b'{"name":"a","count":-0}',
    "instant with an offset": b'{"name":"a","at":"2019-11-23T00:01:00+00:00"}',
    "instant in small letters": b'{"name":"a","at":"2019-11-22t15:01:00z"}',
    "instant with empty fraction": b'{"name":"a","at":"2019-11-22T15:01:00.000Z"}',
    "instant in the basic form": b'{"name":"a","at":"20191122T150100Z"}',
}


@pytest.mark.parametrize("name", BAD)
def test_fl_29_what_is_not_of_the_shape_is_malformed(name):
    """JN-2."""
    with pytest.raises((MalformedError, NotCanonicalError)):
        SAMPLE.decode(BAD[name])


@pytest.mark.parametrize("name", OTHER_FORM)
def test_fl_29_what_is_not_in_the_one_form_is_refused(name):
    """JN-3."""
    with pytest.raises((MalformedError, NotCanonicalError)):
        SAMPLE.decode(OTHER_FORM[name])


def test_the_one_form_is_accepted():
    for data in (
        b'{"name":"a"}',
        b'{"name":"\xe9\x9f\x93\xe5\x9b\xbd","count":9007199254740991}',
        b'{"name":"\\u0001\\n","at":"2019-11-22T15:01:00.5Z","more":["x",""]}',
    ):
        assert SAMPLE.encode(SAMPLE.decode(data)) == data


def test_size_is_checked_before_anything_is_read():
    """JN-2."""
    with pytest.raises(MessageTooLargeError):
        SAMPLE.decode(b"x" * 300_001)
    with pytest.raises(MessageTooLargeError):
        SAMPLE.encode(Sample(name="x" * 300_000))


def test_the_bound_itself_is_inside():
    """JN-2."""
    small = Codec(Sample, name="sample", limit=12)
    assert small.decode(small.encode(Sample(name="a"))) == Sample(name="a")
    assert len(small.encode(Sample(name="a"))) == 12
    with pytest.raises(MessageTooLargeError):
        small.encode(Sample(name="ab"))


def test_a_refusal_never_echoes_what_came():
    """No echo of content: a partner's bytes do not come back in an error."""
    with pytest.raises(MalformedError) as caught:
        SAMPLE.decode(b'{"name":"a","secret-word":1}')
    assert "secret-word" not in str(caught.value)


NAMES = {
    "full width": "ＪＰＮ",
    "Cyrillic К": "КOR",
    "hangul, composed": "한국",
    "hangul, decomposed": "한국",
    "right to left": "\u202eNPJ",
    "zero width": "JP\u200bN",
    "small letters": "jpn",
    "trailing line feed": "JPN\n",
    "trailing space": "JPN ",
    "one letter": "J",
    "too long": "JPNJPNJPNJPNJ",
    "empty": "",
    "a number first": "1JP",
    "null inside": "JP\x00N",
}


@pytest.mark.parametrize("name", NAMES)
def test_fl_33_a_party_is_plain_ascii_and_nothing_that_looks_like_it(name):
    """JN-1."""
    header = HEADER.decode(Log().say(b"x").raw)
    spoofed = msgspec.structs.replace(header, source=NAMES[name])
    with pytest.raises(MalformedError):
        HEADER.decode(HEADER.encode(spoofed))


BOUNDS = {
    "number zero": {"number": 0},
    "number beyond 2**53": {"number": 2**53},
    "unknown version": {"version": 2},
    "too many parts": {"parts": tuple(HEADER.decode(Log().say(b"x").raw).parts) * 9},
    "kind with a space": {"kind": "re lease"},
    "kind empty": {"kind": ""},
    "case with a slash": {"case": "../x"},
    "case too long": {"case": "x" * 97},
    "digest in capitals": {"previous": "A" * 64},
    "digest too short": {"previous": "0" * 63},
    "digest with a line feed": {"previous": "0" * 64 + "\n"},
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_header_out_of_bounds_is_malformed(name):
    """JN-4."""
    header = HEADER.decode(Log().say(b"x").raw)
    with pytest.raises(MalformedError):
        HEADER.decode(HEADER.encode(msgspec.structs.replace(header, **BOUNDS[name])))


def test_a_header_has_a_bound():
    with pytest.raises(MessageTooLargeError):
        HEADER.decode(b" " * (HEADER_BYTES_MAX + 1))


def test_what_has_no_wire_form_is_our_own_bug():
    with pytest.raises(NotImplementedError):
        SAMPLE.encode(Sample(name=object()))
    with pytest.raises(NotImplementedError):
        Codec(complex, name="number", limit=10).encode(1j)


def test_a_type_without_a_wire_form_cannot_be_read_either():
    class Thing:
        pass

    with pytest.raises(NotImplementedError):
        Codec(Thing, name="thing", limit=10).decode(b"1")


@pytest.mark.parametrize(
    ("data", "version"),
    [
        (b'{"version":3,"other":[{}]}', 3),
        (b'{"other":1}', None),
        (b'{"version":"3"}', None),
        (b"[3]", None),
        (b'{"version":3}x', None),
        (b'{"version":1,"other":' + b"[" * DEEP, None),
        (b"\xff", None),
    ],
)
def test_a_documents_version_is_read_whatever_else_stands_in_it(data, version):
    """JN-38: so that what is later is not called malformed."""
    assert version_of(data) == version
