"""Walks an OPC UA server's address space and tells which variables it has, their types and present values.

Browsing only reads. It asks for a few nodes at a time, follows continuation points, and stops at a limit, because some
servers show a million nodes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from genba_edge.core.commissioning import FoundVariable
from genba_edge.drivers.opcua_nodes import standard_node
from genba_edge.drivers.opcua_session import OpcUaSession
from genba_edge.ports import Value
from genba_shared.device_map.model import PointType

AT_ONCE: Final = 50
"""Nodes in one browse request; small controllers take no more."""

TYPES: Final = {
    ua.VariantType.Boolean: PointType.BOOL,
    ua.VariantType.SByte: PointType.INT8,
    ua.VariantType.Byte: PointType.UINT8,
    ua.VariantType.Int16: PointType.INT16,
    ua.VariantType.UInt16: PointType.UINT16,
    ua.VariantType.Int32: PointType.INT32,
    ua.VariantType.UInt32: PointType.UINT32,
    ua.VariantType.Int64: PointType.INT64,
    ua.VariantType.UInt64: PointType.UINT64,
    ua.VariantType.Float: PointType.FLOAT32,
    ua.VariantType.Double: PointType.FLOAT64,
    ua.VariantType.String: PointType.STRING,
    ua.VariantType.LocalizedText: PointType.STRING,
}


class Extent(Enum):
    """Which variables are told: those of the machine, or also the server's own (namespace 0, Server object)."""

    MACHINE = auto()
    EVERYTHING = auto()


@dataclass(frozen=True, slots=True)
class _Place:
    node: ua.NodeId
    path: tuple[str, ...]


class Browser:
    """One walk below a start node. `seen` counts the nodes looked at so far; `is_cut` says that the limit ended it."""

    def __init__(self, session: OpcUaSession, *, most_nodes: int, extent: Extent) -> None:
        self._session = session
        self._most_nodes = most_nodes
        self._extent = extent
        self._namespaces: Sequence[str] = ()
        self._visited: set[ua.NodeId] = set()
        self.is_cut = False

    @property
    def seen(self) -> int:
        """Nodes looked at so far."""
        return len(self._visited)

    async def variables(self, start: ua.NodeId | None = None) -> AsyncIterator[FoundVariable]:
        """Variables below `start` (None: the Objects folder), nearest first, each once.

        Raises:
            OpcUaLost, OpcUaRefused: the server does not let us browse, or went away.
        """
        self._namespaces = await self._session.namespaces()
        waiting = deque([_Place(start or standard_node(ObjectIds.ObjectsFolder), ())])
        while waiting and not self.is_cut:
            places = [waiting.popleft() for _ in range(min(AT_ONCE, len(waiting)))]
            variables: list[_Place] = []
            for place, references in zip(
                places, await self._session.browse([place.node for place in places]), strict=True
            ):
                for reference in references:
                    child = self._child(place, reference)
                    if child is None:
                        continue
                    waiting.append(child)
                    if reference.NodeClass is ua.NodeClass.Variable and self._is_wanted(child.node):
                        variables.append(child)
            for found in await self._read(variables):
                yield found

    def _child(self, place: _Place, reference: ua.ReferenceDescription) -> _Place | None:
        target = reference.NodeId
        node = ua.NodeId(target.Identifier, target.NamespaceIndex, target.NodeIdType)
        if node in self._visited or (self._extent is Extent.MACHINE and node == standard_node(ObjectIds.Server)):
            return None
        if len(self._visited) >= self._most_nodes:
            self.is_cut = True
            return None
        self._visited.add(node)
        return _Place(node, (*place.path, str(reference.BrowseName.Name or node.to_string())))

    def _is_wanted(self, node: ua.NodeId) -> bool:
        return self._extent is Extent.EVERYTHING or node.NamespaceIndex != 0

    async def _read(self, places: Sequence[_Place]) -> list[FoundVariable]:
        if not places:
            return []
        answers = await self._session.read_data_values([place.node for place in places])
        return [self._found(place, data) for place, data in zip(places, answers, strict=True)]

    def _found(self, place: _Place, data: ua.DataValue) -> FoundVariable:
        variant = data.Value
        is_bad = data.StatusCode is not None and not data.StatusCode.is_good()
        kind, element, type_name = None, None, "no value"
        if variant is not None and variant.VariantType is not ua.VariantType.Null:
            type_name = variant.VariantType.name
            one = TYPES.get(ua.VariantType(variant.VariantType.value))
            if isinstance(variant.Value, list):
                type_name, element = f"array of {type_name}", one
            else:
                kind = one
        return FoundVariable(
            node=stable_id(place.node, self._namespaces),
            path=place.path,
            type=kind,
            type_name=type_name,
            value=_plain(variant.Value) if kind is not None and variant is not None else None,
            status=data.StatusCode.name if is_bad and data.StatusCode is not None else "",
            element=element,
        )


def stable_id(node: ua.NodeId, namespaces: Sequence[str]) -> str:
    """A node id that survives a restart of the server: with the namespace as URI instead of its index."""
    text = node.to_string()
    index = node.NamespaceIndex
    if index == 0 or index >= len(namespaces):
        return text
    return f"nsu={namespaces[index]};{text.partition(';')[2]}"


def _plain(value: object) -> Value:
    text: Callable[[object], str] = str
    match value:
        case bool() | int() | float() | str() | None:
            return value
        case ua.LocalizedText():
            return value.Text
        case _:
            return text(value)
