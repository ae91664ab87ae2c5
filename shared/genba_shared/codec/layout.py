"""What writer and reader of a body agree on: bounds, the common fields, and the order of closed choices.

Body, schema version 1 (`columns` = one column per field that holds something, in the order of `events/schema.py`):

    schema:u8 strings kinds:n×u8 common-columns then, per kind present, ascending: length:v kind-columns

Strings = count:v, lengths in bytes as an integer column, then all texts in UTF-8. Columns = bit mask:v of the fields
that have one. A column = flag partial:u8, presence bits if partial, values. Fractional numbers are 8 bytes each; all
other values are integers: index of a string, position of a choice in its enumeration, 0 or 1, milliseconds (`at` since
1970, other times from their event's `at`). A source is two columns (type, ref). Ids (`because`) are a column of lengths
and one of numbers: even = twice the distance back to an event of the same gateway and epoch, odd = twice the index of a
string, plus 1.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from genba_shared.events.model import Event
from genba_shared.events.schema import Field, fields_of

SCHEMA: Final = 1
MAX_EVENTS: Final = 4096  # per envelope; the gateway sends some hundred
MAX_STRINGS: Final = 65_535
MAX_IDS: Final = 65_536  # of all `because` lists of one column together
MAX_IDS_PER_EVENT: Final = 1000
FAR: Final = 2**31  # distance in seqs from which an id is written as a text: its double must fit 64 bits
COMMON: Final[tuple[Field, ...]] = fields_of(Event)[1:]  # the id is not sent: header and position give it


def kind_fields(kind: type[Event]) -> tuple[Field, ...]:
    """The fields that a kind adds to the common ones."""
    return fields_of(kind)[len(COMMON) + 1 :]


def members(choice: type[StrEnum]) -> tuple[StrEnum, ...]:
    """The members of a choice in wire order: the order of the class, to which members are only ever appended."""
    return tuple(choice)
