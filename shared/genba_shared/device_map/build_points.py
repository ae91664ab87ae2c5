"""Points from their settings: what follows from several settings together is checked and worked out here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import yaml

from genba_shared.device_map.kinds import name_of_key
from genba_shared.device_map.model import (
    CounterSettings,
    Point,
    PointType,
)
from genba_shared.device_map.problems import Unusable
from genba_shared.device_map.spec import ObjectSpec, Scope, Values, read_entries, read_object
from genba_shared.device_map.units import RATE
from genba_shared.device_map.yaml_tree import join

P = TypeVar("P", bound=Point)

GREATEST: Final[Mapping[PointType, int]] = {
    PointType.UINT8: 2**8 - 1,
    PointType.INT8: 2**7 - 1,
    PointType.UINT16: 2**16 - 1,
    PointType.INT16: 2**15 - 1,
    PointType.UINT32: 2**32 - 1,
    PointType.INT32: 2**31 - 1,
    PointType.UINT64: 2**64 - 1,
    PointType.INT64: 2**63 - 1,
    PointType.BCD16: 9_999,
    PointType.BCD32: 99_999_999,
}
WORRYING_WRAP_S: Final = 72 * 3600.0  # a gateway that is off from Friday evening to Monday morning


def read_points(node: yaml.Node, scope: Scope, build: Callable[[yaml.Node, Scope, str], P]) -> dict[str, P]:
    """All points of a device.

    Raises:
        Unusable: one of them is wrong; every reason has been reported.
    """
    points: dict[str, P] = {}
    written = read_entries(node, scope, what="a group of points by name", example='{parts: {node: "nsu=…;s=…"}}')
    broken = False
    for word, (key_node, value_node) in written.items():
        below = dataclasses.replace(scope, path=f"{scope.path}.{word}")
        try:
            name = name_of_key(key_node, below, word)
            points[name] = build(value_node, below, name)
        except Unusable:
            broken = True
    if not written:
        scope.findings.error(
            node, scope.path, "the device has no points: at least one is needed.", "Write points: {parts: {…}}."
        )
    if broken or not points:
        raise Unusable
    return points


def take_type(values: Values, derived: PointType | None, needed: str) -> None:
    """Take the type that follows from other settings (`derived`) where none is written; None: `needed` says why not."""
    if "type" in values.taken or values.broken:
        return
    if derived is None:
        values.error("type", needed, "Write type: uint32, or what the PLC programme declares.")
        return
    values.taken["type"] = derived
    values.scope.explain("type", derived, "worked out")


def check_use(values: Values) -> None:
    """What `counter` and `labels` ask of the type; the counter's limit follows from it."""
    kind, counter = values.taken.get("type"), values.taken.get("counter")
    if isinstance(counter, Values):
        values.taken["counter"] = None
        if kind is not None and not counter.broken:
            values.taken["counter"] = _build_counter(values, counter, kind)
        values.broken = values.broken or counter.broken
    if "labels" in values.taken and kind in {PointType.STRING, PointType.FLOAT32, PointType.FLOAT64}:
        values.error("labels", f"a {kind} has no labels: they are for bool and whole numbers.", "Leave `labels` out.")


def _build_counter(values: Values, counter: Values, kind: PointType) -> CounterSettings | None:
    if kind not in GREATEST:
        counter.error("", f"a {kind} cannot count: a counter is a whole number.", "Write type: uint32 or another one.")
        return None
    for key in ("scale", "offset"):
        if key in values.nodes:
            values.error(key, "a counter is not scaled: it counts whole device counts.", "Use `pieces_per_count`.")
    mask = values.taken.get("mask")
    greatest = GREATEST[kind] if mask is None else mask // (mask & -mask)
    if "limit" not in counter.taken:
        counter.scope.explain("limit", str(greatest), f"the greatest {kind}")
    limit = counter.taken.setdefault("limit", greatest)
    if limit > greatest:
        counter.error("limit", f"{limit} does not fit {kind}, which ends at {greatest}.", f"Write limit: {greatest}.")
        return None
    settings = CounterSettings(**counter.taken)
    _warn_of_counter(counter, settings)
    return settings


def _warn_of_counter(counter: Values, settings: CounterSettings) -> None:
    if settings.max_rate is None:
        counter.warn(
            "",
            "the counter has no max_rate: a misread value cannot be told from pieces, and all of it is counted.",
            "Add max_rate: 40/min, the most that the machine can make.",
        )
        return
    wrap_s = (settings.limit + 1) / settings.max_rate
    if wrap_s < WORRYING_WRAP_S:
        shown = f"{wrap_s / 3600:.0f} h" if wrap_s >= 2 * 3600 else f"{wrap_s / 60:.0f} min"
        counter.warn(
            "",
            f"at {RATE.show(settings.max_rate)} a counter up to {settings.limit} wraps every {shown}: "
            "counts after a longer outage will be ambiguous.",
            "Use a 32-bit counter if the PLC has one.",
        )


def read_device(node: yaml.Node, scope: Scope, spec: ObjectSpec) -> Values:
    """What is written at a device, by the table of its protocol."""
    values = read_object(node, spec, scope)
    values.taken.pop("protocol", None)  # it has done its work: it chose the table
    values.taken.pop("use", None)
    return values


def read_device_points(values: Values, build: Callable[[yaml.Node, Scope, str], P]) -> dict[str, P]:
    """The points of a device whose table was read; what is wrong in them makes the device broken."""
    node = values.taken.pop("points", None)
    if node is None:
        return {}
    scope = dataclasses.replace(values.scope, path=join(values.scope.path, "points"))
    try:
        return read_points(node, scope, build)
    except Unusable:
        values.broken = True
        return {}
