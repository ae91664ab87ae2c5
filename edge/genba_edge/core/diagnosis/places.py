"""Which points of a map are watched for mistakes, and how often each of them is read."""

from __future__ import annotations

from collections.abc import Iterator

from genba_edge.core.diagnosis.counter_trace import CounterPlace, CounterTrace
from genba_edge.core.diagnosis.register_rules import MeasureTrace
from genba_edge.core.diagnosis.signal_trace import SignalPlace, SignalTrace
from genba_edge.core.diagnosis.station_rules import StationTrace, ZoneBehind
from genba_shared.device_map.model import (
    CountedEnd,
    DeviceMap,
    ModbusDevice,
    ModbusPoint,
    OpcUaPoint,
    Point,
    PointRef,
    ResetSign,
    WorkOrderSource,
)
from genba_shared.events import Result

__all__ = ["counter_traces", "measure_traces", "signal_traces", "station_traces"]


def counter_traces(device_map: DeviceMap, speed: float) -> dict[PointRef, CounterTrace]:
    """The counters that stations count by."""
    found: dict[PointRef, CounterTrace] = {}
    for station in device_map.stations.values():
        for result, ref in station.counts.items():
            point = device_map.devices[ref.device].points[ref.point]
            if point.counter is None:
                continue
            wall_s = _wall_s(device_map, ref, point)
            found[ref] = CounterTrace(
                CounterPlace(
                    ref=ref,
                    point=point,
                    settings=point.counter,
                    station=station.id,
                    result=result,
                    period_s=None if wall_s is None else wall_s * speed,
                )
            )
    return found


def signal_traces(device_map: DeviceMap, speed: float) -> dict[PointRef, SignalTrace]:
    """State points, buttons that reset counters, and job numbers."""
    found: dict[PointRef, SignalTrace] = {}
    for ref, station, node in _signals(device_map):
        point = device_map.devices[ref.device].points[ref.point]
        device, wall_s = device_map.devices[ref.device], _wall_s(device_map, ref, point)
        place = SignalPlace(
            ref=ref,
            point=point,
            station=station,
            node=node,
            period_s=None if wall_s is None else wall_s * speed,
            wall_s=wall_s,
            device=device if isinstance(device, ModbusDevice) else None,
        )
        found.setdefault(ref, SignalTrace(place))
    return found


def measure_traces(device_map: DeviceMap) -> dict[PointRef, MeasureTrace]:
    """Measured numbers of several Modbus registers."""
    return {
        PointRef(device.id, point.name): MeasureTrace(PointRef(device.id, point.name), point)
        for device in device_map.devices.values()
        for point in device.points.values()
        if isinstance(point, ModbusPoint) and MeasureTrace.fits(point)
    }


def station_traces(
    device_map: DeviceMap, counters: dict[PointRef, CounterTrace], signals: dict[PointRef, SignalTrace]
) -> dict[str, StationTrace]:
    """Stations that count good pieces."""
    found: dict[str, StationTrace] = {}
    for station in device_map.stations.values():
        good = station.counts.get(Result.GOOD)
        if good is None or good not in counters:
            continue
        others = [counters[ref] for result, ref in station.counts.items() if ref != good and ref in counters]
        state = station.state
        labelled = state is not None and state.idle_after_s is None
        found[station.id] = StationTrace(
            good=counters[good],
            others=others,
            state=signals.get(state.point) if state is not None and labelled else None,
            behind=_zone_behind(device_map, station.id, counters),
        )
    return found


def _zone_behind(device_map: DeviceMap, station: str, counters: dict[PointRef, CounterTrace]) -> ZoneBehind | None:
    """The zone that takes the good pieces of this station and nothing else, where the map says how much it holds."""
    for zone in device_map.zones.values():
        if zone.wip_limit is None or zone.pieces_in != (CountedEnd(station=station, result=Result.GOOD),):
            continue
        ends = [
            end if isinstance(end, PointRef) else device_map.stations[end.station].counts.get(end.result)
            for end in zone.pieces_out
        ]
        out = [counters[ref] for ref in ends if ref is not None and ref in counters]
        return ZoneBehind(zone=zone.id, most=zone.wip_limit, out=out)
    return None


def _signals(device_map: DeviceMap) -> Iterator[tuple[PointRef, str | None, str | None]]:
    """Point, station and node of each signal; a point that is several of them is the first."""
    for node in device_map.nodes.values():
        if node.work_order is WorkOrderSource.POINT and node.work_order_point is not None:
            yield node.work_order_point, None, node.code
    for station in device_map.stations.values():
        if station.state is not None and station.state.idle_after_s is None:
            yield station.state.point, station.id, None
        for ref in station.counts.values():
            counter = device_map.devices[ref.device].points[ref.point].counter
            evidence = None if counter is None else counter.reset_by
            if evidence is not None and evidence.sign is ResetSign.TRUE:
                yield evidence.point, station.id, None


def _wall_s(device_map: DeviceMap, ref: PointRef, point: Point) -> float | None:
    """How often the point is read, in seconds on the wall; None: whenever its device likes."""
    device = device_map.devices[ref.device]
    if isinstance(device, ModbusDevice) and isinstance(point, ModbusPoint):
        return device.poll.groups.get(point.group)
    return point.sampling_s if isinstance(point, OpcUaPoint) else None
