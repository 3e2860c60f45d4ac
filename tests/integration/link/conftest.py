"""Certificates and contexts for tests of the link."""

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Identity:
    """A key and a certificate on disk."""

    def __init__(self, path: Path, key: ec.EllipticCurvePrivateKey, cert: x509.Certificate) -> None:
        self.key, self.cert = key, cert
        self.der = cert.public_bytes(serialization.Encoding.DER)
        self.certificate_file = path.with_suffix(".crt")
        self.key_file = path.with_suffix(".key")
        self.certificate_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
        self.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )


class Smith:
    """Makes identities, good and bad."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0

    def make(
        self,
        name: str,
        *,
        issuer: Identity | None = None,
        ca: bool = False,
        begins: datetime.datetime = NOW - DAY,
        ends: datetime.datetime = NOW + 365 * DAY,
        uses: tuple[x509.ObjectIdentifier, ...] = (
            ExtendedKeyUsageOID.CLIENT_AUTH,
            ExtendedKeyUsageOID.SERVER_AUTH,
        ),
    ) -> Identity:
        self.count += 1
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        cert = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if issuer is None else issuer.cert.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(list(uses)), critical=False)
            .sign(key if issuer is None else issuer.key, hashes.SHA256())
        )
        return Identity(self.path / f"{name}-{self.count}", key, cert)


@pytest.fixture
def smith(tmp_path: Path) -> Smith:
    return Smith(tmp_path)
