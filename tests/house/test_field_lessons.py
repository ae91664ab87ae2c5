"""Every lesson in docs/field-lessons.md has a test that exists, or says what will bring it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "field-lessons.md"
PENDING = "(pending)"
LATER = "not in this version: "
NO_PENDING_VARIABLE = "GENBA_NO_PENDING"
"""Set it where every lesson must have its test: before a release."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A row of the page."""

    here: str
    seen_in: str
    proof: str

    @property
    def tests(self) -> list[str]:
        """The tests named as its proof."""
        return re.findall(r"`(tests/[^`]+)`", self.proof)


def lessons() -> list[Lesson]:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and not line.startswith("| Here ")]
    return [Lesson(*(cell.strip() for cell in row.strip("|").split("|"))) for row in rows]


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.here[:60])
def test_a_lesson_has_a_test_that_exists_or_says_what_will_bring_it(lesson: Lesson) -> None:
    for test in lesson.tests:
        path, _, name = test.partition("::")
        assert re.search(rf"def {re.escape(name)}\(", (ROOT / path).read_text()), test
    rest = re.sub(r"`tests/[^`]+`(, )?", "", lesson.proof).strip(" ,")
    assert lesson.tests or rest
    assert rest in ("", PENDING) or rest.startswith(LATER), rest
    assert lesson.here.endswith(".")
    assert lesson.seen_in


@pytest.mark.skipif(not os.environ.get(NO_PENDING_VARIABLE), reason=f"only with {NO_PENDING_VARIABLE}=1")
def test_no_lesson_waits_for_its_test() -> None:
    assert [lesson.here for lesson in lessons() if PENDING in lesson.proof] == []
