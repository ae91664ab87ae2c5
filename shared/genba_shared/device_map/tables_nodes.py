"""The tables of node rules: where the work order comes from, what starts a node and what completes it."""

from __future__ import annotations

from typing import Final

from genba_shared.device_map.kinds import choice, one_or_more, only_word, quantity, raw
from genba_shared.device_map.model import NodeRule, StartRule
from genba_shared.device_map.references import POINT_REF, STATION_REF, ZONE_REF
from genba_shared.device_map.schema_parts import object_schema
from genba_shared.device_map.spec import Key, ObjectSpec, keys
from genba_shared.device_map.units import DURATION
from genba_shared.events import StationState
from genba_shared.texts import say

MAX_LEVELS: Final = 3  # of `all` and `any` within one another

WORK_ORDER: Final = ObjectSpec(
    name=say("group-work-order", "the work order of a node"),
    keys=keys(
        Key(
            name="from",
            kind=raw(say("work-order-from", "a point (device/point), tags or dispatch"), {"type": "string"}),
            attribute="source",
            meaning="a point that holds the order number (device/point), `tags` or `dispatch`",
            example="from: cutter1/order",
            required=True,
        ),
        Key(
            name="else",
            kind=only_word("dispatch"),
            attribute="otherwise",
            meaning="what says the work order while the point is empty; only `dispatch`",
            example="else: dispatch",
            default_text="nothing",
        ),
    ),
)
_STATES: Final = one_or_more(choice(StationState, without=[StationState.UNKNOWN]), say("states", "states"))
_CONDITIONS: Final = (
    Key(
        name="good",
        kind=only_word("node.quantity"),
        meaning="the good pieces reach the node's quantity",
        example="good: node.quantity",
    ),
    Key(
        name="processed",
        kind=only_word("node.quantity"),
        meaning="good pieces and scrap together reach the node's quantity: all pieces went through",
        example="processed: node.quantity",
    ),
    Key(
        name="all_left",
        kind=ZONE_REF,
        meaning="all tags of the work order have left this zone",
        example="all_left: sewing",
    ),
    Key(
        name="min_dwell",
        kind=quantity(DURATION, "0s", "7d", "3min"),
        attribute="min_dwell_s",
        meaning="a tag counts only after it was in the zone this long (with `all_left`)",
        example="min_dwell: 3min",
    ),
    Key(
        name="rises",
        kind=POINT_REF,
        meaning="a bit (device/point) becomes true while the node is worked on",
        example="rises: cutter1/order_end",
    ),
    Key(
        name="falls",
        kind=POINT_REF,
        meaning="a bit (device/point) becomes false while the node is worked on",
        example="falls: cutter1/in_cycle",
    ),
    Key(
        name="point",
        kind=POINT_REF,
        meaning="a bit (device/point) is true at the same time as the rest; only within `all`",
        example="point: cutter1/guard_closed",
    ),
    Key(
        name="state",
        kind=_STATES,
        meaning="every station of the node is in one of these states or has gone on to other work; only within `all`",
        example="state: [idle, off]",
    ),
    Key(
        name="min_time",
        kind=quantity(DURATION, "1s", "30d", "20min"),
        meaning="time since the start of the node; only within `all`",
        example="min_time: 20min",
    ),
)


def _conditions(level: int) -> ObjectSpec:
    """The table of conditions; an editor is told of `all` and `any` as far as they may stand within one another."""
    within = object_schema(_conditions(level + 1)) if level < MAX_LEVELS else {"type": "object"}
    listed = {"type": "array", "items": within, "minItems": 2}
    joined = (
        Key(
            name="all",
            kind=raw(say("list-of-conditions", "a list of two or more conditions"), listed),
            meaning="every one of these conditions: done at the time of the last",
            example="all: [{good: node.quantity}, {all_left: sewing}]",
        ),
        Key(
            name="any",
            kind=raw(say("list-of-conditions", "a list of two or more conditions"), listed),
            meaning="one of these conditions: done at the time of the first",
            example="any: [{good: node.quantity}, {rises: cutter1/order_end}]",
        ),
    )
    names = [{"required": [key.name]} for key in (*_CONDITIONS, *joined) if key.name != "min_dwell"]
    return ObjectSpec(
        name=say("group-done-when", "the end of a node"),
        keys=keys(*_CONDITIONS, *joined),
        rules={"oneOf": names, "dependentRequired": {"min_dwell": ["all_left"]}},
    )


DONE_WHEN: Final = _conditions(0)
START_WHEN: Final = ObjectSpec(
    name=say("group-start-when", "the start of a node"),
    keys=keys(
        Key(
            name="point",
            kind=POINT_REF,
            meaning="a bit (device/point) is true while the station has this work",
            example="point: cutter1/in_cycle",
        ),
        Key(
            name="state",
            kind=_STATES,
            meaning="a station that has this work is in one of these states",
            example="state: running",
        ),
    ),
    rules={"oneOf": [{"required": ["point"]}, {"required": ["state"]}]},
)
START_WORD: Final = choice(StartRule)
NODE: Final = ObjectSpec(
    name=say("group-node", "a node"),
    model=NodeRule,
    keys=keys(
        Key(
            name="stations",
            kind=one_or_more(STATION_REF, say("stations", "stations")),
            meaning="where it is worked on; the pieces of several stations add up",
            example="stations: [CUT-1]",
        ),
        Key(
            name="work_order",
            kind=raw("{from: cutter1/order}, {from: tags} or {from: dispatch}", object_schema(WORK_ORDER)),
            meaning="where its work order comes from",
            example="work_order: {from: dispatch}",
            default_text="{from: dispatch}",
        ),
        Key(
            name="start_when",
            kind=raw(
                say(
                    "start-of-node",
                    "{words}, or {snippet}",
                    words=", ".join(StartRule),
                    snippet="{point: device/point} or {state: running}",
                ),
                {"anyOf": [dict(START_WORD.schema), object_schema(START_WHEN)]},
            ),
            meaning="what starts it; the first piece starts it at the latest",
            example="start_when: first_piece",
            default_text="first_piece",
        ),
        Key(
            name="done_when",
            kind=raw(
                say(
                    "end-of-node",
                    "{snippet}, or several joined by {other}",
                    snippet="{good: node.quantity}, {all_left: ZONE, min_dwell: 3min}, {rises: device/point}",
                    other="{all: […]}, {any: […]}",
                ),
                object_schema(DONE_WHEN),
            ),
            meaning="what completes it",
            example="done_when: {good: node.quantity}",
            default_text="{good: node.quantity}",
        ),
    ),
)
