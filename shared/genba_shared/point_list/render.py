"""The text of a map from imported points: one line for each, with the remarks that a person has to act on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from genba_shared.point_list.rows import Protocol, quoted
from genba_shared.point_list.table import one_line

UNKNOWN_HOST = "192.0.2.1"  # an address that nobody has (RFC 5737), until the engineer writes the right one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportedPoint:
    """A point with its name in the map, and the row that it came from."""

    name: str
    label: str
    sheet: str
    row: int
    settings: Mapping[str, str]
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedDevice:
    """The points of one sheet."""

    id: str
    protocol: Protocol
    sheet: str
    points: tuple[ImportedPoint, ...]


@dataclass(slots=True)
class Rendered:
    """The text, and which point stands in which line."""

    text: str = ""
    points: dict[int, ImportedPoint] = field(default_factory=dict)


def render_map(file: str, devices: Sequence[ImportedDevice], *, host: str) -> Rendered:
    """The map of these devices; `host`: where they are, if that is known."""
    rendered = Rendered()
    lines: list[str] = []
    for line, point in _lines(file, devices, host):
        lines.append(line)
        if point is not None:
            rendered.points[len(lines)] = point
    rendered.text = "\n".join(lines) + "\n"
    return rendered


def _lines(file: str, devices: Sequence[ImportedDevice], host: str) -> Iterator[tuple[str, ImportedPoint | None]]:
    for line in (
        f"# Made from {one_line(file)} by `genba edge import-tags`. Look at every line marked TODO, then:",
        "#   genba edge check plant.yaml     what is wrong, what is worth a second look",
        "#   genba edge probe plant.yaml     what the devices answer",
        "version: 1",
        "gateway: {id: gateway-1, site: site-1, timezone: UTC}  # TODO: ids of this gateway and factory, its time zone",
        "",
        "devices:",
    ):
        yield line, None
    for device in devices:
        for line in _head(device, host):
            yield line, None
        for point in device.points:
            yield _point_line(point), point
        yield "", None
    first = devices[0]
    for line in (
        "# A station counts pieces by the points that have a `counter`:",
        "# stations:",
        f"#   ST-1: {{device: {first.id}, counts: {{good: {first.points[0].name}}}}}",
    ):
        yield line, None


def _head(device: ImportedDevice, host: str) -> Iterator[str]:
    yield f"  - id: {device.id}"
    if device.sheet:
        yield f"    label: {quoted(device.sheet)}"
    yield f"    protocol: {device.protocol}"
    todo = "" if host else "  # TODO: where the device is"
    where = host or UNKNOWN_HOST
    match device.protocol:
        case Protocol.MODBUS:
            yield f"    host: {where}{todo}"
            yield "    unit: 1  # TODO: the unit (slave) number"
            if any(point.settings.get("type", "")[-2:] in {"32", "64"} for point in device.points):
                yield "    # byte_order: CDAB  # if values of 32 bits look wrong: many PLCs send the low word first"
        case Protocol.OPCUA:
            yield f"    url: {where if '//' in where else f'opc.tcp://{where}:4840'}{todo}"
            yield "    security: {policy: Basic256Sha256}  # TODO: what the server offers; `genba edge browse` tells"
    yield "    points:"


def _point_line(point: ImportedPoint) -> str:
    settings = dict(point.settings)
    if point.label:
        settings["label"] = quoted(point.label)
    written = ", ".join(f"{key}: {value}" for key, value in settings.items())
    remark = f"  # {one_line(point.remark)}" if point.remark else ""
    return f"      {point.name}: {{{written}}}{remark}"
