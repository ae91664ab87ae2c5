"""`genba cloud worker` and `genba cloud broker-config`: what an installation of several machines needs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from genba_cloud.app.database import add_command, database_url, opened_reader
from genba_cloud.app.worker import WorkerSettings, work
from genba_cloud.ingest.broker_config import mosquitto_files, nats_files
from genba_shared.signing import fingerprint

CERTIFICATES: Final = "/etc/genba/tls"


def add_to(commands: Any) -> None:
    """Add the commands below `genba cloud`."""
    summary = "one more process that takes what gateways send (PostgreSQL only)"
    worker = add_command(
        commands,
        "worker",
        summary,
        _worker,
        example="worker --db postgresql://genba@db.example/genba --broker mqtts://broker.example:8883?ca=ca.pem",
    )
    worker.add_argument(
        "--broker", required=True, metavar="URL", help="mqtt://HOST:1883; nodes of a cluster with commas between them"
    )
    _add_broker_config(commands)


def _worker(arguments: argparse.Namespace) -> int:
    return work(WorkerSettings(db=database_url(arguments) or "", broker=arguments.broker, data_dir=arguments.data))


def _add_broker_config(commands: Any) -> None:
    summary = "settings for a broker that lets each registered gateway use its own topics only"
    parser = add_command(
        commands,
        "broker-config",
        summary,
        _broker_config,
        example="broker-config mosquitto --data ./data --out ./mosquitto\n"
        "broker-config nats --nodes a.example,b.example,c.example --data ./data --out ./nats",
    )
    parser.add_argument("kind", choices=["mosquitto", "nats"], help="for which broker")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the files there instead of showing them")
    parser.add_argument(
        "--nodes", default="localhost", metavar="HOSTS", help="hosts of a NATS cluster: a.example,b.example,c.example"
    )
    parser.add_argument(
        "--certificates", default=CERTIFICATES, metavar="DIR", help=f"with ca.pem, broker.*; default {CERTIFICATES}"
    )


def _broker_config(arguments: argparse.Namespace) -> int:
    gateways = _registered(arguments)
    match arguments.kind:
        case "mosquitto":
            files = mosquitto_files(sorted(gateways), certificates=arguments.certificates)
        case _:
            nodes = [node.strip() for node in arguments.nodes.split(",")]
            files = nats_files(gateways, nodes=nodes, certificates=arguments.certificates)
    if not gateways:
        print("no gateway is registered: only the collector may enter (`genba cloud gateway add`)", file=sys.stderr)
    if arguments.out is None:
        for name, text in files.items():
            print(f"# --- {name}\n{text}")
        return 0
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (arguments.out / name).write_text(text)
        print(arguments.out / name)
    return 0


def _registered(arguments: argparse.Namespace) -> dict[str, str | None]:
    """By gateway the serial number that its certificate carries; None: it is not enrolled yet, or has none."""
    with opened_reader(arguments) as store:
        known = [one for one in store.reads().identities() if one.removed_at is None]
    return {one.gateway: fingerprint(one.public_key)[:32] if one.public_key else None for one in known}
