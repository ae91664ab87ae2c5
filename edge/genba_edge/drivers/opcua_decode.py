"""What OPC UA servers send most, decoded from bytes: notifications and read answers, without an object per field.

The library's decoder builds seven objects for each notification; with a thousand changes a second that alone is more
than the rest of the gateway. Here numbers and times are unpacked together; every rarer form is left to the library.
Structures are kept as bytes, since their layout is known to one session only (`opcua_structures`).

Source: OPC 10000-6, 5.2 (UA binary encoding); OPC 10000-4, 5.14.5 (Publish), 7.25 (notifications).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary, variant_from_binary

Item = tuple[int, object, int, int, int]
"""Client handle, value, status code, source time, server time; times as 100 ns since 1601-01-01, 0 where missing."""

_I32, _U32, _I64, _STATUSES = Struct("<i"), Struct("<I"), Struct("<q"), Struct("<II")
_HEADER: Final = Struct("<BBHqIIBi")
_SCALARS: Final = {
    1: Struct("<?"),
    2: Struct("<b"),
    3: Struct("<B"),
    4: Struct("<h"),
    5: Struct("<H"),
    6: Struct("<i"),
    7: Struct("<I"),
    8: Struct("<q"),
    9: Struct("<Q"),
    10: Struct("<f"),
    11: Struct("<d"),
}
_USUAL: Final = {
    (mask << 8) | kind: Struct(f"<Ixx{scalar.format[1:]}{times}")
    for kind, scalar in _SCALARS.items()
    for mask, times in (
        (0x0D, "qq"),
        (0x0F, "Iqq"),
        (0x1D, "qxxq"),
        (0x1F, "Iqxxq"),
        (0x2D, "qqxx"),
        (0x2F, "Iqqxx"),
        (0x3D, "qxxqxx"),
        (0x3F, "Iqxxqxx"),
    )
}
"""A whole item by mask and type: handle, value, status if there is one, source and server time; no picoseconds."""
_STRING, _STRUCTURE, _ARRAY = 12, 22, 0x80
_DATA_CHANGE, _STATUS_CHANGE = 811, 820
_PUBLISH_RESPONSE, _READ_RESPONSE = 829, 634
_EMPTY: Final = frozenset({-1, 0})
_HUGE: Final = 10_000_000


class _Unusual(Exception):
    """The message has a form that is rare: the library decodes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawStructure:
    """A structure as it was sent: the id of its encoding, and its bytes."""

    encoding: ua.NodeId
    body: bytes


@dataclass(slots=True, kw_only=True)
class Published:
    """One answer to a publish request. `ended`: the status with which the subscription ended, 0 if it did not."""

    subscription: int
    sequence: int
    has_data: bool = False
    items: list[Item] = field(default_factory=list)
    ended: int = 0


def decode_published(body: bytes) -> Published:
    """Decode the answer to a publish request.

    Raises:
        UaError, struct.error, IndexError: not what OPC UA says that it is.
    """
    try:
        return _published(body, _after_header(body, _PUBLISH_RESPONSE))
    except _Unusual:
        response = struct_from_binary(ua.PublishResponse, Buffer(body))
        response.ResponseHeader.ServiceResult.check()
        result = response.Parameters
        return published_of(result.SubscriptionId, result.NotificationMessage)


def decode_read(body: bytes) -> list[Item]:
    """Decode the answer to a read request; the handles are 0.

    Raises:
        UaError, struct.error, IndexError: not what OPC UA says that it is.
    """
    try:
        at = _after_header(body, _READ_RESPONSE)
    except _Unusual:
        response = struct_from_binary(ua.ReadResponse, Buffer(body))
        response.ResponseHeader.ServiceResult.check()
        return [_item_of(0, data) for data in response.Results]
    (count,) = _I32.unpack_from(body, at)
    at += 4
    items: list[Item] = []
    for _ in range(count):
        value, status, source, server, at = _data_value(body, at)
        items.append((0, value, status, source, server))
    return items


def published_of(subscription: int, message: ua.NotificationMessage) -> Published:
    """The same of a message that the library has decoded."""
    published = Published(subscription=subscription, sequence=message.SequenceNumber)
    for notification in message.NotificationData or ():
        published.has_data = True
        if isinstance(notification, ua.DataChangeNotification):
            published.items += [_item_of(item.ClientHandle, item.Value) for item in notification.MonitoredItems]
        elif isinstance(notification, ua.StatusChangeNotification):
            published.ended = notification.Status.value
    return published


def _item_of(handle: int, data: ua.DataValue) -> Item:
    return (
        handle,
        data.Value.Value if data.Value is not None else None,
        data.StatusCode.value if data.StatusCode is not None else 0,
        ua.datetime_to_win_epoch(data.SourceTimestamp) if data.SourceTimestamp is not None else 0,
        ua.datetime_to_win_epoch(data.ServerTimestamp) if data.ServerTimestamp is not None else 0,
    )


def _after_header(body: bytes, response: int) -> int:
    """Where the part after the response header starts, if the header has nothing but the usual.

    Usual: type id of four bytes, no diagnostics, no string table, an empty additional header (3 bytes of 0).
    """
    form, namespace, kind, _time, _handle, result, diagnostics, strings = _HEADER.unpack_from(body)
    end = _HEADER.size + 3
    if (form, namespace, kind, diagnostics) != (1, 0, response, 0) or strings not in _EMPTY or result:
        raise _Unusual
    if body[_HEADER.size : end] != b"\0\0\0":
        raise _Unusual
    return end


def _published(body: bytes, at: int) -> Published:
    subscription, count = _STATUSES.unpack_from(body, at)
    at += 8
    if count != 0xFFFF_FFFF:  # numbers that can be had again, which nobody here asks for by this list
        if count > _HUGE:
            raise _Unusual
        at += 4 * count
    (sequence,) = _U32.unpack_from(body, at + 1)  # after one byte: more notifications follow
    (notifications,) = _I32.unpack_from(body, at + 13)  # after eight bytes: publish time
    at += 17
    published = Published(subscription=subscription, sequence=sequence)
    for _ in range(max(0, notifications)):
        form, namespace, kind_low, kind_high, has_body = body[at : at + 5]
        if form != 1 or namespace or has_body != 1:
            raise _Unusual
        (size,) = _I32.unpack_from(body, at + 5)
        at += 9
        if size < 0:
            raise _Unusual
        published.has_data = True
        kind = kind_low | kind_high << 8
        if kind == _DATA_CHANGE:
            _add_items(body, at, published.items)
        elif kind == _STATUS_CHANGE:
            (published.ended,) = _U32.unpack_from(body, at)
        at += size
    return published


def _add_items(body: bytes, at: int, items: list[Item]) -> None:
    (count,) = _I32.unpack_from(body, at)
    at += 4
    add, usual = items.append, _USUAL.get
    for _ in range(count):
        mask = body[at + 4]
        whole = usual(mask << 8 | body[at + 5])
        if whole is None:
            (handle,) = _U32.unpack_from(body, at)
            value, status, source, server, at = _data_value(body, at + 4)
            add((handle, value, status, source, server))
        elif not mask & 2:
            handle, value, source, server = whole.unpack_from(body, at)
            add((handle, value, 0, source, server))
            at += whole.size
        else:
            add(whole.unpack_from(body, at))
            at += whole.size


def _data_value(body: bytes, at: int) -> tuple[object, int, int, int, int]:
    """Value, status, source time, server time, and where the next one starts."""
    mask = body[at]
    at += 1
    value: object = None
    status = source = server = 0
    if mask & 1:
        value, at = _variant(body, at)
    if mask & 2:
        (status,) = _U32.unpack_from(body, at)
        at += 4
    if mask & 4:
        (source,) = _I64.unpack_from(body, at)
        at += 8
    if mask & 16:  # picoseconds
        at += 2
    if mask & 8:
        (server,) = _I64.unpack_from(body, at)
        at += 8
    if mask & 32:
        at += 2
    return value, status, source, server, at


def _variant(body: bytes, at: int) -> tuple[object, int]:
    kind = body[at]
    scalar = _SCALARS.get(kind)
    if scalar is not None:
        return scalar.unpack_from(body, at + 1)[0], at + 1 + scalar.size
    if kind == _STRING:
        (size,) = _I32.unpack_from(body, at + 1)
        end = at + 5 + max(0, size)
        return (None if size < 0 else body[at + 5 : end].decode("utf-8", "replace")), end
    if kind == _STRUCTURE:
        return _structure(body, at + 1)
    if kind == _STRUCTURE | _ARRAY:
        (count,) = _I32.unpack_from(body, at + 1)
        at += 5
        values: list[object] = []
        for _ in range(count):
            value, at = _structure(body, at)
            values.append(value)
        return values, at
    rest = Buffer(body, at)
    return variant_from_binary(rest).Value, rest.cur_pos


def _structure(body: bytes, at: int) -> tuple[RawStructure | None, int]:
    rest = Buffer(body, at)
    encoding = nodeid_from_binary(rest)
    at = rest.cur_pos
    has_body = body[at]
    at += 1
    if not has_body:
        return None, at
    (size,) = _I32.unpack_from(body, at)
    end = at + 4 + max(0, size)
    return RawStructure(encoding=encoding, body=body[at + 4 : end]), end
