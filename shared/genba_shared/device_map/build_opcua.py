"""OPC UA devices and points from their settings."""

from __future__ import annotations

import yaml

from genba_shared.device_map.addresses import uses_namespace_index
from genba_shared.device_map.build_points import GREATEST, check_use, read_device, read_device_points, take_type
from genba_shared.device_map.model import (
    OpcUaDevice,
    OpcUaPoint,
    PointType,
)
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_devices import default_of
from genba_shared.device_map.tables_opcua import OPCUA_DEVICE, OPCUA_POINT
from genba_shared.texts import say


def build_opcua(node: yaml.Node, scope: Scope) -> OpcUaDevice:
    """One OPC UA device.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_device(node, scope, OPCUA_DEVICE)
    if "security" not in values.nodes:
        values.scope.explain(
            "security.policy", str(default_of(OpcUaDevice, "security")), say("origin-default", "default")
        )
        values.warn(
            "security",
            say(
                "not-encrypted",
                "the connection is neither signed nor encrypted: this version knows no other policy.",
            ),
            say("write-if-meant", "Write {snippet} to say that this is meant.", snippet="security: {policy: none}"),
        )
    points = read_device_points(values, build_opcua_point)
    return values.build(OpcUaDevice, points=points)


def build_opcua_point(node: yaml.Node, scope: Scope, name: str) -> OpcUaPoint:
    """One OPC UA point.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, OPCUA_POINT, scope)
    needed = say("opcua-type-needed", "the point needs its type: only a counter with a `limit` shows it.")
    take_type(values, _type_of_counter(values), needed)
    check_use(values)
    written = values.taken.get("node", "")
    if uses_namespace_index(written):
        values.warn(
            "node",
            say(
                "namespace-index",
                "{index} is a place in the server's list of namespaces and may change at a restart.",
                index=written.partition(";")[0],
            ),
            say("write-namespace-uri", "Write the namespace as URI: {example}.", example='"nsu=urn:…;s=…"'),
        )
    return values.build(OpcUaPoint, name=name)


def _type_of_counter(values: Values) -> PointType | None:
    """The smallest unsigned type that holds the counter's limit: the server says the exact type by itself."""
    counter = values.taken.get("counter")
    limit = counter.taken.get("limit") if isinstance(counter, Values) else None
    if limit is None:
        return None
    return next(kind for kind in (PointType.UINT16, PointType.UINT32, PointType.UINT64) if limit <= GREATEST[kind])
