"""Load a device map: file or folder, YAML with places kept, tables, checks; all problems in one run."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from genba_shared.device_map.build_map import build_map
from genba_shared.device_map.folder import Source, compose_sources, hash_of, read_sources
from genba_shared.device_map.model import DeviceMap
from genba_shared.device_map.problems import Findings, Setting
from genba_shared.device_map.secrets import Surroundings
from genba_shared.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMap:
    """A checked map with what is worth a second look, and every setting in force, in the order of the tables."""

    map: DeviceMap
    warnings: tuple[Problem, ...]
    settings: tuple[Setting, ...]


def load_device_map(path: Path, *, text: str | None = None) -> DeviceMap:
    """Read a device map from `text`, or else from the file or the folder of files at `path`.

    Raises:
        ConfigError: with every problem, each with file, line, column, path and what to write instead.
    """
    return load_with_settings(path, text=text).map


def load_device_map_with_warnings(path: Path, *, text: str | None = None) -> tuple[DeviceMap, tuple[Problem, ...]]:
    """As `load_device_map`, with the warnings of the map check beside the map."""
    loaded = load_with_settings(path, text=text)
    return loaded.map, loaded.warnings


def load_with_settings(path: Path, *, text: str | None = None) -> LoadedMap:
    """As `load_device_map`, with warnings and every setting in force, which `genba edge check --explain` prints."""
    sources = read_sources(path) if text is None else (Source(file=path, text=text),)
    findings = Findings(file=str(path))
    root = compose_sources(sources, findings)
    around = Surroundings(folder=folder_of(path), environment=os.environ)
    built = build_map(root, findings, sha256=hash_of(sources), around=around)
    built = replace(built, sources=tuple((source.file.name, source.text) for source in sources))
    return LoadedMap(map=built, warnings=findings.all(), settings=tuple(findings.settings))


def folder_of(path: Path) -> Path:
    """The folder that a map's relative paths start from: the map itself where it is a folder of files."""
    return path if path.is_dir() else path.parent
