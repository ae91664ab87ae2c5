"""The tables of what the points mean for production: stations, zones, nodes."""

from __future__ import annotations

from typing import Final

from genba_shared.device_map.kinds import choice, integer, one_or_more, only_word, quantity, raw
from genba_shared.device_map.model import CompletionRule, NodeRule, StartRule, StateRule, Station, Stocktake, Zone
from genba_shared.device_map.references import (
    COUNTED_END,
    DEVICE_REF,
    POINT_REF,
    READ_POINT_REF,
    STATION_REF,
    ZONE_REF,
)
from genba_shared.device_map.schema_parts import object_schema
from genba_shared.device_map.spec import Key, ObjectSpec, keys
from genba_shared.device_map.units import DURATION
from genba_shared.texts import say

STATE: Final = ObjectSpec(
    name=say("group-state", "the state of a station"),
    model=StateRule,
    keys=keys(
        Key(
            name="from",
            kind=POINT_REF,
            attribute="point",
            meaning="the counter whose pieces show that the station runs",
            example="from: parts",
            required=True,
        ),
        Key(
            name="idle_after",
            kind=quantity(DURATION, "1s", "1d", "3min"),
            attribute="idle_after_s",
            meaning="time without a piece after which the station is idle",
            example="idle_after: 3min",
            required=True,
        ),
    ),
)
COUNTS: Final = ObjectSpec(
    name=say("group-counts", "the counts of a station"),
    keys=keys(
        Key(name="good", kind=POINT_REF, meaning="counter of good pieces", example="good: parts"),
        Key(name="scrap", kind=POINT_REF, meaning="counter of scrap", example="scrap: rejects"),
        Key(name="rework", kind=POINT_REF, meaning="counter of pieces to be reworked", example="rework: rework"),
    ),
)
STATION: Final = ObjectSpec(
    name=say("group-station", "a station"),
    model=Station,
    keys=keys(
        Key(name="device", kind=DEVICE_REF, meaning="its device", example="device: cutter1", required=True),
        Key(
            name="state",
            kind=raw(
                say(
                    "state-of-station", "a point with labels, or {snippet}", snippet="{from: COUNTER, idle_after: 3min}"
                ),
                {"anyOf": [{"type": "string"}, object_schema(STATE)]},
            ),
            meaning="where its state comes from: a point with `labels`, or the rhythm of a counter",
            example="state: {from: parts, idle_after: 3min}",
        ),
        Key(
            name="counts",
            kind=raw(
                say("counters-by-result", "counters by result: {snippet}", snippet="{good: parts, scrap: rejects}"),
                object_schema(COUNTS),
            ),
            meaning="which counters count its pieces; points of its device, or device/point",
            example="counts: {good: parts}",
        ),
        Key(
            name="environment",
            kind=one_or_more(POINT_REF, say("points", "points")),
            meaning="points (device/point) of temperature, humidity and the like, to be kept with its completions",
            example="environment: [env1/temp, env1/rh]",
        ),
    ),
)
_READ_POINTS: Final = say("read-points", "read points")
_COUNTS: Final = say("counts", "counts")
ZONE: Final = ObjectSpec(
    name=say("group-zone", "a zone"),
    model=Zone,
    keys=keys(
        Key(
            name="enter",
            kind=one_or_more(READ_POINT_REF, _READ_POINTS),
            meaning="read points where a tag comes in; needs `leave`",
            example="enter: [gate/sewing-in]",
        ),
        Key(
            name="leave",
            kind=one_or_more(READ_POINT_REF, _READ_POINTS),
            meaning="read points where a tag goes out",
            example="leave: [gate/sewing-out]",
        ),
        Key(
            name="in",
            kind=one_or_more(COUNTED_END, _COUNTS),
            attribute="pieces_in",
            meaning="counts that come in, of a station or of a device/point that counts what crosses; needs `out`; "
            "several add up",
            example="in: CUT-1/good",
        ),
        Key(
            name="out",
            kind=one_or_more(COUNTED_END, _COUNTS),
            attribute="pieces_out",
            meaning="counts that go out",
            example="out: [SEW-1/good, SEW-2/good]",
        ),
        Key(
            name="wip_limit",
            kind=integer(1, 10_000_000, "60"),
            meaning="pieces above which the zone is too full",
            example="wip_limit: 60",
            default_text="no limit",
            not_yet=say("instead-no-wip-limit", "a zone that is too full is not told"),
        ),
        Key(
            name="close_after",
            kind=quantity(DURATION, "1s", "366d", "8h"),
            attribute="close_after_s",
            meaning="silence of a tag after which its stay is closed, though no reader saw it leave (read points only)",
            example="close_after: 8h",
            default_text="never",
        ),
        Key(
            name="stocktake",
            kind=choice(Stocktake),
            meaning="whether people may set what is in the zone to what they counted",
            example="stocktake: allowed",
        ),
    ),
    rules={
        "dependentRequired": {"enter": ["leave"], "leave": ["enter"], "in": ["out"], "out": ["in"]},
        "anyOf": [{"required": ["enter"]}, {"required": ["in"]}],
    },
)
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
            meaning="what counts while the point is empty; only `dispatch`",
            example="else: dispatch",
            default_text="nothing",
            not_yet=say("instead-no-work", "while the point is empty the station has no work order"),
        ),
    ),
)
DONE_WHEN: Final = ObjectSpec(
    name=say("group-done-when", "the end of a node"),
    model=CompletionRule,
    keys=keys(
        Key(
            name="good",
            kind=only_word("node.quantity"),
            meaning="the good pieces reach the node's quantity",
            example="good: node.quantity",
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
    ),
    rules={
        "oneOf": [{"required": ["good"]}, {"required": ["all_left"]}],
        "dependentRequired": {"min_dwell": ["all_left"]},
    },
)
NODE: Final = ObjectSpec(
    name=say("group-node", "a node"),
    model=NodeRule,
    keys=keys(
        Key(
            name="stations",
            kind=one_or_more(STATION_REF, say("stations", "stations")),
            meaning="where it is worked on",
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
            kind=choice(StartRule),
            meaning="what starts it",
            example="start_when: first_piece",
            not_yet=say("instead-first-piece", "the first piece starts it"),
        ),
        Key(
            name="done_when",
            kind=raw("{good: node.quantity} or {all_left: ZONE, min_dwell: 3min}", object_schema(DONE_WHEN)),
            meaning="what completes it",
            example="done_when: {good: node.quantity}",
            default_text="{good: node.quantity}",
        ),
    ),
)
