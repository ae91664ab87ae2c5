"""What OPC UA says, in our words: values as the map wants them, quality, and time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from asyncua import ua

from genba_edge.drivers.opcua_decode import RawStructure
from genba_edge.drivers.opcua_faults import name_of_status
from genba_edge.ports import Quality, Value
from genba_shared.device_map.model import OpcUaDevice, OpcUaPoint, PointType
from genba_shared.errors import GenbaError

Convert = Callable[[object], Value]
Decode = Callable[[RawStructure], Mapping[str, object]]

_ZERO: Final = datetime(1601, 1, 1, tzinfo=UTC)
FUTURE: Final = timedelta(days=1)
"""A source time further ahead of us than this is a PLC whose clock was never set."""
BELIEVED_FROM: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""PLCs without battery start again at 1970, 1984, 1990, 2000 or 2012; before this no time of a source is believed."""
OVERFLOW: Final = 0x0480
"""InfoType DataValue and the overflow bit: the queue lost samples before this one. Source: OPC 10000-4, 7.39.1."""


class Misfit(GenbaError):
    """A value that does not fit the map; the message says why."""


def raw_time(at: datetime) -> int:
    """A time as OPC UA counts it: 100 ns since 1601-01-01 UTC. Source: OPC 10000-6, 5.2.2.5."""
    return (at - _ZERO) // timedelta(microseconds=1) * 10


def time_at(raw: int) -> datetime:
    """The time behind OPC UA's number; the part below a microsecond is cut off."""
    return _ZERO + timedelta(microseconds=raw // 10)


EARLIEST_RAW: Final = raw_time(BELIEVED_FROM)


class Qualities:
    """What a server's status codes mean: by their severity, or as the map says for this server."""

    def __init__(self, device: OpcUaDevice) -> None:
        self._known = {
            **dict.fromkeys(device.uncertain_codes, Quality.UNCERTAIN),
            **dict.fromkeys(device.good_codes, Quality.GOOD),
        }
        self._names: dict[int, str] = {}

    def of(self, status: int) -> tuple[Quality, str]:
        """Quality and name of a status code. Only the severity counts: an overflow bit leaves a value as good as it is.

        Both reserved severities are bad. Source: OPC 10000-4, 7.39.1.
        """
        name = self._names.get(status)
        if name is None:
            name = self._names[status] = name_of_status(status)
        quality = self._known.get(status) or self._known.get(status & 0xFFFF_0000)
        if quality is None:
            quality = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)[status >> 30]
        return quality, name


def converter_of(point: OpcUaPoint, decode: Decode | None = None) -> Convert:
    """How the values of a point are brought to what the map says; what does not fit raises `Misfit`.

    Integers stay integers, and text is never turned into a number; a number becomes text only where the map says that
    the point is a string. `decode`: how the structures of this point are read, if they are.
    """
    convert = _scalar_converter(point)
    if point.words:
        convert = _with_words(point.words, convert)
    if point.member:
        convert = _with_member(point.member, decode, convert)
    return _with_element(point.element, point.member, decode, convert) if point.element is not None else convert


def _scalar_converter(point: OpcUaPoint) -> Convert:
    if point.type is PointType.STRING:
        return _to_text
    if point.counter is not None:
        return _to_count
    is_bool, is_float = point.type is PointType.BOOL, point.type in (PointType.FLOAT32, PointType.FLOAT64)

    def to_number(value: object) -> Value:
        kind = type(value)
        if kind is int:
            return bool(value) if is_bool else value  # type: ignore[return-value]  # kind says that it is an int
        if kind is bool:
            return value  # type: ignore[return-value]  # kind says that it is a bool
        if isinstance(value, float):
            return _finite(value) if is_float else _whole(_finite(value))
        raise _misfit(value, point.type)

    return to_number


def _to_count(value: object) -> Value:
    if type(value) is int:
        return value
    if isinstance(value, bool):
        raise Misfit(f"{value} where the map says counter")
    if isinstance(value, float):
        whole = _whole(_finite(value))
        if isinstance(whole, int):
            return whole
        raise Misfit(f"{value} where the map says counter")
    raise _misfit(value, "counter")


def _to_text(value: object) -> Value:
    if isinstance(value, str):
        return value
    if isinstance(value, ua.LocalizedText):
        return _to_text(value.Text)
    if type(value) is int:
        return str(value)
    if isinstance(value, bool | float):
        raise Misfit(f"{value} where the map says string")
    raise _misfit(value, PointType.STRING)


def _misfit(value: object, wanted: str) -> Misfit:
    match value:
        case None:
            return Misfit("the server has no value")
        case str() | ua.LocalizedText():
            return Misfit(f"text where the map says {wanted}")
        case list():
            return Misfit("an array where the map says one value: add `element` to the point")
        case RawStructure():
            return Misfit("a structure where the map says one value: add `field` to the point")
        case _:
            return Misfit(f"a {type(value).__name__} where the map says {wanted}")


def _finite(value: float) -> float:
    if math.isfinite(value):
        return value
    raise Misfit(f"{value} is not a number")


def _whole(value: float) -> int | float:
    """Some controllers keep counts in a floating-point variable."""
    return int(value) if value.is_integer() else value


def _with_words(words: Mapping[str, int], convert: Convert) -> Convert:
    def to_number(value: object) -> Value:
        text = value.Text if isinstance(value, ua.LocalizedText) else value
        if not isinstance(text, str):
            return convert(text)
        number = words.get(text.strip())
        if number is None:
            raise Misfit(f"{text!r} is not one of the words of the map: {', '.join(words)}")
        return number

    return to_number


def _with_member(member: str, decode: Decode | None, convert: Convert) -> Convert:
    path = member.split(".")

    def to_member(value: object) -> Value:
        if isinstance(value, list):
            raise Misfit("an array where the map says one value: add `element` to the point")
        for name in path:
            value = _member_of(value, name, decode)
        return convert(value)

    return to_member


def _with_element(element: int | str, member: str, decode: Decode | None, convert: Convert) -> Convert:
    def to_element(value: object) -> Value:
        if value is None:
            raise _misfit(None, "")
        if not isinstance(value, list):
            raise Misfit("one value where the map says an array: leave `element` out")
        if isinstance(element, int):
            if element >= len(value):
                raise Misfit(f"the array has {len(value)} elements: there is no element {element}")
            return convert(value[element])
        for each in value:
            if element in (str(_member_of(each, "Name", decode)), str(_member_of(each, "ID", decode, default=""))):
                return convert(each)
        raise Misfit(f"the array has no element with the Name or ID {element!r}")

    return to_element


_NO_DEFAULT: Final = object()


def _member_of(value: object, name: str, decode: Decode | None, default: object = _NO_DEFAULT) -> object:
    members: object = value
    if isinstance(value, RawStructure):
        if decode is None:
            raise Misfit("the server does not describe its structures: give the member a node of its own")
        members = decode(value)
    if isinstance(members, Mapping):
        if name in members:
            return members[name]
        if default is not _NO_DEFAULT:
            return default
        raise Misfit(f"the structure has no member {name}, but {', '.join(members)}")
    raise Misfit(f"a {type(value).__name__} where the map says a structure")
