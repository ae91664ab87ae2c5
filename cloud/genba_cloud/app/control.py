"""How commands reach a running collector: ``control.json`` in the data folder, readable by its owner only.

Who can read the folder could open the accounts database as well: the file gives no right that its reader has not got.
"""

from __future__ import annotations

import json
import os
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from genba_shared.errors import UsageError

CONTROL_FILE: Final = "control.json"
_TIMEOUT_S: Final = 20.0


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


def ask(data_dir: Path, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Send one request to the collector that holds the data folder.

    Returns:
        The JSON of its answer, None where the answer is empty.

    Raises:
        UsageError: it cannot be reached, or it refuses; the message says why.
    """
    control = _read(data_dir)
    request = urllib.request.Request(  # noqa: S310 (the URL is the collector's own, http or https)
        control["url"] + path,
        data=json.dumps(body).encode() if body is not None else None,
        method=method,
        headers={"Authorization": f"Bearer {control['token']}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=_context(control)) as answer:  # noqa: S310 (as above)
            text = answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            raise UsageError(_detail(exc)) from exc
    except OSError as exc:
        raise UsageError(f"the collector that uses {data_dir} does not answer at {control['url']}: {exc}") from exc
    return json.loads(text) if text else None


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
