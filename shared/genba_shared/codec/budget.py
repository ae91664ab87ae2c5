"""How large the events of one envelope may become: a text that is sent once can be in every event."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from genba_shared.errors import ContractError
from genba_shared.events.model import Source
from genba_shared.events.registry import KINDS
from genba_shared.events.schema import FieldType, fields_of

MAX_WORDS: Final = 8 * 1024 * 1024  # characters of all texts and ids of an envelope's events together
_WORDS: Final = (FieldType.TEXT, FieldType.SOURCE)
_MOST_FIELDS: Final = max(sum(field.type in _WORDS for field in fields_of(kind)) for kind in KINDS.values())


class Budget:
    """What is left of the characters that an envelope's events may hold together.

    `is_safe`: even the longest text in every field would fit.
    """

    def __init__(self, *, longest: int, rows: int) -> None:
        self._left = MAX_WORDS
        self.is_safe = longest * rows * _MOST_FIELDS <= MAX_WORDS  # hexadecimal texts, too: they are short

    def spend(self, characters: int) -> None:
        """Take so many.

        Raises:
            ContractError: there are not so many left.
        """
        self._left -= characters
        if self._left < 0:
            raise ContractError(f"texts of more than {MAX_WORDS} characters in the events of one envelope")

    def spend_on(self, columns: Iterable[Sequence[Any]]) -> None:
        """Take those of the texts in these columns; not looked at where the budget `is_safe`.

        Raises:
            ContractError: as `spend`.
        """
        if self.is_safe:
            return
        for column in columns:
            self.spend(sum(len(value) for value in column if type(value) is str))
            self.spend(sum(len(value.ref) for value in column if type(value) is Source))
