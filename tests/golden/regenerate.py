"""Write what the engineer is told about each wrong map: ``python -m tests.golden.regenerate``; then read the diff."""

from __future__ import annotations

from pathlib import Path

from genba_shared.device_map import load_device_map
from genba_shared.errors import ConfigError, Problem

MAPS = Path(__file__).parent / "maps"


def problems_of(case: Path) -> tuple[Problem, ...]:
    """What is found in the map of a case."""
    try:
        load_device_map(Path("map.yaml"), text=(case / "map.yaml").read_text(encoding="utf-8"))
    except ConfigError as exc:
        return exc.problems
    raise AssertionError(f"{case.name}: the map can be used")


if __name__ == "__main__":
    for folder in sorted(MAPS.iterdir()):
        told = "".join(f"{problem}\n" for problem in problems_of(folder))
        (folder / "error.txt").write_text(told, encoding="utf-8")
