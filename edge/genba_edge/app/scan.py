"""`genba edge scan HOST`: which Modbus addresses of a unit answer, what they hold, and which of them move."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genba_edge.core.scanning import draft_points, swapped_pairs, value_lines
from genba_shared.device_map.addresses import endpoint_of
from genba_shared.device_map.model import ModbusDevice, ModbusTable, Parity, PollSettings, SerialPort
from genba_shared.device_map.problems import Wrong
from genba_shared.errors import DeviceError, GenbaError, UsageError

if TYPE_CHECKING:  # so that --help needs no protocol library
    from genba_edge.drivers.modbus_probe import Scan

LAST_ADDRESS = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One table, scanned once and read again a little later."""

    scan: Scan
    later: dict[int, int]


def add_scan_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge scan`."""
    parser.description = (
        "Find out which Modbus addresses of one unit answer. Only reads, one request at a time and with pauses.\n"
        "Stop the gateway first where the device takes one connection, or where the line is a serial port."
    )
    parser.epilog = (
        "examples:\n"
        "  genba edge scan 10.1.2.21 --unit 1 --to 199          holding registers 40001 to 40200\n"
        "  genba edge scan 10.1.2.21 --table input --watch 10   what moves while the machine makes pieces?\n"
        "  genba edge scan /dev/ttyUSB0 --unit 9 --baud 19200 --parity E"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("host", metavar="HOST[:PORT] | /dev/…", help="the device, or a serial port")
    parser.add_argument("--unit", type=int, default=1, metavar="N", help="unit (slave) number (1)")
    parser.add_argument(
        "--table", choices=[str(table) for table in ModbusTable], default="holding", help="which table (holding)"
    )
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="N", help="first protocol address (0)")
    parser.add_argument("--to", dest="last", type=int, default=199, metavar="N", help="last protocol address (199)")
    parser.add_argument(
        "--watch", type=float, default=2.0, metavar="S", help="read once more after so many seconds, to see what moves"
    )
    parser.add_argument("--timeout", type=float, default=1.0, metavar="S", help="longest wait for one answer (1)")
    parser.add_argument("--max-registers", type=int, default=100, metavar="N", help="registers in one request (100)")
    parser.add_argument("--baud", type=int, default=9600, help="of a serial port (9600)")
    parser.add_argument("--parity", choices=[str(parity) for parity in Parity], default="N", help="(N)")
    parser.add_argument("--yaml", action="store_true", help="print points to paste into a map")


def run_scan(args: argparse.Namespace) -> int:
    """Print what answers. Returns 0 if anything did, else 1."""
    device = _device(args)
    try:
        look = asyncio.run(_look(device, args))
    except DeviceError as exc:
        raise GenbaError(exc.reason) from exc
    table = ModbusTable(args.table)
    lines = draft_points(table, look.scan.words, look.later) if args.yaml else _report(table, look)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    if look.scan.stopped:
        sys.stderr.write(f"stopped: {look.scan.stopped}\n")
    return 0 if look.scan.words else 1


def _device(args: argparse.Namespace) -> ModbusDevice:
    if not 0 <= args.first <= args.last <= LAST_ADDRESS:
        raise UsageError(f"--from {args.first} --to {args.last}: protocol addresses go from 0 to {LAST_ADDRESS}")
    if not 0 <= args.unit <= 255 or not 1 <= args.max_registers <= 125:
        raise UsageError("--unit is 0 to 255, --max-registers is 1 to 125")
    poll = PollSettings(max_registers=args.max_registers, max_coils=min(2000, args.max_registers * 16))
    if args.host.startswith("/"):
        serial = SerialPort(port=args.host, baud=args.baud, parity=Parity(args.parity))
        return ModbusDevice(id="scan", points={}, serial=serial, unit=args.unit, timeout_s=args.timeout, poll=poll)
    try:
        host, port = endpoint_of(args.host, default_port=502)
    except Wrong as exc:
        raise UsageError(f"{exc.message} {exc.fix}") from exc
    return ModbusDevice(id="scan", points={}, host=host, port=port, unit=args.unit, timeout_s=args.timeout, poll=poll)


async def _look(device: ModbusDevice, args: argparse.Namespace) -> Look:
    from genba_edge.drivers.modbus_probe import ModbusProbe

    async with ModbusProbe(device) as probe:
        scan = await probe.scan(ModbusTable(args.table), args.first, args.last)
        if scan.stopped or not scan.words:
            return Look(scan=scan, later=dict(scan.words))
        await asyncio.sleep(args.watch)
        return Look(scan=scan, later=await probe.read_again(scan))


def _report(table: ModbusTable, look: Look) -> Iterator[str]:
    for one in look.scan.ranges:
        yield f"{table} {one.first}-{one.last}: {'answers' if one.answers else one.reason}"
    yield from value_lines(table, look.scan.words, look.later)
    for address in swapped_pairs(look.scan.words, look.later):
        yield (
            f"  ! {address} moves and {address + 1} holds 0: a 32-bit counter here has byte_order CDAB "
            f"(at: {{{table}: {address}}}, type: uint32)"
        )
