"""Node rules from their settings."""

from __future__ import annotations

from typing import Any

import yaml

from genba_shared.device_map.model import (
    AllLeft,
    AllOf,
    AnyOf,
    CompletionRule,
    Condition,
    Counted,
    NodeRule,
    PiecesReach,
    PointIs,
    PointRef,
    PointSign,
    StartRule,
    StationIs,
    TimeSinceStart,
    WorkOrderSource,
)
from genba_shared.device_map.phrases import leave_out, needs_form, write
from genba_shared.device_map.problems import Unusable, Wrong
from genba_shared.device_map.references import POINT_REF
from genba_shared.device_map.scalars import describe, text_of
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_nodes import DONE_WHEN, MAX_LEVELS, NODE, START_WHEN, START_WORD, WORK_ORDER
from genba_shared.texts import say

_WITH_ANOTHER = frozenset({"min_dwell"})  # keys that are no condition by themselves


def build_node(node: yaml.Node, scope: Scope, name: str) -> NodeRule:
    """One node rule.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, NODE, scope)
    written = {key: values.taken.pop(key, None) for key in ("work_order", "start_when", "done_when")}
    if written["work_order"] is not None:
        _take(values, "work_order", lambda: _work_order_of(written["work_order"], scope.below("work_order")))
    if written["start_when"] is not None:
        start = written["start_when"]
        _take(values, "start_when", lambda: {"start_when": _start_when_of(start, scope.below("start_when"))})
    if written["done_when"] is not None:
        done = written["done_when"]
        _take(values, "done_when", lambda: {"done_when": _done_when_of(done, scope.below("done_when"))})
    return values.build(NodeRule, code=name)


def _take(values: Values, key: str, read: Any) -> None:
    try:
        values.taken |= read()
    except Wrong as exc:
        values.error(key, exc.message, exc.fix)
    except Unusable:
        values.broken = True


def _work_order_of(node: yaml.Node, scope: Scope) -> dict[str, Any]:
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
        point: PointRef | None = None if source is not WorkOrderSource.POINT else POINT_REF.read(written, scope)
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
    otherwise = WorkOrderSource.DISPATCH if "otherwise" in values.taken else None
    return {"work_order": source, "work_order_point": point, "otherwise": otherwise}


def _start_when_of(node: yaml.Node, scope: Scope) -> StartRule | PointIs | StationIs:
    if not isinstance(node, yaml.MappingNode):
        return StartRule(START_WORD.read(node, scope))
    values = read_object(node, START_WHEN, scope)
    if len(values.nodes) != 1 and not values.broken:
        raise Wrong(
            say("one-start-is-needed", "one of {keys} is needed here.", keys=", ".join(START_WHEN.keys)),
            write("start_when: {state: running}"),
        )
    if values.broken:
        raise Unusable
    if "point" in values.taken:
        return PointIs(point=values.taken["point"], sign=PointSign.TRUE)
    return StationIs(states=values.taken["state"])


def _done_when_of(node: yaml.Node, scope: Scope) -> CompletionRule:
    return CompletionRule(condition=_condition_of(node, scope, level=0))


def _condition_of(node: yaml.Node, scope: Scope, *, level: int) -> Condition:
    """One condition, or what `all` and `any` join.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, DONE_WHEN, scope)
    conditions = [key for key in values.nodes if key not in _WITH_ANOTHER]
    _check_alone(values, conditions)
    if values.broken:
        raise Unusable
    (key,) = conditions
    match key:
        case "all" | "any":
            parts = _parts_of(values.nodes[key], values, key, level=level)
            return AllOf(parts=parts) if key == "all" else AnyOf(parts=parts)
        case "good" | "processed":
            return PiecesReach(counted=Counted(key))
        case "all_left":
            return AllLeft(zone=values.taken["all_left"], min_dwell_s=values.taken.get("min_dwell_s", 0.0))
        case "state":
            return StationIs(states=values.taken["state"])
        case "min_time":
            return TimeSinceStart(least_s=values.taken["min_time"])
        case _:
            return PointIs(point=values.taken[key], sign=PointSign(key))


def _check_alone(values: Values, conditions: list[str]) -> None:
    if len(conditions) > 1:
        joined = ", ".join(f"{{{key}: …}}" for key in conditions)
        values.error(
            conditions[1],
            say(
                "conditions-side-by-side",
                "{keys} stand side by side: whether all are needed or one is enough has to be said.",
                keys=", ".join(f"`{key}`" for key in conditions),
            ),
            say("join-conditions", "Write {snippet} or {other}.", snippet=f"all: [{joined}]", other=f"any: [{joined}]"),
        )
    elif not conditions and not values.broken:
        values.error(
            "",
            say("no-end-of-a-node", "nothing completes the node: a condition such as `good` or `all_left` is needed."),
            write("good: node.quantity"),
        )
    if "min_dwell" in values.nodes and "all_left" not in values.nodes and conditions:
        values.error(
            "min_dwell",
            say("min-dwell-of-counts", "`min_dwell` is for tags: it goes with `all_left`."),
            leave_out("min_dwell"),
        )


def _parts_of(node: yaml.Node, values: Values, key: str, *, level: int) -> tuple[Condition, ...]:
    scope = values.scope.below(key)
    if not isinstance(node, yaml.SequenceNode):
        values.error(
            key,
            needs_form(describe(node), say("list-of-conditions", "a list of two or more conditions")),
            write(f"{key}: [{{good: node.quantity}}, {{all_left: ZONE}}]"),
        )
        raise Unusable
    if len(node.value) < 2:
        values.error(
            key,
            say("one-condition-in-list", "`{key}` joins two or more conditions.", key=key),
            say("write-condition-alone", "Write the condition itself, without `{key}`.", key=key),
        )
        raise Unusable
    if level >= MAX_LEVELS:
        values.error(
            key,
            say("too-many-levels", "`all` and `any` stand within one another more than {most} deep.", most=MAX_LEVELS),
            say("write-fewer-levels", "Join the conditions in fewer levels."),
        )
        raise Unusable
    return _read_parts(node, scope, level=level)


def _read_parts(node: yaml.SequenceNode, scope: Scope, *, level: int) -> tuple[Condition, ...]:
    parts: list[Condition] = []
    broken = False
    for number, item in enumerate(node.value):
        below = scope.below(str(number))
        scope.findings.places[below.path] = item
        try:
            part = _condition_of(item, below, level=level + 1)
        except Unusable:
            broken = True
            continue
        if part in parts:
            scope.findings.error(
                item,
                below.path,
                say("condition-twice", "the same condition stands here twice."),
                say("delete-one-of-two", "Delete one of the two."),
            )
            broken = True
        parts.append(part)
    if broken:
        raise Unusable
    return tuple(parts)
