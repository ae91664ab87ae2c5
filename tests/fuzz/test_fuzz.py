"""Every target for two seconds, and every input that once broke one."""

from __future__ import annotations

import importlib
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import TARGETS
from tests.fuzz.mutate import search

REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*/*"))
SECONDS = 2.0


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Invented devices fill a log that nobody reads."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", TARGETS)
def test_two_seconds_of_invented_input_break_nothing(name: str) -> None:
    target = importlib.import_module(f"tests.fuzz.{name}")
    seed = random.randrange(1 << 32)
    count, bad = search(target.run, target.seeds(), seconds=SECONDS, seed=seed)
    if bad is not None:
        target.run(bad)
    assert bad is None, f"broke once, and not again: {bad!r}"
    assert count >= 10


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_input_that_once_broke_something_does_not_any_more(path: Path) -> None:
    importlib.import_module(f"tests.fuzz.{path.parent.name}").run(path.read_bytes())


def test_every_target_has_its_regressions_in_a_folder_of_its_name() -> None:
    assert {path.parent.name for path in REGRESSIONS} <= set(TARGETS)
