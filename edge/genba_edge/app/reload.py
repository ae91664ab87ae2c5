"""`genba edge reload MAP`: give a running gateway another map; devices that it does not change read on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from genba_edge.app.control import Answer, ask
from genba_shared.device_map import folder_of, load_device_map


def add_reload_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge reload`."""
    parser.description = (
        "Check a device map and give it to the running gateway. Devices whose settings are the same keep their "
        "connection and miss no poll; counters, open work and passages go on. On any error the old map stays in force."
    )
    parser.epilog = (
        "Exit code 0: the map is in force (or would be). 1: the gateway did not take it. 2: the map is wrong."
    )
    parser.add_argument("map", type=Path, metavar="MAP", help="the new device map: a YAML file or a folder of them")
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="the gateway's state folder (default: store.path of the map)"
    )


def run_reload(args: argparse.Namespace) -> int:
    """Send the map to the gateway and say what it changed."""
    device_map = load_device_map(args.map)
    state_dir = args.state or folder_of(args.map) / device_map.store.path
    do = "dry-run" if args.dry_run else "reload"
    answer = ask(state_dir, {"do": do, "map": str(args.map.absolute())})
    return _say(answer, "would be taken" if args.dry_run else "taken")


def _say(answer: Answer, taken: str) -> int:
    if found := troubles(answer):
        sys.stderr.writelines(f"{trouble}\n" for trouble in found)
        sys.stderr.write("the gateway goes on with its old map\n")
        return 2 if answer.get("problems") else 1
    lines = answer["lines"]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    kept = f"{answer['kept']} of {answer['devices']} devices read on without a break"
    sys.stdout.write(f"map {taken}: {kept}\n" if lines else f"map {taken}: nothing that the gateway does changes\n")
    return 0


def troubles(answer: Answer) -> list[str]:
    """Why the map was not taken; empty: it was."""
    error = [answer["error"]] if "error" in answer else []
    return [str(trouble) for trouble in (*answer.get("problems", ()), *answer.get("refusals", ()), *error)]
