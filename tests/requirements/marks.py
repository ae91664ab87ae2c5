"""Markers of requirements, traps and laws, read from the text of the tests: nothing is imported, nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARKERS = ("requirement", "trap", "law")
NEEDING = ("peer", "browser")
"""Markers of tests that need something that is not on every machine."""


class MarkerError(Exception):
    """A marker that is not written as markers are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One marker of one test. `subject` is what it shows: the id of a requirement, a trap or a law."""

    kind: str
    subject: str
    test: str
    part: str = ""
    needs: str = ""


def marks(root: Path) -> list[Mark]:
    """All markers of the tests under `root`/tests, by file and line."""
    return [
        mark for path in sorted((root / "tests").rglob("test_*.py")) for mark in _of_file(path, path.relative_to(root))
    ]


def _of_file(path: Path, name: Path) -> Iterator[Mark]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    everywhere = [one for node in tree.body if _is_pytestmark(node) for one in _calls(node)]
    for function in tree.body:
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        own = [one for decorator in function.decorator_list for one in _calls(decorator)]
        needs = _needs([*everywhere, *own])
        for marker, call in own:
            if marker in MARKERS:
                yield _read(marker, call, f"{name.as_posix()}::{function.name}", needs)


def _is_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"


def _calls(node: ast.AST) -> list[tuple[str, ast.expr]]:
    """Each `pytest.mark.NAME` in a decorator or in `pytestmark`, with its call where it is one."""
    called = {id(one.func): one for one in ast.walk(node) if isinstance(one, ast.Call)}
    return [
        (one.attr, called.get(id(one), one))
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute) and ast.unparse(one.value) == "pytest.mark"
    ]


def _needs(found: list[tuple[str, ast.expr]]) -> str:
    """What the test needs by its other markers: the name of a peer, or a browser."""
    for marker, call in found:
        if marker in NEEDING:
            words = [str(ast.literal_eval(one)) for one in call.args] if isinstance(call, ast.Call) else ["Chromium"]
            return ", ".join(words)
    return ""


def _read(marker: str, call: ast.expr, test: str, needs: str) -> Mark:
    try:
        if not isinstance(call, ast.Call) or len(call.args) != 1:
            raise ValueError
        said = {str(one.arg): str(ast.literal_eval(one.value)) for one in call.keywords}
        subject = str(ast.literal_eval(call.args[0]))
    except ValueError:
        raise MarkerError(
            f'{test}: write @pytest.mark.{marker}("…"), with part="…" or needs="…" in plain text'
        ) from None
    if set(said) - {"part", "needs"} or "" in said.values():
        raise MarkerError(f"{test}: a marker takes part and needs, and neither empty; not {said}")
    return Mark(
        kind=marker, subject=subject, test=test, part=said.get("part", ""), needs=said.get("needs", "") or needs
    )
