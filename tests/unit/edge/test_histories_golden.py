"""What happened in a plant, and exactly the events that follow: tests/golden/histories/<case>/."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.histories import cases, told_of


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_history_gives_exactly_these_events(case: Path) -> None:
    assert told_of(case) == (case / "events.jsonl").read_text(encoding="utf-8")


def test_there_are_golden_histories() -> None:
    assert cases()
