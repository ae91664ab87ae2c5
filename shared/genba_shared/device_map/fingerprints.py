"""Fingerprints of certificates as people write them."""

from __future__ import annotations

import re
from typing import Final

from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.texts import say

__all__ = ["EXAMPLE_FINGERPRINT", "FINGERPRINT", "sha256_of"]

EXAMPLE_FINGERPRINT: Final = '"sha256:ab12…"'
FINGERPRINT: Final = say("sha256-of-certificate", "the SHA-256 of a certificate")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def sha256_of(written: str, *, fix: str) -> str:
    """The 64 digits of a SHA-256, in small letters; colons, spaces and a leading ``sha256:`` are taken away.

    Raises:
        Wrong: something else; `fix` says where to find it.
    """
    digits = written.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")
    if not _SHA256.fullmatch(digits):
        raise Wrong(
            say(
                "not-a-fingerprint",
                "'{word}' is not the SHA-256 of a certificate: 64 hexadecimal digits.",
                word=shorten(written),
            ),
            fix,
        )
    return digits
