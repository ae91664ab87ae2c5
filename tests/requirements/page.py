"""docs/requirements.md: each requirement with the tests that show it, or "not yet"."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.requirements.marks import Mark, marks
from tests.requirements.texts import AREAS, LAWS, TRAPS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "requirements.md"
HEAD = """\
# Requirements, and the tests that show them

Written from the markers of the tests by `make requirements`; do not edit it by hand. A run of the whole suite fails
where a test that stands here did not run.

A requirement is **shown** by the tests behind it, all of them together. **In part** says what of it is shown; the rest
of it is not there. *Not yet*: no test shows it. "(needs …)": the test is skipped, with its reason, on machines without
that.

"""


def page(root: Path) -> str:
    """The whole page."""
    found = marks(root)
    parts = [HEAD + _counts(found)]
    for title, texts in AREAS.items():
        rows = [f"| {name} | {text} | {_proof(name, found)} |" for name, text in texts.items()]
        parts.append("\n".join([f"## {title}", "", "| | must | shown by |", "|---|---|---|", *rows]) + "\n")
    parts += [_section(*LAW_HEAD, LAWS, "law", found), _section(*TRAP_HEAD, TRAPS, "trap", found)]
    return "\n".join(parts)


LAW_HEAD = ("Laws", "What holds whatever happens, shown on invented histories, calendars and seconds by the thousand.")
TRAP_HEAD = (
    "Traps",
    "Mistakes that programs of this kind make: what genba does instead, and the tests that show it.",
)


def _section(title: str, says: str, texts: dict[str, str], kind: str, found: list[Mark]) -> str:
    rows = [
        f"| {text} | {_tests([mark for mark in found if (mark.kind, mark.subject) == (kind, subject)])} |"
        for subject, text in texts.items()
    ]
    return "\n".join([f"## {title}", "", says, "", f"| {kind} | shown by |", "|---|---|", *rows]) + "\n"


def _counts(found: list[Mark]) -> str:
    states = [_state(name, found) for texts in AREAS.values() for name in texts]
    told = ", ".join(f"{states.count(state)} {words}" for state, words in STATES.items())
    return f"Of {len(states)}: {told}.\n"


STATES = {"shown": "shown", "part": "in part", "none": "not yet"}


def _state(name: str, found: list[Mark]) -> str:
    own = [mark for mark in found if mark.subject == name]
    if not own:
        return "none"
    return "part" if all(mark.part for mark in own) else "shown"


def _proof(name: str, found: list[Mark]) -> str:
    own = [mark for mark in found if mark.subject == name]
    if not own:
        return "not yet"
    whole = _tests([mark for mark in own if not mark.part])
    partial = sorted((mark for mark in own if mark.part), key=lambda mark: mark.part)
    parts = [f"{part}: {_tests(list(group))}" for part, group in groupby(partial, key=lambda mark: mark.part)]
    return "**in part**: " + "; ".join(parts) if not whole else "; ".join([f"**shown**: {whole}", *parts])


def _tests(found: list[Mark]) -> str:
    return ", ".join(f"`{mark.test}`" + (f" (needs {mark.needs})" if mark.needs else "") for mark in found)
