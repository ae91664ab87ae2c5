"""Structures of a server's own making, decoded by the definition that the server gives of them.

A definition belongs to one session: another server, or the same one after a restart, may give the same id to another
structure. The library keeps such types for the whole process, so that two servers would get in each other's way.

Source: OPC 10000-3, 8.48 to 8.51 (StructureDefinition), OPC 10000-6, 5.2.6 and 5.2.7 (structures, optional fields).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import Primitives, struct_from_binary, unpack_uatype

from genba_edge.drivers.opcua_decode import RawStructure
from genba_edge.drivers.opcua_faults import UNDECODABLE
from genba_edge.drivers.opcua_values import Decode, Misfit

ReadAttribute = Callable[[ua.NodeId, AttributeIds], Awaitable[object]]
Parents = Callable[[ua.NodeId], Awaitable[Sequence[ua.NodeId]]]
ReadValue = Callable[[Buffer], object]

MOST_LEVELS: Final = 8
"""Structures within structures, and types derived from types; deeper ones are taken for a loop."""
_LAST_BUILT_IN: Final = 25
_ENUMERATION: Final = 29
_MOST_ELEMENTS: Final = 100_000
_PLAIN_KINDS: Final = (
    ua.StructureType.Structure,
    ua.StructureType.StructureWithOptionalFields,
    ua.StructureType.Union,
)
"""Later kinds hold members of derived types, which have another form in the bytes."""
_STANDARD: Final[Mapping[ua.NodeId, type]] = {
    cast("Any", known).data_type: known for known in ua.extension_objects_by_typeid.values()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member: `optional_bit` is its bit in the mask of optional members, 0 for a member that is always there."""

    name: str
    read: ReadValue
    optional_bit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """The layout of one structure."""

    members: tuple[Member, ...]
    encoding: ua.NodeId
    has_mask: bool
    is_union: bool

    def read(self, body: Buffer) -> Mapping[str, object]:
        """The members that are there, in order."""
        if self.is_union:
            chosen = Primitives.UInt32.unpack(body)
            if not 1 <= chosen <= len(self.members):
                return {}
            member = self.members[chosen - 1]
            return {member.name: member.read(body)}
        mask = Primitives.UInt32.unpack(body) if self.has_mask else 0
        return {
            member.name: member.read(body)
            for member in self.members
            if not member.optional_bit or mask & member.optional_bit
        }


class Structures:
    """The structures of one session, read once each."""

    def __init__(self, read_attribute: ReadAttribute, parents: Parents) -> None:
        self._read_attribute = read_attribute
        self._parents = parents
        self._known: dict[ua.NodeId, ReadValue] = {}
        self._layouts: dict[ua.NodeId, Structure] = {}

    async def decoder_of(self, variable: ua.NodeId) -> Decode | None:
        """How to decode the structures in a variable; None where the server does not describe them."""
        data_type = await self._read_attribute(variable, AttributeIds.DataType)
        if not isinstance(data_type, ua.NodeId):
            return None
        await self._reader_of(data_type, 0)
        layout = self._layouts.get(data_type)
        if layout is None:
            return None

        def decode(raw: RawStructure) -> Mapping[str, object]:
            if layout.encoding.Identifier and raw.encoding != layout.encoding:
                raise Misfit(f"the server sent a structure of another type ({raw.encoding.to_string()})")
            body = Buffer(raw.body)
            try:
                members = layout.read(body)
            except UNDECODABLE as exc:
                raise Misfit(f"the structure does not have the form that the server describes: {exc}") from exc
            if len(body):
                raise Misfit(f"the structure has {len(body)} bytes more than the server describes")
            return members

        return decode

    async def _reader_of(self, data_type: ua.NodeId, level: int) -> ReadValue | None:
        """How one value of the type is read; None where the server does not tell."""
        if level > MOST_LEVELS:
            return None
        if data_type in self._known:
            return self._known[data_type]
        reader = _built_in(data_type)
        if reader is None:
            definition = await self._read_attribute(data_type, AttributeIds.DataTypeDefinition)
            if isinstance(definition, ua.StructureDefinition):
                layout = await self._layout_of(definition, level)
                if layout is not None:
                    self._layouts[data_type] = layout
                    reader = layout.read
            elif isinstance(definition, ua.EnumDefinition):
                reader = Primitives.Int32.unpack
            else:
                for parent in await self._parents(data_type):
                    reader = await self._reader_of(parent, level + 1)
        if reader is not None:
            self._known[data_type] = reader
        return reader

    async def _layout_of(self, definition: ua.StructureDefinition, level: int) -> Structure | None:
        if definition.StructureType not in _PLAIN_KINDS:
            return None
        has_mask = definition.StructureType == ua.StructureType.StructureWithOptionalFields
        members: list[Member] = []
        optional = 0
        for described in definition.Fields or ():
            reader = await self._reader_of(described.DataType, level + 1)
            if reader is None or described.ValueRank > 1:
                return None
            if described.ValueRank >= 0:
                reader = _list_of(reader)
            bit = 0
            if has_mask and described.IsOptional:
                bit = 1 << optional
                optional += 1
            members.append(Member(name=str(described.Name), read=reader, optional_bit=bit))
        return Structure(
            members=tuple(members),
            encoding=definition.DefaultEncodingId,
            has_mask=has_mask,
            is_union=definition.StructureType == ua.StructureType.Union,
        )


def _built_in(data_type: ua.NodeId) -> ReadValue | None:
    """Types that OPC UA itself defines: the 25 built-in ones, enumerations, and structures that the library knows."""
    if data_type.NamespaceIndex != 0 or not isinstance(data_type.Identifier, int):
        return None
    number = data_type.Identifier
    if number == _ENUMERATION:
        return Primitives.Int32.unpack
    if 0 < number <= _LAST_BUILT_IN:
        kind = ua.VariantType(number)
        return lambda body: unpack_uatype(kind, body)
    known = _STANDARD.get(data_type)
    if known is None:
        return None
    return lambda body: struct_from_binary(known, body)


def _list_of(read: ReadValue) -> ReadValue:
    def read_list(body: Buffer) -> object:
        count = Primitives.Int32.unpack(body)
        if count > _MOST_ELEMENTS:
            raise Misfit(f"the server announces an array of {count} elements")
        return [read(body) for _ in range(max(0, count))]

    return read_list
