"""Kinds of events about master data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genba_shared.events.model import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterDataChanged(Event):
    """A document of master data has a new version: `what` it is (``routings``), its `name` and the version."""

    kind: ClassVar[str] = "master_data_changed"
    code: ClassVar[int] = 80

    what: str
    name: str
    version: int
