"""A scripted week of a garment shop: what the collector makes of it is written down and follows from its events."""

from __future__ import annotations

import asyncio
import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.week.play import END, Lived, play, shuffled
from tests.golden.week.report import report
from tests.golden.week.script import arrivals
from tests.golden.week.shop import plans

REPORT = Path(__file__).parents[1] / "golden" / "week" / "report.txt"
WALK = Path(__file__).parents[2] / "docs" / "week.md"
DERIVED = 6
"""So many rows are derived by hand."""


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """The week as it was."""
    return play(tmp_path_factory.mktemp("week"))


def differences(wanted: str, found: str) -> str:
    """What is other than it was written down, as a diff."""
    lines = difflib.unified_diff(wanted.splitlines(), found.splitlines(), "report.txt", "this run", lineterm="", n=1)
    return "\n".join(lines)


def test_the_week_comes_to_what_is_written_down(week: Lived) -> None:
    changed = differences(REPORT.read_text(encoding="utf-8"), report(week))
    assert not changed, f"read this; if it is right: python -m tests.golden.week --write\n{changed}"


def test_nothing_that_the_script_posts_or_answers_is_refused(week: Lived) -> None:
    assert week.refused == ()


def test_folding_the_whole_week_anew_gives_the_same_facts(week: Lived) -> None:
    assert len(week.facts) > 2 * len(plans())
    assert differences("\n".join(week.facts), "\n".join(week.rebuilt)) == ""
    assert week.unsound == ()  # every view, also those of alerts and tasks, follows from the log


@pytest.mark.parametrize("seed", [1, 2])
def test_another_order_of_arrival_gives_the_same_facts(week: Lived, tmp_path: Path, seed: int) -> None:
    facts, rebuilt = asyncio.run(shuffled(tmp_path, seed))
    assert differences("\n".join(week.facts), "\n".join(facts)) == ""
    assert differences("\n".join(facts), "\n".join(rebuilt)) == ""


def test_the_script_is_always_the_same_and_some_of_it_comes_hours_late() -> None:
    every = arrivals()
    assert every == arrivals()
    late = [one for one in every if (one.at - one.event.at).total_seconds() >= 2 * 3600]
    assert (len(plans()), len(every), len(late)) == (60, 1604, 52)
    assert all(one.at <= END for one in every)


def derived() -> Iterator[tuple[str, str]]:
    """Rows that the walk-through derives: the title of the derivation, and the block in which they stand."""
    parts = re.split(r"^## ", WALK.read_text(encoding="utf-8"), flags=re.M)[1:]
    for part in parts:
        for block in re.findall(r"^```report\n(.*?)^```", part, flags=re.M | re.S):
            yield part.splitlines()[0], block.rstrip("\n")


@pytest.mark.parametrize(("title", "block"), list(derived()), ids=[title for title, _ in derived()])
def test_a_row_that_is_derived_by_hand_stands_in_the_report(title: str, block: str) -> None:
    """The first line of a block is a heading of the report, under which its other lines stand in this order."""
    heading, *lines = block.splitlines()
    report_parts = re.split(r"^## ", REPORT.read_text(encoding="utf-8"), flags=re.M)
    section = next(part.splitlines() for part in report_parts if part.startswith(f"{heading}\n"))
    assert [line for line in lines if line not in section] == []
    positions = [section.index(line) for line in lines]
    assert lines
    assert positions == sorted(positions), title


def test_the_walk_through_derives_at_least_six_rows_by_hand() -> None:
    assert len({title for title, _ in derived()}) >= DERIVED
