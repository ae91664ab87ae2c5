"""What writer and reader of a body agree on: bounds, the common fields, and the order of closed choices.

Body (v = LEB128; column: see `columns`):

    schema:u8 texts kinds:n×u8 contexts row-fields then, per kind present, ascending: length:v kind-fields

Texts: count:v, then 0:u8 length:v and all of them in UTF-8 with a NUL between two; or, where a text is none that an
event may hold, 1:u8, a column of lengths in bytes, and the bytes. Contexts: count:v, for more than one a column that
says for each event which, then the fields of the contexts: what the common part of an event says in words (source,
station, work order …), once for all events that say the same. Fields: shapes:v, two bits a field in the order of
`events/schema.py` (0 absent, 1 every row, 2 some rows: presence bits first, 3 one value for each context in the order
of first appearance), then their columns. Values: index of a text or hexadecimal digits; position of a choice in its
enumeration; 0 or 1; milliseconds (`at` since 1970, other times from their event's `at`); `mono_ms` from `seen_at`, or
from `at` without one. A source is two columns (type, ref). Ids (`because`) are a column of lengths and one of numbers:
even = twice the distance back to an event of the same gateway and epoch, odd = twice the index of a text, plus 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from functools import cache
from typing import Final

from genba_shared.events.model import Event
from genba_shared.events.schema import Field, FieldType, fields_of

SCHEMA: Final = 1
MAX_EVENTS: Final = 4096  # per envelope; the gateway sends some hundred
MAX_STRINGS: Final = 65_535
MAX_IDS: Final = 65_536  # of all `because` lists of one column together
MAX_IDS_PER_EVENT: Final = 1000
FAR: Final = 2**31  # distance in seqs from which an id is written as a text: its double must fit 64 bits
COMMON: Final[tuple[Field, ...]] = fields_of(Event)[1:]  # the id is not sent: header and position give it
_WORDS: Final = (FieldType.TEXT, FieldType.CHOICE, FieldType.SOURCE)
CONTEXT_FIELDS: Final = tuple(field for field in COMMON if field.type in _WORDS)
ROW_FIELDS: Final = tuple(field for field in COMMON if field.type not in _WORDS)


class Shape(IntEnum):
    """For which rows a field has a value."""

    ABSENT = 0
    EVERY_ROW = 1
    SOME_ROWS = 2
    BY_CONTEXT = 3


BY_CONTEXT: Final = frozenset({FieldType.TEXT, FieldType.CHOICE, FieldType.FLAG})
"""Fields of these types may have one value for each context: what is told in words mostly goes with the station."""


def kind_fields(kind: type[Event]) -> tuple[Field, ...]:
    """The fields that a kind adds to the common ones."""
    return fields_of(kind)[len(COMMON) + 1 :]


@cache
def members(choice: type[StrEnum]) -> tuple[StrEnum, ...]:
    """The members of a choice in wire order: the order of the class, to which members are only ever appended."""
    return tuple(choice)


def rows_by_code(codes: Sequence[int]) -> dict[int, list[int]]:
    """The rows of each kind, by its number, ascending."""
    if len(distinct := set(codes)) == 1:
        return {codes[0]: list(range(len(codes)))}
    found: dict[int, list[int]] = {code: [] for code in sorted(distinct)}
    for row, code in enumerate(codes):
        found[code].append(row)
    return found
