"""The tables of a map's other settings: gateway, collector, store, stations, zones, nodes."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Final

import yaml

from genba_shared.device_map.addresses import mqtt_url_of
from genba_shared.device_map.kinds import IDENTIFIER, choice, integer, one_or_more, only_word, quantity, raw, text
from genba_shared.device_map.model import (
    CollectorSettings,
    CompletionRule,
    GatewaySettings,
    NodeRule,
    StartRule,
    StateRule,
    Station,
    StoreSettings,
    Zone,
)
from genba_shared.device_map.problems import Wrong, did_you_mean, shorten
from genba_shared.device_map.references import (
    COUNTED_END,
    DEVICE_REF,
    POINT_REF,
    READ_POINT_REF,
    STATION_REF,
    ZONE_REF,
)
from genba_shared.device_map.scalars import integer_of
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, keys
from genba_shared.device_map.tables_broker import broker_keys
from genba_shared.device_map.units import DURATION

VERSION: Final = 1


def _read_version(node: yaml.Node, _scope: Scope) -> int:
    version = integer_of(node, low=1, high=9999, allowed="the version of the map's format", example="version: 1")
    if version != VERSION:
        raise Wrong(
            f"this program reads maps of version {VERSION}, not {version}.", "Update genba, or write version: 1."
        )
    return version


def _timezone_of(written: str) -> str:
    known = zoneinfo.available_timezones()
    if known and written not in known:  # a system without the time zone database cannot tell
        raise Wrong(
            f"'{shorten(written)}' is not a time zone of the IANA database.",
            did_you_mean(written, known, "Write it like Asia/Shanghai."),
        )
    return written


def _path_of(written: str) -> Path:
    if not written.strip() or "\\" in written:
        raise Wrong(f"'{shorten(written)}' is not a folder.", "Write it like state, or /var/lib/genba.")
    return Path(written)


GATEWAY: Final = ObjectSpec(
    name="the gateway",
    model=GatewaySettings,
    keys=keys(
        Key(
            name="id",
            kind=IDENTIFIER,
            meaning="the gateway's id, unique in the installation",
            example="id: gw-suzhou-01",
            required=True,
        ),
        Key(name="site", kind=IDENTIFIER, meaning="the factory it stands in", example="site: suzhou-a", required=True),
        Key(
            name="timezone",
            kind=text("a time zone of the IANA database", "Asia/Shanghai", check=_timezone_of),
            meaning="the factory's time zone; events are always in UTC",
            example="timezone: Asia/Shanghai",
        ),
    ),
)
COLLECTOR: Final = ObjectSpec(
    name="the collector",
    model=CollectorSettings,
    keys=keys(
        Key(
            name="mqtt",
            kind=text("the URL of an MQTT broker", "mqtt://10.1.2.3:1883", check=mqtt_url_of),
            meaning="the broker that events go to (mqtts: encrypted); `genba edge run --broker` takes its place",
            example="mqtt: mqtt://10.1.2.3:1883",
            required=True,
        ),
        *broker_keys(),
    ),
)
STORE: Final = ObjectSpec(
    name="the store",
    model=StoreSettings,
    keys=keys(
        Key(
            name="path",
            kind=text("a folder", "state", check=_path_of),
            meaning="the folder of the outbox, relative to the map; `genba edge run --state` takes its place",
            example="path: state",
        )
    ),
    later=dict.fromkeys(("max", "keep", "drop_order"), ""),
)
ROOT: Final = ObjectSpec(
    name="a device map",
    keys=keys(
        Key(
            name="version",
            kind=Kind(allowed="1", read=_read_version),
            meaning="the version of this format",
            example="version: 1",
            required=True,
        ),
        Key(
            name="gateway",
            kind=raw("a group"),
            meaning="who this gateway is",
            example="gateway: {id: gw-suzhou-01, site: suzhou-a}",
            required=True,
        ),
        Key(
            name="collector",
            kind=raw("a group"),
            meaning="where events go; without it only `--broker` and `--sink` take them",
            example="collector: {mqtt: mqtt://10.1.2.3:1883}",
        ),
        Key(name="store", kind=raw("a group"), meaning="where events wait", example="store: {path: state}"),
        Key(
            name="profiles",
            kind=raw("groups by name"),
            meaning="settings that several devices share",
            example="profiles: {fanuc_modbus: {…}}",
        ),
        Key(
            name="devices",
            kind=raw("a list"),
            meaning="PLCs and readers",
            example="devices: [{id: cutter1, …}]",
            required=True,
        ),
        Key(
            name="stations", kind=raw("groups by name"), meaning="where work happens", example="stations: {CUT-1: {…}}"
        ),
        Key(name="zones", kind=raw("groups by name"), meaning="WIP areas", example="zones: {sewing: {…}}"),
        Key(
            name="nodes",
            kind=raw("groups by name"),
            meaning="how production nodes are seen to start and end",
            example="nodes: {CUT: {…}}",
        ),
    ),
    later=dict.fromkeys(("clock", "telemetry"), ""),
)

STATE: Final = ObjectSpec(
    name="the state of a station",
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
    name="the counts of a station",
    keys=keys(
        Key(name="good", kind=POINT_REF, meaning="counter of good pieces", example="good: parts"),
        Key(name="scrap", kind=POINT_REF, meaning="counter of scrap", example="scrap: rejects"),
        Key(name="rework", kind=POINT_REF, meaning="counter of pieces to be reworked", example="rework: rework"),
    ),
)
STATION: Final = ObjectSpec(
    name="a station",
    model=Station,
    keys=keys(
        Key(name="device", kind=DEVICE_REF, meaning="its device", example="device: cutter1", required=True),
        Key(
            name="state",
            kind=raw("a point with labels, or {from: COUNTER, idle_after: 3min}"),
            meaning="where its state comes from: a point with `labels`, or the rhythm of a counter",
            example="state: {from: parts, idle_after: 3min}",
        ),
        Key(
            name="counts",
            kind=raw("counters by result: {good: parts, scrap: rejects}"),
            meaning="which counters count its pieces; points of its device, or device/point",
            example="counts: {good: parts}",
        ),
    ),
    later={"environment": ""},
)
ZONE: Final = ObjectSpec(
    name="a zone",
    model=Zone,
    keys=keys(
        Key(
            name="enter",
            kind=one_or_more(READ_POINT_REF, "read points"),
            meaning="read points where a tag comes in; needs `leave`",
            example="enter: [gate/sewing-in]",
        ),
        Key(
            name="leave",
            kind=one_or_more(READ_POINT_REF, "read points"),
            meaning="read points where a tag goes out",
            example="leave: [gate/sewing-out]",
        ),
        Key(
            name="in",
            kind=one_or_more(COUNTED_END, "counts"),
            attribute="pieces_in",
            meaning="counts that come in; needs `out`; several add up",
            example="in: CUT-1/good",
        ),
        Key(
            name="out",
            kind=one_or_more(COUNTED_END, "counts"),
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
        ),
        Key(
            name="close_after",
            kind=quantity(DURATION, "1s", "366d", "8h"),
            attribute="close_after_s",
            meaning="silence of a tag after which it is taken to have left (read points only)",
            example="close_after: 8h",
            default_text="never",
        ),
    ),
    later={"stocktake": ""},
)
WORK_ORDER: Final = ObjectSpec(
    name="the work order of a node",
    keys=keys(
        Key(
            name="from",
            kind=raw("a point (device/point), tags or dispatch"),
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
            default_text="dispatch",
        ),
    ),
)
DONE_WHEN: Final = ObjectSpec(
    name="the end of a node",
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
)
NODE: Final = ObjectSpec(
    name="a node",
    model=NodeRule,
    keys=keys(
        Key(
            name="stations",
            kind=one_or_more(STATION_REF, "stations"),
            meaning="where it is worked on",
            example="stations: [CUT-1]",
        ),
        Key(
            name="work_order",
            kind=raw("{from: cutter1/order, else: dispatch}, {from: tags} or {from: dispatch}"),
            meaning="where its work order comes from",
            example="work_order: {from: dispatch}",
            default_text="{from: dispatch}",
        ),
        Key(name="start_when", kind=choice(StartRule), meaning="what starts it", example="start_when: first_piece"),
        Key(
            name="done_when",
            kind=raw("{good: node.quantity} or {all_left: ZONE, min_dwell: 3min}"),
            meaning="what completes it",
            example="done_when: {good: node.quantity}",
            default_text="{good: node.quantity}",
        ),
    ),
)
