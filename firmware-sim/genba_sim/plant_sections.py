"""Reads groups of settings from a plant file, collecting everything that is wrong with file, line, path and remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import yaml

from genba_shared.errors import Problem
from genba_sim.settings import Span

Value = TypeVar("Value")

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|h)")
_WHOLE = re.compile(r"\d{1,9}")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")


class _WrongValueError(Exception):
    """A value that cannot be taken; `allowed` says what can."""

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.message = message
        self.allowed = allowed


@dataclass(slots=True)
class Findings:
    """What is wrong in one file, in the order of reading."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, node: yaml.Node, path: str, message: str, fix: str) -> None:
        """Note one problem at the place of `node`."""
        mark = node.start_mark
        self.problems.append(
            Problem(
                file=self.file,
                line=mark.line + 1 if mark else 0,
                column=mark.column + 1 if mark else 0,
                path=path,
                message=message,
                fix=fix,
            )
        )


class Section:
    """One mapping of the file. Every reader returns the default where the key is absent or its value is wrong."""

    def __init__(self, node: yaml.Node, path: str, findings: Findings) -> None:
        self._node = node
        self._path = path
        self._findings = findings
        self._read: set[str] = set()
        self._entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        if not isinstance(node, yaml.MappingNode):
            findings.add(node, path, "a group of settings is expected here", "write  key: value  lines, indented")
            return
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if name in self._entries:
                findings.add(key, self._below(name), f"'{name}' stands here twice", "keep one of the two")
            self._entries[name] = (key, value)

    def close(self) -> None:
        """Report every key that no reader asked for, with the nearest known one."""
        for name, (key, _) in self._entries.items():
            if name not in self._read:
                near = difflib.get_close_matches(name, self._read, n=1)
                fix = f"Did you mean '{near[0]}'?" if near else f"Allowed: {', '.join(sorted(self._read))}."
                self._findings.add(key, self._below(name), f"'{name}' is not a setting of a simulated plant.", fix)

    def names(self) -> tuple[str, ...]:
        """The keys that are written, for a mapping with free names."""
        return tuple(self._entries)

    def has(self, name: str) -> bool:
        """Whether the key is written."""
        self._read.add(name)
        return name in self._entries

    def section(self, name: str) -> Section:
        """The mapping under `name`; an empty one where it is absent."""
        node = self._take(name)
        return Section(node if node is not None else _empty(self._node), self._below(name), self._findings)

    def sections(self, name: str) -> tuple[Section, ...]:
        """The mappings of the list under `name`."""
        return tuple(Section(node, f"{self._below(name)}[{place}]", self._findings) for place, node in self._list(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of the list under `name`."""
        return tuple(node.value for _, node in self._list(name) if isinstance(node, yaml.ScalarNode))

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """One of a few words."""
        words = tuple(allowed)

        def parse(text: str) -> str:
            if text not in words:
                near = difflib.get_close_matches(text, words, n=1)
                hint = f" Did you mean '{near[0]}'?" if near else ""
                raise _WrongValueError(f"'{text}' is not known.", f"Allowed: {', '.join(words)}.{hint}")
            return text

        return self._scalar(name, parse, default)

    def identifier(self, name: str, default: str) -> str:
        """A name that may stand in a topic."""

        def parse(text: str) -> str:
            if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", text) is None:
                raise _WrongValueError(f"'{text}' cannot stand in a topic.", "Allowed: 1 to 40 of a-z, 0-9 and '-'.")
            return text

        return self._scalar(name, parse, default)

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 999_999_999) -> int:
        """A whole number."""

        def parse(text: str) -> int:
            if _WHOLE.fullmatch(text) is None or not least <= int(text) <= most:
                raise _WrongValueError(
                    f"'{text}' is not a whole number from {least} to {most}.", f"Write, for example, {default}."
                )
            return int(text)

        return self._scalar(name, parse, default)

    def duration(self, name: str, default_s: float, *, least_s: float = 0.0) -> float:
        """A duration in seconds, written with its unit."""
        return self._scalar(name, lambda text: _at_least(_seconds(text), least_s, text), default_s)

    def span(self, name: str, default: Span, *, least_s: float = 0.0) -> Span:
        """Two durations, ``60s..90s``, or one."""

        def parse(text: str) -> Span:
            least, _, most = text.partition("..")
            span = Span(_seconds(least), _seconds(most or least))
            _at_least(span.least, least_s, text)
            return _ordered(span, text)

        return self._scalar(name, parse, default)

    def whole_span(self, name: str, default: Span, *, least: int, most: int) -> Span:
        """Two whole numbers, ``1..15``."""

        def parse(text: str) -> Span:
            low, _, high = text.partition("..")
            if _WHOLE.fullmatch(low) is None or _WHOLE.fullmatch(high) is None:
                raise _WrongValueError(
                    f"'{text}' is not a range.", "Write two whole numbers with two dots, for example 1..15."
                )
            span = _ordered(Span(int(low), int(high)), text)
            if span.least < least or span.most > most:
                raise _WrongValueError(f"{text} is out of range.", f"Allowed: {least}..{most}.")
            return span

        return self._scalar(name, parse, default)

    def share(self, name: str, default: float, *, most: float = 1.0) -> float:
        """A fraction, written in percent with its sign."""

        def parse(text: str) -> float:
            match = _SHARE.fullmatch(text)
            if match is None or float(match[1]) / 100 > most:
                raise _WrongValueError(
                    f"'{text}' is not a share up to {most:.0%}.", "Write a percentage with its sign, such as 4%."
                )
            return float(match[1]) / 100

        return self._scalar(name, parse, default)

    def _scalar(self, name: str, parse: Callable[[str], Value], default: Value) -> Value:
        node = self._take(name)
        if node is None:
            return default
        try:
            if not isinstance(node, yaml.ScalarNode):
                raise _WrongValueError(
                    "one value is expected here, not a group or a list.", f"Write, for example, {name}: …"
                )
            return parse(str(node.value))
        except _WrongValueError as exc:
            self._findings.add(node, self._below(name), exc.message, exc.allowed)
            return default

    def _list(self, name: str) -> tuple[tuple[int, yaml.Node], ...]:
        node = self._take(name)
        if node is None:
            return ()
        if not isinstance(node, yaml.SequenceNode):
            self._findings.add(node, self._below(name), "a list is expected here", "write it as [first, second]")
            return ()
        return tuple(enumerate(node.value))

    def _take(self, name: str) -> yaml.Node | None:
        self._read.add(name)
        entry = self._entries.get(name)
        return None if entry is None else entry[1]

    def _below(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise _WrongValueError(
            f"'{text}' is not a duration.", "Write a number with its unit: ms, s, min or h, for example 90s."
        )
    return float(match[1]) * _SECONDS[match[2]]


def _at_least(value_s: float, least_s: float, text: str) -> float:
    if value_s < least_s:
        raise _WrongValueError(f"{text} is too short.", f"At least {least_s:g}s.")
    return value_s


def _ordered(span: Span, text: str) -> Span:
    if span.least > span.most:
        raise _WrongValueError(f"{text} ends before it begins.", "Write the smaller value first.")
    return span


def _empty(near: yaml.Node) -> yaml.MappingNode:
    return yaml.MappingNode("tag:yaml.org,2002:map", [], near.start_mark, near.end_mark)
