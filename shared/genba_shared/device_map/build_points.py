"""Points from their settings: what follows from several settings together is checked and worked out here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import yaml

from genba_shared.device_map.kinds import name_of_key
from genba_shared.device_map.model import (
    AtLimit,
    CounterSettings,
    OnDecrease,
    Point,
    PointType,
)
from genba_shared.device_map.phrases import leave_out, write
from genba_shared.device_map.problems import Unusable
from genba_shared.device_map.spec import ObjectSpec, Scope, Values, read_entries, read_object
from genba_shared.device_map.tables_points import REPORTING
from genba_shared.device_map.units import DURATION, RATE
from genba_shared.device_map.yaml_tree import join
from genba_shared.texts import say

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
_SIGNED: Final = frozenset({PointType.INT8, PointType.INT16, PointType.INT32, PointType.INT64})
WORRYING_WRAP_S: Final = 72 * 3600.0  # a gateway that is off from Friday evening to Monday morning


def read_points(node: yaml.Node, scope: Scope, build: Callable[[yaml.Node, Scope, str], P]) -> dict[str, P]:
    """All points of a device.

    Raises:
        Unusable: one of them is wrong; every reason has been reported.
    """
    points: dict[str, P] = {}
    written = read_entries(
        node, scope, what=say("group-of-points", "a group of points by name"), example='{parts: {node: "nsu=…;s=…"}}'
    )
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
            node,
            scope.path,
            say("no-points", "the device has no points: at least one is needed."),
            write("points: {parts: {…}}"),
        )
    if broken or not points:
        raise Unusable
    return points


def take_type(values: Values, derived: PointType | None, needed: str) -> None:
    """Take the type that follows from other settings (`derived`) where none is written; None: `needed` says why not."""
    if "type" in values.taken or values.broken:
        return
    if derived is None:
        fix = say("write-or-as-in-plc", "Write {snippet}, or what the PLC programme declares.", snippet="type: uint32")
        values.error("type", needed, fix)
        return
    values.taken["type"] = derived
    values.scope.explain("type", derived, say("origin-worked-out", "worked out"))


def check_use(values: Values) -> None:
    """What `counter` and `labels` ask of the type; the counter's limit follows from it."""
    kind, counter = values.taken.get("type"), values.taken.get("counter")
    if isinstance(counter, Values):
        values.taken["counter"] = None
        if kind is not None and not counter.broken:
            values.taken["counter"] = _build_counter(values, counter, kind)
        values.broken = values.broken or counter.broken
    if "labels" in values.taken and kind in {PointType.STRING, PointType.FLOAT32, PointType.FLOAT64}:
        values.error(
            "labels",
            say("labels-of-type", "a {type} has no labels: they are for bool and whole numbers.", type=kind),
            leave_out("labels"),
        )
    _check_reporting(values)


def _check_reporting(values: Values) -> None:
    """Only a measured number is thinned out: of what counts, switches or names, every change is a fact."""
    what = _not_measured(values)
    for key in REPORTING:
        if key in values.nodes and what:
            values.error(
                key,
                say("not-thinned-out", "{what} is not thinned out: every change of it matters.", what=what),
                leave_out(key),
            )
    least, most = values.taken.get("min_interval_s"), values.taken.get("max_interval_s")
    if least is not None and most is not None and least > most:
        shown = DURATION.show(least)
        values.error(
            "max_interval",
            say(
                "interval-too-short",
                "reported at least every {most} cannot be, with {snippet}.",
                most=DURATION.show(most),
                snippet=f"min_interval: {shown}",
            ),
            say("write-at-least", "Write {snippet} or more.", snippet=f"max_interval: {shown}"),
        )


def _not_measured(values: Values) -> str:
    """What the point is, if it is not a measured number."""
    kind = values.taken.get("type")
    if kind in {PointType.BOOL, PointType.STRING}:
        return say("a-point-of-type", "a {type}", type=kind)
    if "counter" in values.nodes:
        return say("a-counter", "a counter")
    return say("a-labelled-point", "a point with labels") if "labels" in values.nodes else ""


def _build_counter(values: Values, counter: Values, kind: PointType) -> CounterSettings | None:
    if kind not in GREATEST:
        counter.error(
            "",
            say("type-cannot-count", "a {type} cannot count: a counter is a whole number.", type=kind),
            say("write-or-another", "Write {snippet} or another one.", snippet="type: uint32"),
        )
        return None
    for key in ("scale", "offset"):
        if key in values.nodes:
            values.error(
                key,
                say("scaled-counter", "a counter is not scaled: it counts whole device counts."),
                say("use-key", "Use `{key}`.", key="pieces_per_count"),
            )
    mask = values.taken.get("mask")
    greatest = GREATEST[kind] if mask is None else mask // (mask & -mask)
    if "limit" not in counter.taken:
        counter.scope.explain("limit", str(greatest), say("origin-greatest", "the greatest {type}", type=kind))
    limit = counter.taken.setdefault("limit", greatest)
    if limit > greatest:
        counter.error(
            "limit",
            say(
                "limit-beyond-type",
                "{limit} does not fit {type}, which ends at {greatest}.",
                limit=limit,
                type=kind,
                greatest=greatest,
            ),
            write(f"limit: {greatest}"),
        )
        return None
    settings = CounterSettings(**counter.taken)
    _check_limits(counter, settings, kind)
    _warn_of_counter(counter, settings)
    return settings


def _check_limits(counter: Values, settings: CounterSettings, kind: PointType) -> None:
    """What a counter does at its limit, said in two ways."""
    least = -GREATEST[kind] - 1 if kind in _SIGNED else 0
    stays = settings.at_limit is AtLimit.SATURATE
    if settings.lowest < least:
        fix = write(f"lowest: {least}") if least else leave_out("lowest")
        message = say(
            "lowest-beyond-type",
            "{lowest} does not fit {type}, which begins at {least}.",
            lowest=settings.lowest,
            type=kind,
            least=least,
        )
        counter.error("lowest", message, fix)
    elif settings.lowest and stays:
        message = say("lowest-of-one-that-stays", "a counter that stays at its limit does not go on below 0.")
        counter.error("lowest", message, leave_out("lowest"))
    if stays and settings.on_decrease is OnDecrease.WRAP:
        message = say("wrap-of-one-that-stays", "a counter that stays at its limit does not wrap.")
        counter.error("on_decrease", message, write("on_decrease: auto"))


def _warn_of_counter(counter: Values, settings: CounterSettings) -> None:
    if settings.max_rate is None:
        counter.warn(
            "",
            say(
                "no-max-rate",
                "the counter has no max_rate: a misread value cannot be told from pieces, and all of it is counted.",
            ),
            say("add-max-rate", "Add {snippet}, the most that the machine can make.", snippet="max_rate: 40/min"),
        )
        return
    wrap_s = (settings.limit - settings.lowest + 1) / settings.max_rate
    if wrap_s < WORRYING_WRAP_S:
        shown = f"{wrap_s / 3600:.0f} h" if wrap_s >= 2 * 3600 else f"{wrap_s / 60:.0f} min"
        counter.warn(
            "",
            say(
                "short-wrap",
                "at {rate} a counter up to {limit} wraps every {period}: "
                "counts after a longer outage will be ambiguous.",
                rate=RATE.show(settings.max_rate),
                limit=settings.limit,
                period=shown,
            ),
            say("use-32-bit", "Use a 32-bit counter if the PLC has one."),
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
