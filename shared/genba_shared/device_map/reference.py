"""The reference of the device map's settings, from the tables that check them (docs/device-map.md holds a copy).

``python -m genba_shared.device_map.reference`` prints it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from genba_shared.device_map.spec import MISSING, Key, ObjectSpec
from genba_shared.device_map.tables_devices import RECONNECT
from genba_shared.device_map.tables_map import CLOCK, COLLECTOR, GATEWAY, ROOT, STORE, TELEMETRY
from genba_shared.device_map.tables_modbus import MODBUS_DEVICE, MODBUS_POINT, POLL
from genba_shared.device_map.tables_modbus_line import SERIAL, WORKAROUNDS
from genba_shared.device_map.tables_mqtt_in import MQTT_IN_DEVICE, MQTT_POINT, TAGS_FROM
from genba_shared.device_map.tables_nodes import DONE_WHEN, NODE, START_WHEN, WORK_ORDER
from genba_shared.device_map.tables_opcua import OPCUA_DEVICE, OPCUA_POINT, SECURITY
from genba_shared.device_map.tables_points import COUNTER, RESET_BY
from genba_shared.device_map.tables_rfid import ANTENNA, IMPINJ_DEVICE, LLRP_DEVICE, PRESENCE, SELF_SET_ANTENNA, TAGS
from genba_shared.device_map.tables_work import COUNTS, STATE, STATION, ZONE

SECTIONS: Final[tuple[tuple[str, ObjectSpec], ...]] = (
    ("The whole map", ROOT),
    ("gateway", GATEWAY),
    ("collector", COLLECTOR),
    ("store", STORE),
    ("clock", CLOCK),
    ("telemetry", TELEMETRY),
    ("devices, protocol: opcua", OPCUA_DEVICE),
    ("devices, protocol: modbus", MODBUS_DEVICE),
    ("devices, protocol: llrp", LLRP_DEVICE),
    ("devices, protocol: impinj_http", IMPINJ_DEVICE),
    ("devices, protocol: mqtt_in", MQTT_IN_DEVICE),
    ("devices.*.security", SECURITY),
    ("devices.*.reconnect", RECONNECT),
    ("devices.*.poll", POLL),
    ("devices.*.serial", SERIAL),
    ("devices.*.workarounds", WORKAROUNDS),
    ("devices.*.antennas.*", ANTENNA),
    ("devices.*.antennas.*, protocol: impinj_http or mqtt_in", SELF_SET_ANTENNA),
    ("devices.*.tags", TAGS),
    ("devices.*.presence", PRESENCE),
    ("devices.*.tags_from", TAGS_FROM),
    ("devices.*.points.* of OPC UA", OPCUA_POINT),
    ("devices.*.points.* of Modbus", MODBUS_POINT),
    ("devices.*.points.* of MQTT", MQTT_POINT),
    ("devices.*.points.*.counter", COUNTER),
    ("devices.*.points.*.counter.reset_by", RESET_BY),
    ("stations.*", STATION),
    ("stations.*.state", STATE),
    ("stations.*.counts", COUNTS),
    ("zones.*", ZONE),
    ("nodes.*", NODE),
    ("nodes.*.work_order", WORK_ORDER),
    ("nodes.*.start_when", START_WHEN),
    ("nodes.*.done_when", DONE_WHEN),
)


def markdown() -> str:
    """All settings as Markdown tables, ending in a line break."""
    return "\n".join(line for title, spec in SECTIONS for line in _section(title, spec))


def _section(title: str, spec: ObjectSpec) -> Iterator[str]:
    yield f"### `{title}`" if "*" in title or title.islower() else f"### {title}"
    yield ""
    yield "| key | value | default | meaning |"
    yield "|---|---|---|---|"
    for key in (*spec.keys.values(), *((spec.free,) if spec.free else ())):
        yield f"| `{key.name}` | {_cell(key.kind.allowed)} | {_cell(_default(key, spec))} | {_cell(_meaning(key))} |"
    if spec.later:
        yield ""
        yield f"Not in this version yet: {', '.join(f'`{name}`' for name in spec.later)}."
    yield ""


def _default(key: Key, spec: ObjectSpec) -> str:
    if key.required:
        return "required"
    if key.default_text:
        return key.default_text
    default = spec.default_of(key)
    if key.kind.group is not None:
        return "its defaults"
    if default is MISSING or default in (None, "", (), {}) or key.kind.show is None:
        return "–"
    return key.kind.show(default)


def _meaning(key: Key) -> str:
    return f"{key.meaning}. *Not acted on yet: {key.not_yet}.*" if key.not_yet else key.meaning


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown())
