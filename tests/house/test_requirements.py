"""The page of requirements is what the markers say, and a run fails where a test that it names did not run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.requirements.marks import Mark, MarkerError, marks
from tests.requirements.page import PAGE, ROOT, page
from tests.requirements.running import RAN, SKIPPED, judge
from tests.requirements.texts import AREAS, LAWS, TRAPS

FOUND = marks(ROOT)
SHOWN = Mark(kind="requirement", subject="R1", test="tests/test_a.py::test_b")
NEEDY = Mark(kind="requirement", subject="R2", test="tests/test_a.py::test_c", needs="Chromium")


def test_the_page_is_what_the_markers_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(ROOT), "make requirements"


def test_every_requirement_has_its_row_in_order() -> None:
    rows = re.findall(r"^\| (R\d+) \|", page(ROOT), flags=re.MULTILINE)
    assert rows == [f"R{number}" for number in range(1, 115)]


def test_markers_name_what_there_is() -> None:
    known = {"requirement": {name for texts in AREAS.values() for name in texts}, "trap": set(TRAPS), "law": set(LAWS)}
    assert [mark for mark in FOUND if mark.subject not in known[mark.kind]] == []


def test_every_marker_is_read() -> None:
    """One that stands where no test is, or is made in another way, would be on no page."""
    written = [
        name
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and path.parent.name != "requirements"
        for name in re.findall(r"mark\.(?:requirement|trap|law)\b", path.read_text())
    ]
    assert len(FOUND) == len(written)


def test_every_trap_and_every_law_has_a_test() -> None:
    assert {*TRAPS, *LAWS} - {mark.subject for mark in FOUND} == set()


@pytest.mark.parametrize(
    ("outcomes", "selected_all", "wrong"),
    [
        ({SHOWN.test: RAN, NEEDY.test: RAN}, "testpaths", []),
        ({SHOWN.test: RAN, NEEDY.test: SKIPPED}, "testpaths", []),
        (
            {SHOWN.test: SKIPPED},
            "",
            [f"{SHOWN.test} shows R1: it was skipped, and the page does not say what it needs"],
        ),
        ({SHOWN.test: RAN}, "testpaths", [f"{NEEDY.test} shows R2: it was not run"]),
        ({}, "", []),
    ],
)
def test_a_run_answers_for_what_it_selected(outcomes: dict[str, str], selected_all: str, wrong: list[str]) -> None:
    told = judge([SHOWN, NEEDY], outcomes, selected_all=selected_all)
    assert [one.partition(": write")[0] for one in told] == wrong


TESTS = """
import pytest

@pytest.mark.requirement("R1")
{skip}
def {name}():
    pass

def test_something_else():
    pass
"""
SKIP = '@pytest.mark.skip("for no reason")'
NEVER = 'test_b = None\n\n@pytest.mark.requirement("R2")\ndef test_b():\n    pass\n\ndel test_b\n'


INI = """
[pytest]
testpaths = tests
markers = requirement(id)
addopts = -p no:asyncio -p no:hypothesispytest -p tests.requirements.running
"""


@pytest.mark.parametrize(
    ("text", "arguments", "status", "said"),
    [
        (TESTS.format(skip=SKIP, name="test_a"), [], 1, "shows R1: it was skipped"),
        (TESTS.format(skip="", name="test_a") + NEVER, ["-n", "2"], 1, "shows R2: it was not run"),
        (TESTS.format(skip="", name="test_a") + NEVER, ["tests/test_marked.py"], 0, "2 passed"),
    ],
)
def test_a_run_fails_where_a_marked_test_did_not_run(
    tmp_path: Path, text: str, arguments: list[str], status: int, said: str
) -> None:
    (tmp_path / "pytest.ini").write_text(INI)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_marked.py").write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, said in run.stdout) == (status, True), run.stdout + run.stderr


@pytest.mark.parametrize(
    "decorator",
    [
        "@pytest.mark.requirement",
        "@pytest.mark.requirement(NAME)",
        '@pytest.mark.requirement("R1", "R2")',
        '@pytest.mark.requirement("R1", because="x")',
        '@pytest.mark.requirement("R1", part="")',
    ],
)
def test_a_marker_that_cannot_be_read_is_refused(tmp_path: Path, decorator: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_odd.py").write_text(f"{decorator}\ndef test_a():\n    pass\n")
    with pytest.raises(MarkerError, match=r"tests/test_odd\.py::test_a"):
        marks(tmp_path)


def test_what_a_test_needs_is_read_from_its_other_markers(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    text = 'pytestmark = [pytest.mark.peer("mosquitto"), pytest.mark.timeout(9)]\n'
    text += '@pytest.mark.requirement("R9", part="codes")\n@pytest.mark.trap("x")\nasync def test_a():\n    pass\n'
    (tmp_path / "tests" / "test_peers.py").write_text(text)
    test = "tests/test_peers.py::test_a"
    assert marks(tmp_path) == [
        Mark(kind="requirement", subject="R9", test=test, part="codes", needs="mosquitto"),
        Mark(kind="trap", subject="x", test=test, needs="mosquitto"),
    ]
