"""OPC UA devices and points from their settings."""

from __future__ import annotations

from functools import partial

import yaml

from genba_shared.device_map.addresses import uses_namespace_index
from genba_shared.device_map.browse_paths import EXAMPLE, numbered_namespace_of, path_below
from genba_shared.device_map.build_points import GREATEST, check_use, read_device, read_device_points, take_type
from genba_shared.device_map.model import (
    NodeAddress,
    OpcUaDevice,
    OpcUaPoint,
    OpcUaProfile,
    PointType,
)
from genba_shared.device_map.phrases import write
from genba_shared.device_map.problems import Wrong
from genba_shared.device_map.spec import Scope, Values, read_object
from genba_shared.device_map.tables_opcua import EXAMPLE_ROOT, OPCUA_DEVICE, OPCUA_POINT
from genba_shared.texts import say

_WHOLE = frozenset(GREATEST)
_NODE_EXAMPLE = '"nsu=urn:plc:cutter;s=DB10.PartCount"'
_URI_EXAMPLES = {"node": '"nsu=urn:…;s=…"', "root": EXAMPLE_ROOT}


def build_opcua(node: yaml.Node, scope: Scope) -> OpcUaDevice:
    """One OPC UA device.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_device(node, scope, OPCUA_DEVICE)
    profile = values.taken.get("profile", OpcUaProfile.AUTO)
    if profile is not OpcUaProfile.AUTO and "root" not in values.nodes:
        values.error(
            "profile",
            say(
                "profile-without-root",
                "the profile {profile} needs `root`: where the machine's object is.",
                profile=profile,
            ),
            write(f"root: {EXAMPLE_ROOT}"),
        )
    root = values.taken.get("root", NodeAddress())
    _warn_of_number(values, "root", numbered_namespace_of(root))
    points = read_device_points(values, partial(build_opcua_point, root=root))
    return values.build(OpcUaDevice, points=points)


def build_opcua_point(node: yaml.Node, scope: Scope, name: str, *, root: NodeAddress) -> OpcUaPoint:
    """One OPC UA point.

    Raises:
        Unusable: something in it is wrong; it has been reported.
    """
    values = read_object(node, OPCUA_POINT, scope)
    needed = say("opcua-type-needed", "the point needs its type: only a counter with a `limit` shows it.")
    take_type(values, _type_of_counter(values), needed)
    check_use(values)
    _take_place(values, root)
    if "words" in values.taken and values.taken.get("type") not in {*_WHOLE, None}:
        values.error(
            "words",
            say("words-need-whole-number", "`words` turn texts into whole numbers."),
            write("type: int32"),
        )
    return values.build(OpcUaPoint, name=name)


def _take_place(values: Values, root: NodeAddress) -> None:
    """Where the variable is: one of `node` and `path`."""
    written = values.taken.get("node", "")
    if "path" not in values.nodes and "node" not in values.nodes:
        if not values.broken:
            values.error(
                "",
                say("point-without-place", "the point has no place: `node` or `path` is needed."),
                write(f"node: {_NODE_EXAMPLE}"),
            )
        return
    if "path" not in values.taken:
        _warn_of_number(values, "node", written.partition(";")[0] if uses_namespace_index(written) else "")
        return
    if "node" in values.nodes:
        values.error(
            "path",
            say("two-places", "the point has a `node` already: one place is enough."),
            say("leave-one-out", "Leave one of the two out."),
        )
        return
    try:
        values.taken["path"] = path_below(root, values.taken["path"])
    except Wrong as exc:
        values.error("path", exc.message, exc.fix)
        return
    if not numbered_namespace_of(root):
        _warn_of_number(values, "path", numbered_namespace_of(values.taken["path"]))


def _warn_of_number(values: Values, key: str, namespace: str) -> None:
    if namespace:
        values.warn(
            key,
            say(
                "namespace-index",
                "{index} is a place in the server's list of namespaces and may change at a restart.",
                index=namespace,
            ),
            say(
                "write-namespace-uri",
                "Write the namespace as URI: {example}.",
                example=_URI_EXAMPLES.get(key, EXAMPLE),
            ),
        )


def _type_of_counter(values: Values) -> PointType | None:
    """The smallest unsigned type that holds the counter's limit: the server says the exact type by itself."""
    counter = values.taken.get("counter")
    limit = counter.taken.get("limit") if isinstance(counter, Values) else None
    if limit is None:
        return None
    return next(kind for kind in (PointType.UINT16, PointType.UINT32, PointType.UINT64) if limit <= GREATEST[kind])
