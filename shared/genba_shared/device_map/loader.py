"""Load a device map."""

from __future__ import annotations

from pathlib import Path

from genba_shared.device_map.model import DeviceMap
from genba_shared.errors import ConfigError, Problem


def load_device_map(path: Path, *, text: str | None = None) -> DeviceMap:
    """Read a device map from `text`, or from the file."""
    return load_device_map_with_warnings(path, text=text)[0]


def load_device_map_with_warnings(path: Path, *, text: str | None = None) -> tuple[DeviceMap, tuple[Problem, ...]]:
    """As `load_device_map`, and what is worth a second look."""
    raise ConfigError.of_file(path, "the loader is being written in this hour; build the objects of model.py directly")
