"""The columns of a log row, as queries name them and as the driver takes them."""

from __future__ import annotations

from datetime import UTC, datetime

from genba_cloud.store.port import LogRow
from genba_cloud.store.rows import log_parameters, log_values
from genba_cloud.store.tables import LOG
from genba_shared.events import Direction, Event, OrderConfirmed, Source, SourceType, TagPassed

AT = datetime(2026, 1, 5, 7, 0, 0, 250_999, tzinfo=UTC)
RFID = Source(type=SourceType.RFID, ref="gate/out")
PASSED = TagPassed(
    id=f"gw:{'0' * 32}:7",
    at=AT,
    source=RFID,
    work_order="WO-1",
    read_point="out",
    reader="gate",
    tag="aa",
    direction=Direction.LEAVE,
    first_seen=AT,
    last_seen=AT,
    reads=2,
    zone="packing",
)
ORDERED = OrderConfirmed(id="0190a000-0000-7000-8000-000000000001", at=AT, source=RFID, order="A-1")


def row(event: Event) -> LogRow:
    return LogRow(position=5, received_at=datetime(2026, 1, 5, 8, 0, tzinfo=UTC), event=event, body=b"{}", leaf=b"l")


def test_columns_stand_in_the_order_of_the_table() -> None:
    assert list(log_values("e", row(PASSED))) == [column.name for column in LOG.columns]


def test_the_driver_takes_instants_as_milliseconds_cut_off() -> None:
    passed, ordered = log_parameters("e", [row(PASSED), row(ORDERED)])
    begin, end = 1_767_596_400_250, 1_767_600_000_000
    assert passed == (
        *("e", 5, f"gw:{'0' * 32}:7", "tag_passed", begin, "gw", None, "WO-1", None, "packing", "aa", end, b"{}", b"l"),
    )
    assert ordered == (
        *("e", 5, "0190a000-0000-7000-8000-000000000001", "order_confirmed", begin),
        *(None, "A-1", None, None, None, None, end, b"{}", b"l"),
    )


def test_both_forms_say_the_same() -> None:
    for event in (PASSED, ORDERED):
        named = log_values("e", row(event))
        (taken,) = log_parameters("e", [row(event)])
        same = {name for name, value in zip(named, taken, strict=True) if named[name] == value}
        assert named.keys() - same == {"at", "received_at"}
