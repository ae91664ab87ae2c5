"""How the tests start Debian's Chromium: headless, and without a word to the world outside."""

from __future__ import annotations

from typing import Final

ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
