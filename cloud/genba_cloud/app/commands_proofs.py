"""`genba cloud verify|head|prove|check-proof`: prove what stands in the log, to oneself and to others."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genba_cloud.app.control import ask
from genba_cloud.app.database import add_command, opened_beside, opened_reader
from genba_cloud.app.head_keeper import HeadKeeper
from genba_cloud.app.settings import DEFAULT_DATA
from genba_cloud.ledger import verify
from genba_cloud.ledger.archive import whole_rows
from genba_cloud.ledger.heads import Head, read_heads
from genba_cloud.ledger.inclusion import Inclusion, path_to
from genba_cloud.ledger.proof import Anchors
from genba_cloud.ledger.signing import PUBLIC_FILE, HeadSigner, HeadVerifier
from genba_cloud.store import DEFAULT_ENTERPRISE
from genba_cloud.store.lock import is_held
from genba_cloud.store.proofs import Proofs, event_of_row
from genba_shared.errors import UsageError


def add_to(commands: Any) -> None:
    """Add the commands."""
    check = add_command(
        commands,
        "verify",
        "prove the log, its chain, its heads and the views; only reads",
        _verify,
        example="verify --data ./data\n"
        "verify --data ./data --heads kept/heads.jsonl --public-key kept/head-key.pub.pem",
    )
    check.add_argument("--heads", type=Path, metavar="FILE", help="heads that were kept elsewhere (heads.jsonl)")
    check.add_argument("--public-key", type=Path, metavar="FILE", help=f"who signed them; default DIR/{PUBLIC_FILE}")
    head = add_command(
        commands, "head", "sign what stands in the log now, and print it", _head, example="head --data ./data"
    )
    head.add_argument("--signing-key", type=Path, metavar="FILE", help="default: the key in the data folder")
    prove = add_command(
        commands,
        "prove",
        "print the proof that one event stands in the log, as JSON",
        _prove,
        example="prove line-1:3f2a:812 --data ./data > proof.json",
    )
    prove.add_argument("event", metavar="EVENT_ID")
    proof = commands.add_parser(
        "check-proof",
        help="check such a proof; needs no data",
        description="check a proof",
        epilog="example:\n  genba cloud check-proof proof.json --public-key head-key.pub.pem",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    proof.add_argument("file", type=Path, metavar="FILE")
    proof.add_argument("--public-key", type=Path, metavar="FILE", required=True, help=f"the collector's {PUBLIC_FILE}")
    proof.set_defaults(run_cloud=_check_proof, data=DEFAULT_DATA)


def _verify(arguments: argparse.Namespace) -> int:
    public = arguments.public_key or arguments.data / PUBLIC_FILE
    verifier = HeadVerifier.open(public) if arguments.public_key or public.exists() else None
    heads: tuple[Head, ...] = ()
    if arguments.heads is not None:
        if not arguments.heads.is_file():
            raise UsageError(f"--heads {arguments.heads}: there is no such file")
        heads = read_heads(arguments.heads, DEFAULT_ENTERPRISE)
    with opened_reader(arguments) as store:
        found = verify(store, anchors=Anchors(heads=heads, verifier=verifier))
    for difference in found.differences:
        print(difference)
    bad = "" if found.first_bad is None else f" first_bad={found.first_bad}"
    counted = f"events={found.events} links={found.links} heads={found.heads} views={found.views}"
    print(f"{counted} differences={len(found.differences)}{bad}")
    return 1 if found.differences else 0


def _head(arguments: argparse.Namespace) -> int:
    if is_held(arguments.data):
        if arguments.signing_key is not None:
            raise UsageError("--signing-key: a collector is running, and signs with the key that it was started with")
        head = ask(arguments.data, "POST", "/api/v1/heads")
    else:
        given = arguments.signing_key
        with opened_beside(arguments) as store:
            signer = HeadSigner.of_folder(arguments.data) if given is None else HeadSigner.open(given)
            keeper = HeadKeeper(store=store, data_dir=arguments.data, signer=signer, now=lambda: datetime.now(UTC))
            head = keeper.answer()
    if head is None:
        raise UsageError("the log is empty: there is nothing to sign")
    print(json.dumps(head, ensure_ascii=False))
    return 0


def _prove(arguments: argparse.Namespace) -> int:
    with opened_reader(arguments) as store, store.reads(DEFAULT_ENTERPRISE).proofs() as proofs:
        found = _find(proofs, arguments.event)
        if found is None:
            raise UsageError(f"event {arguments.event} is not in the log")
        position, body = found
        row = next((row for row in proofs.heads() if row.size >= position), None)
        if row is None:
            raise UsageError(f"no head covers position {position} yet: make one with `genba cloud head`")
        head = Head.of_row(DEFAULT_ENTERPRISE, row)
        path = path_to(head, position, ((row.position, row.leaf) for row in whole_rows(proofs)))
    proof = Inclusion(position=position, body=body.decode(), path=path, head=head)
    print(json.dumps(proof.to_json(), ensure_ascii=False, indent=2))
    return 0


def _find(proofs: Proofs, name: str) -> tuple[int, bytes] | None:
    """Position and body of an event, also of an archived one."""
    found = proofs.row_of(name)
    if found is not None or not proofs.archives():
        return found
    hint = json.dumps(name, ensure_ascii=False).encode()
    mine = (row for row in whole_rows(proofs) if hint in row.body and event_of_row(row).id == name)
    return next(((row.position, row.body) for row in mine), None)


def _check_proof(arguments: argparse.Namespace) -> int:
    verifier = HeadVerifier.open(arguments.public_key)
    try:
        proof = Inclusion.from_json(arguments.file.read_bytes())
    except (OSError, ValueError) as exc:
        raise UsageError(f"{arguments.file}: {exc}") from exc
    problem = proof.problem(verifier)
    if problem is not None:
        print(f"not proven: {problem}")
        return 1
    print(f"proven: position {proof.position} of {proof.head.size}, signed {proof.head.at:%Y-%m-%d %H:%M:%S} UTC")
    print(proof.body)
    return 0
