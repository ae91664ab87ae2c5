"""The tables of a whole map and of the gateway itself: collector, store, clock, telemetry."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import Final

import yaml

from genba_shared.device_map.addresses import MQTT_URL, mqtt_urls_of
from genba_shared.device_map.kinds import IDENTIFIER, choice, one_or_more, quantity, raw, text
from genba_shared.device_map.model import (
    ClockSettings,
    CollectorSettings,
    GatewaySettings,
    StoredKind,
    StoreSettings,
    TelemetrySend,
    TelemetrySettings,
)
from genba_shared.device_map.phrases import write_like
from genba_shared.device_map.problems import Wrong, did_you_mean, shorten
from genba_shared.device_map.scalars import integer_of
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, keys
from genba_shared.device_map.tables_broker import broker_keys
from genba_shared.device_map.units import DURATION, SIZE
from genba_shared.texts import say

VERSION: Final = 1
_A_GROUP: Final = say("a-group", "a group")
_GROUPS_BY_NAME: Final = say("groups-by-name", "groups by name")
_NO_SAMPLES: Final = say("instead-no-samples", "no raw samples are sent")


def _read_version(node: yaml.Node, _scope: Scope) -> int:
    version = integer_of(
        node,
        low=1,
        high=9999,
        allowed=say("version-of-format", "the version of the map's format"),
        example="version: 1",
    )
    if version != VERSION:
        raise Wrong(
            say(
                "other-version",
                "this program reads maps of version {known}, not {version}.",
                known=VERSION,
                version=version,
            ),
            say("update-or-write", "Update genba, or write {snippet}.", snippet=f"version: {VERSION}"),
        )
    return version


def _timezone_of(written: str) -> str:
    known = zoneinfo.available_timezones()
    if known and written not in known:  # a system without the time zone database cannot tell
        raise Wrong(
            say("not-a-time-zone", "'{word}' is not a time zone of the IANA database.", word=shorten(written)),
            did_you_mean(written, known, write_like("Asia/Shanghai")),
        )
    return written


def _path_of(written: str) -> Path:
    if not written.strip() or "\\" in written:
        raise Wrong(
            say("not-a-folder", "'{word}' is not a folder.", word=shorten(written)),
            say("write-like-or", "Write it like {example}, or {other}.", example="state", other="/var/lib/genba"),
        )
    return Path(written)


GATEWAY: Final = ObjectSpec(
    name=say("group-gateway", "the gateway"),
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
            kind=text(say("a-time-zone", "a time zone of the IANA database"), "Asia/Shanghai", check=_timezone_of),
            meaning="the factory's time zone; events are always in UTC",
            example="timezone: Asia/Shanghai",
        ),
    ),
)
COLLECTOR: Final = ObjectSpec(
    name=say("group-collector", "the collector"),
    model=CollectorSettings,
    keys=keys(
        Key(
            name="mqtt",
            kind=text(MQTT_URL, "mqtt://10.1.2.3:1883", check=mqtt_urls_of),
            meaning="the broker that events go to (mqtts: encrypted); `genba edge run --broker` takes its place",
            example="mqtt: mqtt://10.1.2.3:1883",
            required=True,
        ),
        Key(
            name="delay",
            kind=quantity(DURATION, "0s", "60s", "1s"),
            attribute="delay_s",
            meaning="how long an event waits for others, on a link that is paid by the byte; 0s sends it at once",
            example="delay: 700ms",
        ),
        *broker_keys(),
    ),
)
STORE: Final = ObjectSpec(
    name=say("group-store", "the store"),
    model=StoreSettings,
    keys=keys(
        Key(
            name="path",
            kind=text(say("a-folder", "a folder"), "state", check=_path_of),
            meaning="the folder of the outbox, relative to the map; `genba edge run --state` takes its place",
            example="path: state",
        ),
        Key(
            name="max",
            kind=quantity(SIZE, "10MB", "10000GB", "2GB"),
            attribute="max_bytes",
            meaning="the most that events and their history may take on the disk; what is never dropped is exempt",
            example="max: 2GB",
            default_text="no limit but the disk's",
        ),
        Key(
            name="keep",
            kind=quantity(DURATION, "1h", "3660d", "30d"),
            attribute="keep_s",
            meaning="how long events wait for the collector; what is never dropped is exempt",
            example="keep: 30d",
            default_text="for ever",
        ),
        Key(
            name="history",
            kind=quantity(SIZE, "0MB", "1000GB", "64MB"),
            attribute="history_bytes",
            meaning="how much of what the collector has taken stays, for `genba edge explain`; 0MB keeps none",
            example="history: 64MB",
        ),
        Key(
            name="history_keep",
            kind=quantity(DURATION, "1h", "3660d", "30d"),
            attribute="history_keep_s",
            meaning="how long it stays at the most",
            example="history_keep: 30d",
        ),
        Key(
            name="drop_order",
            kind=one_or_more(choice(StoredKind), say("kinds-of-event", "kinds of event")),
            meaning="what is dropped when a limit is reached, the first first; what is not named is kept",
            example="drop_order: [telemetry, environment, state, count]",
        ),
    ),
)
CLOCK: Final = ObjectSpec(
    name=say("group-clock", "the gateway's clock"),
    model=ClockSettings,
    keys=keys(
        Key(
            name="max_offset",
            kind=quantity(DURATION, "10ms", "1h", "2s"),
            attribute="max_offset_s",
            meaning="how far the clock may be from the collector's before the gateway warns",
            example="max_offset: 2s",
            not_yet=say("instead-clock-not-compared", "the clock is not compared"),
        )
    ),
)
TELEMETRY: Final = ObjectSpec(
    name=say("group-telemetry", "the telemetry"),
    model=TelemetrySettings,
    keys=keys(
        Key(
            name="send",
            kind=choice(TelemetrySend),
            meaning="which raw samples are sent beside the events, for a time-series database",
            example="send: changes",
            not_yet=_NO_SAMPLES,
        ),
        Key(
            name="max_interval",
            kind=quantity(DURATION, "1s", "1d", "10min"),
            attribute="max_interval_s",
            meaning="a value that does not change is sent this often, too",
            example="max_interval: 10min",
            not_yet=_NO_SAMPLES,
        ),
    ),
)
ROOT: Final = ObjectSpec(
    name=say("group-map", "a device map"),
    keys=keys(
        Key(
            name="version",
            kind=Kind(allowed="1", read=_read_version, schema={"const": VERSION}),
            meaning="the version of this format",
            example="version: 1",
            required=True,
        ),
        Key(
            name="gateway",
            kind=raw(_A_GROUP),
            meaning="who this gateway is",
            example="gateway: {id: gw-suzhou-01, site: suzhou-a}",
            required=True,
        ),
        Key(
            name="collector",
            kind=raw(_A_GROUP),
            meaning="where events go; without it only `--broker` and `--sink` take them",
            example="collector: {mqtt: mqtt://10.1.2.3:1883}",
        ),
        Key(name="store", kind=raw(_A_GROUP), meaning="where events wait", example="store: {path: state}"),
        Key(
            name="clock",
            kind=raw(_A_GROUP),
            meaning="how exact the gateway's clock must be",
            example="clock: {max_offset: 2s}",
        ),
        Key(
            name="telemetry",
            kind=raw(_A_GROUP),
            meaning="raw samples beside the events",
            example="telemetry: {send: changes, max_interval: 10min}",
        ),
        Key(
            name="profiles",
            kind=raw(_GROUPS_BY_NAME),
            meaning="settings that several devices share",
            example="profiles: {fanuc_modbus: {…}}",
        ),
        Key(
            name="devices",
            kind=raw(say("found-list", "a list")),
            meaning="PLCs and readers",
            example="devices: [{id: cutter1, …}]",
            required=True,
        ),
        Key(name="stations", kind=raw(_GROUPS_BY_NAME), meaning="where work happens", example="stations: {CUT-1: {…}}"),
        Key(name="zones", kind=raw(_GROUPS_BY_NAME), meaning="WIP areas", example="zones: {sewing: {…}}"),
        Key(
            name="nodes",
            kind=raw(_GROUPS_BY_NAME),
            meaning="how production nodes are seen to start and end",
            example="nodes: {CUT: {…}}",
        ),
    ),
)
