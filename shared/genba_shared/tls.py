"""TLS as a client: whom we trust, and in words why we do not. There is no switch that turns the check off."""

from __future__ import annotations

import hashlib
import hmac
import ssl
from pathlib import Path
from typing import Final

from genba_shared.broker import BrokerAddress
from genba_shared.errors import UsageError

_UNKNOWN_AUTHORITY: Final = "is signed by an authority that we do not know: name its file as `ca`"
_WRONG_HOST: Final = "is for another host: host name mismatch"
_TROUBLES: Final = {
    9: "is not valid yet: is the clock of this machine right?",
    10: "has expired, or the clock of this machine is wrong",
    18: _UNKNOWN_AUTHORITY,
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
    62: _WRONG_HOST,
    64: _WRONG_HOST,
}
"""By OpenSSL's numbers of what is wrong with a certificate (include/openssl/x509_vfy.h)."""


def certificate_trouble(exc: ssl.SSLCertVerificationError, *, host: str) -> str:
    """Why a server's certificate is not trusted, as a sentence that says what to look at."""
    trouble = _TROUBLES.get(exc.verify_code, f"is not trusted: {exc.verify_message or exc}")
    return f"the certificate of {host} {trouble}"


def trusting_context(*, ca: Path | None) -> ssl.SSLContext:
    """A context that checks the server's certificate and name: by the authority in `ca`, or those of the system.

    Raises:
        OSError | ssl.SSLError: the file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class FingerprintMismatch(ssl.SSLError):
    """The server showed another certificate than the one that is pinned."""

    def __init__(self, shown: str) -> None:
        super().__init__(ssl.SSL_ERROR_SSL, f"the server shows another certificate than the pinned one: sha256:{shown}")
        self.shown = shown


def pinned_context(*, fingerprint: str) -> ssl.SSLContext:
    """A context that takes one certificate only, whoever signed it: that with this SHA-256 (64 hex digits).

    It is compared within the handshake, before anything of ours is sent. Authority, name and dates do not matter: the
    certificate itself is known, as that of a device that signs its own and has no name.
    """

    class PinnedConnection(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            shown = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
            if not hmac.compare_digest(shown, fingerprint):
                raise FingerprintMismatch(shown)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.sslobject_class = PinnedConnection
    return context


def tls_context_of(address: BrokerAddress) -> ssl.SSLContext:
    """What a connection to the broker is checked with, and what we show there.

    Raises:
        UsageError: the certificate files cannot be used.
    """
    try:
        context = trusting_context(ca=address.ca)
        if address.certificate is not None:
            key = None if address.key is None else str(address.key)
            context.load_cert_chain(str(address.certificate), key, password="")  # else OpenSSL asks at the terminal
    except (OSError, ssl.SSLError) as exc:
        raise UsageError(f"certificate files of {address} cannot be used: {exc}") from exc
    return context
