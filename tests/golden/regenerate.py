"""Write what golden cases give: ``python -m tests.golden.regenerate [CASE…]``; then read the diff.

Without names, of all cases: what the engineer is told about each wrong map, and the events of each history.
"""

from __future__ import annotations

import sys
from pathlib import Path

from genba_shared.device_map import load_device_map
from genba_shared.errors import ConfigError, Problem
from tests.golden import histories

MAPS = Path(__file__).parent / "maps"


def problems_of(case: Path) -> tuple[Problem, ...]:
    """What is found in the map of a case."""
    try:
        load_device_map(Path("map.yaml"), text=(case / "map.yaml").read_text(encoding="utf-8"))
    except ConfigError as exc:
        return exc.problems
    raise AssertionError(f"{case.name}: the map can be used")


if __name__ == "__main__":
    wanted = set(sys.argv[1:])
    for folder in sorted(MAPS.iterdir()):
        if not wanted or folder.name in wanted:
            told = "".join(f"{problem}\n" for problem in problems_of(folder))
            (folder / "error.txt").write_text(told, encoding="utf-8")
    for folder in histories.cases():
        if not wanted or folder.name in wanted:
            (folder / "events.jsonl").write_text(histories.told_of(folder), encoding="utf-8")
