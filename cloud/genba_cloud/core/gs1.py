"""A label's code as a GS1 Digital Link, where the company has a GS1 company prefix.

A label stands for a job ticket, which is a document: its key is the GDTI (application identifier 253), 13 digits of
company prefix, document type and check digit, and up to 17 characters that number the document: the code itself.

Source: GS1 General Specifications 24, 3.5.9 (GDTI), 7.9.1 (check digit); GS1 Digital Link URI syntax 1.4.
"""

from __future__ import annotations

from typing import Final

APPLICATION_IDENTIFIER: Final = "253"
_PREFIX_LENGTHS: Final = range(4, 13)


def check_prefix(text: str) -> str | None:
    """What is wrong with a company prefix; None: it can be one."""
    if not (text.isascii() and text.isdigit()) or len(text) not in _PREFIX_LENGTHS:
        return f"{text!r:.40} is no GS1 company prefix: write its 4 to 12 digits, for example 4512345"
    return None


def document_type(prefix: str) -> str:
    """The 13 digits in front of the code: the prefix, zeros for the document type, and the check digit."""
    body = prefix.ljust(12, "0")
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return f"{body}{-total % 10}"


def digital_link(prefix: str, code: str) -> str:
    """The path of the link: ``/253/4512345000009K7QM4X2P9RTVWJ3C5``."""
    return f"/{APPLICATION_IDENTIFIER}/{document_type(prefix)}{code}"


def code_of_link(value: str) -> str:
    """The code in what stands behind ``/253/``."""
    return value[13:]
