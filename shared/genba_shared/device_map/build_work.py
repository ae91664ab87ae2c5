"""Stations and zones from their settings."""

from __future__ import annotations

import dataclasses

import yaml

from genba_shared.device_map.model import PointRef, StateRule, Station, Zone
from genba_shared.device_map.phrases import add, leave_out, write
from genba_shared.device_map.problems import Unusable, Wrong
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_work import COUNTS, STATE, STATE_POINTS, STATION, ZONE
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
