"""The list of guards cannot rot: each is where it says, its test exists, and the quickest of them are really tried."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations.guards import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_exactly_once_where_the_list_says(guard: Guard) -> None:
    assert len(guard.found_in(ROOT)) == 1
    assert guard.text != guard.without


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_the_test_of_a_guard_exists(guard: Guard) -> None:
    path, _, name = guard.test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (ROOT / path).read_text() or not name


def test_a_guard_that_is_taken_out_is_noticed() -> None:
    command = [sys.executable, "-m", "tests.mutations", "secret"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 guards are noticed" in done.stdout
