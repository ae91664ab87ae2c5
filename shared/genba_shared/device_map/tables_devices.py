"""The tables of a device's settings. One row is one key: kind, the model's field, its line in the reference."""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Final

from genba_shared.device_map.addresses import endpoint_of, opcua_url_of
from genba_shared.device_map.kinds import (
    IDENTIFIER,
    LABEL,
    NAME,
    by_number,
    choice,
    group,
    integer,
    only_word,
    optional_group,
    quantity,
    raw,
    text,
)
from genba_shared.device_map.model import (
    Antenna,
    ByteOrder,
    LlrpDevice,
    ModbusDevice,
    ModbusPoint,
    OpcUaDevice,
    PollSettings,
    PresenceSettings,
    SecurityPolicy,
    TimeSource,
)
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.device_map.spec import Key, ObjectSpec, Values, keys
from genba_shared.device_map.units import DURATION, POWER, RATIO


def default_of(model: type, attribute: str) -> Any:
    """The default of a model's field, for a key that lies in a group of its own in the file."""
    return next(item.default for item in dataclasses.fields(model) if item.name == attribute)


SECURITY: Final = ObjectSpec(
    name="the security of a connection",
    keys=keys(
        Key(
            name="policy",
            kind=only_word(
                SecurityPolicy.NONE,
                later=("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"),
                fix="Write none only where the network is closed and the server offers an open endpoint.",
            ),
            meaning="`none`: neither signed nor encrypted; has to be written out, so that nobody believes otherwise",
            example="policy: none",
            required=True,
        )
    ),
    later=dict.fromkeys(("mode", "user", "password", "server_fingerprint"), ""),
)
RECONNECT: Final = ObjectSpec(
    name="the handling of a lost connection",
    keys=keys(
        Key(
            name="max",
            kind=quantity(DURATION, "100ms", "1h", "3s"),
            attribute="max_s",
            default=default_of(OpcUaDevice, "reconnect_max_s"),
            meaning="the longest pause between two attempts to connect; a device is never given up",
            example="max: 3s",
        )
    ),
)


def _reconnect(values: Values) -> float:
    return values.build(lambda max_s=RECONNECT.keys["max"].default: float(max_s))


def _common_device_keys() -> tuple[Key, ...]:
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
            kind=raw("opcua, modbus or llrp"),
            meaning="what it speaks: `opcua`, `modbus` or `llrp`",
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
            example="reconnect: {max: 3s}",
        ),
    )


POINTS_KEY: Final = Key(
    name="points",
    kind=raw("points by name"),
    meaning="the variables to read, by name",
    example="points: {parts: {…}}",
    required=True,
)
OPCUA_DEVICE: Final = ObjectSpec(
    name="an OPC UA device",
    model=OpcUaDevice,
    keys=keys(
        *_common_device_keys(),
        Key(
            name="url",
            kind=text("the URL of an OPC UA server", "opc.tcp://10.1.2.10:4840", check=opcua_url_of),
            meaning="where the server is",
            example="url: opc.tcp://10.1.2.10:4840",
            required=True,
        ),
        Key(
            name="security",
            kind=optional_group(SECURITY, lambda values: values.build(lambda policy: SecurityPolicy(policy))),
            meaning="how the connection is protected; this version knows only `{policy: none}`",
            example="security: {policy: none}",
        ),
        Key(
            name="time",
            kind=choice(TimeSource),
            meaning="whose clock stamps a value: the PLC's (`source`), the server's or the gateway's",
            example="time: source",
        ),
        POINTS_KEY,
    ),
    later={"profile": "The defaults suit most servers."},
    elsewhere={"host": "Write url: opc.tcp://host:4840.", "port": "Write url: opc.tcp://host:4840."},
    replaced_by={"url": ("host",)},
)


# Modbus --------------------------------------------------------------------------------------------------------------


def _host(default_port: int, example: str) -> Key:
    allowed = "a host, or host:port"
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


def _poll(values: Values) -> PollSettings:
    written = values.taken.pop("groups", {})
    groups = {**PollSettings().groups, **written}
    for name, period_s in groups.items():
        if name not in written:
            values.scope.explain(name, DURATION.show(period_s), "default")
    return values.build(PollSettings, groups=groups)


POLL: Final = ObjectSpec(
    name="the polling of a device",
    model=PollSettings,
    keys=keys(
        Key(
            name="max_gap",
            kind=integer(0, 120, "12"),
            meaning="registers that may be read in vain to join two blocks into one request",
            example="max_gap: 12",
        ),
        Key(
            name="max_registers",
            kind=integer(1, 125, "100"),
            meaning="the most registers that the device gives in one request",
            example="max_registers: 100",
        ),
    ),
    free=Key(
        name="GROUP",
        kind=quantity(DURATION, "20ms", "1d", "500ms"),
        attribute="groups",
        meaning="the period of a poll group; a new name makes a new group",
        example="fast: 500ms",
        default_text="fast: 500ms, slow: 10s",
    ),
)
MODBUS_DEVICE: Final = ObjectSpec(
    name="a Modbus device",
    model=ModbusDevice,
    keys=keys(
        *_common_device_keys(),
        _host(502, "10.1.2.21:502"),
        Key(
            name="unit",
            kind=integer(0, 255, "1"),
            meaning="the unit (slave) number behind the address",
            example="unit: 1",
        ),
        Key(
            name="byte_order",
            kind=choice(ByteOrder),
            default=default_of(ModbusPoint, "byte_order"),
            meaning="order of the bytes of a value in several registers; ABCD is high byte and high word first",
            example="byte_order: CDAB",
        ),
        Key(
            name="poll",
            kind=group(POLL, _poll),
            meaning="how often each group of points is read, and how blocks are joined",
            example="poll: {fast: 500ms}",
        ),
        POINTS_KEY,
    ),
    later={
        "serial": "Put a Modbus TCP gateway in front and write `host`.",
        "workarounds": "",
    },
    elsewhere={
        "time": "Leave it out: Modbus carries no time, so the gateway's is taken.",
        "url": "Write host: 10.1.2.21:502.",
        "port": "Write host: 10.1.2.21:502.",
    },
    replaced_by={"host": ("serial", "url")},
)

# RFID ----------------------------------------------------------------------------------------------------------------

ANTENNA: Final = ObjectSpec(
    name="an antenna",
    model=Antenna,
    keys=keys(
        Key(
            name="read_point",
            kind=NAME,
            meaning="the place where it reads; several antennas may share one",
            example="read_point: sewing-in",
            required=True,
        ),
        Key(
            name="power",
            kind=quantity(POWER, "0dBm", "36dBm", "24dBm"),
            attribute="power_dbm",
            meaning="transmit power",
            example="power: 24dBm",
            default_text="as the reader is set",
        ),
        Key(
            name="min_rssi",
            kind=quantity(POWER, "-120dBm", "0dBm", "-62dBm"),
            attribute="min_rssi_dbm",
            meaning="weaker reads do not count",
            example="min_rssi: -62dBm",
            default_text="every read counts",
        ),
    ),
)


_CAPITAL: Final = re.compile(r"(?<!\\)[A-F]")


def _pattern_of(written: str) -> str:
    try:
        re.compile(written)
    except (re.error, OverflowError, RecursionError) as exc:
        raise Wrong(f"'{shorten(written)}' is not a regular expression: {exc}.", 'Write it like "^3034".') from exc
    if _CAPITAL.search(written):
        lower = _CAPITAL.sub(lambda found: found[0].lower(), written)
        raise Wrong(
            f"'{shorten(written)}' has capital letters: EPCs are compared as lower-case hex.",
            f'Did you mean "{shorten(lower)}"?',
        )
    return written


TAGS: Final = ObjectSpec(
    name="the choice of tags",
    keys=keys(
        Key(
            name="accept",
            kind=text("a regular expression", '"^3034"', check=_pattern_of),
            default=default_of(LlrpDevice, "accept"),
            meaning="a regular expression that finds our EPCs (lower-case hex); others are strays",
            example='accept: "^3034"',
            default_text="every tag",
        )
    ),
)
PRESENCE: Final = ObjectSpec(
    name="the presence of a tag",
    model=PresenceSettings,
    keys=keys(
        Key(
            name="min_reads",
            kind=integer(1, 1000, "2"),
            meaning="reads that make a passage",
            example="min_reads: 2",
        ),
        Key(
            name="depart_after",
            kind=quantity(DURATION, "100ms", "1d", "45s"),
            attribute="depart_after_s",
            meaning="silence that ends a passage",
            example="depart_after: 45s",
        ),
        Key(
            name="move_margin",
            kind=quantity(RATIO, "0dB", "40dB", "6dB"),
            attribute="move_margin_db",
            meaning="how much stronger another read point must hear the tag before it counts as moved",
            example="move_margin: 6dB",
        ),
    ),
)
LLRP_DEVICE: Final = ObjectSpec(
    name="an LLRP reader",
    model=LlrpDevice,
    keys=keys(
        *_common_device_keys(),
        _host(5084, "10.1.2.40"),
        Key(
            name="antennas",
            kind=by_number(
                optional_group(ANTENNA, lambda values: values.build(Antenna)),
                low=1,
                high=255,
                what="a group of antennas by port number",
                example="{1: {read_point: sewing-in}}",
            ),
            meaning="antennas by port number",
            example="antennas: {1: {read_point: sewing-in}}",
            required=True,
        ),
        Key(
            name="tags",
            kind=group(TAGS, lambda values: values.build(lambda accept="": accept)),
            attribute="accept",
            meaning="which tags are ours",
            example='tags: {accept: "^3034"}',
        ),
        Key(
            name="presence",
            kind=group(PRESENCE, lambda values: values.build(PresenceSettings)),
            meaning="when reads become a passage",
            example="presence: {min_reads: 2, depart_after: 45s}",
        ),
        Key(
            name="report",
            kind=quantity(DURATION, "50ms", "1min", "500ms"),
            attribute="report_s",
            meaning="how often the reader reports what it read",
            example="report: 500ms",
        ),
    ),
    elsewhere={
        "time": "Leave it out: reads carry the reader's own UTC time.",
        "url": "Write host: 10.1.2.40:5084.",
        "port": "Write host: 10.1.2.40:5084.",
    },
    replaced_by={"host": ("url",)},
)
