"""Dispatch intervals: which node of which work order owned a station, from when to when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from genba_edge.core.progress import WorkKey
from genba_shared.clock import format_time, parse_time
from genba_shared.device_map.model import WorkOrderSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A node of a work order owns the station from `opened_at` on; `source` says who decided it (None: not known).

    `unsure_since`: it may own the station since then (a job number that is read now and then only); None: it does not.
    """

    key: WorkKey
    opened_at: datetime
    unsure_since: datetime | None = None
    version: int = 0
    source: WorkOrderSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedInterval:
    """An interval that was closed at a station; `unsure_since`: it may have ended since then."""

    key: WorkKey
    opened_at: datetime
    closed_at: datetime
    unsure_since: datetime | None = None


def lies_within(change: datetime, unsure_since: datetime | None, since: datetime, at: datetime) -> bool:
    """Whether a change of work, that may have happened since `unsure_since`, can lie in the span of a count."""
    return since < change and (change <= at or (unsure_since is not None and unsure_since < at))


def loaded_interval(value: Mapping[str, Any]) -> Interval:
    """The open interval from what was saved; older versions did not save who decided, nor since when it is unsure."""
    by, unsure_since = value.get("by"), value.get("unsure_since")
    return Interval(
        key=WorkKey(value["work_order"], value["node"]),
        opened_at=parse_time(value["opened_at"]),
        version=value["version"],
        source=None if by is None else WorkOrderSource(by),
        unsure_since=None if unsure_since is None else parse_time(unsure_since),
    )


def loaded_closed(value: Sequence[str]) -> ClosedInterval:
    """A closed interval from what was saved."""
    work_order, node, opened_at, closed_at, *unsure_since = value
    return ClosedInterval(
        key=WorkKey(work_order, node),
        opened_at=parse_time(opened_at),
        closed_at=parse_time(closed_at),
        unsure_since=parse_time(unsure_since[0]) if unsure_since else None,
    )


def saved_work(interval: Interval | None, closed: Sequence[ClosedInterval]) -> dict[str, Any]:
    """What is kept of a station: the open interval, and the ones before it."""
    value: dict[str, Any] = {"before": [_saved_closed(each) for each in closed]}
    if interval is None:
        return value
    return value | {
        "work_order": interval.key.work_order,
        "node": interval.key.node,
        "opened_at": format_time(interval.opened_at),
        "version": interval.version,
        "by": None if interval.source is None else str(interval.source),
        "unsure_since": None if interval.unsure_since is None else format_time(interval.unsure_since),
    }


def _saved_closed(closed: ClosedInterval) -> list[str]:
    times = [closed.opened_at, closed.closed_at, *([closed.unsure_since] if closed.unsure_since else [])]
    return [closed.key.work_order, closed.key.node, *(format_time(time) for time in times)]
