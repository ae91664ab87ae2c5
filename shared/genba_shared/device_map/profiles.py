"""Profiles: a device's settings laid over those of its profile, key by key, down to one point's counter."""

from __future__ import annotations

from typing import Final

import yaml

from genba_shared.device_map.problems import Findings
from genba_shared.device_map.yaml_tree import entries

REPLACED: Final = frozenset({"at", "labels", "reset_by"})
"""Groups that say one thing: written anew at the device, they take the profile's place as a whole."""

_LEVELS: Final = 4  # device, `points`, one point, its `counter`


def lay_over(base: yaml.MappingNode, over: yaml.MappingNode, findings: Findings) -> yaml.MappingNode:
    """The settings of `base` with those of `over` in their place; every node keeps its place in the file."""
    return _lay_over(base, over, findings, levels=_LEVELS)


def _lay_over(base: yaml.MappingNode, over: yaml.MappingNode, findings: Findings, *, levels: int) -> yaml.MappingNode:
    above, below = entries(over), entries(base)
    merged: list[tuple[yaml.Node, yaml.Node]] = []
    for word, (key, value) in below.items():
        if word not in above:
            merged.append((key, value))
            continue
        key, written = above[word]
        joinable = levels > 1 and word not in REPLACED
        if joinable and isinstance(value, yaml.MappingNode) and isinstance(written, yaml.MappingNode):
            merged.append((key, _lay_over(value, written, findings, levels=levels - 1)))
        else:
            merged.append((key, written))
    merged += [entry for word, entry in above.items() if word not in below]
    node = yaml.MappingNode(over.tag, merged, over.start_mark, over.end_mark)
    findings.name(node, findings.path_of(over) or "")
    return node
