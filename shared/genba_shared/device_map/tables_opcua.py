"""The settings of an OPC UA device and of its points."""

from __future__ import annotations

from typing import Final

from genba_shared.device_map.addresses import (
    OPCUA_URL,
    opcua_node_of,
    opcua_url_of,
)
from genba_shared.device_map.kinds import (
    choice,
    integer,
    only_word,
    optional_group,
    quantity,
    text,
)
from genba_shared.device_map.model import (
    OpcUaDevice,
    OpcUaPoint,
    ReadMode,
    SecurityPolicy,
    TimeSource,
)
from genba_shared.device_map.phrases import write
from genba_shared.device_map.spec import Key, ObjectSpec, keys
from genba_shared.device_map.tables_devices import POINTS_KEY, common_device_keys
from genba_shared.device_map.tables_points import POINT_LATER, common_point_keys
from genba_shared.device_map.units import DURATION
from genba_shared.texts import say

SECURITY: Final = ObjectSpec(
    name=say("group-security", "the security of a connection"),
    keys=keys(
        Key(
            name="policy",
            kind=only_word(
                SecurityPolicy.NONE,
                later=("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"),
                fix=say(
                    "none-in-closed-network",
                    "Write none only where the network is closed and the server offers an open endpoint.",
                ),
            ),
            meaning="`none`: neither signed nor encrypted; has to be written out, so that nobody believes otherwise",
            example="policy: none",
            required=True,
        )
    ),
    later=dict.fromkeys(("mode", "user", "password", "server_fingerprint"), ""),
)
OPCUA_DEVICE: Final = ObjectSpec(
    name=say("group-opcua-device", "an OPC UA device"),
    model=OpcUaDevice,
    keys=keys(
        *common_device_keys(),
        Key(
            name="url",
            kind=text(OPCUA_URL, "opc.tcp://10.1.2.10:4840", check=opcua_url_of),
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
    later={"profile": say("defaults-suit", "The defaults suit most servers.")},
    elsewhere={"host": write("url: opc.tcp://host:4840"), "port": write("url: opc.tcp://host:4840")},
    replaced_by={"url": ("host",)},
)


OPCUA_POINT: Final = ObjectSpec(
    name=say("group-opcua-point", "an OPC UA point"),
    model=OpcUaPoint,
    keys=keys(
        Key(
            name="node",
            kind=text(
                say("a-node-id", "an OPC UA node id"), '"nsu=urn:plc:cutter;s=DB10.PartCount"', check=opcua_node_of
            ),
            meaning="the node id, with the namespace as URI; `ns=3;…` works and is warned about",
            example='node: "nsu=urn:plc:cutter;s=DB10.PartCount"',
            required=True,
        ),
        *common_point_keys(
            type_default="the smallest unsigned that holds the counter's `limit`; without a counter, required"
        ),
        Key(
            name="mode",
            kind=choice(ReadMode),
            meaning="`subscribe`: the server reports changes; `read`: it is asked once per `sampling`",
            example="mode: subscribe",
        ),
        Key(
            name="sampling",
            kind=quantity(DURATION, "10ms", "1d", "200ms"),
            attribute="sampling_s",
            meaning="how often the value is looked at",
            example="sampling: 200ms",
        ),
        Key(
            name="queue",
            kind=integer(1, 1000, "10"),
            meaning="changes that the server keeps between two reports",
            example="queue: 10",
        ),
    ),
    later={**POINT_LATER, "scale": ""},
    elsewhere={"group": write("mode: read, sampling: 10s"), "at": write('node: "nsu=…;s=…"')},
    replaced_by={"node": ("at",)},
)
