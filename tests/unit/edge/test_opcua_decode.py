"""Notifications and read answers from bytes, compared with what the library makes of the same bytes."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from genba_edge.drivers.opcua_decode import RawStructure, decode_published, decode_read
from genba_edge.drivers.opcua_publishing import MessageNumbers
from genba_edge.drivers.opcua_values import raw_time

SOURCE, SERVER = datetime(2026, 1, 5, 7, tzinfo=UTC), datetime(2026, 1, 5, 7, 0, 1, tzinfo=UTC)
RAW_SOURCE, RAW_SERVER = raw_time(SOURCE), raw_time(SERVER)


def sent(value: object, kind: ua.VariantType, **more: Any) -> ua.DataValue:
    return ua.DataValue(
        ua.Variant(value, kind),
        SourceTimestamp=SOURCE,  # type: ignore[arg-type]  # asyncua takes a datetime, whatever it declares
        ServerTimestamp=SERVER,  # type: ignore[arg-type]  # as above
        **more,
    )


def notification(*values: ua.DataValue, header: ua.ResponseHeader | None = None) -> bytes:
    response = ua.PublishResponse(
        ResponseHeader=header or ua.ResponseHeader(),
        Parameters=ua.PublishResult(
            SubscriptionId=7,
            AvailableSequenceNumbers=[4, 5],
            NotificationMessage=ua.NotificationMessage(
                SequenceNumber=5,
                NotificationData=[
                    ua.DataChangeNotification(
                        MonitoredItems=[
                            ua.MonitoredItemNotification(ClientHandle=number, Value=value)
                            for number, value in enumerate(values)
                        ]
                    )
                ],
            ),
        ),
    )
    return struct_to_binary(response)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ua.VariantType.Boolean, True),
        (ua.VariantType.SByte, -5),
        (ua.VariantType.Byte, 250),
        (ua.VariantType.Int16, -12),
        (ua.VariantType.UInt16, 65535),
        (ua.VariantType.Int32, -12),
        (ua.VariantType.UInt32, 4294967295),
        (ua.VariantType.Int64, -(2**63)),
        (ua.VariantType.UInt64, 2**64 - 1),
        (ua.VariantType.Double, 21.3),
        (ua.VariantType.String, "0815 裁断"),
        (ua.VariantType.String, None),
        (ua.VariantType.DateTime, SOURCE),
        (ua.VariantType.LocalizedText, ua.LocalizedText("Execute")),
        (ua.VariantType.UInt32, [1, 2, 3]),
        (ua.VariantType.String, ["a", "b"]),
    ],
)
def test_every_type_is_decoded_and_the_item_behind_it_too(kind: ua.VariantType, value: object) -> None:
    published = decode_published(notification(sent(value, kind), sent(41, ua.VariantType.UInt16)))
    assert published.items == [(0, value, 0, RAW_SOURCE, RAW_SERVER), (1, 41, 0, RAW_SOURCE, RAW_SERVER)]
    assert (published.subscription, published.sequence) == (7, 5)


def test_a_status_and_missing_times_leave_the_next_item_in_its_place() -> None:
    bad = sent(1, ua.VariantType.UInt16, StatusCode=ua.StatusCode(ua.UInt32(StatusCodes.BadSensorFailure)))
    bare = ua.DataValue(ua.Variant(2, ua.VariantType.UInt16))
    nothing = ua.DataValue(ua.Variant(), StatusCode=ua.StatusCode(ua.UInt32(StatusCodes.BadNodeIdUnknown)))
    items = decode_published(notification(bad, bare, nothing, sent(3, ua.VariantType.UInt16))).items
    assert [item[:3] for item in items] == [
        (0, 1, StatusCodes.BadSensorFailure),
        (1, 2, 0),
        (2, None, StatusCodes.BadNodeIdUnknown),
        (3, 3, 0),
    ]
    assert items[0][3:] == items[3][3:] == (RAW_SOURCE, RAW_SERVER)
    assert items[1][3:] == (0, 0)


@pytest.mark.parametrize(
    ("mask", "form", "times"),
    [
        (0x0D, "qq", (RAW_SOURCE, RAW_SERVER)),
        (0x1D, "qHq", (RAW_SOURCE, 5, RAW_SERVER)),
        (0x2D, "qqH", (RAW_SOURCE, RAW_SERVER, 6)),
        (0x3D, "qHqH", (RAW_SOURCE, 5, RAW_SERVER, 6)),
    ],
)
@pytest.mark.parametrize("status", [None, StatusCodes.UncertainLastUsableValue])
def test_picoseconds_are_passed_over(mask: int, form: str, times: tuple[int, ...], status: int | None) -> None:
    head = () if status is None else (status,)
    item = struct.pack(f"<IBBH{'' if status is None else 'I'}{form}", 9, mask | 2 * len(head), 5, 41, *head, *times)
    items = decode_published(with_items(item, item)).items
    assert items == [(9, 41, status or 0, RAW_SOURCE, RAW_SERVER)] * 2


def with_items(*items: bytes) -> bytes:
    """A notification with items in bytes."""
    body = notification()
    start = body.index(bytes.fromhex("01002b0301")) + 5  # the id of a DataChangeNotification, and that it has a body
    (size,) = struct.unpack_from("<i", body, start)
    inner = struct.pack("<i", len(items)) + b"".join(items) + struct.pack("<i", -1)
    return body[:start] + struct.pack("<i", len(inner)) + inner + body[start + 4 + size :]


def test_structures_stay_bytes_and_do_not_disturb_the_next_item() -> None:
    unknown = ua.ExtensionObject(TypeId=ua.NodeId("Counts", 3), Body=b"\x05\x00\x00\x00")
    values = [
        sent(unknown, ua.VariantType.ExtensionObject),
        sent([unknown, unknown], ua.VariantType.ExtensionObject),
        sent(41, ua.VariantType.UInt16),
    ]
    raw = RawStructure(encoding=ua.NodeId("Counts", 3), body=b"\x05\x00\x00\x00")
    assert [item[1] for item in decode_published(notification(*values)).items] == [raw, [raw, raw], 41]


def test_an_unusual_header_is_left_to_the_library() -> None:
    header = ua.ResponseHeader(StringTable=["a server that explains itself"])
    published = decode_published(notification(sent(41, ua.VariantType.UInt16), header=header))
    assert published.items == [(0, 41, 0, RAW_SOURCE, RAW_SERVER)]
    assert (published.subscription, published.sequence) == (7, 5)


def test_a_keep_alive_has_no_data_and_a_subscription_that_ended_says_why() -> None:
    result = ua.PublishResult(SubscriptionId=7, NotificationMessage=ua.NotificationMessage(SequenceNumber=6))
    alive = decode_published(struct_to_binary(ua.PublishResponse(Parameters=result)))
    assert (alive.has_data, alive.sequence, alive.items, alive.ended) == (False, 6, [], 0)
    end = ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(StatusCodes.BadTimeout)))
    result.NotificationMessage.NotificationData = [end]
    ended = decode_published(struct_to_binary(ua.PublishResponse(Parameters=result)))
    assert (ended.has_data, ended.ended) == (True, StatusCodes.BadTimeout)


def test_a_bad_answer_as_a_whole_is_raised() -> None:
    header = ua.ResponseHeader(ServiceResult=ua.StatusCode(ua.UInt32(StatusCodes.BadTooManyOperations)))
    with pytest.raises(UaStatusCodeError):
        decode_read(struct_to_binary(ua.ReadResponse(ResponseHeader=header)))


def test_a_read_answer_is_decoded_in_order() -> None:
    response = ua.ReadResponse(Results=[sent(1, ua.VariantType.UInt16), sent("x", ua.VariantType.String)])
    assert decode_read(struct_to_binary(response)) == [
        (0, 1, 0, RAW_SOURCE, RAW_SERVER),
        (0, "x", 0, RAW_SOURCE, RAW_SERVER),
    ]


@pytest.mark.parametrize("cut", range(30, 80))
def test_a_message_that_was_cut_raises_what_the_driver_expects(cut: int) -> None:
    body = notification(sent(41, ua.VariantType.UInt16))
    with pytest.raises((UaError, struct.error, IndexError, ValueError)):
        decode_published(body[:cut])


def test_message_numbers_that_are_left_out_are_found_and_repeated_ones_too() -> None:
    numbers = MessageNumbers()
    assert numbers.missing_before(1) == range(1, 1)
    numbers.took(1)
    assert numbers.missing_before(4) == range(2, 4)
    assert numbers.missing_before(1) is None
    numbers.took(4)
    assert numbers.missing_before(5) == range(5, 5)


def test_message_numbers_start_again_at_one() -> None:
    numbers = MessageNumbers()
    numbers.took(2**32 - 1)
    assert numbers.missing_before(1) == range(1, 1)
    assert list(numbers.missing_before(2) or ()) == [1]
