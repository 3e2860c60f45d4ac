"""Messages, the first part of every entry, as bytes and back, strictly.

One value has one encoding, everything else is refused.

Rules kept here: the size is checked before anything is parsed; what was decoded is encoded again
and must give the same bytes, which in one stroke refuses repeated keys, unknown keys, left-out
defaults, spaces, `NaN`, odd escapes and trailing bytes; identifiers are closed ASCII, so a name
that only looks like a party is none (FL-33); lists are bounded.

Spec: docs/spec/exchange.md EX-2, EX-3.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from relto.codec.strict import Codec
from relto.errors import PeerError
from relto.limits import (
    BODY_BYTES_MAX,
    IDENTIFIER_CHARS_MAX,
    LIST_ITEMS_MAX,
    RELEASE_ITEMS_MAX,
    TEXT_CHARS_MAX,
)
from relto.model.case import Request
from relto.model.label import Label
from relto.model.message import (
    KINDS,
    ConsentAsked,
    ConsentGiven,
    Item,
    LossReported,
    Message,
    Recalled,
    Reclassified,
    Refused,
    Released,
    Requested,
    kind_of,
)
from relto.units import DOTTED_PATTERN, PARTY_PATTERN


class MessageError(PeerError):
    """A message's kind, identifiers or lists are out of bounds."""

    code = "peer.message"


_CODECS: Final[Mapping[str, Codec[Message]]] = {
    kind: Codec(body, name=f"`{kind}`", limit=BODY_BYTES_MAX) for kind, body in KINDS.items()
}


def encode_message(message: Message) -> bytes:
    """Give the one encoding of a message: compact JSON, fields in the order of the struct.

    Args:
        message: Ours; it must keep the limits that a partner will hold it to.

    Raises:
        MessageTooLargeError: It would be larger than a partner accepts.

    Source: docs/spec/exchange.md EX-2.
    """
    return _CODECS[kind_of(message)].encode(message)


def decode_message(data: bytes, *, kind: str) -> Message:
    """Read a message strictly.

    Args:
        data: The part `message` of an entry, as it came.
        kind: The kind in the entry's header; the message must be of that kind.

    Raises:
        MessageTooLargeError: More than a body may have.
        MalformedError: Not of this kind.
        NotCanonicalError: Not in its one encoding.
        MessageError: No such kind, or an identifier or list out of bounds.

    Source: docs/spec/exchange.md EX-2, EX-3.
    """
    codec = _CODECS.get(kind)
    if codec is None:
        raise MessageError("no such kind of entry")
    message = codec.decode(data)
    _check(message)
    return message


def _check(message: Message) -> None:
    """Hold identifiers, texts and lists to their bounds; kinds that no partner sends need none."""
    match message:
        case Requested():
            _check_request(message.request)
            _check_count(message.hops)
            for hop in message.hops:
                _check_parties((hop.source, hop.target))
                _check_ids((hop.instrument,))
        case Released():
            _check_ids((message.instrument,))
            _check_parties((message.onward,) if message.onward else ())
            _check_count(message.consents)
            _check_texts((message.delegation, *message.assumed))
            if not 1 <= len(message.items) <= RELEASE_ITEMS_MAX:
                raise MessageError(f"a release has 1 to {RELEASE_ITEMS_MAX} items")
            for item in message.items:
                _check_item(item)
        case Refused():
            _check_count(message.considered)
            _check_texts((message.reason,))
        case ConsentAsked():
            _check_parties((message.recipient,))
            _check_ids((message.holding, *message.topics))
            _check_texts((message.about,))
        case ConsentGiven():
            _check_parties((message.consent.originator, message.consent.recipient))
            _check_ids((*message.consent.topics, *message.consent.purposes))
            if message.consent.holding is not None:
                _check_ids((message.consent.holding,))
            if message.item is not None:
                _check_label(message.item.label)
                _check_ids(message.item.topics)
        case Recalled():
            _check_ids((message.holding,))
            _check_texts((message.reason,))
        case Reclassified():
            _check_ids((message.holding,))
            _check_label(message.label)
            _check_texts((message.reason,))
        case LossReported():
            _check_ids((message.holding,))
            _check_texts((message.text,))
        case _:
            pass


def _check_request(request: Request) -> None:
    """Hold one request to its bounds."""
    _check_ids((request.case, request.purpose, *request.topics))
    _check_parties((request.requester, request.holder))
    if request.on_behalf_of is not None:
        _check_parties((request.on_behalf_of,))
    if request.holding is not None:
        _check_ids((request.holding,))
    if not request.topics:
        raise MessageError("a request names at least one topic")
    _check_count(request.topics)
    _check_texts((request.about,))


def _check_item(item: Item) -> None:
    """Hold one released item to its bounds."""
    _check_ids((item.holding, item.package.instrument, *item.topics))
    for label in (item.label,) if item.marked is None else (item.label, item.marked):
        _check_label(label)
    _check_parties((item.originator, item.package.source, item.package.recipient))
    _check_texts(item.markings)
    if not item.topics:
        raise MessageError("an item names at least one topic")
    if item.package.size_bytes < 0:
        raise MessageError("a package has no negative size")


def _check_label(label: Label) -> None:
    """Hold a label's words to their bounds; whether a scheme has them is the law's to say."""
    _check_ids((label.scheme, label.level, *label.categories))
    _check_parties(label.releasable_to or ())


def _check_parties(codes: Iterable[str]) -> None:
    for code in codes:
        if PARTY_PATTERN.fullmatch(code) is None:
            raise MessageError("a party code is two to twelve capital letters or digits")


def _check_ids(ids: Iterable[str]) -> None:
    for one in ids:
        if len(one) > IDENTIFIER_CHARS_MAX or DOTTED_PATTERN.fullmatch(one) is None:
            raise MessageError("an identifier is lower-case letters, digits, dots and hyphens")


def _check_texts(texts: Iterable[str]) -> None:
    for text in texts:
        if len(text) > TEXT_CHARS_MAX:
            raise MessageError(f"a text has at most {TEXT_CHARS_MAX} characters")


def _check_count(values: tuple[object, ...]) -> None:
    if len(values) > LIST_ITEMS_MAX:
        raise MessageError(f"a list has at most {LIST_ITEMS_MAX} members")
