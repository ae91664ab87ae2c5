"""JSON that a device sends: documents, fields by dotted path, and the values in them, without Python's own guesses.

Numbers keep their digits until the map has said what they are: an order number 0012 or 1.10 must not change.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

from genba_edge.ports import Value
from genba_shared.device_map.model import EpcEncoding, PointType

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
MISSING: Final = object()
MAX_EPC_DIGITS: Final = 128  # 512 bits; the longest EPC of Gen2 has 496
_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,20}(?:\.0*)?")
_SPACE: Final = " \t\r\n"
_LIMITS: Final = {
    PointType.INT8: (-(2**7), 2**7 - 1),
    PointType.UINT8: (0, 2**8 - 1),
    PointType.INT16: (-(2**15), 2**15 - 1),
    PointType.UINT16: (0, 2**16 - 1),
    PointType.INT32: (-(2**31), 2**31 - 1),
    PointType.UINT32: (0, 2**32 - 1),
    PointType.INT64: (-(2**63), 2**63 - 1),
    PointType.UINT64: (0, 2**64 - 1),
}
_TRUE_WORDS: Final = frozenset({"true", "1", "on", "yes"})
_FALSE_WORDS: Final = frozenset({"false", "0", "off", "no"})


class BadValue(ValueError):
    """What came is not what the map says. The text is short and holds no more of the payload than needed."""


class Digits(str):
    """A number as the device wrote it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Parsed:
    """The documents of a payload, and how many pieces of it could not be read."""

    documents: list[object] = field(default_factory=list)
    bad: int = 0


def parse(payload: bytes) -> Parsed:
    """Every JSON document of a payload: one, a list of them, one a line, or one right after the other.

    Raises:
        BadValue: nothing in it is JSON.
    """
    try:
        text = payload.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise BadValue("the payload is not UTF-8 text") from exc
    found, bad, at = list[object](), 0, 0
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
            continue
        try:
            document, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            bad += 1
            at = text.find("\n", at) + 1 or len(text)
            continue
        found.extend(document if isinstance(document, list) else [document])
    if not found and bad:
        raise BadValue("the payload is not JSON")
    return Parsed(found, bad)


def dig(document: object, path: str) -> object:
    """The value at a dotted path, where a number counts the elements of a list from 0; `MISSING` if it is not there."""
    here = document
    for step in path.split(".") if path else ():
        if isinstance(here, dict) and step in here:
            here = here[step]
        elif isinstance(here, list) and step.isdecimal() and int(step) < len(here):
            here = here[int(step)]
        else:
            return MISSING
    return here


def value_of(found: object, kind: PointType) -> Value:
    """The value of a point as the map declares it; a number may also be written as a text.

    Raises:
        BadValue: it is something else, or out of range.
    """
    if isinstance(found, dict | list) or found is None:
        raise BadValue(f"{_shown(found)} is not a {kind}")
    match kind:
        case PointType.STRING:
            return ("true" if found else "false") if isinstance(found, bool) else str(found)
        case PointType.BOOL:
            return _bool_of(found)
        case PointType.FLOAT32 | PointType.FLOAT64:
            return number_of(found)
        case _:
            return _whole_of(found, kind)


def number_of(found: object) -> float:
    """A finite number, also one that is written as a text.

    Raises:
        BadValue: it is something else.
    """
    try:
        number = float(found) if isinstance(found, str) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadValue(f"{_shown(found)} is not a number")
    return number


def whole_of(found: object, *, least: int, most: int) -> int:
    """A whole number within limits.

    Raises:
        BadValue: it is something else, or beyond them.
    """
    if isinstance(found, bool) or not isinstance(found, str) or not _WHOLE.fullmatch(found.strip()):
        raise BadValue(f"{_shown(found)} is not a whole number")
    number = int(found.strip().partition(".")[0])
    if not least <= number <= most:
        raise BadValue(f"{number} is not within {least} to {most}")
    return number


def epc_of(found: object, encoding: EpcEncoding) -> str:
    """An EPC in lower-case hex.

    Raises:
        BadValue: it is no text in that encoding, or empty, or longer than any EPC.
    """
    if not isinstance(found, str):
        raise BadValue(f"{_shown(found)} is not an EPC")
    text = found.strip()
    if encoding is EpcEncoding.BASE64:
        text = _hex_of_base64(text)
    if not _HEX.fullmatch(text) or len(text) > MAX_EPC_DIGITS:
        raise BadValue(f"{_shown(found)} is not an EPC in {encoding}")
    return text.lower()


def time_of(found: object) -> datetime:
    """A time: ISO 8601 (UTC where it names no zone), or seconds, milli-, micro- or nanoseconds since 1970.

    Raises:
        BadValue: it is something else.
    """
    if isinstance(found, str):
        text = found.strip()
        try:
            if not isinstance(found, Digits) and not text.isdecimal():
                at = datetime.fromisoformat(text)
                at = at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
            else:
                at = _since_epoch(float(text))
            if EPOCH <= at <= LATEST:
                return at
        except (ValueError, OverflowError):
            pass
    raise BadValue(f"{_shown(found)} is not a time")


def _since_epoch(number: float) -> datetime:
    """The unit follows from the size: between 1973 and 5138 no two units can be taken for one another."""
    for limit, unit_s in ((1e11, 1.0), (1e14, 1e-3), (1e17, 1e-6)):
        if abs(number) < limit:
            return EPOCH + timedelta(seconds=number * unit_s)
    return EPOCH + timedelta(seconds=number * 1e-9)


def _whole_of(found: object, kind: PointType) -> int:
    least, most = _LIMITS[kind]
    return whole_of(found, least=least, most=most)


def _bool_of(found: object) -> bool:
    if isinstance(found, bool):
        return found
    word = str(found).strip().lower()
    if word not in _TRUE_WORDS | _FALSE_WORDS:
        raise BadValue(f"{_shown(found)} is not true or false")
    return word in _TRUE_WORDS


def _hex_of_base64(text: str) -> str:
    """Both alphabets (`+/` and `-_`), with or without padding."""
    try:
        padded = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(padded + "=" * (-len(padded) % 4), validate=True).hex()
    except (binascii.Error, ValueError):
        return ""


def _refuse(word: str) -> NoReturn:
    raise BadValue(f"{word} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_float=Digits, parse_int=Digits, parse_constant=_refuse)


def _shown(found: object) -> str:
    match found:
        case None:
            return "null"
        case dict():
            return "an object"
        case list():
            return "a list"
        case _:
            text = str(found)
            return repr(text if len(text) <= 40 else f"{text[:37]}…")
