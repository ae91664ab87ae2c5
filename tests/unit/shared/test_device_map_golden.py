"""Wrong maps and exactly what the engineer is told about them: tests/golden/maps/<case>/map.yaml and error.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_shared.device_map import load_device_map
from genba_shared.errors import ConfigError

CASES = sorted(Path(__file__).parents[2].joinpath("golden", "maps").iterdir())


@pytest.mark.requirement(
    "R104", part="wrong maps with line, column and what to write; probe, browse, replay and explain"
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_wrong_map_gives_exactly_this_text(case: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_device_map(Path("map.yaml"), text=(case / "map.yaml").read_text(encoding="utf-8"))
    assert f"{raised.value}\n" == (case / "error.txt").read_text(encoding="utf-8")


def test_there_are_golden_maps() -> None:
    assert len(CASES) >= 20


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_error_says_what_to_write_instead(case: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load_device_map(Path("map.yaml"), text=(case / "map.yaml").read_text(encoding="utf-8"))
    assert all(problem.message and problem.fix for problem in raised.value.problems)
