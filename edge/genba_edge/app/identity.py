"""The gateway's identity in its state folder: its key, its certificate, and whom it believes.

Everything is in one file, written at once, that only its owner can read (0600). The key is made here and never leaves.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from genba_edge.uplink import Credentials
from genba_shared.broker import BrokerAddress
from genba_shared.errors import ContractError, UsageError
from genba_shared.signing import fingerprint, public_of, signer_of, verifier_of

FILE_NAME: Final = "identity.json"
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayIdentity:
    """What `genba edge enrol` brought home.

    `key`: the private Ed25519 key, hex. `collector`: URL of its API; `pin`: of its certificate, empty where that is one
    that the system trusts. `collector_key`: what the collector signs with, hex. `certificate` and `ca` are PEM.
    """

    gateway: str
    enterprise: str
    key: str = field(repr=False)
    certificate: str
    ca: str
    collector: str
    collector_key: str
    broker: str
    pin: str = ""

    @property
    def public_key(self) -> bytes:
        """What the collector knows the gateway by."""
        return public_of(bytes.fromhex(self.key))

    @property
    def fingerprint(self) -> str:
        """Of the key, as `genba cloud gateway list` shows it."""
        return fingerprint(self.public_key)

    @property
    def credentials(self) -> Credentials:
        """What the uplink signs and checks with."""
        return Credentials(
            sign=signer_of(bytes.fromhex(self.key)), verify=verifier_of(bytes.fromhex(self.collector_key))
        )


def load_identity(state_dir: Path, *, gateway: str) -> GatewayIdentity | None:
    """The identity of a state folder; None: this gateway is not enrolled.

    Raises:
        UsageError: it cannot be read, or it is another gateway's.
    """
    path = state_dir / FILE_NAME
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}") from exc
    try:
        identity = GatewayIdentity(**json.loads(text))
        identity.credentials, certificate_of(identity)
    except (TypeError, ValueError, ContractError) as exc:
        raise UsageError(f"{path} is damaged ({exc}): enrol this gateway again with `genba edge enrol`") from exc
    if identity.gateway != gateway:
        raise UsageError(
            f"{path} is the identity of gateway {identity.gateway!r}, the map says {gateway!r}: give each gateway a "
            "state folder of its own (--state DIR), and enrol it"
        )
    return identity


def save_identity(state_dir: Path, identity: GatewayIdentity) -> None:
    """Keep it, in place of the one before.

    Raises:
        UsageError: the folder cannot be written.
    """
    try:
        _write(state_dir / FILE_NAME, json.dumps(asdict(identity), indent=1))
    except OSError as exc:
        raise UsageError(f"{state_dir / FILE_NAME} cannot be written: {exc.strerror}") from exc


def certificate_of(identity: GatewayIdentity) -> tuple[datetime, datetime]:
    """Since when and until when the gateway's certificate is valid."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(identity.certificate.encode())
    return certificate.not_valid_before_utc, certificate.not_valid_after_utc


def broker_of(identity: GatewayIdentity, given: BrokerAddress | None, state_dir: Path) -> BrokerAddress:
    """The broker to use: `given`, or the one that the collector named; over TLS with the gateway's certificate.

    Raises:
        UsageError: the folder cannot be written; the collector's address is not understood.
    """
    address = BrokerAddress.parse(identity.broker) if given is None else given
    if not address.tls or address.certificate is not None:
        return address
    files = {"ca": identity.ca, "cert": identity.certificate, "key": _pem_of(identity.key)}
    paths = {name: state_dir / f"identity-{name}.pem" for name in files}
    try:
        for name, text in files.items():  # TLS libraries read files; these follow from the identity
            if not paths[name].exists() or paths[name].read_text() != text:
                _write(paths[name], text)
    except OSError as exc:
        raise UsageError(f"{state_dir} cannot be written: {exc.strerror}") from exc
    ca = paths["ca"] if given is None else address.ca
    return replace(address, ca=ca, certificate=paths["cert"], key=paths["key"])


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _pem_of(key: str) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private: Any = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key))
    return str(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
