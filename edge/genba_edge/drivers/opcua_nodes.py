"""Where the points of the map are on this server now: node ids with the namespace's present index, browse paths."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from genba_shared.device_map.model import BrowseStep, NodeAddress
from genba_shared.errors import GenbaError


class NodeUnknown(GenbaError):
    """The map's node cannot be brought to a node of this server; the message says why."""


def standard_node(number: int) -> ua.NodeId:
    """A node that every server has under the same number."""
    return ua.NodeId(ua.Int32(number))


def resolve(node: str, namespaces: Sequence[str]) -> ua.NodeId:
    """The server's node id for the map's, with the namespace's present index put in for its URI.

    Raises:
        NodeUnknown: not a node id, or a namespace that the server does not have (now).
    """
    try:
        parsed = ua.NodeId.from_string(node)
    except (UaError, ValueError) as exc:
        raise NodeUnknown(f"{node!r} is not a node id") from exc
    uri = parsed.NamespaceUri if isinstance(parsed, ua.ExpandedNodeId) else None
    if uri is None:
        return parsed
    return ua.NodeId(parsed.Identifier, ua.Int16(_index_of(uri, namespaces)), parsed.NodeIdType)


def browse_path(address: NodeAddress, namespaces: Sequence[str]) -> ua.BrowsePath:
    """The request that asks the server for the node at the end of a browse path.

    Raises:
        NodeUnknown: a namespace that the server does not have (now).
    """
    start = resolve(address.node, namespaces) if address.node else standard_node(ObjectIds.ObjectsFolder)
    return ua.BrowsePath(
        StartingNode=start,
        RelativePath=ua.RelativePath(Elements=[_element(step, namespaces) for step in address.steps]),
    )


def show_path(address: NodeAddress) -> str:
    """A browse path as a person reads it, without namespaces."""
    return "/".join([address.node or "Objects", *(step.name for step in address.steps)])


def _element(step: BrowseStep, namespaces: Sequence[str]) -> ua.RelativePathElement:
    index = _index_of(step.uri, namespaces) if step.uri else step.index
    return ua.RelativePathElement(
        ReferenceTypeId=standard_node(ObjectIds.HierarchicalReferences),
        IsInverse=False,  # type: ignore[arg-type]  # the library's Boolean cannot be made
        IncludeSubtypes=True,  # type: ignore[arg-type]  # the same
        TargetName=ua.QualifiedName(step.name, index),
    )


def _index_of(uri: str, namespaces: Sequence[str]) -> int:
    if uri not in namespaces:
        raise NodeUnknown(f"the server has no namespace {uri}, but {', '.join(namespaces)}")
    return namespaces.index(uri)
