"""Signatures between gateway and collector (Ed25519), and exactly what each of them covers.

An envelope's signature covers its header (`codec.header`). Acknowledgements, dispatch manifests and states are signed
over a text of their own that begins with what it is, so that no signature can be used for anything else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable
from typing import Final

from genba_shared.errors import ContractError

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_BASE64_SIGNATURE: Final = 88  # characters of 64 bytes
_SIGNED: Final = b', "sig": "'
_END: Final = b'"}'

Sign = Callable[[bytes], bytes]
Verify = Callable[[bytes, bytes], bool]
"""Whether a signature (first) over bytes (second) is true."""


def new_key() -> bytes:
    """A new private Ed25519 key, 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_of(private_key: bytes) -> bytes:
    """The public key of a private one, 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def signer_of(private_key: bytes) -> Sign:
    """Signs with an Ed25519 key of 32 bytes; the key is prepared once."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private_key).sign


def verifier_of(public_key: bytes) -> Verify:
    """Checks signatures of the Ed25519 key with these 32 public bytes; the key is prepared once.

    Raises:
        ContractError: these bytes are no key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
    except ValueError as exc:
        raise ContractError(f"not a public key of {KEY_BYTES} bytes") from exc

    def verify(signature: bytes, data: bytes) -> bool:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    return verify


def fingerprint(public_key: bytes) -> str:
    """SHA-256 of a public key, hex: what people compare."""
    return hashlib.sha256(public_key).hexdigest()


def acknowledgement_text(gateway: str, *, lane: str, epoch: str, run: str | None, upto: int, more: str) -> bytes:
    """What the collector signs of an acknowledgement; `more`: its further fields, as text."""
    return f"genba acknowledgement 1\n{gateway}\n{lane}\n{epoch}\n{run or ''}\n{upto}\n{more}".encode()


def manifest_text(gateway: str, *, version: int, parts: int, sha256: str) -> bytes:
    """What the collector signs of a dispatch manifest; the parts are covered by their hash."""
    return f"genba dispatch 1\n{gateway}\n{version}\n{parts}\n{sha256}".encode()


def state_text(gateway: str, body: bytes) -> bytes:
    """What a gateway signs of its state: the JSON text without the signature."""
    return f"genba state 1\n{gateway}\n".encode() + body


def renewal_text(gateway: str, public_key: bytes) -> bytes:
    """What a gateway signs to get a new certificate for the key that it has."""
    return f"genba renewal 1\n{gateway}\n{public_key.hex()}".encode()


def sign_state(gateway: str, body: str, sign: Sign) -> bytes:
    """The state's JSON object with its signature as the last member, ``sig``."""
    plain = body.encode()
    return plain[:-1] + _SIGNED + base64.b64encode(sign(state_text(gateway, plain))) + _END


def split_state(payload: bytes) -> tuple[bytes, bytes]:
    """A state's JSON text without its signature, and the signature; empty where there is none."""
    start = len(payload) - len(_SIGNED) - _BASE64_SIGNATURE - len(_END)
    text = payload[start + len(_SIGNED) : -len(_END)]
    if start < 1 or payload[start : start + len(_SIGNED)] != _SIGNED or not payload.endswith(_END):
        return payload, b""
    return payload[:start] + b"}", from_base64(text)


def to_base64(signature: bytes) -> str:
    """As it stands in JSON."""
    return base64.b64encode(signature).decode()


def from_base64(text: bytes | str) -> bytes:
    """The bytes of a signature in JSON; empty where the text is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
