"""What a scan of a Modbus unit shows to a person: which addresses answer, what they hold, and which of them move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from genba_shared.device_map.addresses import show_modbus_address
from genba_shared.device_map.model import ModbusTable

MOST_POINTS = 200
"""Points in a draft: more than this nobody reads, and whoever wants more scans a smaller range."""


def value_lines(table: ModbusTable, before: Mapping[int, int], after: Mapping[int, int]) -> Iterator[str]:
    """One line for each address that holds something else than 0, or moved."""
    zeros = 0
    for address, word in before.items():
        now = after.get(address, word)
        if word == now == 0:
            zeros += 1
            continue
        yield f"  {show_modbus_address(table, address):24} {_shown(word, now)}"
    if zeros:
        yield f"  {zeros} more hold 0"


def draft_points(table: ModbusTable, before: Mapping[int, int], after: Mapping[int, int]) -> list[str]:
    """Lines of YAML below ``points:``: what moved first, then what holds something, at most `MOST_POINTS`."""
    moved = [address for address in before if after.get(address, before[address]) != before[address]]
    still = [address for address in before if address not in set(moved) and before[address]]
    is_bit = table in (ModbusTable.COIL, ModbusTable.DISCRETE)
    kind = "bool" if is_bit else "uint16"
    return [
        f"{table}-{address}: {{at: {{{table}: {address}}}, type: {kind}}}"
        f"   # {_shown(before[address], after.get(address, before[address]))}"
        for address in (*moved, *still)[:MOST_POINTS]
    ]


def swapped_pairs(before: Mapping[int, int], after: Mapping[int, int]) -> Sequence[int]:
    """Addresses where a 32-bit counter probably begins: a register that moved beside one that stands still at 0."""
    moved = {address for address in before if after.get(address, before[address]) != before[address]}
    return [address for address in sorted(moved) if before.get(address + 1) == 0 and address + 1 not in moved]


def _shown(word: int, now: int) -> str:
    return f"{word}" if word == now else f"{word} → {now}, moves"
