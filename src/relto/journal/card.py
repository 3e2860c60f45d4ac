"""Node cards: how a partner's keys come to be trusted, and how they change.

A card proves that its owner holds the keys in it; it does not prove who the owner is. That is what
the fingerprint is for: people compare it outside the network. From then on a new card counts only
when the old keys announce it.
"""

from msgspec import Struct

from relto.codec import CARD, SIGNED_CARD
from relto.errors import PeerError
from relto.model import PROTOCOL_MAJOR, NodeCard, PartyKeys, SignedCard
from relto.seal import (
    Signer,
    check_ed25519,
    check_mldsa65,
    check_sealing_key,
    check_signing_keys,
    digest,
)
from relto.units import Digest

_CARD = b"relto/card/1"
_SUCCESSOR = b"relto/card-successor/1"


class ProtocolError(PeerError):
    """The node speaks another major version of the protocol (FL-45)."""

    code = "peer.protocol"
    hint_default = "one of the two nodes must be updated"


class FingerprintError(PeerError):
    """The card is not the one whose fingerprint was compared."""

    code = "peer.fingerprint"
    hint_default = "compare the fingerprint again, over a channel you trust"


class SuccessionError(PeerError):
    """A new card does not continue the one that is pinned."""

    code = "peer.succession"
    hint_default = (
        "a new card must be signed with the old keys, for the same party, with a higher serial"
    )


class VerifiedCard(Struct, frozen=True, kw_only=True):
    """A card whose owner has proved to hold its keys; only verifying makes one.

    Args:
        card: The card.
        signed: The bytes of the signed card, as they came.
        fingerprint: SHA-256 of the card's bytes: what people compare.
    """

    card: NodeCard
    signed: bytes
    fingerprint: Digest


def sign_card(card: NodeCard, *, signer: Signer, predecessor: Signer | None = None) -> bytes:
    """Sign a card with the keys in it and, on a key change, with the keys before.

    Args:
        card: The card; its keys must be the signer's.
        signer: The keys in the card.
        predecessor: The keys of the card before; `None` for a first card.

    Returns:
        The signed card's bytes, ready to hand over.

    Source: docs/spec/journal.md JN-26, JN-28.
    """
    assert card.keys == signer.keys
    raw = CARD.encode(card)
    return SIGNED_CARD.encode(
        SignedCard(
            card=raw,
            ed25519=signer.sign(_message(_CARD, raw)),
            mldsa65=signer.sign_durable(_message(_CARD, raw), context=_CARD),
            predecessor=predecessor.sign(_message(_SUCCESSOR, raw)) if predecessor else b"",
            predecessor_mldsa65=(
                predecessor.sign_durable(_message(_SUCCESSOR, raw), context=_SUCCESSOR)
                if predecessor
                else b""
            ),
        )
    )


def verify_card(
    data: bytes, *, is_exercise: bool, fingerprint: Digest | None = None
) -> VerifiedCard:
    """Verify that a card's owner holds the keys in it.

    Args:
        data: What claims to be a signed card.
        is_exercise: Whether we run in exercise mode; the card must say the same.
        fingerprint: What was compared outside the network; `None` only to show a card, not to trust
            it.

    Raises:
        MalformedError: Not a signed card; also for a party's name that is not plain ASCII (FL-33).
        ProtocolError: Another major version, or the other world (exercise against real).
        PublicKeyError: A key that must not be used.
        SignatureError: The owner does not hold the keys.
        FingerprintError: Not the card that was compared.

    Source: docs/spec/journal.md JN-26, JN-27.
    """
    signed = SIGNED_CARD.decode(data)
    # 1. The card reads strictly, and is of our protocol and of our world.
    card = CARD.decode(signed.card)
    if card.protocol != PROTOCOL_MAJOR:
        raise ProtocolError(f"protocol {card.protocol}, expected {PROTOCOL_MAJOR}")
    if card.is_exercise != is_exercise:
        raise ProtocolError(
            "an exercise node and a real one never talk",
            hint="exercise nodes are made with `relto init --exercise`",
        )
    # 2. Its keys may be used.
    check_signing_keys(ed25519=card.keys.ed25519, mldsa65=card.keys.mldsa65)
    check_sealing_key(card.keys.sealing)
    # 3. Its owner holds both signing keys.
    _check(card.keys, signed.card, domain=_CARD, ed25519=signed.ed25519, mldsa65=signed.mldsa65)
    # 4. It is the one that people compared.
    shown = digest(signed.card)
    if fingerprint is not None and shown != fingerprint:
        raise FingerprintError(f"card of `{card.party}` has another fingerprint than the one given")
    return VerifiedCard(card=card, signed=data, fingerprint=shown)


def verify_successor(data: bytes, *, current: NodeCard) -> VerifiedCard:
    """Verify a new card of a partner whose card is pinned: old and new keys announce it.

    Args:
        data: What claims to be the new signed card.
        current: The card that is pinned.

    Raises:
        MalformedError: Not a signed card.
        ProtocolError: Another major version, or the other world.
        PublicKeyError: A key that must not be used.
        SignatureError: New or old keys have not signed it.
        SuccessionError: Another party, or not a higher serial.

    Source: docs/spec/journal.md JN-28; FL-20.
    """
    verified = verify_card(data, is_exercise=current.is_exercise)
    signed = SIGNED_CARD.decode(data)
    if verified.card.party != current.party or verified.card.serial <= current.serial:
        raise SuccessionError(
            f"card {verified.card.serial} of `{verified.card.party}` does not follow "
            f"card {current.serial} of `{current.party}`"
        )
    _check(
        current.keys,
        signed.card,
        domain=_SUCCESSOR,
        ed25519=signed.predecessor,
        mldsa65=signed.predecessor_mldsa65,
    )
    return verified


def show_fingerprint(fingerprint: Digest) -> str:
    """Write a fingerprint in groups that people can read to each other."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4))


def read_fingerprint(text: str) -> Digest:
    """Read a fingerprint as people write it: groups, capitals, colons and all.

    Raises:
        FingerprintError: Not 64 hexadecimal digits.
    """
    plain = text.replace(" ", "").replace(":", "").replace("-", "").lower()
    if len(plain) != 64 or any(digit not in "0123456789abcdef" for digit in plain):
        raise FingerprintError("not a fingerprint: expected 64 hexadecimal digits, the whole of it")
    return Digest(plain)


def _message(domain: bytes, raw: bytes) -> bytes:
    return domain + b"\n" + raw


def _check(keys: PartyKeys, raw: bytes, *, domain: bytes, ed25519: bytes, mldsa65: bytes) -> None:
    message = _message(domain, raw)
    check_ed25519(keys.ed25519, signature=ed25519, message=message)
    check_mldsa65(keys.mldsa65, signature=mldsa65, message=message, context=domain)
