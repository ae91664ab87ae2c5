"""Documents that people write beside device maps: YAML (or JSON, which is YAML) read by the same tables and checks.

What is wrong is told as in a device map: file, line, column, path, what is allowed and what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from genba_shared.device_map.problems import Findings, Unusable, Wrong
from genba_shared.device_map.scalars import is_empty, is_plain
from genba_shared.device_map.secrets import Surroundings
from genba_shared.device_map.spec import Scope
from genba_shared.device_map.yaml_tree import compose, entries
from genba_shared.errors import ConfigError, Problem
from genba_shared.texts import code_of

Model = TypeVar("Model")

_NO_SETTINGS: Final = "no-settings"
_SPEAKS_OF_MAPS: Final = frozenset({"how-to-start", "delete-or-look-up", "split-the-map", "write-a-profile"})
_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_NUMBER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file as it was composed, with what is found wrong in it. `guide` is the page that describes its settings."""

    file: str
    root: yaml.MappingNode
    findings: Findings
    guide: str

    @property
    def scope(self) -> Scope:
        """Where its values are read: no secrets and no other files belong to such a document."""
        return Scope(findings=self.findings, around=Surroundings(folder=Path(), environment={}))

    def read(self, node: yaml.Node, read: Callable[[yaml.Node, Scope], Model]) -> Model:
        """What `read` makes of a node of it.

        Raises:
            ConfigError: with everything that is wrong in it.
        """
        try:
            taken = read(node, self.scope)
        except Unusable:
            self.raise_errors()
            raise
        except Wrong as exc:
            self.findings.error(exc.node or node, "", exc.message, exc.fix)
            self.raise_errors()
            raise
        self.raise_errors()
        return taken

    def raise_errors(self) -> None:
        """Stop here if something is wrong.

        Raises:
            ConfigError: with every problem, in the order of the file.
        """
        try:
            self.findings.raise_errors()
        except ConfigError as exc:
            raise ConfigError(tuple(_of_documents(problem, self.guide) for problem in exc.problems)) from None


def compose_document(text: str, *, file: str, guide: str) -> Document:
    """The text as nodes that keep their place.

    Raises:
        ConfigError: not YAML, empty, or beyond a limit.
    """
    findings = Findings(file=file)
    try:
        root = compose(text, findings, file=file)
    except ConfigError as exc:
        raise ConfigError(tuple(_of_documents(problem, guide) for problem in exc.problems)) from None
    return Document(file=file, root=root, findings=findings, guide=guide)


def plain_of(node: yaml.Node) -> Any:
    """A node as what JSON has: groups, lists, texts, numbers, true, false and null."""
    match node:
        case yaml.MappingNode():
            return {name: plain_of(value) for name, (_, value) in entries(node).items()}
        case yaml.SequenceNode():
            return [plain_of(item) for item in node.value]
        case _:
            return _scalar_of(node)


def _scalar_of(node: yaml.Node) -> Any:
    text = str(node.value)
    if not is_plain(node):
        return text
    if is_empty(node):
        return None
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return _WORDS.get(text.lower(), text)


def _of_documents(problem: Problem, guide: str) -> Problem:
    """A problem in the words of a document: some sentences of the shared checks speak of device maps."""
    if problem.code == _NO_SETTINGS:
        return replace(
            problem,
            message="the file holds no settings: a document is a list of `key: value` lines.",
            fix=f"{guide} has documents to begin with.",
        )
    if code_of(problem.fix) in _SPEAKS_OF_MAPS:
        return replace(problem, fix=f"Delete it, or look it up in {guide}.")
    return problem
