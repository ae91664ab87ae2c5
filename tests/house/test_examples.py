"""Every map in `examples/` passes the check without a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_shared.device_map import load_device_map_with_warnings

EXAMPLES = sorted(Path(__file__).resolve().parents[2].joinpath("examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_map_without_warnings(path: Path) -> None:
    _, warnings = load_device_map_with_warnings(path)
    assert warnings == ()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4
