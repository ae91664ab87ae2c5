"""Stations, zones and node rules from their settings."""

from __future__ import annotations

import dataclasses

import yaml

from genba_shared.device_map.model import CompletionRule, NodeRule, PointRef, StateRule, Station, WorkOrderSource, Zone
from genba_shared.device_map.phrases import add, leave_out, write
from genba_shared.device_map.problems import Unusable, Wrong
from genba_shared.device_map.references import POINT_REF
from genba_shared.device_map.scalars import text_of
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_work import COUNTS, DONE_WHEN, NODE, STATE, STATE_POINTS, STATION, WORK_ORDER, ZONE
from genba_shared.events import Result
from genba_shared.texts import say


def build_station(node: yaml.Node, scope: Scope, name: str) -> Station:
    """One station.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, STATION, scope)
    device = values.taken.get("device", "")
    inside = dataclasses.replace(scope, device=device)
    for key in ("state", "counts"):
        written = values.taken.pop(key, None)
        if written is None or not device:  # without its device no bare point name can be told right or wrong
            continue
        try:
            read = _state_of if key == "state" else _counts_of
            values.taken[key] = read(written, inside.below(key))
        except Wrong as exc:
            values.error(key, exc.message, exc.fix)
        except Unusable:
            values.broken = True
    return values.build(Station, id=name)


def build_zone(node: yaml.Node, scope: Scope, name: str) -> Zone:
    """One zone, bounded by read points, by counters, or by both: each pair must be whole.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, ZONE, scope)
    _check_bounds(values)
    return values.build(Zone, id=name)


def _check_bounds(values: Values) -> None:
    written = values.nodes.keys()
    by_tags, by_counts = bool(written & {"enter", "leave"}), bool(written & {"in", "out"})
    if not by_tags and not by_counts and not values.broken:
        values.error(
            "",
            say("no-bounds", "the zone has no bounds: read points (enter, leave) or counts (in, out) are needed."),
            write("enter: [gate/sewing-in], leave: [gate/sewing-out]"),
        )
    for one, other, example in (
        ("enter", "leave", "leave: [gate/sewing-out]"),
        ("leave", "enter", "enter: [gate/sewing-in]"),
        ("in", "out", "out: SEW-1/good"),
        ("out", "in", "in: CUT-1/good"),
    ):
        if one in written and other not in written:
            message = say("half-a-bound", "'{other}' is missing: a zone with `{one}` needs it.", other=other, one=one)
            values.error("", message, add(example))
    if by_counts and not by_tags and "close_after" in written:
        values.error(
            "close_after",
            say("close-after-of-counts", "`close_after` is for tags: counts do not go silent."),
            leave_out("close_after"),
        )
    if by_tags and "wip_limit" in written:
        values.warn(
            "wip_limit",
            say(
                "wip-limit-of-tags",
                "read points do not say which station feeds the zone: nothing is told when it is full.",
            ),
            say("leave-in-or-out", "Leave it in for a later version, or take it out."),
        )


def build_node(node: yaml.Node, scope: Scope, name: str) -> NodeRule:
    """One node rule.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, NODE, scope)
    work_order = values.taken.pop("work_order", None)
    done_when = values.taken.pop("done_when", None)
    try:
        if work_order is not None:
            source, point = _work_order_of(work_order, scope.below("work_order"))
            values.taken |= {"work_order": source, "work_order_point": point}
    except Unusable:
        values.broken = True
    try:
        if done_when is not None:
            values.taken["done_when"] = _done_when_of(done_when, scope.below("done_when"))
    except Unusable:
        values.broken = True
    return values.build(NodeRule, code=name)


def _state_of(node: yaml.Node, scope: Scope) -> StateRule:
    if isinstance(node, yaml.MappingNode):
        return _cadence_of(node, scope)
    point, *also = STATE_POINTS.read(node, scope)
    return StateRule(point=point, also=tuple(also))


def _cadence_of(node: yaml.MappingNode, scope: Scope) -> StateRule:
    values = read_object(node, STATE, scope)
    idle_after_s, down_after_s = values.taken.get("idle_after_s"), values.taken.get("down_after_s")
    if down_after_s is not None and "down_after_cycles" in values.nodes:
        values.error(
            "down_after_cycles",
            say("down-after-twice", "`down_after` and `down_after_cycles` are two rules for one thing."),
            leave_out("down_after_cycles"),
        )
    if idle_after_s is not None and down_after_s is not None and down_after_s < idle_after_s:
        values.error(
            "down_after",
            say(
                "down-before-idle",
                "`down_after` is shorter than `idle_after`: a station stands still before it is down.",
            ),
            say("write-longer", "Write a longer time, for example {example}.", example="down_after: 20min"),
        )
    return values.build(StateRule)


def _counts_of(node: yaml.Node, scope: Scope) -> dict[Result, PointRef]:
    counts: dict[str, PointRef] = read_object(node, COUNTS, scope).build(dict)
    return {Result(word): point for word, point in counts.items()}


def _work_order_of(node: yaml.Node, scope: Scope) -> tuple[WorkOrderSource, PointRef | None]:
    values = read_object(node, WORK_ORDER, scope)
    written = values.taken.pop("source", None)
    if written is None:
        raise Unusable
    try:
        word = text_of(
            written, allowed=say("work-order-source", "a point, tags or dispatch"), example="from: cutter1/order"
        )
        source = WorkOrderSource(word) if word in {"tags", "dispatch"} else WorkOrderSource.POINT
        # Without a device of its own, so that the point has to be written device/point.
        point = None if source is not WorkOrderSource.POINT else POINT_REF.read(written, scope)
    except Wrong as exc:
        values.error("from", exc.message, exc.fix)
        raise Unusable from exc
    if source is not WorkOrderSource.POINT and "else" in values.nodes:
        values.error(
            "else",
            say("else-without-point", "`else` is for a point that may be empty: {source} is not one.", source=source),
            leave_out("else"),
        )
    if values.broken:
        raise Unusable
    return source, point


def _done_when_of(node: yaml.Node, scope: Scope) -> CompletionRule:
    values = read_object(node, DONE_WHEN, scope)
    written = values.nodes.keys()
    by_count = values.taken.pop("good", None) is not None
    if {"good", "all_left"} <= written:
        values.error(
            "good",
            say("two-ends-of-a-node", "a node is done by `good` or by `all_left`: this version does not join both."),
            say("keep-one", "Keep one."),
        )
    elif not written & {"good", "all_left"} and not values.broken:
        values.error(
            "",
            say("no-end-of-a-node", "nothing completes the node: `good` or `all_left` is needed."),
            write("good: node.quantity"),
        )
    if by_count and "min_dwell" in written:
        values.error(
            "min_dwell",
            say("min-dwell-of-counts", "`min_dwell` is for tags: it goes with `all_left`."),
            leave_out("min_dwell"),
        )
    return values.build(CompletionRule)
