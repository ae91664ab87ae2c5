"""Values that name something else in the map: a point, a read point, a station, a zone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import yaml

from genba_shared.device_map.model import CountedEnd, PointRef, ReadPointRef
from genba_shared.device_map.phrases import meant, none_yet, write, write_like, write_one_of
from genba_shared.device_map.problems import Wrong, did_you_mean, shorten
from genba_shared.device_map.scalars import text_of
from genba_shared.device_map.spec import Kind, Scope
from genba_shared.events import Result
from genba_shared.texts import Text, say

_A_POINT: Final = say("a-point", "a point")
_A_READ_POINT: Final = say("a-read-point", "a read point")
_A_STATION: Final = say("a-station-name", "a station")
_A_STATION_OR_DEVICE: Final = say("a-station-or-device", "a station or a device")
_A_ZONE: Final = say("a-zone-name", "a zone")
_THIS_MAP: Final = say("this-map", "this map")


_A_DEVICE_ID: Final = say("id-of-a-device", "the id of a device")


def _listed(known: Iterable[str]) -> str:
    names = sorted(known)
    shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    return shown or none_yet()


def _device(name: str) -> Text:
    return say("device-of-name", "device '{name}'", name=name)


def _unknown(word: str, what: str, owner: str, known: frozenset[str]) -> Wrong:
    return Wrong(
        say(
            "unknown-name",
            "'{word}' is not {what} of {owner}, which has {known}.",
            word=shorten(word),
            what=what,
            owner=owner,
            known=_listed(known),
        ),
        did_you_mean(word, known, write_one_of(shorten(word))),
    )


def _device_of(word: str, scope: Scope) -> str:
    if word not in scope.names.devices:
        raise _unknown(word, say("a-device-name", "a device"), _THIS_MAP, frozenset(scope.names.devices))
    return word


def _read_point_ref(node: yaml.Node, scope: Scope) -> PointRef:
    written = text_of(node, allowed=_A_POINT, example="cutter1/parts")
    device, slash, point = written.partition("/")
    if not slash:
        device, point = scope.device, written
        if not device:
            raise Wrong(
                say(
                    "point-without-device",
                    "'{word}' names no device: a point is written device/point here.",
                    word=shorten(written),
                ),
                _offer_owner(written, scope),
            )
    known = scope.names.devices[_device_of(device, scope)].points
    if known is not None and point not in known:
        raise _unknown(point, _A_POINT, _device(device), known)
    return PointRef(device, point)


def _offer_owner(point: str, scope: Scope) -> str:
    owners = [device for device, names in scope.names.devices.items() if point in (names.points or ())]
    return meant(f"'{owners[0]}/{point}'") if owners else write_like("cutter1/order")


def _read_read_point_ref(node: yaml.Node, scope: Scope) -> ReadPointRef:
    written = text_of(node, allowed=_A_READ_POINT, example="gate/sewing-in")
    device, slash, read_point = written.partition("/")
    if not slash:
        raise Wrong(
            say(
                "read-point-without-device",
                "'{word}' names no device: a read point is written device/read-point.",
                word=shorten(written),
            ),
            write_like(f"gate/{shorten(written)}"),
        )
    known = scope.names.devices[_device_of(device, scope)].read_points
    if known is not None and read_point not in known:
        raise _unknown(read_point, _A_READ_POINT, _device(device), known)
    return ReadPointRef(device, read_point)


def _read_station(node: yaml.Node, scope: Scope) -> str:
    written = text_of(node, allowed=_A_STATION, example="CUT-1")
    if written not in scope.names.stations:
        raise _unknown(written, _A_STATION, _THIS_MAP, scope.names.stations)
    return written


def _read_zone(node: yaml.Node, scope: Scope) -> str:
    written = text_of(node, allowed=_A_ZONE, example="sewing")
    if written not in scope.names.zones:
        raise _unknown(written, _A_ZONE, _THIS_MAP, scope.names.zones)
    return written


def _read_counted_end(node: yaml.Node, scope: Scope) -> CountedEnd | PointRef:
    written = text_of(node, allowed=COUNTED_END.allowed, example="CUT-1/good")
    station, slash, result = written.partition("/")
    results = [str(member) for member in Result]
    if slash and station in scope.names.devices and station not in scope.names.stations:
        return _read_point_ref(node, scope)
    if not slash:
        raise Wrong(
            say("not-a-counted-end", "'{word}' is not STATION/result or device/point.", word=shorten(written)),
            meant(f"'{shorten(written)}/good'"),
        )
    if station not in scope.names.stations:
        raise _unknown(station, _A_STATION_OR_DEVICE, _THIS_MAP, scope.names.stations | frozenset(scope.names.devices))
    if result not in results:
        raise Wrong(
            say("not-a-result", "'{word}' is not a result: {known}.", word=shorten(result), known=", ".join(results)),
            did_you_mean(result, results, write(f"{station}/good")),
        )
    return CountedEnd(station=station, result=Result(result))


def _read_device(node: yaml.Node, scope: Scope) -> str:
    return _device_of(text_of(node, allowed=_A_DEVICE_ID, example="cutter1"), scope)


POINT_REF: Final = Kind(
    allowed=say("point-ref", "a point: device/point, or only the point's name within its device"),
    read=_read_point_ref,
    schema={"type": "string"},
)
READ_POINT_REF: Final = Kind(
    allowed=say("read-point-ref", "a read point: device/read-point"),
    read=_read_read_point_ref,
    schema={"type": "string", "pattern": "^[^/]+/[^/]+$"},
)
STATION_REF: Final = Kind(
    allowed=say("station-ref", "the name of a station"), read=_read_station, schema={"type": "string"}
)
ZONE_REF: Final = Kind(allowed=say("zone-ref", "the name of a zone"), read=_read_zone, schema={"type": "string"})
DEVICE_REF: Final = Kind(allowed=_A_DEVICE_ID, read=_read_device, schema={"type": "string"})
COUNTED_END: Final = Kind(
    allowed=say("counted-end", "STATION/good, STATION/scrap, STATION/rework, or device/point of a counter"),
    read=_read_counted_end,
    schema={"type": "string", "pattern": "^[^/]+/[^/]+$"},
    show=str,
)
