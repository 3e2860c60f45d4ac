"""TLS contexts for links: 1.3 only, certificates pinned by partners' cards, no authority trusted.

Two checks stand behind each other. OpenSSL asks for a certificate and completes the handshake only
with one of the pinned, self-signed certificates: they are its trust anchors, so it also checks
their dates and their use. The application then compares the certificate itself, byte for byte,
with the pins: during the handshake, before a byte of ours is sent, and again at each request. Only
the second check says who a partner is: a certificate *issued by* a pinned one is a stranger, and a
pin that was withdrawn a moment ago is refused. Anchors cannot be taken from a context, so a context
is made anew for the next connection whenever pins have changed.

Source: docs/spec/link.md LK-1 to LK-6; reliability FL-22; ADR-0055.
"""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Self

from msgspec import Struct

from relto.seal import digest
from relto.units import PartyCode


class Identity(Struct, frozen=True, kw_only=True):
    """A certificate of this node, as files and as partners pin it.

    Args:
        certificate: PEM file.
        key: Its private key, PEM file.
        pinned: The certificate in DER, as the card carries it.
    """

    certificate: Path
    key: Path
    pinned: bytes


def server_name(pinned: bytes) -> str:
    """Name a certificate, so that a caller can ask for the one it has pinned (LK-20).

    Args:
        pinned: In DER.
    """
    return f"c{digest(pinned)[:32]}.relto"


class Pins:
    """The certificates that partners' cards pin, by partner; a partner has two while it rotates.

    One instance is shared by the listening context, the calling contexts and the request handler,
    so that a change takes effect at once everywhere (LK-5).
    """

    def __init__(self) -> None:
        """Begin without partners: nobody is let in."""
        self._party_of: dict[bytes, PartyCode] = {}
        self._certificates: dict[PartyCode, tuple[bytes, ...]] = {}
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        """Have something called after each change: whoever keeps connections hangs up on some."""
        self._watchers.append(changed)

    def replace(self, party: PartyCode, certificates: tuple[bytes, ...]) -> None:
        """Pin exactly these certificates for a partner.

        Args:
            party: The partner.
            certificates: In DER, the newest first; empty withdraws the partner.

        Raises:
            ValueError: A certificate is another partner's already; one key never speaks for two.
        """
        for certificate in certificates:
            if self._party_of.get(certificate, party) != party:
                raise ValueError(f"certificate of {party} is pinned for another party")
        kept = {der: who for der, who in self._party_of.items() if who != party}
        pinned = dict.fromkeys(certificates, party)
        self._party_of = kept | pinned
        self._certificates[party] = tuple(pinned)
        for changed in self._watchers:
            changed()

    def settle(self, party: PartyCode, newest: bytes) -> None:
        """Withdraw a partner's former certificates: it knows that its newest one is pinned here.

        Args:
            party: The partner.
            newest: In DER; nothing happens unless it is the newest one pinned.
        """
        pinned = self.of(party)
        if len(pinned) > 1 and pinned[0] == newest:
            self.replace(party, (newest,))

    def party_of(self, certificate: bytes | None) -> PartyCode | None:
        """Name the partner whose card pins this certificate; `None` for a stranger.

        Args:
            certificate: In DER; `None` when the other side showed none.
        """
        return None if certificate is None else self._party_of.get(certificate)

    def of(self, party: PartyCode) -> tuple[bytes, ...]:
        """List a partner's pinned certificates, in DER, the newest first."""
        return self._certificates.get(party, ())

    def all(self) -> tuple[bytes, ...]:
        """List every pinned certificate, in DER."""
        return tuple(self._party_of)


class _PinnedObject(ssl.SSLObject):
    """A TLS connection whose handshake fails unless the other side's certificate is pinned."""

    def do_handshake(self) -> None:
        """Complete the handshake, then compare the certificate with the pins (LK-3)."""
        super().do_handshake()
        context = self.context
        assert isinstance(context, PinnedContext)
        party = context.pins.party_of(self.getpeercert(binary_form=True))
        if party is None or context.expected not in (None, party):
            raise ssl.SSLCertVerificationError("certificate is not pinned")


class PinnedContext(ssl.SSLContext):
    """A TLS context that lets in pinned certificates and nothing else.

    Make one with `listening` or `calling`; the bare constructor sets no rules.
    """

    sslobject_class = _PinnedObject
    pins: Pins
    expected: PartyCode | None
    by_name: dict[str, "PinnedContext"]
    identities: tuple[Identity, ...]
    anchors: tuple[bytes, ...]

    @classmethod
    def listening(cls, *identities: Identity, pins: Pins) -> Self:
        """Build the context of the link port: any pinned partner may call.

        Args:
            identities: This node's certificates, the newest first. A caller is shown the one it
                asks for; during a change of keys some partners have pinned the new one and some
                still the old one. Who asks for none is shown the newest.
            pins: The partners; shared, so that later changes count.

        Source: docs/spec/link.md LK-1, LK-2, LK-20.
        """
        made = [cls._one_listening(identity, pins=pins) for identity in identities]
        first = made[0]
        first.identities = identities
        first.by_name = {
            server_name(identity.pinned): context
            for identity, context in zip(identities, made, strict=True)
        }
        first.sni_callback = _choose
        return first

    @classmethod
    def _one_listening(cls, identity: Identity, *, pins: Pins) -> Self:
        context = cls(ssl.PROTOCOL_TLS_SERVER)
        # Without tickets no session outlives the pin that it was opened under.
        context.num_tickets = 0
        return context._ruled(identity, pins=pins, expected=None)

    @classmethod
    def calling(cls, identity: Identity, *, pins: Pins, partner: PartyCode) -> Self:
        """Build the context for calls to one partner: nobody else may answer.

        The host's name plays no part: the card names the key, not a name in someone's directory.

        Args:
            identity: This node's certificate, the one that the partner has pinned.
            pins: The partners.
            partner: The only one that may answer.

        Source: docs/spec/link.md LK-1, LK-4.
        """
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        return context._ruled(identity, pins=pins, expected=partner)

    def _ruled(self, identity: Identity, *, pins: Pins, expected: PartyCode | None) -> Self:
        self.minimum_version = ssl.TLSVersion.TLSv1_3
        self.maximum_version = ssl.TLSVersion.TLSv1_3
        self.verify_mode = ssl.CERT_REQUIRED
        # Each pin is trusted as itself, so that two certificates with one name, as in a rotation,
        # are not taken for each other.
        self.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        self.load_cert_chain(identity.certificate, identity.key)
        self.pins = pins
        self.expected = expected
        self.by_name = {}
        self.identities = (identity,)
        self.anchors = self._wanted()
        if self.anchors:
            self.load_verify_locations(cadata=b"".join(self.anchors))
        return self

    def _wanted(self) -> tuple[bytes, ...]:
        return self.pins.all() if self.expected is None else self.pins.of(self.expected)

    def current(self) -> Self:
        """Give this context, or a new one like it when its anchors are not the pins any more.

        Connections that are open keep the one they were made with (LK-5).
        """
        if self.anchors == self._wanted():
            return self
        if self.expected is None:
            return self.listening(*self.identities, pins=self.pins)
        return self.calling(self.identities[0], pins=self.pins, partner=self.expected)


def _choose(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    """Show the certificate that the caller asks for by its name (LK-20)."""
    assert isinstance(context, PinnedContext)
    chosen = context.by_name.get(name or "")
    if chosen is not None:
        connection.context = chosen
