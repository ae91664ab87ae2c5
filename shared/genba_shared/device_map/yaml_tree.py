"""YAML text to composed nodes that keep their place in the file, with limits and without YAML's traps."""

from __future__ import annotations

from typing import Any, Final

import yaml

from genba_shared.device_map.problems import Findings, shorten
from genba_shared.device_map.scalars import TAGS, Wrong, key_text, refuse_tag_on_a_group, twice
from genba_shared.errors import ConfigError, Problem
from genba_shared.texts import Text, say

MAX_BYTES: Final = 1_000_000
MAX_ALIASES: Final = 50
MAX_DEPTH: Final = 20


class _Refused(yaml.MarkedYAMLError):
    """A limit of ours, raised as the library's own kind so that one place turns both into a problem."""

    looks_odd = False

    def __init__(self, message: Text, at: yaml.Mark | None) -> None:
        super().__init__(None, None, message, at)
        self.message = message


class _Unfinished(_Refused):
    """What looks as if a sign was forgotten."""

    looks_odd = True


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
            raise _Refused(say("too-deep", "nested more than {most} levels deep.", most=MAX_DEPTH), event.start_mark)
        self._open.append(event.anchor or "")
        node = super().compose_node(parent, index)
        self._open.pop()
        self._depth -= 1
        if event.tag is not None and node is not None:
            self.tagged.append((node, str(event.tag)))
        return node

    def scan_plain(self) -> Any:
        """A value without quotes; it ends with its line, so that a missing ':' or bracket is told where it is."""
        before = self.buffer[self.pointer - self.column : self.pointer].strip(" -")
        token: Any = super().scan_plain()
        if token.start_mark.line == token.end_mark.line:
            return token
        if before and not self.flow_level and self.peek() == ":":
            raise _Unfinished(
                say("indented-too-far", "a setting begins here that is indented too far."), token.end_mark
            )
        raise _Unfinished(
            say("goes-on-in-next-line", "'{word}' goes on in the next line.", word=shorten(str(token.value))),
            token.start_mark,
        )

    def scan_flow_scalar(self, style: str) -> Any:
        """A value in quotes; they are closed in the same line."""
        token: Any = super().scan_flow_scalar(style)
        if token.start_mark.line != token.end_mark.line:
            message = say("quote-not-closed", "a quote is opened here and not closed in this line.")
            raise _Unfinished(message, token.start_mark)
        return token

    def _count_alias(self, event: Any) -> None:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise _Refused(
                say("too-many-aliases", "more than {most} aliases (*name): use `profiles` instead.", most=MAX_ALIASES),
                event.start_mark,
            )
        if event.anchor in self._open:
            raise _Refused(
                say("alias-in-itself", "*{name} stands inside of what it repeats.", name=event.anchor), event.start_mark
            )


def compose(text: str, findings: Findings, *, file: str) -> yaml.MappingNode:
    """The root mapping of a map; every node below it has its path noted in `findings`.

    Raises:
        ConfigError: not YAML, empty, not a mapping, or beyond a limit. Duplicate keys and tags become findings.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise ConfigError.of_file(
            file,
            say("file-too-large", "the file is larger than {most} bytes.", most=f"{MAX_BYTES:,}"),
            say("split-the-map", "Split it: one map per gateway, or a folder of files."),
        )
    try:
        loader = MapLoader(text, file=file)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as exc:
        raise ConfigError((_problem_of(exc, text, file),)) from exc
    except yaml.reader.ReaderError as exc:
        raise ConfigError((_forbidden_character(exc, text, file),)) from exc
    except (ValueError, OverflowError) as exc:
        # The library's scanner does not check escapes such as "\UFFFFFFFF" or the number of a %YAML directive.
        raise ConfigError.of_file(
            file,
            say(
                "yaml-number-too-large", "this is not YAML: a number after a backslash or in a %YAML line is too large."
            ),
            say("look-for-backslash", "Look for a backslash in double quotes."),
        ) from exc
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError.of_file(
            file,
            say("no-settings", "the file holds no settings: a map is a list of `key: value` lines."),
            say("how-to-start", "Start with `version: 1`, then gateway and devices; see docs/device-map.md."),
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
    first: dict[str, yaml.Node] = {}
    for key, _ in node.value:
        try:
            word = key_text(key)
            if first.setdefault(word, key) is not key:
                raise twice(word, first[word])
        except Wrong as exc:
            findings.error(key, path, exc.message, exc.fix)


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
    """The path of what stands under `key`; an empty key is the group itself."""
    return f"{path}.{key}" if path and key else path or key


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
        try:
            refuse_tag_on_a_group(node)
            if tag not in TAGS:  # whether one of ours may stand there, the kind of the value decides
                raise _not_our_tag(tag)
        except Wrong as exc:
            findings.error(node, findings.path_of(node) or "", exc.message, exc.fix)


def _not_our_tag(tag: str) -> Wrong:
    short = shorten(tag.replace("tag:yaml.org,2002:", "!!"))
    return Wrong(
        say("yaml-tag", "'{tag}' is a YAML tag that a map does not take: only !secret and !file are.", tag=short),
        say("delete-tag", "Delete the word that starts with '!'."),
    )


_OPENED_HERE: Final = ("while scanning a quoted scalar", "while scanning a simple key")


def _problem_of(exc: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = _place_of(exc, text)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
    said = ", ".join(part for part in (exc.context, exc.problem) if part)
    written = text.splitlines()[line - 1] if 0 < line <= len(text.splitlines()) else ""
    fix = _fix_of(written, said)
    if isinstance(exc, _Refused):
        return _syntax(
            file, line, column, exc.message, fix if exc.looks_odd else say("write-plainly", "Write it out plainly.")
        )
    if mark is not None and exc.problem_mark is not None and mark.line < exc.problem_mark.line:
        said = f"{said}, in line {exc.problem_mark.line + 1}"
    return _syntax(file, line, column, say("not-yaml", "this is not YAML: {parser_says}.", parser_says=said), fix)


def _fix_of(written: str, said: str) -> Text:
    """What to do about a line that is not YAML, from what is written in it and what the parser said."""
    if any(sign in written for sign in _FULL_WIDTH):
        return say(
            "no-full-width-signs",
            "Write ':' and ',' with a space behind them, not the full-width signs of a Chinese or Japanese keyboard.",
        )
    if "'\\t'" in said:
        return say("no-tabs", "Indent with spaces: YAML does not take tabs.")
    if "another document" in said:
        return say("one-document", "Delete the line '---': a map is one document.")
    return say(
        "look-at-syntax",
        "Look at this line and the one before it: indentation, a missing space after ':', an open quote or bracket.",
    )


def _forbidden_character(exc: yaml.reader.ReaderError, text: str, file: str) -> Problem:
    line = text.count("\n", 0, exc.position) + 1
    column = exc.position - (text.rfind("\n", 0, exc.position) + 1) + 1
    message = say(
        "character-not-allowed",
        "the character U+{character} may not stand in YAML.",
        character=f"{int(exc.character):04X}",
    )
    return _syntax(file, line, column, message, say("delete-it", "Delete it."))


_FULL_WIDTH: Final = "\uff1a\uff0c\uff5b\uff5d"


def _place_of(exc: yaml.MarkedYAMLError, text: str) -> yaml.Mark | None:
    """Where the mistake is: for a bracket that is open still when the next setting begins, where it was opened."""
    opened, noticed = exc.context_mark, exc.problem_mark
    if opened is None or noticed is None or opened.line == noticed.line:
        return noticed or opened
    if exc.context in _OPENED_HERE:
        return opened
    if exc.context and "flow" in exc.context:
        lines = text.splitlines()
        first, now = lines[opened.line], lines[noticed.line] if noticed.line < len(lines) else ""
        if _indent(now) <= _indent(first):
            return opened
    return noticed


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" -"))


def _syntax(file: str, line: int, column: int, message: str, fix: str) -> Problem:
    return Problem(file=file, line=line, column=column, path="(YAML)", message=message, fix=fix)
