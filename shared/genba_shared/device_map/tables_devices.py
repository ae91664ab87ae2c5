"""The settings that every device has, whatever it speaks.

One row is one key: kind, the model's field, its line in the reference.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from genba_shared.device_map.addresses import (
    endpoint_of,
)
from genba_shared.device_map.kinds import (
    IDENTIFIER,
    LABEL,
    NAME,
    group,
    quantity,
    raw,
    text,
)
from genba_shared.device_map.model import (
    OpcUaDevice,
)
from genba_shared.device_map.phrases import any_of
from genba_shared.device_map.spec import Key, ObjectSpec, Values, keys
from genba_shared.device_map.units import DURATION
from genba_shared.texts import say


def default_of(model: type, attribute: str) -> Any:
    """The default of a model's field, for a key that lies in a group of its own in the file."""
    return next(item.default for item in dataclasses.fields(model) if item.name == attribute)


RECONNECT: Final = ObjectSpec(
    name=say("group-reconnect", "the handling of a lost connection"),
    keys=keys(
        Key(
            name="max",
            kind=quantity(DURATION, "100ms", "1h", "2.5s"),
            attribute="max_s",
            default=default_of(OpcUaDevice, "reconnect_max_s"),
            meaning="the longest pause between two attempts to connect; a device is never given up",
            example="max: 2.5s",
        )
    ),
)


def _reconnect(values: Values) -> float:
    return values.build(lambda max_s=RECONNECT.keys["max"].default: float(max_s))


def common_device_keys() -> tuple[Key, ...]:
    """The keys that every device has."""
    return (
        Key(
            name="id",
            kind=IDENTIFIER,
            meaning="the device's stable id; appears in events, so do not reuse it",
            example="id: cutter1",
            required=True,
        ),
        Key(name="label", kind=LABEL, meaning="its name for people, in any language", example='label: "Cutter 1"'),
        Key(
            name="protocol",
            kind=raw(any_of(("opcua", "modbus", "llrp", "impinj_http", "mqtt_in"))),
            meaning="what it speaks: `opcua`, `modbus`, `llrp`, `impinj_http` or `mqtt_in`",
            example="protocol: modbus",
            required=True,
        ),
        Key(name="use", kind=NAME, meaning="the profile that it starts from", example="use: fanuc_modbus"),
        Key(
            name="timeout",
            kind=quantity(DURATION, "50ms", "1min", "2s"),
            attribute="timeout_s",
            meaning="how long to wait for an answer before the device counts as lost",
            example="timeout: 2s",
        ),
        Key(
            name="reconnect",
            kind=group(RECONNECT, _reconnect),
            attribute="reconnect_max_s",
            meaning="what to do when the connection is lost",
            example="reconnect: {max: 2.5s}",
        ),
    )


POINTS_KEY: Final = Key(
    name="points",
    kind=raw(say("points-by-name", "points by name")),
    meaning="the variables to read, by name",
    example="points: {parts: {…}}",
    required=True,
)


def host_key(default_port: int, example: str) -> Key:
    """Where a device is, as ``host`` or ``host:port``."""
    allowed = say("a-host", "a host, or host:port")
    return Key(
        name="host",
        kind=dataclasses.replace(
            text(allowed, example, check=lambda written: endpoint_of(written, default_port=default_port)),
            show=lambda endpoint: f"{endpoint[0]} port {endpoint[1]}",
        ),
        attribute="endpoint",
        meaning=f"where the device is; port {default_port} unless one is written",
        example=f"host: {example}",
        required=True,
    )
