"""`genba cloud …`: the collector and its administration."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from genba_cloud.app import (
    commands_archive,
    commands_backup,
    commands_identity,
    commands_migrate,
    commands_proofs,
    commands_quarantine,
    commands_subject,
    commands_tables,
    commands_users,
    commands_workers,
)
from genba_cloud.app.control import ask
from genba_cloud.app.database import (
    add_command,
    database_url,
    in_accounts,
    opened_reader,
    opened_store,
)
from genba_cloud.app.serve import serve
from genba_cloud.app.settings import DEFAULT_LISTEN, Address, ServeSettings
from genba_cloud.core.viewer import Scope, read_scopes
from genba_cloud.ledger import rebuild
from genba_cloud.store import DEFAULT_ENTERPRISE
from genba_cloud.store.accounts import Accounts
from genba_cloud.store.accounts_authority import Authority
from genba_shared.cli.command import Command
from genba_shared.errors import UsageError

_EXAMPLES: Final = """\
examples:
  genba cloud serve --data ./data            start on http://127.0.0.1:8000; the first start prints a password
  genba cloud key create erp --scopes read,orders:write --data ./data
  genba cloud user add u17 --role operator --data ./data
                                             an account for somebody on the floor
  genba cloud gateway add line-1 --data ./data
                                             register a gateway; prints the code with which it enrols
  genba cloud board-link --data ./data       a read-only link for a screen on the wall
  genba cloud user reset admin --data ./data a new one-time password
  genba cloud import orders orders.xlsx --data ./data
                                             a spreadsheet of orders; they show on the board at once
"""

_SERVE_EXAMPLE: Final = """\
serve --data ./data
serve --data ./data --mqtt-listen 0.0.0.0:8883
serve --data ./data --db postgresql://genba@db.example/genba --broker mqtts://broker.example:8883?ca=ca.pem"""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EXAMPLES
    commands = parser.add_subparsers(dest="cloud_command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_accounts(commands)
    commands_identity.add_to(commands)
    commands_migrate.add_to(commands)
    add_command(
        commands,
        "rebuild",
        "fold all views again from the event log (not while a collector runs)",
        _rebuild,
        example="rebuild --data ./data",
    )
    commands_quarantine.add_to(commands)
    commands_proofs.add_to(commands)
    commands_backup.add_to(commands)
    commands_archive.add_to(commands)
    commands_subject.add_to(commands)
    commands_workers.add_to(commands)
    commands_tables.add_to(commands)


def _add_accounts(commands: Any) -> None:
    key = commands.add_parser("key", help="machine keys").add_subparsers(dest="key_command", required=True)
    create = add_command(
        key,
        "create",
        "make a key; it is printed once",
        _key_create,
        example="key create erp --scopes read,orders:write --data ./data",
    )
    create.add_argument("name", help="whom the key is for")
    create.add_argument("--scopes", required=True, help=f"some of {','.join(Scope)}")
    add_command(key, "list", "show all keys without their secrets", _key_list, example="key list --data ./data")
    revoke = add_command(key, "revoke", "make a key useless", _key_revoke, example="key revoke 3f2a --data ./data")
    revoke.add_argument("id", help="as `key list` shows it")
    user = commands.add_parser("user", help="accounts").add_subparsers(dest="user_command", required=True)
    commands_users.add_to(user)
    link = add_command(
        commands, "board-link", "print the board's read-only link", _board_link, example="board-link --data ./data"
    )
    link.add_argument("--renew", action="store_true", help="make every link given out before useless")


def _add_serve(commands: Any) -> None:
    parser = add_command(
        commands, "serve", "start the collector: broker, ingest, API and board", _serve, example=_SERVE_EXAMPLE
    )
    parser.add_argument("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT", help=f"default {DEFAULT_LISTEN}")
    parser.add_argument("--broker", metavar="URL", help="use this broker (mqtt://127.0.0.1:1883), not the embedded one")
    parser.add_argument(
        "--migrate", action="store_true", help="bring the database of --db to this version's form first"
    )
    parser.add_argument("--mqtt-port", type=int, metavar="N", help="port of the embedded broker; default: as last time")
    parser.add_argument(
        "--mqtt-listen",
        metavar="HOST:PORT",
        help="let the embedded broker listen there for enrolled gateways of other machines, over TLS (0.0.0.0:8883)",
    )
    parser.add_argument("--no-ingest", action="store_true", help="only API and pages; workers take what gateways send")
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="certificate (PEM); needed beyond 127.0.0.1")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its private key (PEM)")
    parser.add_argument("--public-url", default="", metavar="URL", help="where phones reach the pages, for labels")
    parser.add_argument("--gs1-prefix", default="", metavar="DIGITS", help="print labels as GS1 Digital Links")
    parser.add_argument("--signing-key", type=Path, metavar="FILE", help="signs heads of the log (PEM, Ed25519)")


def _run(arguments: argparse.Namespace) -> int:
    run: Callable[[argparse.Namespace], int] = arguments.run_cloud
    if "data" in arguments:
        arguments.data = arguments.data.expanduser()
    return run(arguments)


def _serve(arguments: argparse.Namespace) -> int:
    return serve(
        ServeSettings(
            data_dir=arguments.data,
            listen=Address.parse(arguments.listen),
            broker=arguments.broker,
            db=database_url(arguments),
            migrate=arguments.migrate,
            mqtt_port=arguments.mqtt_port,
            mqtt_listen=Address.parse(arguments.mqtt_listen) if arguments.mqtt_listen else None,
            ingests=not arguments.no_ingest,
            tls_cert=arguments.tls_cert,
            tls_key=arguments.tls_key,
            signing_key=arguments.signing_key,
            public_url=arguments.public_url.rstrip("/"),
            gs1_prefix=arguments.gs1_prefix,
        )
    )


def _key_create(arguments: argparse.Namespace) -> int:
    try:
        scopes = read_scopes(word for word in arguments.scopes.split(",") if word)
    except ValueError as exc:
        raise UsageError(f"--scopes: {exc}") from exc
    body = {"name": arguments.name, "scopes": sorted(scopes)}
    print(
        in_accounts(
            arguments,
            here=lambda accounts: accounts.create_key(arguments.name, scopes),
            there=lambda: ask(arguments.data, "POST", "/api/v1/keys", body)["key"],
        )
    )
    return 0


def _key_list(arguments: argparse.Namespace) -> int:
    rows = in_accounts(
        arguments,
        here=lambda accounts: [
            (key.id, "revoked" if key.revoked_at else "works", ",".join(sorted(key.scopes)), key.name)
            for key in accounts.list_keys()
        ],
        there=lambda: [
            (key["id"], "revoked" if key["revoked"] else "works", ",".join(key["scopes"]), key["name"])
            for key in ask(arguments.data, "GET", "/api/v1/keys")["items"]
        ],
    )
    for row in rows:
        print("  ".join(row))
    return 0


def _key_revoke(arguments: argparse.Namespace) -> int:
    def here(accounts: Accounts) -> None:
        if not accounts.revoke_key(arguments.id):
            raise UsageError(f"key {arguments.id} is not known, or revoked already: see `genba cloud key list`")

    in_accounts(
        arguments,
        here=here,
        there=lambda: ask(arguments.data, "DELETE", f"/api/v1/keys/{quote(arguments.id, safe='')}"),
    )
    return 0


def _board_link(arguments: argparse.Namespace) -> int:
    def here(accounts: Accounts) -> str:
        authority = Authority(accounts, enterprise=DEFAULT_ENTERPRISE)
        token = authority.renew_board_links() if arguments.renew else authority.board_token()
        return f"/board/link/{token}"

    def there() -> str:
        method, path = ("POST", "/api/v1/board-link/renew") if arguments.renew else ("GET", "/api/v1/board-link")
        return str(ask(arguments.data, method, path)["path"])

    print(in_accounts(arguments, here=here, there=there))
    return 0


def _rebuild(arguments: argparse.Namespace) -> int:
    with opened_reader(arguments):
        pass  # nothing is made in a folder or a database that was named by mistake
    with opened_store(arguments) as store:
        print(f"views={rebuild(store)}")
    return 0


COMMAND: Final = Command(
    name="cloud",
    summary="the collector: order progress, alerts, pages, API",
    add_arguments=_add_arguments,
    run=_run,
)
