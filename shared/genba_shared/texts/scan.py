"""Every text that a program says, found in its source: the calls of `say`, whose first two arguments are literals."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

__all__ = ["Said", "said_in"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One call of `say`: code and English template, and where it stands."""

    code: str
    template: str
    place: str


def said_in(package: str) -> Iterator[Said]:
    """The texts of a package, file by file.

    Raises:
        ValueError: a code or template is not a literal, so that no catalogue can be checked against it.
    """
    folder = Path(str(files(package)))
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say":
                place = f"{file.relative_to(folder)}:{node.lineno}"
                yield _said(node, place)


def _said(call: ast.Call, place: str) -> Said:
    literals = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    match literals:
        case [str(code), str(template)] if len(call.args) == 2:
            return Said(code=code, template=template, place=place)
        case _:
            raise ValueError(f"{place}: say() takes its code and its template as literals")
