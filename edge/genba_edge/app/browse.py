"""`genba edge browse URL`: what an OPC UA server has, as a table or as a map to start from."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import shlex
import sys
from collections.abc import Mapping, Sequence

from genba_edge.app.browse_security import OPEN, add_security_arguments, choose, secret_name, security_line
from genba_edge.core.commissioning import Draft, FoundVariable, draft_of, map_text, matches, points_text
from genba_shared.device_map.addresses import opcua_url_of
from genba_shared.device_map.model import OpcUaDevice, SecuritySettings
from genba_shared.device_map.problems import Wrong
from genba_shared.errors import DeviceError, GenbaError, UsageError

PROGRESS_EVERY = 2_000  # nodes


def run_browse(args: argparse.Namespace) -> int:
    """Print what was found on stdout, and what happened on stderr. Returns 0 if anything was found, else 1."""
    try:
        opcua_url_of(args.url)
    except Wrong as exc:
        raise UsageError(f"{exc.message} {exc.fix}") from exc
    try:
        found, security = asyncio.run(_browse(args))
    except DeviceError as exc:
        raise GenbaError(exc.reason) from exc
    chosen = [variable for variable in found if matches(variable, args.pattern)]
    sys.stderr.write(f"{len(chosen)} of {len(found)} variables match {args.pattern}\n")
    if args.yaml:
        sys.stdout.write(_map(draft_of(chosen), security, args))
        if security.user:
            name = secret_name(args.device)
            sys.stderr.write(f"write the password into secrets.yaml beside the map (chmod 600): {name}: '…'\n")
    elif args.points:
        sys.stdout.write(points_text(draft_of(chosen)))
    else:
        sys.stdout.writelines(f"{line}\n" for line in _table(chosen))
    return 0 if chosen else 1


async def _browse(args: argparse.Namespace) -> tuple[Sequence[FoundVariable], SecuritySettings]:
    from genba_edge.drivers.opcua_browse import Browser, Extent  # here, so that --help needs no protocol library
    from genba_edge.drivers.opcua_session import OpcUaSession

    device = OpcUaDevice(id=args.device, url=args.url, points={}, security=OPEN)
    security = choose(await OpcUaSession.alone(device, state_dir=args.state).offers(), args)
    session = OpcUaSession.alone(dataclasses.replace(device, security=security), state_dir=args.state)
    try:
        await session.open()
        _tell_security(security, session.details)
        extent = Extent.EVERYTHING if args.all else Extent.MACHINE
        browser = Browser(session, most_nodes=args.limit, extent=extent)
        found: list[FoundVariable] = []
        told = 0
        async for variable in browser.variables():
            found.append(variable)
            if browser.seen - told >= PROGRESS_EVERY:
                told = browser.seen
                sys.stderr.write(f"… {browser.seen} nodes, {len(found)} variables\n")
        if browser.is_cut:
            sys.stderr.write(f"stopped after {args.limit} nodes: name a pattern, or a higher --limit\n")
        return found, security
    finally:
        await session.close()


def _tell_security(security: SecuritySettings, details: Mapping[str, str]) -> None:
    if security == OPEN:
        sys.stderr.write(
            "not encrypted: the server was reached with policy none, and everybody on the way can read along\n"
        )
        return
    sys.stderr.write(f"protected: {details['security']}, server certificate {details['server_certificate']}\n")


def _map(draft: Draft, security: SecuritySettings, args: argparse.Namespace) -> str:
    command = shlex.join(["genba", "edge", "browse", args.url, args.pattern, "--yaml"])
    connection = ["protocol: opcua", f"url: {args.url}", security_line(security, device=args.device)]
    return map_text(draft, device=args.device, connection=connection, command=command)


def _table(found: Sequence[FoundVariable]) -> Sequence[str]:
    rows = [("PATH", "TYPE", "VALUE", "NODE")]
    for variable in found:
        value = variable.status or ("" if variable.value is None else str(variable.value))
        rows.append((variable.name, variable.type or variable.type_name, value[:40], variable.node))
    widths = [min(60, max(len(row[column]) for row in rows)) for column in range(3)]
    return [
        "  ".join([*(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    ]


def add_browse_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge browse`."""
    parser.description = "Walk an OPC UA server's address space. Only reads; safe on a running machine."
    parser.epilog = (
        "A pattern is matched with the whole path and with the last name, whatever the capitals: 'part*', '*/DB10/*'.\n"
        "examples:\n"
        "  genba edge browse opc.tcp://10.1.2.10:4840 'part*'\n"
        "  GENBA_PASSWORD=… genba edge browse opc.tcp://10.1.2.10:4840 --user edge\n"
        "  genba edge browse opc.tcp://10.1.2.10:4840 --yaml > plant.yaml && genba edge check plant.yaml"
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("url", metavar="URL", help="opc.tcp://HOST:4840")
    parser.add_argument("pattern", metavar="GLOB", nargs="?", default="*", help="which variables (default: all)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--yaml", action="store_true", help="print a device map to start from")
    form.add_argument("--points", action="store_true", help="print points to paste into a map")
    parser.add_argument("--device", metavar="ID", default="plc1", help="id of the device in the map (default: plc1)")
    parser.add_argument("--all", action="store_true", help="also the server's own variables")
    parser.add_argument("--limit", metavar="N", type=int, default=50_000, help="look at most at N nodes (50000)")
    add_security_arguments(parser)
