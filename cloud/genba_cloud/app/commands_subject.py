"""`genba cloud subject export|erase`: what the log holds of one person, and making it unreadable."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from genba_cloud.app.collector import installation_key
from genba_cloud.app.control import ask
from genba_cloud.app.database import accounts_of, add_command, in_store, opened_reader
from genba_cloud.ledger.archive import whole_rows
from genba_cloud.ledger.sealing import Seals
from genba_cloud.ledger.subjects import events_of_subject
from genba_cloud.store import DEFAULT_ENTERPRISE, Store
from genba_shared.clock import format_time
from genba_shared.errors import UsageError
from genba_shared.events import event_to_json


def add_to(commands: Any) -> None:
    """Add the commands."""
    subject = commands.add_parser("subject", help="what is kept of one person: export it, erase it")
    words = subject.add_subparsers(dest="subject_command", required=True, metavar="COMMAND")
    export = add_command(
        words,
        "export",
        "print every event that somebody wrote, as JSON lines",
        _export,
        example="subject export admin --data ./data",
    )
    erase = add_command(
        words,
        "erase",
        "make what somebody wrote unreadable for ever",
        _erase,
        example="subject erase admin --data ./data",
    )
    for parser in (export, erase):
        parser.add_argument("subject", metavar="SUBJECT", help="an account (admin), or kind:name (api:erp)")


def _export(arguments: argparse.Namespace) -> int:
    with opened_reader(arguments) as store, store.reads(DEFAULT_ENTERPRISE).proofs() as proofs:
        seals = Seals(installation=installation_key(arguments.data))
        for logged in events_of_subject(whole_rows(proofs), proofs, seals, arguments.subject):
            received = {"position": logged.position, "received_at": format_time(logged.received_at)}
            print(json.dumps({**received, **event_to_json(logged.event)}, ensure_ascii=False))
    return 0


def _erase(arguments: argparse.Namespace) -> int:
    with opened_reader(arguments):
        pass  # nothing is made in a folder or a database that was named by mistake

    def here(store: Store) -> Sequence[str]:
        with store.transaction(DEFAULT_ENTERPRISE) as transaction:
            seals = Seals(installation=installation_key(arguments.data))
            keys = seals.erase(transaction.proofs, arguments.subject, datetime.now(UTC))
            with closing(accounts_of(store, arguments.data)) as accounts:
                accounts.forget_answers(arguments.subject)
        return keys

    def there() -> Sequence[str]:
        body = {"subject": arguments.subject}
        return tuple(ask(arguments.data, "POST", "/api/v1/subjects/erase", body)["keys"])

    keys = in_store(arguments, here=here, there=there)
    if not keys:
        raise UsageError(f"nothing is kept under a key of {arguments.subject}: it wrote nothing, or was erased before")
    print(f"erased subject={arguments.subject} keys={','.join(keys)}")
    print("  backups made before still hold the key: they must go, too")
    return 0
