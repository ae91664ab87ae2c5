"""Chinese and Japanese sentences set together from their parts: a space between their characters and Latin ones, only.

Whether a place is filled with "Modbus" or with 设备 is not known where the sentence is written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from string import Formatter
from typing import Final

__all__ = ["set_together"]

_OPENED_BY_TEMPLATE: Final = frozenset("'\"`([{=")


def set_together(template: str, values: Mapping[str, object]) -> str:
    """The template with its places filled."""
    sentence = ""
    for literal, name, form, _ in Formatter().parse(template):
        sentence = _joined(sentence, literal, of_template=literal[:1])
        if name is not None:
            sentence = _joined(sentence, format(values[name], form or ""), of_template=literal[-1:])
    return sentence


def _joined(left: str, right: str, *, of_template: str) -> str:
    before, after = left.rstrip(" "), right.lstrip(" ")
    if not before or not after or of_template in _OPENED_BY_TEMPLATE:
        return left + right
    if _is_wide(before[-1]) and _is_wide(after[0]):
        return before + after
    if (_is_letter(before[-1]) and after[0].isascii()) or (before[-1].isascii() and _is_letter(after[0])):
        return f"{before} {after}"
    return left + right


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in {"W", "F"}


def _is_letter(character: str) -> bool:
    """A Chinese or Japanese letter; their punctuation brings its own space."""
    return _is_wide(character) and unicodedata.category(character) in {"Lo", "Lm"}
