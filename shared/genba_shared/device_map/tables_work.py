"""The tables of what the points mean for production: stations and zones."""

from __future__ import annotations

from typing import Final

from genba_shared.device_map.kinds import choice, integer, one_or_more, quantity, raw
from genba_shared.device_map.model import StateRule, Station, Stocktake, Zone
from genba_shared.device_map.references import (
    COUNTED_END,
    DEVICE_REF,
    POINT_REF,
    READ_POINT_REF,
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
        Key(
            name="setup_at_most",
            kind=quantity(DURATION, "1s", "7d", "2h"),
            attribute="setup_at_most_s",
            meaning="how long after a change of its work the station counts as set up, while no piece of it comes",
            example="setup_at_most: 2h",
        ),
        Key(
            name="down_after",
            kind=quantity(DURATION, "1s", "7d", "20min"),
            attribute="down_after_s",
            meaning="time without a piece, within dispatched work, after which the station is down and not only idle",
            example="down_after: 20min",
            default_text="never down",
        ),
        Key(
            name="down_after_cycles",
            kind=integer(2, 10_000, "20"),
            meaning="the same as a number of usual cycles (the middle of the last 15), instead of `down_after`",
            example="down_after_cycles: 20",
            default_text="never down",
        ),
    ),
)
STATE_POINTS: Final = one_or_more(POINT_REF, say("points", "points"))
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
                    "state-of-station",
                    "a point with labels, a list of such points, or {snippet}",
                    snippet="{from: COUNTER, idle_after: 3min}",
                ),
                {"anyOf": [STATE_POINTS.schema, object_schema(STATE)]},
            ),
            meaning="where its state comes from: a point with `labels` (or several, the first that says something else "
            "than running has it), or the rhythm of a counter",
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
            meaning="pieces at which the zone is full: a station that feeds it by counts and stands still is blocked",
            example="wip_limit: 60",
            default_text="no limit",
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
