"""What is old is read for ever, and what is new costs an old collector no more than the events that use it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from genba_shared.codec import Codec, Envelope, Header, best_codec, body_reader, body_writer, decode, encode, upcast
from genba_shared.codec.layout import kind_fields
from genba_shared.codec.making import maker_of
from genba_shared.codec.values import plans_of
from genba_shared.errors import ContractError
from genba_shared.events import NodeStarted, PiecesCounted, Result, Source, SourceType, read_lines
from genba_shared.events.registry import KINDS_BY_CODE
from genba_shared.events.schema import Field, FieldType

GOLDEN = Path(__file__).parents[2] / "golden" / "envelopes"
HAS_ZSTD = best_codec() is Codec.ZSTD
EPOCH = "00112233445566778899aabbccddeeff"
AT = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
COLOUR = Field(name="reason", json="colour", type=FieldType.TEXT, required=False)
"""A field that a newer gateway has at the end of its counts; its value stands in `reason` here."""


def counted(seq: int, **fields: Any) -> PiecesCounted:
    given: dict[str, Any] = {
        "id": f"line-1:{EPOCH}:{seq}",
        "at": AT + timedelta(seconds=seq),
        "source": Source(type=SourceType.PLC, ref="cutter1/good"),
        "station": "CUT-1",
        "point": "cutter1/good",
        "result": Result.GOOD,
        "delta": 3,
        "total": 100 + seq,
        "counter_epoch": 0,
        "since": AT,
    }
    return PiecesCounted(**(given | fields))


def started(seq: int) -> NodeStarted:
    source = Source(type=SourceType.PLC, ref="cutter1/good")
    return NodeStarted(id=f"line-1:{EPOCH}:{seq}", at=AT, source=source, work_order="WO-1", node="CUT")


def sent(*events: Any) -> bytes:
    header = Header(
        codec=Codec.ZLIB,
        gateway="line-1",
        epoch=EPOCH,
        first=1,
        last=len(events),
        prev=0,
        acked=0,
        wall=AT,
        mono_ms=1,
    )
    return encode(Envelope(header=header, events=events))


def newer_plan(code: int) -> body_writer.KindPlan:
    """How a newer gateway writes a kind."""
    return body_writer.plan_of((*kind_fields(KINDS_BY_CODE[code]), COLOUR))


def readable() -> list[Path]:
    return [path for path in sorted(GOLDEN.glob("*/*.bin")) if HAS_ZSTD or "zstd" not in path.name]


@pytest.mark.parametrize("path", readable(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_envelope_of_every_version_is_read_for_ever(path: Path) -> None:
    envelope = decode(path.read_bytes())
    assert f"version-{envelope.header.version}" == path.parent.name
    assert envelope.rejected == ()
    assert envelope.events == tuple(read_lines((path.parent / "every-kind.jsonl").read_text("utf-8").splitlines()))


def test_there_is_an_envelope_of_every_version_and_codec() -> None:
    names = {f"{path.parent.name}/{path.name}" for path in GOLDEN.glob("*/*.bin")}
    assert names == {
        f"version-{version}/every-kind.{codec}.bin" for version in (1, 2) for codec in ("stored", "zlib", "zstd")
    }


def test_a_field_that_is_not_known_costs_the_events_of_its_kind_in_that_envelope(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(body_writer, "_plan_of", newer_plan)
        data = sent(counted(1, reason="red"), started(2), counted(3))
    envelope = decode(data)
    assert envelope.events == (started(2),)
    assert [(rejected.seq, rejected.reason) for rejected in envelope.rejected] == [
        (1, "pieces_counted: columns cannot be read: a field that is not known: the sender is newer"),
        (3, "pieces_counted: columns cannot be read: a field that is not known: the sender is newer"),
    ]
    assert bytes.fromhex(envelope.rejected[0].raw["columns"])


def test_a_new_field_that_nobody_uses_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(body_writer, "_plan_of", newer_plan)
        data = sent(counted(1), started(2))
    assert decode(data).events == (counted(1), started(2))


def test_a_newer_collector_reads_what_has_no_new_field(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sent(counted(1), counted(2))
    fields = (*kind_fields(PiecesCounted), COLOUR)
    make, colours = maker_of(PiecesCounted), []

    def newer_make(*values: Any) -> PiecesCounted:
        *known, colour = values
        colours.append(colour)
        return make(*known)

    monkeypatch.setattr(body_reader, "_plans", lambda code: plans_of(fields))
    monkeypatch.setattr(body_reader, "_maker", lambda code: newer_make)
    assert decode(data).events == (counted(1), counted(2))
    assert colours == [None, None]


class NewerMethod(StrEnum):
    """The methods of a newer gateway."""

    NORMAL = "normal"
    WRAP = "wrap"
    RESET = "reset"
    RESTORE = "restore"
    MANUAL = "manual"
    GUESSED = "guessed"


def test_a_member_that_is_not_known_costs_its_event_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    new = counted(2)
    object.__setattr__(new, "method", NewerMethod.GUESSED)
    places: Callable[[type[StrEnum]], dict[str, int]] = body_writer._places

    def newer_places(choice: type[StrEnum]) -> dict[str, int]:
        return places(choice) | ({"guessed": 5} if choice.__name__ == "CountMethod" else {})

    monkeypatch.setattr(body_writer, "_places", newer_places)
    envelope = decode(sent(counted(1), new, counted(3)))
    assert envelope.events == (counted(1), counted(3))
    (rejected,) = envelope.rejected
    assert rejected.reason == "pieces_counted.method: 5 is no member of CountMethod"
    assert rejected.raw["method"] == 5
    assert rejected.raw["total"] == 102


def in_dozens(raw: dict[str, Any]) -> dict[str, Any]:
    """From a schema that never was, in which pieces were counted in dozens."""
    return raw | {"delta": raw["delta"] * 12} if raw["kind"] == "pieces_counted" else raw


def test_events_of_the_schema_before_are_made_events_of_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sent(counted(1), started(2), counted(3, delta=5))
    monkeypatch.setattr(upcast, "SCHEMA", 2)
    monkeypatch.setattr(upcast, "UPCASTERS", {1: in_dozens})
    assert decode(data).events == (counted(1, delta=36), started(2), counted(3, delta=60))
    old = decode((GOLDEN / "version-1" / "every-kind.stored.bin").read_bytes())
    assert [event.delta for event in old.events if isinstance(event, PiecesCounted)] == [12 * 35_097, 12 * 13_371]


def test_an_event_that_an_upcaster_makes_wrong_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sent(counted(1), started(2))
    monkeypatch.setattr(upcast, "SCHEMA", 2)
    monkeypatch.setattr(upcast, "UPCASTERS", {1: lambda raw: raw | {"delta": "many"}})
    envelope = decode(data)
    assert envelope.events == ()
    assert [rejected.reason for rejected in envelope.rejected] == [
        "pieces_counted.delta: 'many' is not a whole number of at most 64 bits",
        "node_started.delta is not a field of node_started",
    ]


@pytest.mark.parametrize(("present", "why"), [(0, "the sender is newer; 0 is known"), (3, "too old: 3 is known")])
def test_a_schema_that_is_newer_or_too_old_is_refused_with_both_numbers(
    monkeypatch: pytest.MonkeyPatch, present: int, why: str
) -> None:
    data = sent(counted(1))
    monkeypatch.setattr(upcast, "SCHEMA", present)
    with pytest.raises(ContractError, match=why):
        decode(data)
