"""Whatever comes over a Modbus line is the answer, more to come, or a fault with a reason: never anything else."""

from __future__ import annotations

import asyncio
import contextlib

from hypothesis import given
from hypothesis import strategies as st

from genba_edge.core.registers import Block
from genba_edge.drivers.modbus_connection import ModbusConnection
from genba_edge.drivers.modbus_frames import FUNCTIONS, Frames, LineFault, Request, RtuFrames, TcpFrames
from genba_shared.device_map.model import Framing, ModbusDevice, ModbusTable

blocks = st.builds(
    lambda table, count: Block(table=table, address=0, count=count, points=()),
    st.sampled_from(list(ModbusTable)),
    st.integers(1, 125),
)
wraps = st.sampled_from([TcpFrames, RtuFrames])


def answer_of(request: Request, data: bytes) -> bytes:
    """The whole answer, made by the other half of the protocol."""
    body = request.head + data
    return body if request.transaction else body + crc(body)


def crc(data: bytes) -> bytes:
    """Source: MODBUS over Serial Line V1.02, 6.2.2, bit by bit."""
    remainder = 0xFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder >> 1 ^ 0xA001 if remainder & 1 else remainder >> 1
    return remainder.to_bytes(2, "little")


@given(wrap=wraps, unit=st.integers(1, 247), block=blocks, data=st.data())
def test_an_answer_is_read_wherever_it_is_cut(wrap: type[Frames], unit: int, block: Block, data: st.DataObject) -> None:
    frames = wrap()
    request = frames.request(unit, block)
    sent = data.draw(st.binary(min_size=block.byte_count, max_size=block.byte_count))
    answer = answer_of(request, sent)
    cut = data.draw(st.integers(0, len(answer) - 1))
    assert frames.data_of(answer[:cut], request) is None
    assert frames.data_of(answer, request) == sent


@given(wrap=wraps, block=blocks, heard=st.binary(max_size=300))
def test_any_bytes_are_data_or_a_fault_or_the_beginning_of_more(wrap: type[Frames], block: Block, heard: bytes) -> None:
    frames = wrap()
    request = frames.request(1, block)
    with contextlib.suppress(LineFault):
        data = frames.data_of(heard, request)
        assert data is None or len(data) == block.byte_count


@given(wrap=wraps, block=blocks, data=st.data())
def test_a_damaged_byte_is_never_read_as_the_value_of_another_register(
    wrap: type[Frames], block: Block, data: st.DataObject
) -> None:
    """A check sum finds every single damaged byte; Modbus TCP has none, and TCP's own finds it."""
    frames = wrap()
    request = frames.request(1, block)
    answer = bytearray(answer_of(request, bytes(block.byte_count)))
    guarded = len(answer) if isinstance(frames, RtuFrames) else len(request.head) - 1
    answer[data.draw(st.integers(0, guarded - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(LineFault):
        assert frames.data_of(bytes(answer), request) is None


def test_every_table_has_its_function() -> None:
    assert FUNCTIONS == {
        ModbusTable.COIL: 1,
        ModbusTable.DISCRETE: 2,
        ModbusTable.HOLDING: 3,
        ModbusTable.INPUT: 4,
    }


pieces = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.sampled_from(
        [
            bytes.fromhex("0001 0000 0005 01 03 02 0007"),  # the answer
            bytes.fromhex("0001 0000 0005"),  # its beginning
            bytes.fromhex("0001 0000 0003 01 83 02"),  # an exception
            bytes.fromhex("0002 0000 0005 01 03 02 0007"),  # the answer to another request
            bytes.fromhex("01 03 02 0007 f986"),
            bytes.fromhex("01 83 02 c0f1"),
            bytes.fromhex("02 03 02 0007 f986"),
        ]
    ),
)


@given(framing=st.sampled_from(list(Framing)), before=st.lists(pieces, max_size=2), after=st.lists(pieces, max_size=5))
def test_whatever_comes_over_a_connection_its_request_ends_with_data_or_a_fault(
    framing: Framing, before: list[bytes], after: list[bytes]
) -> None:
    async def talk() -> None:
        device = ModbusDevice(id="d", host="127.0.0.1", port=9, framing=framing, points={})
        connection = ModbusConnection(device, heard_late=lambda unit: None)
        for piece in before:
            connection._client.ctx.data_received(piece)
        connection._is_noisy = False  # as after the silence that it would wait for
        block = Block(table=ModbusTable.HOLDING, address=0, count=1, points=())
        asked = asyncio.ensure_future(connection.ask(1, block, timeout_s=0.002))
        await asyncio.sleep(0)
        for piece in after:
            connection._client.ctx.data_received(piece)
        with contextlib.suppress(LineFault):
            assert len(await asked) == 2

    asyncio.run(talk())
