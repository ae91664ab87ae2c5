"""A text that must not be seen: it never shows itself in a log, a traceback or a comparison of settings."""

from __future__ import annotations

import hmac


class Secret:
    """Holds a password or key. Only `reveal` gives it out; ``repr`` and ``str`` give stars.

    >>> Secret("open sesame")
    Secret(***)
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)
