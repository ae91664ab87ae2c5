"""A map in several files: the `*.yaml` files of one folder, read as if they were one.

Lists are joined, groups are united key by key, and every node keeps its own file and line. What two files both say is
an error: no file goes before another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from genba_shared.device_map.problems import Findings, shorten
from genba_shared.device_map.scalars import word_of
from genba_shared.device_map.secrets import SECRETS_FILE
from genba_shared.device_map.yaml_tree import MAX_BYTES, compose, entries
from genba_shared.errors import ConfigError, Problem
from genba_shared.texts import say

MAX_FILES: Final = 200
_SAID_BY_EVERY_FILE: Final = "version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file of a map, and its text."""

    file: Path
    text: str


def read_sources(path: Path) -> tuple[Source, ...]:
    """The file at `path`, or the files of the folder: `*.yaml` without secrets.yaml and what starts with '.' or '_'.

    Raises:
        ConfigError: with every file that cannot be read.
    """
    if not path.is_dir():
        return (Source(file=path, text=_text_of(path)),)
    sources: list[Source] = []
    problems: list[Problem] = []
    for file in _files_of(path):
        try:
            sources.append(Source(file=file, text=_text_of(file)))
        except ConfigError as exc:
            problems += exc.problems
    if problems:
        raise ConfigError(tuple(problems))
    return tuple(sources)


def compose_sources(sources: Sequence[Source], findings: Findings) -> yaml.MappingNode:
    """The root mapping of all files together.

    Raises:
        ConfigError: a file is not YAML, not a mapping, or beyond a limit; every such file is told.
    """
    roots: list[yaml.MappingNode] = []
    problems: list[Problem] = []
    for source in sources:
        try:
            roots.append(compose(source.text, findings, file=str(source.file)))
        except ConfigError as exc:
            problems += exc.problems
    if problems:
        raise ConfigError((*problems, *findings.all()))
    return roots[0] if len(roots) == 1 else _unite(roots, findings)


def hash_of(sources: Sequence[Source]) -> str:
    """SHA-256 of one file's text, or of the names and texts of all."""
    if len(sources) == 1:
        return hashlib.sha256(sources[0].text.encode()).hexdigest()
    whole = hashlib.sha256()
    for source in sources:
        for part in (source.file.name, source.text):
            whole.update(hashlib.sha256(part.encode()).digest())
    return whole.hexdigest()


def _files_of(folder: Path) -> list[Path]:
    try:
        files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith((".", "_")))
    except OSError as exc:
        raise ConfigError.of_file(
            folder,
            say("folder-unreadable", "the folder cannot be read: {system_says}.", system_says=exc.strerror or exc),
            say("check-rights", "Check its rights."),
        ) from exc
    misnamed = [file for file in files if file.suffix.lower() in {".yml", ".yaml"} and file.suffix != ".yaml"]
    if misnamed:
        raise ConfigError.of_file(
            misnamed[0],
            say("not-named-yaml", "only files that end in .yaml are read."),
            say("rename-to", "Rename it to {word}.", word=f"{misnamed[0].stem}.yaml"),
        )
    found = [file for file in files if file.suffix == ".yaml" and file.name != SECRETS_FILE]
    if not found:
        raise ConfigError.of_file(
            folder,
            say("folder-without-map", "the folder holds no map: there is no file that ends in .yaml."),
            say("name-file-or-folder", "Name a file, or another folder."),
        )
    if len(found) > MAX_FILES:
        raise ConfigError.of_file(
            folder,
            say("too-many-files", "the folder holds more than {most} files that end in .yaml.", most=MAX_FILES),
            say("join-files", "Join some of them."),
        )
    return found


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError.of_file(
            path,
            say("file-unreadable", "the file cannot be read: {system_says}.", system_says=exc.strerror or exc),
            say("check-name", "Check the name, and who may read it."),
        ) from exc
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        if len(content) > MAX_BYTES:  # cut in the middle of a character; the size is what is wrong
            return content.decode("utf-8-sig", errors="replace")
        raise ConfigError.of_file(
            path,
            say("not-utf-8", "the file is not UTF-8 text (byte {byte}).", byte=exc.start + 1),
            say("save-as-utf-8", "Save it as UTF-8; editors offer GBK or Shift-JIS, too."),
        ) from exc


def _unite(roots: Sequence[yaml.MappingNode], findings: Findings) -> yaml.MappingNode:
    """Groups and lists that stand at the top of several files become one; everything else may stand once."""
    written: dict[str, list[tuple[yaml.Node, yaml.Node]]] = {}
    for root in roots:
        for word, entry in entries(root).items():
            written.setdefault(word, []).append(entry)
    whole = yaml.MappingNode(
        roots[0].tag, [_join(word, said, findings) for word, said in written.items()], roots[0].start_mark
    )
    findings.name(whole, "")
    return whole


def _join(word: str, said: list[tuple[yaml.Node, yaml.Node]], findings: Findings) -> tuple[yaml.Node, yaml.Node]:
    (key, first), *others = said
    if not others:
        return key, first
    values = [first, *(value for _, value in others)]
    joined: yaml.Node
    if all(isinstance(value, yaml.SequenceNode) for value in values):
        joined = yaml.SequenceNode(first.tag, [item for value in values for item in value.value], first.start_mark)
    elif all(isinstance(value, yaml.MappingNode) for value in values):
        _refuse_twice(_entries_of(values), findings)
        joined = yaml.MappingNode(first.tag, [entry for value in values for entry in value.value], first.start_mark)
    else:
        same = word == _SAID_BY_EVERY_FILE and len({word_of(value) for value in values}) == 1
        if not same:
            _refuse_twice([(word, each) for each, _ in said], findings)
        return key, first
    findings.name(joined, word)
    return key, joined


def _entries_of(values: Iterable[yaml.Node]) -> list[tuple[str, yaml.Node]]:
    return [
        (word, key)
        for value in values
        if isinstance(value, yaml.MappingNode)
        for word, (key, _) in entries(value).items()
    ]


def _refuse_twice(written: Iterable[tuple[str, yaml.Node]], findings: Findings) -> None:
    first: dict[str, yaml.Node] = {}
    for word, key in written:
        before = first.setdefault(word, key)
        if before is not key:
            findings.error(
                key,
                word,
                say(
                    "said-in-two-files",
                    "'{key}' stands in {place}, too: what two files say may differ one day.",
                    key=shorten(word),
                    place=findings.place_of(before),
                ),
                say("delete-one-of-two", "Delete one of the two."),
            )
