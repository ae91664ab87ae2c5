"""Values that name something else in the map: a point, a read point, a station, a zone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import yaml

from genba_shared.device_map.model import CountedEnd, PointRef, ReadPointRef
from genba_shared.device_map.problems import Wrong, did_you_mean, shorten
from genba_shared.device_map.scalars import text_of
from genba_shared.device_map.spec import Kind, Scope
from genba_shared.events import Result


def _listed(known: Iterable[str]) -> str:
    names = sorted(known)
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return shown or "none"


def _unknown(word: str, what: str, owner: str, known: frozenset[str]) -> Wrong:
    return Wrong(
        f"'{shorten(word)}' is not {what} of {owner}, which has {_listed(known)}.",
        did_you_mean(word, known, f"Write one of these, or add '{shorten(word)}' there."),
    )


def _device_of(word: str, scope: Scope) -> str:
    if word not in scope.names.devices:
        raise _unknown(word, "a device", "this map", frozenset(scope.names.devices))
    return word


def _read_point_ref(node: yaml.Node, scope: Scope) -> PointRef:
    written = text_of(node, allowed="a point", example="cutter1/parts")
    device, slash, point = written.partition("/")
    if not slash:
        device, point = scope.device, written
        if not device:
            raise Wrong(
                f"'{shorten(written)}' names no device: a point is written device/point here.",
                _offer_owner(written, scope),
            )
    known = scope.names.devices[_device_of(device, scope)].points
    if known is not None and point not in known:
        raise _unknown(point, "a point", f"device '{device}'", known)
    return PointRef(device, point)


def _offer_owner(point: str, scope: Scope) -> str:
    owners = [device for device, names in scope.names.devices.items() if point in (names.points or ())]
    return f"Did you mean '{owners[0]}/{point}'?" if owners else "Write it like cutter1/order."


def _read_read_point_ref(node: yaml.Node, scope: Scope) -> ReadPointRef:
    written = text_of(node, allowed="a read point", example="gate/sewing-in")
    device, slash, read_point = written.partition("/")
    if not slash:
        raise Wrong(
            f"'{shorten(written)}' names no device: a read point is written device/read-point.",
            f"Write it like gate/{shorten(written)}.",
        )
    known = scope.names.devices[_device_of(device, scope)].read_points
    if known is not None and read_point not in known:
        raise _unknown(read_point, "a read point", f"device '{device}'", known)
    return ReadPointRef(device, read_point)


def _read_station(node: yaml.Node, scope: Scope) -> str:
    written = text_of(node, allowed="a station", example="CUT-1")
    if written not in scope.names.stations:
        raise _unknown(written, "a station", "this map", scope.names.stations)
    return written


def _read_zone(node: yaml.Node, scope: Scope) -> str:
    written = text_of(node, allowed="a zone", example="sewing")
    if written not in scope.names.zones:
        raise _unknown(written, "a zone", "this map", scope.names.zones)
    return written


def _read_counted_end(node: yaml.Node, scope: Scope) -> CountedEnd:
    written = text_of(node, allowed="STATION/result", example="CUT-1/good")
    station, slash, result = written.partition("/")
    results = [str(member) for member in Result]
    if not slash:
        raise Wrong(f"'{shorten(written)}' is not STATION/result.", f"Did you mean '{shorten(written)}/good'?")
    if station not in scope.names.stations:
        raise _unknown(station, "a station", "this map", scope.names.stations)
    if result not in results:
        raise Wrong(
            f"'{shorten(result)}' is not a result: {', '.join(results)}.",
            did_you_mean(result, results, f"Write {station}/good."),
        )
    return CountedEnd(station=station, result=Result(result))


def _read_device(node: yaml.Node, scope: Scope) -> str:
    return _device_of(text_of(node, allowed="the id of a device", example="cutter1"), scope)


POINT_REF: Final = Kind(
    allowed="a point: device/point, or only the point's name within its device",
    read=_read_point_ref,
    schema={"type": "string"},
)
READ_POINT_REF: Final = Kind(
    allowed="a read point: device/read-point",
    read=_read_read_point_ref,
    schema={"type": "string", "pattern": "^[^/]+/[^/]+$"},
)
STATION_REF: Final = Kind(allowed="the name of a station", read=_read_station, schema={"type": "string"})
ZONE_REF: Final = Kind(allowed="the name of a zone", read=_read_zone, schema={"type": "string"})
DEVICE_REF: Final = Kind(allowed="the id of a device", read=_read_device, schema={"type": "string"})
COUNTED_END: Final = Kind(
    allowed="STATION/good, STATION/scrap or STATION/rework",
    read=_read_counted_end,
    schema={"type": "string", "pattern": f"^[^/]+/({'|'.join(Result)})$"},
    show=lambda end: f"{end.station}/{end.result}",
)
