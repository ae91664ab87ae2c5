"""Every text with a code, joined from its areas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from genba_shared.texts import Language
from genba_shared.texts.entry import Phrase

__all__ = ["ENTRIES", "template_of"]

ENTRIES: Final[Mapping[str, Phrase]] = {}


def template_of(code: str, language: Language) -> str | None:
    """The template of a code in a language other than English; None where there is none."""
    entry = ENTRIES.get(code)
    if entry is None:
        return None
    match language:
        case Language.ENGLISH:
            return None
        case Language.CHINESE:
            return entry.zh
        case Language.JAPANESE:
            return entry.ja
