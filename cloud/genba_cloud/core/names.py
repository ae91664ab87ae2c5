"""Names that events may carry: the databases look events and views up by them, and an index has limits."""

from __future__ import annotations

from typing import Final

from genba_shared.events import KINDS, Event

LONGEST_NAME_BYTES: Final = 1_000
"""As UTF-8. PostgreSQL refuses index entries above 2,704 bytes (a third of a page); the enterprise is in them, too."""
_LOOKED_UP: Final = ("id", "station", "work_order", "order", "zone", "tag", "target")
_NAMES: Final = {
    kind: tuple(name for name in _LOOKED_UP if name in kind.__dataclass_fields__) for kind in KINDS.values()
}


def too_long_a_name(event: Event) -> str | None:
    """The field whose name is too long to look the event up by; None: all can be."""
    for field in _NAMES[type(event)]:
        name = getattr(event, field)
        # Hardly any name is as long as a quarter of this, and no character takes more than four bytes.
        if isinstance(name, str) and 4 * len(name) > LONGEST_NAME_BYTES and len(name.encode()) > LONGEST_NAME_BYTES:
            return field
    return None
