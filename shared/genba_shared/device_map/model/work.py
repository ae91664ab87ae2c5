"""Stations, zones and nodes: what the points mean for production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from genba_shared.device_map.model.completion import CompletionRule, PointIs, StartRule, StationIs
from genba_shared.device_map.model.points import PointRef
from genba_shared.device_map.model.rfid import ReadPointRef
from genba_shared.events import Result


class WorkOrderSource(StrEnum):
    """Where a node's work order comes from."""

    POINT = "point"
    TAGS = "tags"
    DISPATCH = "dispatch"


class Stocktake(StrEnum):
    """Whether people may set the content of a zone to what they counted."""

    REFUSED = "refused"
    ALLOWED = "allowed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRule:
    """Station state from labels of points, or from count cadence: idle after `idle_after_s` (plant) without a piece.

    `also` are further state points: the first of all that says something else than running has it; a value without a
    label says nothing. With cadence: `setup_at_most_s` after a change of work no piece means set-up no longer; within
    dispatched work the station is down after `down_after_s`, or after `down_after_cycles` usual cycles, without a piece
    (both None: never told).
    """

    point: PointRef
    idle_after_s: float | None = None
    also: tuple[PointRef, ...] = ()
    setup_at_most_s: float = 7200.0
    down_after_s: float | None = None
    down_after_cycles: int | None = None

    @property
    def points(self) -> tuple[PointRef, ...]:
        """All points that the state follows from, in the order of the map."""
        return (self.point, *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A place where work happens: which counters count its pieces, where its state comes from, what surrounds it."""

    id: str
    device: str
    counts: Mapping[Result, PointRef] = field(default_factory=dict)
    state: StateRule | None = None
    environment: tuple[PointRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEnd:
    """One side of a counter-pair zone: good (or other) pieces of a station."""

    station: str
    result: Result

    def __str__(self) -> str:
        return f"{self.station}/{self.result}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A WIP area, bounded by read points (`enter`, `leave`), by counters (`pieces_in`, `pieces_out`) or by both.

    Several add up. A counter is that of a station, or a point that counts what crosses and belongs to no station.
    """

    id: str
    enter: tuple[ReadPointRef, ...] = ()
    leave: tuple[ReadPointRef, ...] = ()
    pieces_in: tuple[CountedEnd | PointRef, ...] = ()
    pieces_out: tuple[CountedEnd | PointRef, ...] = ()
    wip_limit: int | None = None
    close_after_s: float | None = None
    stocktake: Stocktake = Stocktake.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRule:
    """How this gateway sees a node being worked on and completed; `code` is the routing's node code.

    `otherwise` is what says the work order while `work_order_point` is empty (None: nothing does).
    """

    code: str
    stations: tuple[str, ...] = ()
    work_order: WorkOrderSource = WorkOrderSource.DISPATCH
    work_order_point: PointRef | None = None
    otherwise: WorkOrderSource | None = None
    start_when: StartRule | PointIs | StationIs = StartRule.FIRST_PIECE
    done_when: CompletionRule = field(default_factory=CompletionRule)
