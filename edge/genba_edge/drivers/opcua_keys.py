"""Who we are to OPC UA servers, and which of their certificates we trust: kept in the state folder."""

from __future__ import annotations

import hashlib
import logging
import os
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

logger = logging.getLogger(__name__)

KEY_BITS: Final = 2048
"""The most that every server takes: Basic256Sha256 allows 2048 to 4096. Source: OPC 10000-7, 6.6.165."""
VALID: Final = timedelta(days=10 * 365)
"""Each new certificate has to be trusted by hand at every server, so that a short life would stop plants."""
CLOCK_WAS_SET: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""A gateway without battery starts in 1970 or 2000, before its clock is set: this program is younger than that."""
EXPIRES_SOON: Final = timedelta(days=30)
_MAKING: Final = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCertificate:
    """Our application's certificate and key, as files; `uri` is the ApplicationUri that stands in it."""

    certificate: Path
    key: Path
    uri: str
    expires: datetime


class Keys:
    """The folder with our key, our certificate, and the server certificates that were pinned, one by device."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def own(self) -> OwnCertificate:
        """Our certificate; made the first time, and anew when it has expired.

        It stays when the machine gets another name, as containers do at every start: servers trust the certificate, and
        ask only that our ApplicationUri is the one in it. Takes a second on a small gateway: call it in a thread.

        Raises:
            OSError: the folder cannot be written, or a certificate is needed and the clock was never set.
        """
        with _MAKING:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            files = self._folder / "genba-edge.der", self._folder / "genba-edge-key.pem"
            certificate = _usable(*files)
            if certificate is None:
                if _now() < CLOCK_WAS_SET:
                    raise OSError(f"the clock of the gateway shows {_now():%Y-%m-%d}: set it first")
                _keep_old(*files)
                key = _load_key(files[1]) or rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
                certificate = _self_signed(key, uri=application_uri())
                _write(files[1], _pem(key), mode=0o600)
                _write(files[0], certificate.public_bytes(serialization.Encoding.DER), mode=0o644)
            return OwnCertificate(
                certificate=files[0], key=files[1], uri=_uri_of(certificate), expires=certificate.not_valid_after_utc
            )

    def pin_file(self, device: str) -> Path:
        """Where the certificate of a device's server is kept."""
        return self._folder / "servers" / f"{device}.der"

    def pinned(self, device: str) -> bytes | None:
        """The server certificate (DER) that the device showed the first time; None before that."""
        try:
            return self.pin_file(device).read_bytes()
        except FileNotFoundError:
            return None

    def pin(self, device: str, certificate: bytes) -> None:
        """Trust this server certificate (DER) from now on.

        Raises:
            OSError: it cannot be written.
        """
        path = self.pin_file(device)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, certificate, mode=0o644)


def fingerprint_of(certificate: bytes) -> str:
    """``sha256:`` and the hex digits, as the map writes it; of a certificate as DER."""
    return f"sha256:{hashlib.sha256(certificate).hexdigest()}"


def first_of_chain(chain: bytes) -> bytes:
    """A server may send its certificate with those of its authorities behind it; only the first one is its own.

    Source: ITU-T X.690, 8.1.3: the outer SEQUENCE tells its length in the bytes after the tag.
    """
    if len(chain) < 4 or chain[0] != 0x30 or chain[1] != 0x82:
        return chain
    return chain[: 4 + int.from_bytes(chain[2:4], "big")]


def validity_of(expires: datetime, *, now: datetime) -> str:
    """How long a certificate is valid, for people; says so when that is not long any more."""
    day = f"{expires:%Y-%m-%d}"
    if expires <= now:
        return f"expired on {day}"
    return f"expires soon, on {day}" if expires - now < EXPIRES_SOON else f"valid until {day}"


def application_uri() -> str:
    """Who we are to a server that asks for no certificate."""
    return f"urn:{socket.gethostname()}:genba:edge"


def _usable(certificate_file: Path, key_file: Path) -> x509.Certificate | None:
    """The certificate on disk, if its key is there and its time has not run out."""
    key = _load_key(key_file)
    try:
        certificate = x509.load_der_x509_certificate(certificate_file.read_bytes())
    except (OSError, ValueError):
        return None
    if key is None or certificate.public_key() != key.public_key() or certificate.not_valid_after_utc < _now():
        return None
    return certificate if _uri_of(certificate) else None


def _keep_old(certificate_file: Path, key_file: Path) -> None:
    """Servers trust what is replaced now: somebody may want it back, for example if the clock was wrong."""
    if not certificate_file.exists():
        return
    for file in (certificate_file, key_file):
        if file.exists():
            _write(file.with_name(f"{file.name}.old"), file.read_bytes(), mode=0o600)
    logger.warning("own certificate replaced file=%s: trust the new one at every server", certificate_file)


def _uri_of(certificate: x509.Certificate) -> str:
    """The ApplicationUri in a certificate; empty where it has none."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), "")


def _load_key(path: Path) -> rsa.RSAPrivateKey | None:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError):
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= KEY_BITS else None


def _self_signed(key: rsa.RSAPrivateKey, *, uri: str) -> x509.Certificate:
    """A client's application instance certificate. Source: OPC 10000-6, 6.2.2."""
    host = socket.gethostname()
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "genba edge"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, host)]
    )
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), x509.DNSName(host)])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_cert_sign=True,  # it signs itself
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=_now() - timedelta(days=1),  # the server's clock may be behind ours
            not_valid_after=_now() + VALID,
        )
        .add_extension(names, critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Write as a whole or not at all, never readable for others in between."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _now() -> datetime:
    return datetime.now(UTC)
