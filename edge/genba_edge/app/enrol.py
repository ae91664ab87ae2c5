"""`genba edge enrol MAP`: give this gateway a key of its own, and make the collector know it."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Final

from genba_shared.errors import UsageError

CODE_VARIABLE: Final = "GENBA_ENROL_CODE"
_LONGEST_CODE: Final = 200


def add_enrol_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge enrol`."""
    parser.description = (
        "Make a key in the state folder, which never leaves it, and exchange the one-time code that `genba cloud "
        "gateway add` printed for a certificate. From then on the gateway signs everything that it sends."
    )
    parser.add_argument("map", type=Path, metavar="MAP", help="device map: a YAML file or a folder of them")
    parser.add_argument("--collector", required=True, metavar="URL", help="the collector's pages: https://HOST:PORT")
    parser.add_argument(
        "--code-file",
        metavar="FILE",
        help=f"file that holds the code, - for standard input (default: ${CODE_VARIABLE}, else it is asked for)",
    )
    parser.add_argument("--state", type=Path, metavar="DIR", help="state folder (default: store.path of the map)")


def run_enrol(args: argparse.Namespace) -> int:
    """Enrol, and say with which key."""
    from genba_edge.app.enrolment_client import enrol
    from genba_edge.app.identity import load_identity, save_identity
    from genba_shared.device_map import folder_of, load_device_map

    device_map = load_device_map(args.map)
    state_dir = args.state or folder_of(args.map) / device_map.store.path
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    gateway = device_map.gateway.id
    before = load_identity(state_dir, gateway=gateway)
    identity = enrol(gateway, collector=args.collector, code=_code(args.code_file))
    save_identity(state_dir, identity)
    sys.stdout.write(f"enrolled gateway={gateway} key={identity.fingerprint[:16]} broker={identity.broker}\n")
    sys.stdout.write("  start it again if it is running: it signs with the new key from then on\n" if before else "")
    return 0


def _code(file: str | None) -> str:
    """The code; never from an argument, which every user of this machine could see."""
    if file == "-":
        code = sys.stdin.readline(_LONGEST_CODE)
    elif file is not None:
        try:
            with Path(file).open() as opened:
                code = opened.readline(_LONGEST_CODE)
        except OSError as exc:
            raise UsageError(f"--code-file {file}: {exc.strerror}") from exc
    elif os.environ.get(CODE_VARIABLE):
        code = os.environ[CODE_VARIABLE]
    elif sys.stdin.isatty():
        code = getpass.getpass("code: ")
    else:
        raise UsageError(f"no code: give --code-file FILE, or - for standard input, or set {CODE_VARIABLE}")
    if not code.strip():
        raise UsageError("the code is empty: it is the last line that `genba cloud gateway add` prints")
    return code.strip()
