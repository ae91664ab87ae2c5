"""Which words of an event are personal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from genba_cloud.core.personal import personal_fields, subject_of
from genba_shared.events import DataQuestioned, Event, EventCorrected, NodeStarted, Source, SourceType

AT = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
UUID = "0190a000-0000-7000-8000-000000000001"
GATEWAY = "gw:0123456789abcdef0123456789abcdef:1"


def corrected(kind: SourceType, ref: str, **more: Any) -> Event:
    return EventCorrected(id=UUID, at=AT, source=Source(type=kind, ref=ref), target=GATEWAY, pieces=1, **more)


def started(kind: SourceType, ref: str, *, name: str = UUID, reason: str | None = None) -> Event:
    return NodeStarted(id=name, at=AT, source=Source(type=kind, ref=ref), work_order="WO-1", node="CUT", reason=reason)


def questioned(kind: SourceType, *, name: str) -> Event:
    return DataQuestioned(id=name, at=AT, source=Source(type=kind, ref="x1"), point="p", note="jumped")


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (corrected(SourceType.PERSON, "admin", note="why"), ("note",)),
        (corrected(SourceType.API, "key:ab12", note="why", reason="because"), ("note", "reason")),
        (corrected(SourceType.PLC, "cutter1", note="why"), ("note",)),
        (corrected(SourceType.PERSON, "admin"), ()),
        (started(SourceType.PERSON, "Zhang San"), ("source.ref",)),
        (started(SourceType.SCAN, "j.smith@example.com", reason="late"), ("reason", "source.ref")),
        (started(SourceType.SUPPLIER, "Blue Cloth Ltd", reason="truck broke down"), ("reason",)),
        (started(SourceType.API, "mes", reason="code 17"), ()),
        (started(SourceType.SYSTEM, "collector", reason="restored"), ()),
        (started(SourceType.PERSON, "Zhang San", name=GATEWAY, reason="x"), ()),
        (questioned(SourceType.PLC, name=GATEWAY), ()),
        (questioned(SourceType.PERSON, name=UUID), ("note",)),
    ],
)
def test_what_people_write_is_personal_and_what_machines_say_is_not(event: Event, fields: tuple[str, ...]) -> None:
    assert personal_fields(event) == fields


@pytest.mark.parametrize("ref", ["admin", "local", "p17", "p-17", "lead-7", "0042", UUID])
def test_an_opaque_id_is_no_personal_word(ref: str) -> None:
    assert personal_fields(started(SourceType.PERSON, ref)) == ()


@pytest.mark.parametrize(
    "ref", ["Zhang San", "zhang", "zhang.san", "zhang7", "张三", "a b-1", "j@example.com", "p-17 x"]
)
def test_what_may_be_a_name_is(ref: str) -> None:
    assert personal_fields(started(SourceType.PERSON, ref)) == ("source.ref",)


def test_the_subject_is_the_account_of_a_person_or_the_kind_and_name_of_another_source() -> None:
    assert subject_of(corrected(SourceType.PERSON, "admin")) == "admin"
    assert subject_of(corrected(SourceType.API, "erp")) == "api:erp"
