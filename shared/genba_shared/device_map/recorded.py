"""A device map as it is kept beside what was made with it: one text, without comments, that can be read again anywhere.

Secrets never stand in a map (`!secret NAME` does), but people put all sorts of things into comments. Files and secrets
that the map names are not asked for when it is read again: what is derived does not depend on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from genba_shared.device_map.build_map import build_map
from genba_shared.device_map.folder import Source, compose_sources
from genba_shared.device_map.model import DeviceMap
from genba_shared.device_map.problems import Findings
from genba_shared.device_map.secrets import Surroundings
from genba_shared.secret import Secret


def recorded_text(device_map: DeviceMap) -> str:
    """The map as one YAML text without comments; a map in several files becomes one. Empty for a map made otherwise."""
    if not device_map.sources:
        return ""
    sources = [Source(file=Path(name), text=text) for name, text in device_map.sources]
    return text_of(sources)


def text_of(sources: Sequence[Source]) -> str:
    """As `recorded_text`, from the files that a map was read from."""
    root = compose_sources(sources, Findings(file=str(sources[0].file)))
    return str(yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True, width=10**6))


def load_recorded_map(text: str, *, sha256: str) -> DeviceMap:
    """The map that was kept with `recorded_text`; `sha256` is the hash of the files that it was made from.

    Raises:
        ConfigError: it is not a map for this version of genba.
    """
    file = Path("recorded map")
    findings = Findings(file=str(file))
    root = compose_sources((Source(file=file, text=text),), findings)
    return build_map(root, findings, sha256=sha256, around=_Elsewhere(folder=Path(), environment={}))


class _Elsewhere(Surroundings):
    """Not where the map is used: its secrets and files are not here, and nothing needs them."""

    def secret(self, name: str, findings: Findings) -> Secret:
        return Secret(f"(secret {name}, not kept)")

    def file(self, written: str) -> Path:
        return self.folder / written
