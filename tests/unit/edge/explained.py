"""What a gateway knows when it is asked why, for tests of explanations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from genba_edge.core.explaining import Known
from genba_shared.events import Event, Source, SourceType
from tests.unit.edge.gateway_world import World

SHANGHAI = ZoneInfo("Asia/Shanghai")
PLC = Source(type=SourceType.PLC, ref="sewing/good1")


def named(seq: int) -> str:
    return f"gw-1:{'e' * 32}:{seq}"


def known_of(
    events: Iterable[Event],
    *,
    trails: Mapping[str, Mapping[str, Any]] | None = None,
    before: Mapping[str, Event] | None = None,
    since: int = 1,
) -> Known:
    """As if the rows before seq `since` had been trimmed."""
    kept = [event for event in events if int(event.id.rpartition(":")[2]) >= since]
    return Known(
        events={event.id: event for event in kept},
        trails=trails or {},
        before=before or {},
        kept_since=None if since == 1 else (since, kept[0].at),
        device_map=World().map,
        map_sha256="5e" * 32,
        zone=SHANGHAI,
    )
