"""`genba edge …`: the commands of the gateway."""

from __future__ import annotations

import argparse

from genba_shared.cli.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="edge_command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="check a device map offline: every problem with line and fix")
    schema = commands.add_parser("schema", help="print the JSON Schema of a device map, for editors")
    importing = commands.add_parser("import-tags", help="print the device map of a point list (CSV, XLSX)")
    run = commands.add_parser("run", help="run the gateway: poll devices, derive events, deliver them")

    from genba_edge.app.check import add_check_arguments
    from genba_edge.app.import_tags import add_import_tags_arguments
    from genba_edge.app.run_arguments import add_run_arguments
    from genba_edge.app.schema import add_schema_arguments

    add_check_arguments(check)
    add_schema_arguments(schema)
    add_import_tags_arguments(importing)
    add_run_arguments(run)


def _run(args: argparse.Namespace) -> int:
    if args.edge_command == "check":
        from genba_edge.app.check import run_check

        return run_check(args)
    if args.edge_command == "schema":
        from genba_edge.app.schema import run_schema

        return run_schema(args)
    if args.edge_command == "import-tags":
        from genba_edge.app.import_tags import run_import_tags

        return run_import_tags(args)
    from genba_edge.app.run import run_gateway

    return run_gateway(args)


COMMAND = Command(
    name="edge",
    summary="the gateway in the factory: check a device map, poll PLCs and RFID readers, deliver events",
    add_arguments=_add_arguments,
    run=_run,
)
