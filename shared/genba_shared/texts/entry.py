"""What an entry of the catalogue is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Message", "Phrase"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A part of a sentence, a remedy or a line of a summary: its template in Chinese and Japanese."""

    zh: str
    ja: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Phrase):
    """Something that is wrong, or worth a second look, with its entry on the help page.

    `why` says what is behind it, `do` what to do, both in English; `example` is a line of a device map that gives it
    (empty where it is not about a line).
    """

    why: str
    do: str
    example: str = ""
