"""The installation's own certificate authority and signing key, in ``identity/`` of the data folder.

Whoever can read these files can speak for the collector and for every gateway: only their owner can (0600). They belong
in every backup; without them every gateway must be enrolled again.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from genba_shared.errors import UsageError
from genba_shared.signing import Sign, fingerprint

FOLDER: Final = "identity"
CA_VALID: Final = timedelta(days=20 * 365)
GATEWAY_VALID: Final = timedelta(days=365)
SERVER_VALID: Final = timedelta(days=10 * 365)  # made anew at each start, which may be years apart
COLLECTOR_NAME: Final = "genba-collector"
"""Common name of the collector's and the workers' certificate for a broker that others run; no gateway's name."""
_SLACK: Final = timedelta(days=1)  # the clock of a gateway without a battery may be behind
_OWNER_ONLY: Final = 0o600

PublicKey = ec.EllipticCurvePublicKey | Ed25519PublicKey


class Pki:
    """Signs certificates and acknowledgements. Made at first use; every later one reads the same files."""

    def __init__(self, data_dir: Path, *, now: datetime | None = None) -> None:
        """Read the keys of the data folder, or make them.

        Raises:
            UsageError: a file is missing or cannot be read.
        """
        self._folder = data_dir / FOLDER
        if not self._folder.exists():
            _make(self._folder, now or datetime.now(UTC))
        try:
            ca_key = load_pem_private_key((self._folder / "ca.key").read_bytes(), None)
            signing_key = load_pem_private_key((self._folder / "signing.key").read_bytes(), None)
            self.ca = (self._folder / "ca.pem").read_text()
            self._ca = x509.load_pem_x509_certificate(self.ca.encode())
        except (OSError, ValueError) as exc:
            raise UsageError(f"{self._folder}: {exc}. Put the folder back from a backup of the data folder") from exc
        if not isinstance(ca_key, ec.EllipticCurvePrivateKey) or not isinstance(signing_key, Ed25519PrivateKey):
            raise UsageError(f"{self._folder} holds keys of another kind: put it back from a backup")
        self._ca_key, self._signing_key = ca_key, signing_key

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority."""
        return self._folder / "ca.pem"

    @property
    def sign(self) -> Sign:
        """Signs in the name of the collector (Ed25519)."""
        return self._signing_key.sign

    @property
    def signing_public(self) -> bytes:
        """The collector's public key, 32 bytes: what gateways check its word with."""
        return self._signing_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def issue_gateway(self, gateway: str, public_key: bytes) -> tuple[str, datetime]:
        """A client certificate for a gateway's Ed25519 key (PEM), and until when it is valid."""
        now = datetime.now(UTC)
        key, until = Ed25519PublicKey.from_public_bytes(public_key), now + GATEWAY_VALID
        builder = self._builder(subject_of(gateway, public_key), key, now=now, until=until)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        names = x509.SubjectAlternativeName([x509.DNSName(mapped_name(gateway, public_key))])
        builder = builder.add_extension(usage, critical=False).add_extension(names, critical=False)
        certificate = builder.sign(self._ca_key, hashes.SHA256())
        return certificate.public_bytes(Encoding.PEM).decode(), until

    def issue_server(self, name: str, hosts: Iterable[str]) -> tuple[Path, Path]:
        """Certificate and key files of a server of ours that is reached by these names and addresses; made anew."""
        now, key = datetime.now(UTC), ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        builder = self._builder(_named(f"genba {name}"), key.public_key(), now=now, until=now + SERVER_VALID)
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
        certificate = builder.add_extension(names, critical=False).add_extension(usage, critical=False)
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        _write(files[0], certificate.sign(self._ca_key, hashes.SHA256()).public_bytes(Encoding.PEM))
        _write(files[1], _private(key))
        return files

    def _builder(
        self, subject: x509.Name, key: PublicKey, *, now: datetime, until: datetime
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._ca.subject).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - _SLACK).not_valid_after(until)
        return builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)


def subject_of(gateway: str, public_key: bytes) -> x509.Name:
    """Whom a gateway's certificate names: the gateway, and which of its keys: a broker can then refuse an old one."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, gateway),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, fingerprint(public_key)[:32]),
        ]
    )


def mapped_name(gateway: str, public_key: bytes) -> str:
    """By which a broker knows the holder of a gateway's present key; it stands in the certificate as a DNS name."""
    return f"{fingerprint(public_key)[:32]}.{gateway}.gateway.genba"


def pin_of(certificate: Path) -> str:
    """The first 128 bits (hex) of the SHA-256 of a server's certificate: enough that nobody makes another like it."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    return hashlib.sha256(found.public_bytes(Encoding.DER)).hexdigest()[:32]


def _make(folder: Path, now: datetime) -> None:
    draft = folder.with_name(f"{FOLDER}.new-{os.getpid()}")
    draft.mkdir(parents=True, mode=0o700)
    key, subject = ec.generate_private_key(ec.SECP256R1()), _named("genba installation")
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - _SLACK).not_valid_after(now + CA_VALID)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    _write(draft / "ca.pem", builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    _write(draft / "ca.key", _private(key))
    _write(draft / "signing.key", _private(Ed25519PrivateKey.generate()))
    draft.rename(folder)


def _private(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
