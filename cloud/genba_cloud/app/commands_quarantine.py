"""`genba cloud quarantine …`: what could not be taken, looked at, taken after all, or given up."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from genba_cloud.api.quarantine import body_shape
from genba_cloud.app.control import ask
from genba_cloud.app.database import add_command, in_store, opened_reader
from genba_cloud.ingest.messages import reread
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.quarantine import Retried
from genba_cloud.store import Store
from genba_cloud.store.read import QuarantineRecord
from genba_shared.clock import ProductionClock, format_time
from genba_shared.errors import UsageError

T = TypeVar("T")

_PAGE: Final = 100
_EXAMPLES: Final = """\
An event or envelope that breaks the contract is kept with its bytes and its reason, and everything around it goes on.

  genba cloud quarantine list                  what lies there, newest first
  genba cloud quarantine list --gateway gw-1
  genba cloud quarantine show 12               with what it holds
  genba cloud quarantine show 12 --out FILE    its bytes, for a bug report
  genba cloud quarantine retry 12 13           after an upgrade: take what this version understands
  genba cloud quarantine drop 12               give it up for good

100 MB are kept for each gateway. A gateway whose quarantine is full is not taken from any more; it keeps its events.
"""


def add_to(commands: Any) -> None:
    """Add the commands."""
    parser = commands.add_parser(
        "quarantine",
        help="what could not be taken from gateways",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="quarantine_command", required=True, metavar="COMMAND")
    listing = add_command(
        actions, "list", "what lies there, newest first", _list, example="quarantine list --gateway gw-1"
    )
    listing.add_argument("--gateway", help="of this gateway only")
    listing.add_argument("--limit", type=int, default=_PAGE, help=f"rows at most; default {_PAGE}")
    showing = add_command(actions, "show", "one row with what it holds", _show, example="quarantine show 12")
    showing.add_argument("number", type=int)
    showing.add_argument("--out", type=Path, metavar="FILE", help="write its bytes there")
    for name, summary, run in (
        ("retry", "take what this version understands", _retry),
        ("drop", "give it up for good", _drop),
    ):
        action = add_command(actions, name, summary, run, example=f"quarantine {name} 12 13")
        action.add_argument("numbers", type=int, nargs="+", metavar="NUMBER")


def _list(arguments: argparse.Namespace) -> int:
    rows: list[QuarantineRecord] = []
    with opened_reader(arguments) as store:
        while len(rows) < arguments.limit:
            before = rows[-1].number if rows else None
            page = store.reads().quarantined(
                gateway=arguments.gateway, before=before, limit=min(_PAGE, arguments.limit - len(rows))
            )
            if not page:
                break
            rows += page
    for row in rows:
        what = row.event_id or "envelope"
        print(f"{row.number}  {format_time(row.received_at)}  {row.gateway}  {what}  {row.size} bytes  {row.reason}")
    print(f"rows={len(rows)} bytes={sum(row.size for row in rows)}", file=sys.stderr)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    with opened_reader(arguments) as store:
        row = store.reads().quarantined_body(arguments.number)
    if row is None:
        raise UsageError(f"there is no quarantined row {arguments.number}: see `genba cloud quarantine list`")
    if arguments.out is not None:
        arguments.out.write_bytes(row.body)
        print(f"{arguments.out}: {len(row.body)} bytes")
        return 0
    shape = body_shape(arguments.number, row)
    for key in ("number", "gateway", "event", "received_at", "reason"):
        print(f"{key}: {shape[key]}")
    print(shape["text"] if shape["text"] is not None else shape["base64"])
    return 0


def _retry(arguments: argparse.Namespace) -> int:
    def here(store: Store) -> Retried:
        return asyncio.run(_retried(store, arguments.numbers))

    def there() -> Retried:
        path = "/api/v1/quarantine/{}/retry"
        answers = [(number, ask(arguments.data, "POST", path.format(number))) for number in arguments.numbers]
        stays = tuple((number, answer["stays"]) for number, answer in answers if answer["stays"] is not None)
        return Retried(taken=sum(answer["taken"] for _, answer in answers), stays=stays)

    retried = _do(arguments, here=here, there=there)
    for number, reason in retried.stays:
        print(f"{number} stays: {reason}")
    print(f"taken={retried.taken} stays={len(retried.stays)}")
    return 1 if retried.stays else 0


async def _retried(store: Store, numbers: Sequence[int]) -> Retried:
    async with Ledger(store, now=ProductionClock.from_environment().now) as ledger:
        return await ledger.retry_quarantined(numbers, reread)


def _drop(arguments: argparse.Namespace) -> int:
    def here(store: Store) -> int:
        with store.transaction() as transaction:
            return transaction.forget_quarantined(arguments.numbers)

    def there() -> int:
        for number in arguments.numbers:
            ask(arguments.data, "DELETE", f"/api/v1/quarantine/{number}")
        return len(arguments.numbers)

    print(f"dropped={_do(arguments, here=here, there=there)}")
    return 0


def _do(arguments: argparse.Namespace, *, here: Callable[[Store], T], there: Callable[[], T]) -> T:
    with opened_reader(arguments):
        pass  # nothing is made in a folder or a database that was named by mistake
    return in_store(arguments, here=here, there=there)
