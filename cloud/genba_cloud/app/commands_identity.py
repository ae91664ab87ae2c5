"""`genba cloud gateway …`: who may speak for a gateway."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from genba_cloud.app.control import ask
from genba_cloud.app.database import add_command, in_store
from genba_cloud.core.facts import Refused
from genba_cloud.ledger.registrations import Invitation, add_gateway, remove_gateway, renew_gateway
from genba_cloud.store import DEFAULT_ENTERPRISE, Store
from genba_cloud.store.port import Transaction
from genba_shared.clock import format_time
from genba_shared.errors import UsageError
from genba_shared.signing import fingerprint

T = TypeVar("T")


def add_to(commands: Any) -> None:
    """Add the commands."""
    gateway = commands.add_parser("gateway", help="registered gateways").add_subparsers(
        dest="gateway_command", required=True
    )
    add = add_command(
        gateway,
        "add",
        "register a gateway; prints its one-time enrolment code",
        _add,
        example="gateway add line-1 --site plant-a --data ./data",
    )
    add.add_argument("name", help="the gateway's id, as in its device map")
    add.add_argument("--site", help="where it stands, for people")
    add_command(
        gateway,
        "list",
        "show registered gateways, their keys, and where delivery stands",
        _list,
        example="gateway list --data ./data",
    )
    renew = add_command(
        gateway, "renew", "a new code, for a new card or machine", _renew, example="gateway renew line-1 --data ./data"
    )
    renew.add_argument("name")
    remove = add_command(
        gateway,
        "remove",
        "take nothing more from a gateway; its events stay",
        _remove,
        example="gateway remove line-1 --data ./data",
    )
    remove.add_argument("name")


def _add(arguments: argparse.Namespace) -> int:
    now, body = datetime.now(UTC), {"gateway": arguments.name, "site": arguments.site}
    _print_code(
        _do(
            arguments,
            here=lambda transaction: _code_of(
                add_gateway(transaction, arguments.name, enterprise=DEFAULT_ENTERPRISE, site=arguments.site, now=now)
            ),
            there=lambda: ask(arguments.data, "POST", "/api/v1/gateways", body),
        )
    )
    return 0


def _renew(arguments: argparse.Namespace) -> int:
    now, path = datetime.now(UTC), f"/api/v1/gateways/{quote(arguments.name, safe='')}/renew"
    _print_code(
        _do(
            arguments,
            here=lambda transaction: _code_of(renew_gateway(transaction, arguments.name, now=now)),
            there=lambda: ask(arguments.data, "POST", path),
        )
    )
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    now, path = datetime.now(UTC), f"/api/v1/gateways/{quote(arguments.name, safe='')}"

    def here(transaction: Transaction) -> None:
        _accepted(remove_gateway(transaction, arguments.name, now=now))

    _do(arguments, here=here, there=lambda: ask(arguments.data, "DELETE", path))
    return 0


def _list(arguments: argparse.Namespace) -> int:
    for row in _do(arguments, here=_rows_here, there=lambda: _rows_there(arguments.data)):
        sys.stdout.write("  ".join(row) + "\n")
    return 0


def _rows_here(transaction: Transaction) -> list[tuple[str, ...]]:
    rows = []
    for one in transaction.identities().all():
        known = transaction.gateway(one.gateway)
        record = known[0] if known else None
        rows.append(
            _row(
                one.gateway,
                key=fingerprint(one.public_key) if one.public_key else None,
                is_removed=one.removed_at is not None,
                seen_at=format_time(record.seen_at) if record and record.seen_at else None,
                upto=record.upto if record else 0,
                alarm=record.alarm if record else None,
            )
        )
    return rows


def _rows_there(data_dir: Path) -> list[tuple[str, ...]]:
    heard = {one["gateway"]: one for one in ask(data_dir, "GET", "/api/v1/gateways")["items"]}
    registered = {one["gateway"]: one for one in ask(data_dir, "GET", "/api/v1/gateways/registered")["items"]}
    rows = []
    for name in sorted(heard | registered):
        one, record = registered.get(name), heard.get(name, {})
        rows.append(
            _row(
                name,
                key=one["fingerprint"] if one else None,
                is_removed=one is not None and one["removed_at"] is not None,
                is_stranger=one is None,
                seen_at=record.get("seen_at"),
                upto=record.get("upto", 0),
                alarm=record.get("alarm"),
            )
        )
    return rows


def _row(
    name: str,
    *,
    key: str | None,
    is_removed: bool,
    seen_at: str | None,
    upto: int,
    alarm: str | None,
    is_stranger: bool = False,
) -> tuple[str, ...]:
    standing = "enrolled" if key else "waits for enrolment"
    standing = "unenrolled" if is_stranger else "removed" if is_removed else standing
    shown = (name, standing, f"key={key[:16] if key else '-'}", f"seen={seen_at or 'never'}", f"upto={upto}")
    return (*shown, f"ALARM: {alarm}") if alarm else shown


def _print_code(invited: dict[str, str]) -> None:
    sys.stdout.write(f"code for {invited['gateway']}, good for one enrolment until {invited['until']}:\n")
    sys.stdout.write(f"{invited['code']}\n")


def _code_of(invited: Invitation | Refused) -> dict[str, str]:
    found = _accepted(invited)
    return {"gateway": found.gateway, "code": found.secret, "until": format_time(found.until)}


def _accepted(result: T | Refused) -> T:
    if isinstance(result, Refused):
        raise UsageError(result.reason)
    return result


def _do(arguments: argparse.Namespace, *, here: Callable[[Transaction], T], there: Callable[[], T]) -> T:
    """Do it in the database, or through the collector that holds it."""

    def in_transaction(store: Store) -> T:
        with store.transaction() as transaction:
            return here(transaction)

    return in_store(arguments, here=in_transaction, there=there)
