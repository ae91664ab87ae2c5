"""YAML text to composed nodes that keep their place in the file, with limits and without YAML's traps."""

from __future__ import annotations

from typing import Any, Final

import yaml

from genba_shared.device_map.problems import Findings, shorten
from genba_shared.device_map.scalars import TAGS, Wrong, key_text
from genba_shared.errors import ConfigError, Problem

MAX_BYTES: Final = 1_000_000
MAX_ALIASES: Final = 50
MAX_DEPTH: Final = 20


class _Refused(yaml.MarkedYAMLError):
    """A limit of ours, raised as the library's own kind so that one place turns both into a problem."""


class MapLoader(yaml.SafeLoader):
    """Composes nodes only; no object is ever constructed from them. Counts aliases and depth, notes explicit tags."""

    def __init__(self, stream: str, *, file: str) -> None:
        super().__init__(stream)
        self.name = file  # every mark carries it, so that a problem names its own file
        self.tagged: list[tuple[yaml.Node, str]] = []
        self._aliases = 0
        self._depth = 0
        self._open: list[str] = []

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """One node with everything below it."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs
        if isinstance(event, yaml.AliasEvent):
            self._count_alias(event)
            return super().compose_node(parent, index)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _Refused(None, None, f"nested more than {MAX_DEPTH} levels deep", event.start_mark)
        self._open.append(event.anchor or "")
        node = super().compose_node(parent, index)
        self._open.pop()
        self._depth -= 1
        if event.tag is not None and node is not None:
            self.tagged.append((node, str(event.tag)))
        return node

    def _count_alias(self, event: Any) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise _Refused(
                None, None, f"more than {MAX_ALIASES} aliases (*name): use `profiles` instead", event.start_mark
            )
        if event.anchor in self._open:
            raise _Refused(None, None, f"*{event.anchor} stands inside of what it repeats", event.start_mark)


def compose(text: str, findings: Findings) -> yaml.MappingNode:
    """The root mapping of a map; every node below it has its path noted in `findings`.

    Raises:
        ConfigError: not YAML, empty, not a mapping, or beyond a limit. Duplicate keys and tags become findings.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise ConfigError.of_file(
            findings.file, f"the file is larger than {MAX_BYTES:,} bytes", "Split it: one map per gateway."
        )
    try:
        loader = MapLoader(text, file=findings.file)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as exc:
        raise ConfigError((_problem_of(exc, findings.file),)) from exc
    except yaml.reader.ReaderError as exc:
        line = text.count("\n", 0, exc.position) + 1
        column = exc.position - (text.rfind("\n", 0, exc.position) + 1) + 1
        message = f"the character U+{int(exc.character):04X} may not stand in YAML."
        raise ConfigError((_syntax(findings.file, line, column, message, "Delete it."),)) from exc
    except (ValueError, OverflowError) as exc:
        # The library's scanner does not check escapes such as "\UFFFFFFFF" or the number of a %YAML directive.
        message = "this is not YAML: a number after a backslash or in a %YAML line is too large."
        raise ConfigError.of_file(findings.file, message, "Look for a backslash in double quotes.") from exc
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError.of_file(
            findings.file,
            "the file holds no settings: a map is a list of `key: value` lines.",
            "Start with `version: 1`, then gateway and devices; see docs/device-map.md.",
        )
    _name(root, "", findings)
    _check_tags(loader.tagged, findings)
    return root


def entries(node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key → (key node, value node). What cannot be a key, or comes twice, was reported by `compose` and is left out."""
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        try:
            found.setdefault(key_text(key), (key, value))
        except Wrong:
            continue
    return found


def _check_keys(node: yaml.MappingNode, path: str, findings: Findings) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        try:
            word = key_text(key)
        except Wrong as exc:
            findings.error(key, path, exc.message, exc.fix)
            continue
        if word in lines:
            findings.error(
                key,
                path,
                f"'{shorten(word)}' stands here twice, first in line {lines[word]}: a key may stand once.",
                "Delete one of the two, or join them.",
            )
        lines.setdefault(word, key.start_mark.line + 1 if key.start_mark else 0)


def _name(node: yaml.Node, path: str, findings: Findings) -> None:
    if findings.path_of(node) is not None:
        return
    findings.name(node, path)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = join(path, _word(key))
            findings.name(key, below)
            _name(value, below, findings)
        _check_keys(node, path, findings)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _name(item, join(path, _item_id(item) or str(number)), findings)


def join(path: str, key: str) -> str:
    """The path of what stands under `key`."""
    return f"{path}.{key}" if path else key


def _word(key: yaml.Node) -> str:
    return shorten(str(key.value)) if isinstance(key, yaml.ScalarNode) else "?"


def _item_id(item: yaml.Node) -> str:
    """Devices are a list, but people know them by id."""
    if isinstance(item, yaml.MappingNode):
        for key, value in item.value:
            if _word(key) == "id" and isinstance(value, yaml.ScalarNode):
                return _word(value)
    return ""


def _check_tags(tagged: list[tuple[yaml.Node, str]], findings: Findings) -> None:
    for node, tag in tagged:
        if tag in TAGS:
            if isinstance(node, yaml.ScalarNode):
                continue  # whether a tag may stand there, the kind of the value decides
            message, fix = f"{tag} stands before a group or a list: one word is needed.", TAGS[tag]
        else:
            short = shorten(tag.replace("tag:yaml.org,2002:", "!!"))
            message = f"'{short}' is a YAML tag that a map does not take: only !secret and !file are."
            fix = "Delete the word that starts with '!'."
        findings.error(node, findings.path_of(node) or "", message, fix)


def _problem_of(exc: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = exc.problem_mark or exc.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    said = ", ".join(text for text in (exc.context, exc.problem) if text)
    if isinstance(exc, _Refused):
        return _syntax(file, line, column, f"{said}.", "Write it out plainly.")
    fix = "Look at this line and the one before it: indentation, a missing space after ':', an open quote or bracket."
    if "'\\t'" in said:
        fix = "Indent with spaces: YAML does not take tabs."
    elif "another document" in said:
        fix = "Delete the line '---': a map is one document."
    return _syntax(file, line, column, f"this is not YAML: {said}.", fix)


def _syntax(file: str, line: int, column: int, message: str, fix: str) -> Problem:
    return Problem(file=file, line=line, column=column, path="(YAML)", message=message, fix=fix)
