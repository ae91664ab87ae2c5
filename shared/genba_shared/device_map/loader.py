"""Load a device map: file, YAML with places kept, tables, checks; all problems in one run."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from genba_shared.device_map.build_map import build_map
from genba_shared.device_map.model import DeviceMap
from genba_shared.device_map.problems import Findings, Setting
from genba_shared.device_map.secrets import Surroundings
from genba_shared.device_map.yaml_tree import MAX_BYTES, compose
from genba_shared.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedMap:
    """A checked map with what is worth a second look, and every setting in force, in the order of the tables."""

    map: DeviceMap
    warnings: tuple[Problem, ...]
    settings: tuple[Setting, ...]


def load_device_map(path: Path, *, text: str | None = None) -> DeviceMap:
    """Read a device map from `text`, or else from the file at `path`.

    Raises:
        ConfigError: with every problem of the file, each with line, column, path and what to write instead.
    """
    return load_with_settings(path, text=text).map


def load_device_map_with_warnings(path: Path, *, text: str | None = None) -> tuple[DeviceMap, tuple[Problem, ...]]:
    """As `load_device_map`, with the warnings of the map check beside the map."""
    loaded = load_with_settings(path, text=text)
    return loaded.map, loaded.warnings


def load_with_settings(path: Path, *, text: str | None = None) -> LoadedMap:
    """As `load_device_map`, with warnings and every setting in force, which `genba edge check --explain` prints."""
    written = _read(path) if text is None else text
    findings = Findings(file=str(path))
    root = compose(written, findings)
    sha256 = hashlib.sha256(written.encode()).hexdigest()
    around = Surroundings(folder=path.parent, environment=os.environ)
    built = build_map(root, findings, sha256=sha256, around=around)
    return LoadedMap(map=built, warnings=findings.all(), settings=tuple(findings.settings))


def _read(path: Path) -> str:
    if path.is_dir():
        raise ConfigError.of_file(
            path, "a folder of maps is not supported by this version yet.", "Name one file: plant.yaml."
        )
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as exc:
        raise ConfigError.of_file(
            path, f"the file cannot be read: {exc.strerror or exc}.", "Check the name, and who may read it."
        ) from exc
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        if len(content) > MAX_BYTES:  # cut in the middle of a character; the size is what is wrong
            return content.decode("utf-8-sig", errors="replace")
        raise ConfigError.of_file(
            path,
            f"the file is not UTF-8 text (byte {exc.start + 1}).",
            "Save it as UTF-8; editors offer GBK or Shift-JIS, too.",
        ) from exc
