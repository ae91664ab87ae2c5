"""`genba edge explain ID`: why an event was told, from what the gateway keeps in its state folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from genba_shared.device_map import folder_of, load_device_map
from genba_shared.errors import UsageError

if TYPE_CHECKING:
    from genba_edge.app.evidence import Found

EXAMPLES = """\
examples:
  genba edge explain gw-1:3f…9a:1042      the event with this id, as the collector shows it
  genba edge explain '#1042'              the same by its number alone (quotes: # begins a comment in a shell)
  genba edge explain WO-7/CUT             the completion of node CUT of work order WO-7, or how far it is
  genba edge explain WO-7/CUT --json      the same for a program
  genba edge explain 1042 --state /mnt/card/state
                                          from the state folder of another gateway, or of one that is gone

It only reads, also while the gateway runs. Events stay for a while after the collector has taken them: 30 days, or less
where they are more than 64 MB. What is older is said to be missing, never left out silently.
"""


def add_explain_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge explain`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = (
        "Say why an event was told: what happened in a sentence, the inputs, the rule in force, the decision trail,\n"
        "and the same for every event that it follows from. A completion names every count or passage that went into\n"
        "it, and whether they add up."
    )
    parser.epilog = f"{EXAMPLES}\nExit code 0: explained. 1: not known here, or the sum does not add up. 2: wrong use."
    parser.add_argument("id", metavar="ID", help="id of the event, its number (1042 or '#1042'), or WORK_ORDER/NODE")
    parser.add_argument("--state", type=Path, metavar="DIR", help="state folder (default: store.path of --map)")
    parser.add_argument(
        "--map", type=Path, metavar="MAP", help="the gateway's device map: where its state folder is (default: ./state)"
    )
    parser.add_argument("--json", action="store_true", help="print the explanation as one JSON document")


def run_explain(args: argparse.Namespace) -> int:
    """Print the explanation."""
    from genba_edge.app.evidence import NotKnown, find
    from genba_edge.outbox import Archive

    with Archive(_folder(args)) as archive:
        try:
            found = find(archive, args.id)
        except NotKnown as exc:
            sys.stderr.write(f"{exc}\n")
            return 1
    if args.json:
        sys.stdout.write(json.dumps(_json(found), ensure_ascii=False, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _lines(found))
    return 0 if found.adds_up else 1


def _folder(args: argparse.Namespace) -> Path:
    if args.state is not None:
        return Path(args.state)
    if args.map is not None:
        return folder_of(args.map) / load_device_map(args.map).store.path
    folder = Path("state")
    if not folder.is_dir():
        raise UsageError("there is no folder `state` here: name the gateway's with --state DIR, or its map with --map")
    return folder


def _lines(found: Found) -> Iterable[str]:
    from genba_edge.core.explanation_text import inputs_lines, lines_of

    if found.explanation is not None:
        yield from lines_of(found.explanation, found.known)
    elif found.inputs is not None:
        work = f"{found.inputs.work_order} / {found.inputs.node}"
        yield f"{work} is not complete, as far as this gateway's history tells"
        yield from inputs_lines(found.inputs, found.known)


def _json(found: Found) -> object:
    from genba_edge.core.explanation_text import inputs_to_json, to_json

    if found.explanation is not None:
        return to_json(found.explanation, found.known)
    if found.inputs is None:
        return {}
    return {
        "work_order": found.inputs.work_order,
        "node": found.inputs.node,
        "completed": False,
        **inputs_to_json(found.inputs, found.known),
    }
