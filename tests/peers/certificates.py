"""Certificates for peers that speak TLS, made on the spot by `cryptography`."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
LOOPBACK = "127.0.0.1"


class Authority:
    """Signs certificates; its own is `ca`. Every file lies in its folder."""

    def __init__(self, folder: Path, name: str = "test ca") -> None:
        self._folder = folder / name.replace(" ", "-")
        self._folder.mkdir()
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        builder = self._builder(name, self._key, until=datetime.now(UTC) + DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(usage, critical=True)
        self.ca = self._write("ca", builder.sign(self._key, hashes.SHA256()))

    def issue(
        self, name: str, *, host: str = LOOPBACK, expired: bool = False, serial: str | None = None
    ) -> tuple[Path, Path]:
        """Certificate and key for a server at `host`, or for a client; `serial` stands in its subject."""
        key = ec.generate_private_key(ec.SECP256R1())
        until = datetime.now(UTC) + (-DAY if expired else DAY)
        alternative: x509.GeneralName = x509.DNSName(host)
        if host == LOOPBACK:
            alternative = x509.IPAddress(ipaddress.ip_address(host))
        builder = self._builder(name, key, until=until, serial=serial).add_extension(
            x509.SubjectAlternativeName([alternative]), critical=False
        )
        certificate = self._write(name, builder.sign(self._key, hashes.SHA256()))
        key_file = self._folder / f"{name}.key"
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, key_file

    def _builder(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, until: datetime, serial: str | None = None
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name, serial))
            .issuer_name(_named(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(until - 3 * DAY)
            .not_valid_after(until)
        )

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self._folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return path


def fingerprint_of(certificate: Path) -> str:
    """SHA-256 of a certificate, as hex."""
    loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    return hashlib.sha256(loaded.public_bytes(Encoding.DER)).hexdigest()


def _named(name: str, serial: str | None = None) -> x509.Name:
    more = [] if serial is None else [x509.NameAttribute(NameOID.SERIAL_NUMBER, serial)]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), *more])
