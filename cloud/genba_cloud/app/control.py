"""How commands reach a running collector: ``control.json`` in the data folder, readable by its owner only.

Who can read the folder could open the accounts database as well: the file gives no right that its reader has not got.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from genba_shared.errors import UsageError

CONTROL_FILE: Final = "control.json"
_TIMEOUT_S: Final = 20.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_JSON: Final = "application/json"


def new_token() -> str:
    """A secret for the local command, good until the collector stops."""
    return f"local_{secrets.token_hex(32)}"


def write_control(data_dir: Path, *, url: str, token: str, certificate: Path | None) -> None:
    """Say where the collector can be reached."""
    path = data_dir / CONTROL_FILE
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"url": url, "token": token, "certificate": str(certificate) if certificate else None}, file)


def remove_control(data_dir: Path) -> None:
    """The collector stops."""
    (data_dir / CONTROL_FILE).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A collector that can be asked: where it is, with which token, and whom its certificate is told by."""

    url: str
    token: str
    context: ssl.SSLContext | None
    away: str
    timeout_s: float = _TIMEOUT_S

    def send(self, method: str, path: str, body: bytes | None = None, *, media_type: str = _JSON) -> bytes:
        """Send one request.

        Returns:
            The body of the answer.

        Raises:
            UsageError: it cannot be reached, or it refuses; the message says why.
        """
        request = urllib.request.Request(  # noqa: S310 (the URL is the collector's own, http or https)
            self.url + path,
            data=body,
            method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": media_type},
        )
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s, context=self.context) as answer:  # noqa: S310 (as above)
                content: bytes = answer.read()
        except urllib.error.HTTPError as exc:
            with exc:
                raise UsageError(_detail(exc)) from exc
        except OSError as exc:
            raise UsageError(f"{self.away} at {self.url}: {exc}") from exc
        return content

    def json(self, method: str, path: str, body: bytes | None = None, *, media_type: str = _JSON) -> Any:
        """The same, with the JSON of the answer; None where it is empty."""
        text = self.send(method, path, body, media_type=media_type)
        return json.loads(text) if text else None


def caller_of(data_dir: Path) -> Caller:
    """The collector that holds the data folder.

    Raises:
        UsageError: another process holds it.
    """
    control = _read(data_dir)
    return Caller(
        url=control["url"],
        token=control["token"],
        context=_context(control),
        away=f"the collector that uses {data_dir} does not answer",
    )


def caller_with_key(url: str, key: str) -> Caller:
    """A collector elsewhere, and a machine key of it.

    Raises:
        UsageError: not a web address, or one to which the key would travel unsealed.
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise UsageError(f"--url {url}: write https://HOST, or http://127.0.0.1:8000 on this machine")
    return Caller(url=url.rstrip("/"), token=key, context=None, away="the collector does not answer")


def ask(data_dir: Path, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Send one request to the collector that holds the data folder.

    Returns:
        The JSON of its answer, None where the answer is empty.

    Raises:
        UsageError: it cannot be reached, or it refuses; the message says why.
    """
    return caller_of(data_dir).json(method, path, json.dumps(body).encode() if body is not None else None)


def _read(data_dir: Path) -> Mapping[str, Any]:
    try:
        control: Mapping[str, Any] = json.loads((data_dir / CONTROL_FILE).read_text())
    except (OSError, ValueError) as exc:
        raise UsageError(f"{data_dir} is in use by another process that cannot be asked: stop it first") from exc
    return control


def _context(control: Mapping[str, Any]) -> ssl.SSLContext | None:
    if not control["certificate"]:
        return None
    # The very certificate that the collector shows is trusted, and no other; its name may be another than loopback's.
    context = ssl.create_default_context(cafile=control["certificate"])
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # also where an authority signed it
    context.check_hostname = False
    return context


def _detail(exc: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(exc.read())["detail"])
    except (ValueError, KeyError):
        return f"the collector answered {exc.code}"
