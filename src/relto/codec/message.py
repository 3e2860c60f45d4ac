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

from relto.codec.payload import MANIFEST_BYTES_MAX
from relto.codec.strict import Codec
from relto.errors import PeerError
from relto.limits import (
    BODY_BYTES_MAX,
    IDENTIFIER_CHARS_MAX,
    LIST_ITEMS_MAX,
    PACKAGE_BYTES_MAX,
    RELEASE_ITEMS_MAX,
    TEXT_CHARS_MAX,
)
from relto.model.case import Holding, Request
from relto.model.finding import Considered
from relto.model.label import Label
from relto.model.message import (
    KINDS,
    Aborted,
    Approval,
    ConsentAsked,
    ConsentGiven,
    ConsentRefused,
    Destroyed,
    Item,
    LossReported,
    Message,
    Recalled,
    Receipted,
    Reclassified,
    Referred,
    Refused,
    Released,
    Requested,
    kind_of,
)
from relto.seal import sealed_size
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
    check_message(message)
    return message


def check_message(message: Message) -> None:
    """Hold identifiers, texts and lists to their bounds; kinds that no partner sends need none.

    Args:
        message: A partner's, or what an officer's command would send to one.

    Raises:
        MessageError: Something is out of bounds; a reader would set the message aside.

    Source: docs/spec/exchange.md EX-3.
    """
    match message:
        case Requested():
            _check_request(message.request)
            _check_count(message.hops)
            for hop in message.hops:
                _check_parties((hop.source, hop.target))
                _check_ids((hop.instrument,))
        case Referred():
            _check_parties((message.holder,))
            _check_ids((message.instrument,) if message.instrument else ())
            _check_texts((message.waits_for,))
        case Released():
            _check_release(message)
        case Receipted():
            _check_count(message.packages)
            _check_count(message.marked)
            for label in message.marked:
                check_label(label)
        case Refused():
            _check_considered(message.considered)
            _check_texts((message.reason,))
            _check_approvals(message.approvals)
        case Aborted():
            _check_considered(message.considered)
        case ConsentAsked():
            _check_parties((message.recipient,))
            _check_count(message.topics)
            _check_ids((message.holding, *message.topics))
            _check_texts((message.about,))
        case ConsentGiven():
            _check_consent(message)
        case ConsentRefused():
            _check_parties((message.recipient,))
            _check_ids((message.holding,))
            _check_texts((message.reason,))
            _check_approvals(message.approvals)
        case Recalled():
            _check_ids((message.holding,))
            _check_texts((message.reason,))
        case Reclassified():
            _check_ids((message.holding,))
            check_label(message.label)
            _check_texts((message.reason,))
        case Destroyed():
            _check_ids((message.holding,))
            _check_texts((message.method, message.by))
        case LossReported():
            _check_ids((message.holding,))
            _check_texts((message.text,))
        case _:
            pass


def check_own(holding: Holding) -> None:
    """Hold an item that a party registers to what its partners will accept of it.

    Args:
        holding: The party's own, not a received one: those have longer ids.

    Raises:
        MessageError: Something is out of bounds; no partner would take a release of it.

    Source: docs/spec/exchange.md EX-3, EX-29.
    """
    _check_ids((holding.id, *holding.topics))
    _check_count(holding.topics)
    _check_parties((holding.originator,))
    check_label(holding.label)
    _check_texts((holding.title,))
    if sealed_size(MANIFEST_BYTES_MAX + holding.size_bytes) > PACKAGE_BYTES_MAX:
        raise MessageError(f"{holding.size_bytes} bytes do not fit into one package; split it")


def _check_release(message: Released) -> None:
    """Hold a release, with all that stands behind it, to its bounds."""
    _check_ids((message.instrument,))
    _check_parties((message.onward,) if message.onward else ())
    _check_count(message.consents)
    _check_count(message.obligations)
    _check_count(message.assumed)
    _check_texts((message.delegation, *message.assumed))
    _check_texts(one.text for one in message.obligations)
    _check_approvals(message.approvals)
    if not 1 <= len(message.items) <= RELEASE_ITEMS_MAX:
        raise MessageError(f"a release has 1 to {RELEASE_ITEMS_MAX} items")
    if len({item.holding for item in message.items}) < len(message.items):
        raise MessageError("a release names each item once")
    for item in message.items:
        _check_item(item)


def _check_consent(message: ConsentGiven) -> None:
    """Hold a consent, and what it was given for, to its bounds."""
    consent, item = message.consent, message.item
    _check_parties((consent.originator, consent.recipient))
    _check_count(consent.topics)
    _check_count(consent.purposes)
    _check_ids((*consent.topics, *consent.purposes))
    _check_ids((consent.holding,) if consent.holding is not None else ())
    _check_approvals(message.approvals)
    if item is not None:
        check_label(item.label)
        _check_count(item.topics)
        _check_ids(item.topics)


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
    _check_count(item.topics)
    _check_count(item.findings)
    _check_count(item.markings)
    _check_ids((item.holding, item.package.instrument, *item.topics))
    for label in (item.label,) if item.marked is None else (item.label, item.marked):
        check_label(label)
    _check_parties((item.originator, item.package.source, item.package.recipient))
    _check_texts(item.markings)
    if not item.topics:
        raise MessageError("an item names at least one topic")
    for size in (item.package.size_bytes, item.content_bytes):
        if not 0 <= size <= PACKAGE_BYTES_MAX:
            raise MessageError(f"a package has no more than {PACKAGE_BYTES_MAX} bytes")


def check_label(label: Label) -> None:
    """Hold a label's words to their bounds; whether a scheme has them is the law's to say.

    Raises:
        MessageError: A word is none, or there are too many.

    Source: docs/spec/exchange.md EX-3.
    """
    _check_count(label.categories)
    _check_count(label.releasable_to or ())
    _check_ids((label.scheme, label.level, *label.categories))
    _check_parties(label.releasable_to or ())


def _check_considered(considered: tuple[Considered, ...]) -> None:
    _check_count(considered)
    for one in considered:
        _check_ids((one.instrument,))
        _check_count(one.findings)


def _check_approvals(approvals: tuple[Approval, ...]) -> None:
    """Hold what officers of others said yes to to its bounds: it is handed on, hop by hop."""
    _check_count(approvals)
    for one in approvals:
        _check_parties((one.party,))
        if len(one.role) > IDENTIFIER_CHARS_MAX:
            raise MessageError(f"a role has at most {IDENTIFIER_CHARS_MAX} characters")


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
