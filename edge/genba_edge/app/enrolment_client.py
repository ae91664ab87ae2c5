"""Asks the collector's API for a certificate, and makes sure that it is that collector."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import ipaddress
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from genba_edge.app.identity import GatewayIdentity
from genba_shared.errors import UsageError
from genba_shared.signing import new_key, public_of, renewal_text, signer_of, to_base64, verifier_of

TIMEOUT_S: Final = 20.0
_LONGEST: Final = 100_000  # bytes of an answer
_TEXTS: Final = ("gateway", "enterprise", "certificate", "ca", "collector_key", "broker")


def enrol(gateway: str, *, collector: str, code: str) -> GatewayIdentity:
    """A new key, and the certificate that the collector gives for it and the one-time code.

    The code ends with the fingerprint of the collector's certificate, where that is one of its own: nothing is sent to
    anybody who shows another one.

    Raises:
        UsageError: the collector does not answer, shows another certificate, or refuses.
    """
    secret, _, pin = code.strip().partition(".")
    key = new_key()
    body = {"gateway": gateway, "code": secret, "public_key": to_base64(public_of(key))}
    answer = _post(collector, "/api/v1/enrol", body, pin=pin)
    return _identity(answer, gateway=gateway, key=key, collector=collector, pin=pin)


def renew(identity: GatewayIdentity) -> GatewayIdentity:
    """A new certificate for the same key, from the collector that enrolled this gateway.

    Raises:
        UsageError: as `enrol`; the certificate is not of the authority that signed the first one.
    """
    key = bytes.fromhex(identity.key)
    signature = signer_of(key)(renewal_text(identity.gateway, identity.public_key))
    body = {
        "gateway": identity.gateway,
        "public_key": to_base64(identity.public_key),
        "signature": to_base64(signature),
    }
    answer = _post(identity.collector, "/api/v1/enrol/renew", body, pin=identity.pin)
    renewed = _identity(answer, gateway=identity.gateway, key=key, collector=identity.collector, pin=identity.pin)
    if (renewed.ca, renewed.collector_key) != (identity.ca, identity.collector_key):
        raise UsageError(f"{identity.collector} is another installation by now: enrol this gateway again")
    return renewed


def _identity(answer: Mapping[str, Any], *, gateway: str, key: bytes, collector: str, pin: str) -> GatewayIdentity:
    texts = {name: answer.get(name) for name in _TEXTS}
    if not all(isinstance(text, str) for text in texts.values()) or texts["gateway"] != gateway:
        raise UsageError(f"{collector} gives an answer that is none of genba: is it the collector's address?")
    identity = GatewayIdentity(key=key.hex(), collector=collector, pin=pin, **texts)  # type: ignore[arg-type] # checked
    verifier_of(bytes.fromhex(identity.collector_key))
    return identity


def _post(collector: str, path: str, body: Mapping[str, Any], *, pin: str) -> Mapping[str, Any]:
    connection = _connection(collector, pin)
    try:
        connection.connect()
        _check_pin(connection, pin, collector)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read(_LONGEST))
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise UsageError(f"the collector does not answer at {collector}: {exc}") from exc
    finally:
        connection.close()
    if response.status != http.client.OK or not isinstance(answer, dict):
        detail = answer.get("detail") if isinstance(answer, dict) else None
        raise UsageError(f"the collector refuses: {detail or f'it answered {response.status}'}")
    return answer


def _connection(collector: str, pin: str) -> http.client.HTTPConnection:
    parts = urlsplit(collector)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise UsageError(f"--collector {collector}: write https://HOST:PORT, as the collector's pages are opened")
    if parts.scheme == "http":
        if not _is_local(parts.hostname):
            raise UsageError(f"--collector {collector}: over http anybody could read the code. Write https://")
        return http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=TIMEOUT_S)
    context = ssl.create_default_context()
    if pin:  # the very certificate is compared, which is more than a name in one that somebody signed
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(parts.hostname, parts.port or 443, timeout=TIMEOUT_S, context=context)


def _check_pin(connection: http.client.HTTPConnection, pin: str, collector: str) -> None:
    if not pin or not isinstance(connection.sock, ssl.SSLSocket):
        return
    shown = hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b"").hexdigest()
    if not hmac.compare_digest(shown[: len(pin)], pin):
        raise UsageError(
            f"{collector} shows another certificate than the one in the code: somebody stands between, or the "
            "collector got a new certificate (then `genba cloud gateway renew` prints a code that names it)"
        )


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
