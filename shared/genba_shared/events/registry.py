"""Every kind of production event by its name and by its number."""

from __future__ import annotations

from typing import Final

from genba_shared.events import kinds, kinds_floor, kinds_nodes, kinds_orders, kinds_trouble
from genba_shared.events.model import Event

_MODULES: Final = (kinds, kinds_nodes, kinds_orders, kinds_trouble, kinds_floor)

KINDS: Final[dict[str, type[Event]]] = {
    one.kind: one
    for module in _MODULES
    for one in vars(module).values()
    if isinstance(one, type) and issubclass(one, Event) and one is not Event
}
"""Every kind by its name in JSON."""

KINDS_BY_CODE: Final[dict[int, type[Event]]] = {cls.code: cls for cls in KINDS.values()}
"""Every kind by its number on the wire."""
