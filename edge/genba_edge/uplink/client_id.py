"""The MQTT client id of a gateway: a known one would let anybody throw the gateway off the broker."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from genba_shared.errors import UplinkError

_FILE_NAME = "client-id"


def load_client_id(state_dir: Path, *, gateway: str) -> str:
    """``gateway-`` and 128 random bits, made once and kept in the state folder.

    Raises:
        UplinkError: the folder cannot be read or written.
    """
    path = state_dir / _FILE_NAME
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip() if path.exists() else ""
        if re.fullmatch(re.escape(gateway) + "-[0-9a-f]{32}", text):
            return text
        text = f"{gateway}-{secrets.token_hex(16)}"
        fresh = path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(text + "\n", encoding="ascii")
        fresh.replace(path)
    except OSError as exc:
        raise UplinkError(f"client id cannot be kept file={path} reason={exc.strerror}") from exc
    return text
