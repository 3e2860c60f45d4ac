"""The TLS certificate of a node: self-signed, P-256, for both ends of a link. The card pins it."""

from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from whenever import Instant

# Long enough that a node does not fall silent between two key changes, short enough to be changed
# at all.
_VALID: Final = timedelta(days=3 * 366)
_EARLIER: Final = timedelta(days=1)


def make_certificate(party: str, *, now: Instant) -> tuple[bytes, bytes]:
    """Make a key and a certificate.

    Args:
        party: Whose; only for people who look at it: what counts is the pin.
        now: The machine's clock, also on a node in exercise mode: TLS checks dates by it.

    Returns:
        The key and the certificate, both PEM.
    """
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"relto {party}")])
    begins = now.to_stdlib() - _EARLIER
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + _VALID)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
            ),
            critical=False,
        )
        .sign(key, SHA256())
    )
    key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key_pem, certificate.public_bytes(Encoding.PEM)


def is_of_party(der: bytes, party: str) -> bool:
    """Tell whether a certificate names a party as its owner.

    A partner's certificate is public. By its name nobody can put it on a card of another party.

    Args:
        der: The certificate, as a card carries it.
        party: Whose card.
    """
    try:
        subject = x509.load_der_x509_certificate(der).subject
        names = [str(one.value) for one in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    except ValueError:
        return False
    return names == [f"relto {party}"]


def valid_until(der: bytes) -> Instant | None:
    """Give the instant from which partners refuse a certificate: links are down then, both ways.

    Args:
        der: The certificate, as a card carries it.

    Returns:
        The instant; `None` for what is no certificate.
    """
    try:
        return Instant(x509.load_der_x509_certificate(der).not_valid_after_utc)
    except ValueError:
        return None


def der_of(pem: bytes) -> bytes:
    """Give a PEM certificate's DER bytes, as the card carries them."""
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
