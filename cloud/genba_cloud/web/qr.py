"""QR codes as SVG. The only place that knows the library that draws them."""

from __future__ import annotations

import segno

QUIET_ZONE = 4
"""Modules of white around it: ISO/IEC 18004 asks for 4."""


def qr_svg(text: str) -> str:
    """An SVG picture of a QR code that holds the text; a quarter of it may be dirty (error correction level Q)."""
    picture: str = segno.make(text, error="q", micro=False, boost_error=False).svg_inline(
        border=QUIET_ZONE, omitsize=True, svgclass=None, lineclass=None
    )
    return picture
