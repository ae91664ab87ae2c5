"""What OPC UA says, in our words: node ids, values, quality and time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncua import ua
from asyncua.ua.uaerrors import UaError

from genba_edge.ports import Quality, Value
from genba_shared.device_map.model import OpcUaPoint, PointType, TimeSource
from genba_shared.errors import GenbaError

NO_TIME_BEFORE = datetime(1602, 1, 1, tzinfo=UTC)
"""A timestamp of 1601-01-01 means that there is none. Source: OPC 10000-6, 5.2.2.5."""


class NodeUnknown(GenbaError):
    """The map's node id cannot be brought to a node id of this server; the message says why."""


def resolve(node: str, namespaces: Sequence[str]) -> ua.NodeId:
    """The server's node id for the map's, with the namespace's present index put in for its URI.

    Raises:
        NodeUnknown: not a node id, or a namespace that the server does not have (now).
    """
    try:
        parsed = ua.NodeId.from_string(node)
    except (UaError, ValueError) as exc:
        raise NodeUnknown(f"{node!r} is not a node id") from exc
    uri = parsed.NamespaceUri if isinstance(parsed, ua.ExpandedNodeId) else None
    if uri is None:
        return parsed
    if uri not in namespaces:
        raise NodeUnknown(f"the server has no namespace {uri}, but {', '.join(namespaces)}")
    return ua.NodeId(parsed.Identifier, ua.Int16(namespaces.index(uri)), parsed.NodeIdType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value as the core takes it; `reason` says why it is bad."""

    value: Value
    quality: Quality
    reason: str = ""


def reading_of(data: ua.DataValue, point: OpcUaPoint) -> Reading:
    """Value and quality of what the server sent for a point.

    A bad status has no value, whatever the server attached. Integers stay integers, and text is never turned into a
    number; a number becomes text only where the map says that the point is a string. Everything else that does not fit
    the map (an array, text for a number, a fraction for a counter) is bad. Only the severity of the status counts:
    the overflow bit of a queue that lost samples leaves the value as good as it is.
    """
    status = data.StatusCode or ua.StatusCode()
    if status.is_bad():
        return Reading(value=None, quality=Quality.BAD, reason=status.name)
    value, fault = _convert(data.Value.Value if data.Value is not None else None, point)
    if fault:
        return Reading(value=None, quality=Quality.BAD, reason=fault)
    return Reading(value=value, quality=Quality.UNCERTAIN if status.is_uncertain() else Quality.GOOD)


def _convert(value: object, point: OpcUaPoint) -> tuple[Value, str]:
    """The value in the type of the map, or why that cannot be."""
    if isinstance(value, ua.LocalizedText):
        value = value.Text
    is_text = point.type is PointType.STRING
    match value:
        case None:
            return None, "the server has no value"
        case bool():
            converted: Value = value
        case int():
            converted = str(value) if is_text else bool(value) if point.type is PointType.BOOL else int(value)
        case float() if not math.isfinite(value):
            return None, f"{value} is not a number"
        case float():
            converted = _whole(value) if point.type not in (PointType.FLOAT32, PointType.FLOAT64) else value
        case str() if is_text:
            return value, ""
        case str():
            return None, f"text where the map says {point.type}"
        case list():
            return None, "an array where the map says one value"
        case _:
            return None, f"a {type(value).__name__} where the map says {point.type}"
    if is_text and not isinstance(converted, str):
        return None, f"{value} where the map says string"
    if point.counter is not None and (isinstance(converted, bool) or not isinstance(converted, int)):
        return None, f"{value} where the map says counter"
    return converted, ""


def _whole(value: float) -> int | float:
    """Some controllers keep counts in a floating-point variable."""
    return int(value) if value.is_integer() else value


def time_of(data: ua.DataValue, source: TimeSource, *, seen_at: datetime) -> datetime:
    """The time that the map chose: the source's, where missing the server's, where missing the gateway's."""
    stamps = {
        TimeSource.SOURCE: (data.SourceTimestamp, data.ServerTimestamp),
        TimeSource.SERVER: (data.ServerTimestamp,),
        TimeSource.GATEWAY: (),
    }[source]
    return next((stamp for stamp in stamps if stamp is not None and stamp >= NO_TIME_BEFORE), seen_at)
