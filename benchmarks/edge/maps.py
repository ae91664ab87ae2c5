"""Device maps of the measurements, and the fewest requests that a map could be read with."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

GATEWAY: Final = "bench"
STATION_EVERY: Final = 50  # of a thousand points, twenty stations with two counters and a state
STATE_EVERY: Final = 20
MOST_REGISTERS: Final = 125
"""Registers in one answer. Source: MODBUS Application Protocol V1.1b3, 6.3."""
MAX_GAP: Final = 12
"""Registers that our maps allow to be read in vain to save a request; the default of the device map."""
SPARSE_POINTS: Final = 400
_WIDTHS: Final = {"uint16": 1, "uint32": 2, "float64": 4}

_HEAD: Final = f"version: 1\ngateway: {{id: {GATEWAY}, site: bench, timezone: UTC}}\n"


@dataclass(frozen=True, slots=True)
class Span:
    """A point that takes `width` registers from `address` on."""

    address: int
    width: int


def modbus_map(*ports: int, points: int) -> str:
    """Points of one register each, read at 1 Hz; of each fifty, three make a station: good, scrap and its state.

    Each port is a device of its own. The state is a bit that changes every 8 × the server's period; everything else is
    read and checked, and no more.
    """
    names = [f"good{i}" if i % STATION_EVERY == 0 else _role(i) for i in range(points)]
    lines = [f"      {name}: {_modbus_point(name, i)}" for i, name in enumerate(names)]
    stations = [
        f"  S-{device}-{i}: {{device: d{device}, counts: {{good: good{i}, scrap: scrap{i + 1}}}, state: state{i + 2}}}"
        for device in range(len(ports))
        for i in range(0, points - 2, STATION_EVERY)
    ]
    return _modbus_document(ports, lines, stations)


def modbus_counters_map(port: int, *, points: int) -> str:
    """Every point is a counter that a station counts by: two a station."""
    lines = [
        f"      c{i}: {{at: {{holding: {i}}}, type: uint16, counter: {{max_rate: 120/min}}}}" for i in range(points)
    ]
    stations = [f"  S-{i}: {{device: d0, counts: {{good: c{i}, scrap: c{i + 1}}}}}" for i in range(0, points - 1, 2)]
    return _modbus_document([port], lines, stations)


def modbus_states_map(*ports: int, points: int) -> str:
    """Points of one register each; one of twenty says in bit 0 whether a station (S-DEVICE-REGISTER) runs."""
    lines, told = [], []
    for i in range(points):
        if i % STATE_EVERY == 0:
            lines.append(f"      p{i}: {{at: {{holding: {i}}}, bit: 0, labels: {{0: idle, 1: running}}}}")
            told += [f"  S-{device}-{i}: {{device: d{device}, state: p{i}}}" for device in range(len(ports))]
        else:
            lines.append(f"      p{i}: {{at: {{holding: {i}}}, type: uint16}}")
    return _modbus_document(ports, lines, told)


def opcua_map(url: str, *, points: int) -> str:
    """Variables that are watched; of each fifty, two are counters of a station whose state follows from its rhythm."""
    names = [
        f"good{i}" if i % STATION_EVERY == 0 else f"scrap{i}" if i % STATION_EVERY == 1 else f"p{i}"
        for i in range(points)
    ]
    stations = [
        f"  S-{i}: {{device: d0, counts: {{good: good{i}, scrap: scrap{i + 1}}},"
        f" state: {{from: good{i}, idle_after: 3min}}}}"
        for i in range(0, points - 1, STATION_EVERY)
    ]
    return _opcua_document(url, names, stations)


def opcua_counters_map(url: str, *, points: int) -> str:
    """Every variable is a counter that a station counts by: two a station."""
    names = [f"good{i}" if i % 2 == 0 else f"scrap{i}" for i in range(points)]
    stations = [
        f"  S-{i}: {{device: d0, counts: {{good: good{i}, scrap: scrap{i + 1}}}}}" for i in range(0, points - 1, 2)
    ]
    return _opcua_document(url, names, stations)


def sparse_spans() -> list[Span]:
    """Points as a grown PLC programme has them: neighbours of all widths, holes of any size; always the same."""
    chance = random.Random(20260105)
    spans: list[Span] = []
    address = 0
    for _ in range(SPARSE_POINTS):
        width = chance.choice(list(_WIDTHS.values()))
        spans.append(Span(address, width))
        address += width + chance.choice((0, 0, 0, 0, 1, 2, 5, 9, 14, 40))
    return spans


def sparse_map(port: int, spans: Sequence[Span]) -> str:
    """A map of these points, each read at 1 Hz."""
    types = {width: name for name, width in _WIDTHS.items()}
    lines = [
        f"      p{i}: {{at: {{holding: {span.address}}}, type: {types[span.width]}}}" for i, span in enumerate(spans)
    ]
    return _modbus_document([port], lines, ["  S-0: {device: d0}"])


def fewest_requests(spans: Iterable[Span], *, max_gap: int = MAX_GAP, most: int = MOST_REGISTERS) -> tuple[int, int]:
    """Requests and registers of the best way to read all points: fewest requests, and with those fewest registers.

    By dynamic programming over the points in order of their address: the best way for the first n of them is the best
    for the first m, and one more request for the rest. A point is never split, no request is longer than `most`, and
    none reads more than `max_gap` registers in vain between two points.
    """
    ordered = sorted(spans, key=lambda span: (span.address, span.width))
    unread = (len(ordered) + 1, 0)
    best = [(0, 0)] + [unread] * len(ordered)
    for first, span in enumerate(ordered):
        requests, registers = best[first]
        start = end = span.address
        for last in range(first, len(ordered)):
            following = ordered[last]
            gap, end = following.address - end, max(end, following.address + following.width)
            if last > first and (gap > max_gap or end - start > most):
                break
            best[last + 1] = min(best[last + 1], (requests + 1, registers + end - start))
    return best[-1]


def _role(i: int) -> str:
    match i % STATION_EVERY:
        case 1:
            return f"scrap{i}"
        case 2:
            return f"state{i}"
        case _:
            return f"p{i}"


def _modbus_point(name: str, i: int) -> str:
    if name.startswith("state"):
        return f"{{at: {{holding: {i}}}, bit: 3, labels: {{0: idle, 1: running}}}}"
    if name.startswith(("good", "scrap")):
        return f"{{at: {{holding: {i}}}, type: uint16, counter: {{max_rate: 120/min}}}}"
    return f"{{at: {{holding: {i}}}, type: uint16}}"


def _modbus_document(ports: Iterable[int], points: Iterable[str], stations: Iterable[str]) -> str:
    profile = "\n".join(["profiles:", "  plc:", "    protocol: modbus", "    poll: {fast: 1s}", "    points:", *points])
    listed = "\n".join(
        f"  - {{id: d{device}, use: plc, host: 127.0.0.1:{port}, unit: {device + 1}}}"
        for device, port in enumerate(ports)
    )
    return f"{_HEAD}{profile}\ndevices:\n{listed}\nstations:\n" + "\n".join(stations) + "\n"


def _opcua_document(url: str, names: Iterable[str], stations: Iterable[str]) -> str:
    points = "\n".join(
        f"      {name}: {{node: 'nsu=urn:genba:bench;i={1000 + i}', type: uint16, sampling: 500ms"
        + (", counter: {max_rate: 120/min}}" if name.startswith(("good", "scrap")) else "}")
        for i, name in enumerate(names)
    )
    device = f"  - id: d0\n    protocol: opcua\n    url: {url}\n    security: {{policy: none}}\n    points:\n{points}"
    return f"{_HEAD}devices:\n{device}\nstations:\n" + "\n".join(stations) + "\n"
