"""Which Modbus registers to read together for a set of points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from genba_shared.device_map.model import ModbusDevice, ModbusPoint, ModbusTable, PollSettings

__all__ = [
    "BIT_TABLES",
    "MAX_BITS",
    "MAX_REGISTERS",
    "MIN_GAP",
    "Block",
    "plan_blocks",
    "plan_group",
    "settings_in_force",
    "span",
]

MAX_REGISTERS = 125
"""Registers in one answer. Source: MODBUS Application Protocol V1.1b3, 6.3 and 6.4."""
MAX_BITS = 2000
"""Coils or discrete inputs in one answer. Source: MODBUS Application Protocol V1.1b3, 6.1 and 6.2."""
BITS_PER_REGISTER = 16
MIN_GAP = -1
"""As `max_gap`: only points that share an address are read together."""

BIT_TABLES = frozenset({ModbusTable.COIL, ModbusTable.DISCRETE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One read request: `count` registers (or bits) of a table from `address` on, and the points that it answers."""

    table: ModbusTable
    address: int
    count: int
    points: tuple[ModbusPoint, ...]

    @property
    def byte_count(self) -> int:
        """Bytes of data in its answer."""
        return -(-self.count // 8) if self.table in BIT_TABLES else 2 * self.count

    def __str__(self) -> str:
        return f"{self.table} {self.address}-{self.address + self.count - 1}"


def span(point: ModbusPoint) -> int:
    """Registers that the point takes, or 1 bit."""
    return 1 if point.table in BIT_TABLES else point.width


def plan_group(device: ModbusDevice, group: str) -> tuple[Block, ...]:
    """The requests that a poll group of a device takes."""
    members = [point for point in device.points.values() if point.group == group]
    return plan_blocks(members, settings_in_force(device))


def settings_in_force(device: ModbusDevice) -> PollSettings:
    """How blocks of the device are joined, workarounds included."""
    poll = device.poll
    gap = MIN_GAP if device.workarounds.one_request_per_point else poll.max_gap
    return replace(poll, max_gap=gap)


def plan_blocks(points: Iterable[ModbusPoint], settings: PollSettings) -> tuple[Block, ...]:
    """Cover points with as few read requests as the device allows; a point is never split over two of them.

    Args:
        points: points that are read together (one poll group), in any order.
        settings: how many unused registers may be read along to save a request (`max_gap`; `MIN_GAP` joins only points
            that share a register), and the most that the device answers at once: never more than the protocol's 125
            registers or 2,000 bits. Sixteen bits cost what a register costs, so the gap of coils is 16 times as long.
            A point that is longer than the device answers is read alone.

    Returns:
        Blocks by table and rising address. Each point is in exactly one of them.
    """
    ordered = sorted(points, key=lambda point: (point.table, point.address, span(point), point.name))
    blocks: list[Block] = []
    for table, members in groupby(ordered, key=lambda point: point.table):
        gap = settings.max_gap
        if table in BIT_TABLES:
            gap = gap * BITS_PER_REGISTER if gap > 0 else gap
            limit = min(MAX_BITS, settings.max_coils)
        else:
            limit = min(MAX_REGISTERS, settings.max_registers)
        blocks.extend(_join(list(members), gap=gap, limit=limit))
    return tuple(sorted(blocks, key=lambda block: (block.table, block.address, block.count)))


def _join(waiting: list[ModbusPoint], *, gap: int, limit: int) -> Iterator[Block]:
    """Blocks of points of one table that come sorted by address.

    A point that would make a block too long is left for a later block while shorter ones that overlap it still fit in:
    without gaps to mind this is the fewest requests that there can be.
    """
    while waiting:
        start, left, held = waiting[0].address, list[ModbusPoint](), list[ModbusPoint]()
        end = start
        for number, point in enumerate(waiting):
            new_end = max(end, point.address + span(point))
            if held and (point.address - end > gap or point.address >= start + limit):
                left.extend(waiting[number:])
                break
            if held and new_end - start > limit:
                left.append(point)
                continue
            held.append(point)
            end = new_end
        yield _block(held, start, end)
        waiting = left


def _block(points: Sequence[ModbusPoint], start: int, end: int) -> Block:
    return Block(table=points[0].table, address=start, count=end - start, points=tuple(points))
