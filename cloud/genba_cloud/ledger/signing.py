"""The key that signs heads of the log: Ed25519, in a file that only its owner can read, its public half beside it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from genba_shared.errors import UsageError

KEY_FILE: Final = "head-key.pem"
PUBLIC_FILE: Final = "head-key.pub.pem"


class HeadVerifier:
    """The public half: says whether a signature is of this key. `name` tells keys apart."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public
        raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.name = hashlib.sha256(raw).hexdigest()[:16]

    @classmethod
    def open(cls, file: Path) -> HeadVerifier:
        """Read a public key in PEM form.

        Raises:
            UsageError: there is none in the file.
        """
        try:
            public = load_pem_public_key(file.read_bytes())
        except (OSError, ValueError) as exc:
            raise UsageError(f"{file} holds no public key of heads (PEM, Ed25519): {exc}") from exc
        if not isinstance(public, Ed25519PublicKey):
            raise UsageError(f"{file} holds a public key of another kind: heads are signed with Ed25519")
        return cls(public)

    def is_signed(self, statement: bytes, signature: bytes) -> bool:
        """Whether the owner of the key signed this."""
        try:
            self._public.verify(signature, statement)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> bytes:
        """The public key as a file."""
        return self._public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class HeadSigner:
    """The private half."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.verifier = HeadVerifier(private.public_key())

    @classmethod
    def open(cls, file: Path) -> HeadSigner:
        """Read a private key in PEM form.

        Raises:
            UsageError: there is none in the file.
        """
        try:
            private = load_pem_private_key(file.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as exc:
            raise UsageError(f"{file} holds no private key of heads (PEM, Ed25519, no password): {exc}") from exc
        if not isinstance(private, Ed25519PrivateKey):
            raise UsageError(f"{file} holds a private key of another kind: heads are signed with Ed25519")
        return cls(private)

    @classmethod
    def of_folder(cls, data_dir: Path) -> HeadSigner:
        """The key of a data folder, made when it is first needed."""
        file = data_dir / KEY_FILE
        if not file.exists():
            private = Ed25519PrivateKey.generate()
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_private(file, pem)
        signer = cls.open(file)
        public = data_dir / PUBLIC_FILE
        if not public.exists():
            public.write_bytes(signer.verifier.pem())
        return signer

    def sign(self, statement: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(statement)


def write_private(file: Path, content: bytes) -> None:
    """Write a new file that only its owner can read; it is whole and on the disk, or not there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    part.rename(file)
    sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in the folder on the disk, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
