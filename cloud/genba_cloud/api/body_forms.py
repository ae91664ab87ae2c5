"""The forms of values that clients send. An unknown field is an error, never dropped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from genba_shared.clock import to_milliseconds

MOST_PIECES: Final = 10_000_000
LARGEST_NUMBER: Final = 2**63 - 1
"""The largest number of a row or position: databases hold no larger one."""


def _storable(text: str) -> str:
    if any(ord(letter) < 32 or 0xD800 <= ord(letter) < 0xE000 for letter in text):
        raise ValueError("control characters are not allowed")
    return text


def _to_utc(at: datetime) -> datetime:
    """The same instant in UTC and in whole milliseconds."""
    try:
        return to_milliseconds(at.astimezone(UTC))
    except OverflowError as exc:
        raise ValueError("a time from 1970 to 2199") from exc


Name = Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True), AfterValidator(_storable)]
Tag = Annotated[Name, AfterValidator(str.lower)]  # readers report an EPC in lower-case hex: one tag, one spelling
FreeText = Annotated[str, StringConstraints(max_length=200), AfterValidator(_storable)]
Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
Pieces = Annotated[int, Field(ge=1, le=MOST_PIECES, strict=True)]


class Body(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid")
