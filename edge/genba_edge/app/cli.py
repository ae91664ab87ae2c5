"""`genba edge …`: the commands of the gateway."""

from __future__ import annotations

import argparse

from genba_shared.cli.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="edge_command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="check a device map offline: every problem with line and fix")
    run = commands.add_parser("run", help="run the gateway: poll devices, derive events, deliver them")

    probe = commands.add_parser("probe", help="read every point of a map now and show what came")
    scan = commands.add_parser("scan", help="find out which Modbus addresses of a unit answer")
    browse = commands.add_parser("browse", help="show what an OPC UA server has, as a table or as a map")

    from genba_edge.app.browse import add_browse_arguments
    from genba_edge.app.check import add_check_arguments
    from genba_edge.app.probe import add_probe_arguments
    from genba_edge.app.run_arguments import add_run_arguments
    from genba_edge.app.scan import add_scan_arguments

    add_check_arguments(check)
    add_probe_arguments(probe)
    add_browse_arguments(browse)
    add_scan_arguments(scan)
    add_run_arguments(run)


def _run(args: argparse.Namespace) -> int:
    if args.edge_command == "check":
        from genba_edge.app.check import run_check

        return run_check(args)
    if args.edge_command == "probe":
        from genba_edge.app.probe import run_probe

        return run_probe(args)
    if args.edge_command == "scan":
        from genba_edge.app.scan import run_scan

        return run_scan(args)
    if args.edge_command == "browse":
        from genba_edge.app.browse import run_browse

        return run_browse(args)
    from genba_edge.app.run import run_gateway

    return run_gateway(args)


COMMAND = Command(
    name="edge",
    summary="the gateway in the factory: check a device map, poll PLCs and RFID readers, deliver events",
    add_arguments=_add_arguments,
    run=_run,
)
