"""Structures of a server's own making: decoded by its description, and bad where the bytes do not fit it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import pack

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from genba_edge.drivers.opcua_decode import RawStructure
from genba_edge.drivers.opcua_structures import Structures
from genba_edge.drivers.opcua_values import Decode, Misfit

VARIABLE, TYPE, ENCODING = ua.NodeId(1, 2), ua.NodeId(2, 2), ua.NodeId(3, 2)
UINT32, STRING, DATA_VALUE = ua.NodeId(7), ua.NodeId(12), ua.NodeId(23)


def field(name: str, kind: ua.NodeId = UINT32, *, rank: int = -1) -> ua.StructureField:
    return ua.StructureField(Name=name, DataType=kind, ValueRank=ua.Int32(rank))


async def decoder_of(*fields: ua.StructureField, kind: int = ua.StructureType.Structure) -> Decode | None:
    definition = ua.StructureDefinition(DefaultEncodingId=ENCODING, StructureType=kind, Fields=list(fields))
    attributes = {(VARIABLE, AttributeIds.DataType): TYPE, (TYPE, AttributeIds.DataTypeDefinition): definition}

    async def read(node: ua.NodeId, attribute: AttributeIds) -> object:
        return attributes[node, attribute]

    async def parents(data_type: ua.NodeId) -> Sequence[ua.NodeId]:
        return ()

    return await Structures(read, parents).decoder_of(VARIABLE)


async def decoded(body: bytes, *fields: ua.StructureField) -> Mapping[str, object]:
    decode = await decoder_of(*fields)
    assert decode is not None
    return decode(RawStructure(encoding=ENCODING, body=body))


async def test_members_are_read_in_the_order_of_the_description() -> None:
    body = pack("<I", 7) + pack("<iII", 2, 8, 9)
    assert await decoded(body, field("good"), field("bad", rank=1)) == {"good": 7, "bad": [8, 9]}


@pytest.mark.parametrize("body", [b"", b"\x01", b"\xff" * 3])
@pytest.mark.parametrize("kind", [UINT32, STRING, DATA_VALUE, ua.NodeId(15), ua.NodeId(17), ua.NodeId(22)])
async def test_a_body_that_is_cut_off_is_a_bad_value(body: bytes, kind: ua.NodeId) -> None:
    with pytest.raises(Misfit):
        await decoded(body, field("first"), field("second", kind))


async def test_a_body_of_variants_without_end_is_a_bad_value() -> None:
    with pytest.raises(Misfit):
        await decoded(b"\x18" * 5000, field("value", ua.NodeId(24)))


async def test_bytes_that_the_description_does_not_explain_make_the_whole_bad() -> None:
    with pytest.raises(Misfit, match="has 4 bytes more than the server describes"):
        await decoded(pack("<II", 7, 8), field("good"))


async def test_what_has_another_form_than_we_know_is_not_decoded() -> None:
    assert await decoder_of(field("grid", rank=2)) is None
    assert await decoder_of(field("good"), kind=3) is None
    assert await decoder_of(field("good"), kind=2) is not None
