"""Messages as bytes: bounds, and one encoding."""

import pytest
from msgspec.structs import replace
from whenever import Instant

from relto.codec import MalformedError, MessageTooLargeError, NotCanonicalError
from relto.codec.message import MessageError, decode_message, encode_message
from relto.codec.pack import PackedError, pack, unpack
from relto.codec.payload import payload_head, split_payload
from relto.limits import (
    BODY_BYTES_MAX,
    LIST_ITEMS_MAX,
    PACKAGE_BYTES_MAX,
    RELEASE_ITEMS_MAX,
    TEXT_CHARS_MAX,
)
from relto.model import Label
from relto.model.message import Approval, kind_of
from tests.support_messages import CONSIDERED, EXAMPLES, HOP, ITEM, PROOF, REQUEST

RELEASE, ASKED = EXAMPLES["release"], EXAMPLES["request"]
LONG = "x" * (TEXT_CHARS_MAX + 1)
SAID = Approval(party="JPN", role="minister", at=Instant.from_utc(2019, 10, 2))


def request_with(**changes: object) -> object:
    return replace(ASKED, request=replace(REQUEST, **changes))


def item_with(**changes: object) -> object:
    return replace(RELEASE, items=(replace(ITEM, **changes),))


OUT_OF_BOUNDS = {
    "a party in full-width letters (FL-33)": request_with(requester="ＫＯＲ"),
    "a party in Cyrillic (FL-33)": request_with(holder="КOR"),
    "a party in lower case": request_with(on_behalf_of="kor"),
    "a topic with spaces": request_with(topics=("dprk missile",)),
    "a topic in Hangul": request_with(topics=("북한",)),
    "no topics": request_with(topics=()),
    "too many topics": request_with(topics=("dprk",) * (LIST_ITEMS_MAX + 1)),
    "a holding with a path (FL-30)": request_with(holding="../etc"),
    "a text that is too long": request_with(about=LONG),
    "a case that is too long": request_with(case="c" * 97),
    "too many hops": replace(ASKED, hops=(HOP,) * (LIST_ITEMS_MAX + 1)),
    "a hop to nobody": replace(ASKED, hops=(replace(HOP, target=""),)),
    "a hop under nothing": replace(ASKED, hops=(replace(HOP, instrument=""),)),
    "an instrument in capitals": replace(RELEASE, instrument="GSOMIA"),
    "an onward party in lower case": replace(RELEASE, onward="gbr"),
    "no items": replace(RELEASE, items=()),
    "too many items": replace(RELEASE, items=(ITEM,) * (RELEASE_ITEMS_MAX + 1)),
    "too many consents": replace(RELEASE, consents=(PROOF,) * (LIST_ITEMS_MAX + 1)),
    "a delegation that is too long": replace(RELEASE, delegation=LONG),
    "an unknown kind of label (FL-26)": item_with(label=Label(scheme="J P", level="hi")),
    "an item without topics": item_with(topics=()),
    "an item by nobody": item_with(originator=""),
    "a marking that is too long": item_with(markings=(LONG,)),
    "a package larger than any": item_with(
        package=replace(ITEM.package, size_bytes=PACKAGE_BYTES_MAX + 1)
    ),
    "content larger than any": item_with(content_bytes=PACKAGE_BYTES_MAX + 1),
    "a package of negative size": item_with(package=replace(ITEM.package, size_bytes=-1)),
    "a package for nobody": item_with(package=replace(ITEM.package, recipient="")),
    "a refusal that talks too much": replace(EXAMPLES["refusal"], reason=LONG),
    "too many reasons": replace(EXAMPLES["refusal"], considered=(CONSIDERED,) * 65),
    "a consent for nobody": replace(EXAMPLES["consent-asked"], recipient=""),
    "a recall of nothing": replace(EXAMPLES["recall"], holding=""),
    "a new label with too many words": replace(EXAMPLES["reclassified"], reason=LONG),
    "a new label that drives a terminal": replace(
        EXAMPLES["reclassified"], label=Label(scheme="jpn", level="\x1b[2J")
    ),
    "a sender's marking of no scheme": item_with(marked=Label(scheme="", level="hi")),
    "a label for readers who are no parties": item_with(
        label=Label(scheme="jpn", level="hi", releasable_to=("everybody",))
    ),
    "a package under nothing": item_with(package=replace(ITEM.package, instrument="")),
    "a consent for an item without a name": replace(
        EXAMPLES["consent-given"],
        consent=replace(EXAMPLES["consent-given"].consent, holding=""),
    ),
    "a loss with too many words": replace(EXAMPLES["loss-reported"], text=LONG),
    "a receipt with a marking that drives a terminal": replace(
        EXAMPLES["receipt"], marked=(Label(scheme="jpn", level="\x1b[2J"),)
    ),
    "a receipt for too much": replace(
        EXAMPLES["receipt"], marked=EXAMPLES["receipt"].marked * (LIST_ITEMS_MAX + 1)
    ),
    "a referral that talks too much": replace(EXAMPLES["referral"], waits_for=LONG),
    "a referral to nobody": replace(EXAMPLES["referral"], holder=""),
    "a destruction with too many words": replace(EXAMPLES["destroyed"], method=LONG),
    "a no to a consent with too many words": replace(EXAMPLES["consent-refused"], reason=LONG),
    "an abort with too many reasons": replace(EXAMPLES["aborted"], considered=(CONSIDERED,) * 65),
    "too many who said yes": replace(RELEASE, approvals=(SAID,) * (LIST_ITEMS_MAX + 1)),
    "somebody without a party who said yes": replace(RELEASE, approvals=(replace(SAID, party=""),)),
    "a role that is too long": replace(RELEASE, approvals=(replace(SAID, role="r" * 97),)),
    "one item twice": replace(RELEASE, items=(ITEM, ITEM)),
    "a label with too many caveats": item_with(
        label=Label(scheme="jpn", level="hi", categories=("one",) * (LIST_ITEMS_MAX + 1))
    ),
    "an item about too much": item_with(topics=("dprk",) * (LIST_ITEMS_MAX + 1)),
    "a consent with an odd party": replace(
        EXAMPLES["consent-given"],
        consent=replace(EXAMPLES["consent-given"].consent, recipient="K R"),
    ),
}


@pytest.mark.parametrize("name", list(OUT_OF_BOUNDS))
def test_a_message_out_of_bounds_is_refused(name: str) -> None:
    """EX-3."""
    message = OUT_OF_BOUNDS[name]
    with pytest.raises(MessageError):
        decode_message(encode_message(message), kind=kind_of(message))


NOT_ONE_ENCODING = {
    "a space": lambda data: data.replace(b":", b": ", 1),
    "a trailing byte": lambda data: data + b" ",
    "a key twice": lambda data: data.replace(b'"reason":', b'"reason":"x","reason":', 1),
    "an unknown key": lambda data: data[:-1] + b',"more":1}',
    "a default left out": lambda data: data.replace(b'"number":0,', b"", 1),
    "an escape that is not needed": lambda data: data.replace(b'"no"', b'"\\u006eo"', 1),
    "a byte order mark": lambda data: b"\xef\xbb\xbf" + data,
}


@pytest.mark.parametrize("name", list(NOT_ONE_ENCODING))
def test_another_encoding_of_the_same_message_is_refused_fl_29(name: str) -> None:
    """EX-2."""
    data = encode_message(EXAMPLES["refusal"])
    changed = NOT_ONE_ENCODING[name](data)
    assert changed != data
    with pytest.raises((NotCanonicalError, MalformedError)):
        decode_message(changed, kind="refusal")


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"NaN", b"[" * 100_000, b'{"kind":"recall","holding":"\\ud800","reason":""}'],
)
def test_what_is_no_message_is_malformed_fl_29(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_message(data, kind="recall")


def test_size_comes_first_and_the_kind_of_the_header_counts() -> None:
    """EX-1, EX-3."""
    with pytest.raises(MessageTooLargeError):
        decode_message(b" " * (BODY_BYTES_MAX + 1), kind="recall")
    with pytest.raises(MessageError):
        decode_message(b"{}", kind="no-such-kind")
    with pytest.raises(MalformedError):
        decode_message(encode_message(EXAMPLES["recall"]), kind="destroyed")


def test_own_values_pack_and_unpack() -> None:
    at = Instant.from_utc(2019, 11, 22)
    assert unpack(pack({"at": at}), dict[str, Instant]) == {"at": at}
    for data in (b"", b"\xc1", pack({"at": 1}), pack({"at": "then"})):
        with pytest.raises(PackedError):
            unpack(data, dict[str, Instant])


def test_a_payload_begins_with_its_manifest() -> None:
    """EX-23."""
    payload = payload_head(title="발사", content_bytes=3) + b"abc"
    manifest, begin = split_payload(payload)
    assert (manifest.title, manifest.content_bytes, payload[begin:]) == ("발사", 3, b"abc")
    for bad in (b"", b"\x00\x00\x00\x05{}", b"\xff\xff\xff\xff", b"\x00\x00\x00\x02{}"):
        with pytest.raises(MalformedError):
            split_payload(bad)
