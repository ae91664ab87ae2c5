"""Stations and zones from their settings."""

from __future__ import annotations

import dataclasses

import yaml

from genba_shared.device_map.model import PointRef, StateRule, Station, Zone
from genba_shared.device_map.phrases import add, leave_out, needs_form, write
from genba_shared.device_map.problems import Unusable, Wrong
from genba_shared.device_map.references import POINT_REF
from genba_shared.device_map.scalars import describe
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_work import COUNTS, STATE, STATION, ZONE
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
    """One zone, bounded by read points or by counters.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, ZONE, scope)
    _check_bounds(values)
    return values.build(Zone, id=name)


def _check_bounds(values: Values) -> None:
    written = values.nodes.keys()
    by_tags, by_counts = bool(written & {"enter", "leave"}), bool(written & {"in", "out"})
    if by_tags and by_counts:
        values.error(
            "in" if "in" in written else "out",
            say(
                "two-kinds-of-bounds",
                "a zone is bounded by read points (enter, leave) or by counts (in, out): "
                "this version does not join both.",
            ),
            say("make-two-zones", "Make two zones of it, or delete one pair."),
        )
    elif not by_tags and not by_counts and not values.broken:
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
    if by_counts and "close_after" in written:
        values.error(
            "close_after",
            say("close-after-of-counts", "`close_after` is for tags: counts do not go silent."),
            leave_out("close_after"),
        )


def _state_of(node: yaml.Node, scope: Scope) -> StateRule:
    if isinstance(node, yaml.MappingNode):
        return read_object(node, STATE, scope).build(StateRule)
    if not isinstance(node, yaml.ScalarNode):
        raise Wrong(
            needs_form(describe(node), STATION.keys["state"].kind.allowed),
            write("state: {from: parts, idle_after: 3min}"),
        )
    point: PointRef = POINT_REF.read(node, scope)
    return StateRule(point=point)


def _counts_of(node: yaml.Node, scope: Scope) -> dict[Result, PointRef]:
    counts: dict[str, PointRef] = read_object(node, COUNTS, scope).build(dict)
    return {Result(word): point for word, point in counts.items()}
