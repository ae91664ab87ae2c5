"""Collecting what is wrong in a map: every problem with its place, none twice, in the order of the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from genba_shared.device_map.phrases import from_line, from_line_of_file, meant_word
from genba_shared.errors import ConfigError, Problem
from genba_shared.texts import say


class Wrong(Exception):
    """A value that cannot be taken. Caught where its place in the file is known; never leaves this package."""

    def __init__(self, message: str, fix: str, *, node: yaml.Node | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.node = node


class Unusable(Exception):
    """An object could not be built; the reasons are already among the findings. Never leaves this package."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting as it is in force. `origin` is where it comes from: ``line 12``, ``default`` or a reason."""

    path: str
    value: str
    origin: str


@dataclass(slots=True)
class Findings:
    """What was found while one file was read: problems, and the settings in force."""

    file: str
    settings: list[Setting] = field(default_factory=list)
    places: dict[str, yaml.Node] = field(default_factory=dict)  # path of a setting → where its value stands
    _problems: dict[tuple[str, int, int, str], Problem] = field(default_factory=dict)
    _paths: dict[int, str] = field(default_factory=dict)
    _kept: list[yaml.Node] = field(default_factory=list)

    def name(self, node: yaml.Node, path: str) -> None:
        """Remember where `node` stands in the file; the first path given stays."""
        if id(node) not in self._paths:
            self._paths[id(node)] = path
            self._kept.append(node)  # its id() must not be given to another node

    def path_of(self, node: yaml.Node) -> str | None:
        """Path of the node as it stands in the file: in a profile, that of the profile."""
        return self._paths.get(id(node))

    def place_of(self, node: yaml.Node) -> str:
        """Where a message says that the node stands: ``line 12``, with the file where the map has several."""
        mark = node.start_mark
        if mark is None:
            return say("the-file", "the file")
        line = mark.line + 1
        return from_line(line) if mark.name == self.file else from_line_of_file(Path(mark.name).name, line)

    def error(self, node: yaml.Node, path: str, message: str, fix: str) -> None:
        """Something that must be mended before the map can be used."""
        self._add(node, path, message, fix, warning=False)

    def warn(self, node: yaml.Node, path: str, message: str, fix: str = "") -> None:
        """Something that works, and is worth a second look."""
        self._add(node, path, message, fix, warning=True)

    def error_in_file(self, file: str, message: str, fix: str, *, line: int = 0) -> None:
        """Something wrong in a file beside the map, such as its secrets; 0: the file as a whole."""
        column = 1 if line else 0
        problem = Problem(file=file, line=line, column=column, path="", message=message, fix=fix)
        self._problems.setdefault((file, line, column, message), problem)

    def all(self) -> tuple[Problem, ...]:
        """Errors and warnings, file by file, in the order of each file."""
        return tuple(sorted(self._problems.values(), key=lambda found: (found.file, found.line, found.column)))

    def raise_errors(self) -> None:
        """Stop here if there is an error.

        Raises:
            ConfigError: with all problems, warnings included.
        """
        problems = self.all()
        if any(not problem.warning for problem in problems):
            raise ConfigError(problems)

    def _add(self, node: yaml.Node, path: str, message: str, fix: str, *, warning: bool) -> None:
        mark = node.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        file = mark.name if mark is not None else self.file
        problem = Problem(
            file=file,
            line=line,
            column=column,
            path=self.path_of(node) or path,
            message=message,
            fix=fix,
            warning=warning,
        )
        # A profile is read once for each device that uses it; what is wrong in it is said once.
        self._problems.setdefault((file, line, column, message), problem)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be."""
    by_folded = {name.casefold().replace("-", "_"): name for name in known}
    near = difflib.get_close_matches(word.casefold().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """``Did you mean 'poll'?``, or what else to do where no known word is near."""
    near = nearest(word, known)
    return meant_word(near) if near else otherwise


def shorten(text: str) -> str:
    """Text of a message: one line, at most 60 characters, so that a pasted file does not fill the screen.

    Half a character (``"\\ud800"`` in quotes gives one) is written as its escape, since no terminal takes it.
    """
    line = " ".join(text.encode("utf-8", errors="backslashreplace").decode("utf-8").split())
    return line if len(line) <= 60 else f"{line[:57]}…"
