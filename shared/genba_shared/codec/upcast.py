"""Events of an older schema: what their values mean in the present one.

A schema is what the fields of events mean. It gets a new number only where a value that was always there is to be
understood in another way. Otherwise a kind grows at its end, by fields that may be absent, and a choice grows at its
end; both read what is older as it is. Fields and members are never taken out, moved, or given another type, so that the
columns of every schema are read by the tables of the present one.

To begin schema N+1: raise `layout.SCHEMA`, put under N here a function from an event's JSON form in N to that in N+1,
and keep an envelope of N as bytes in `tests/golden/envelopes`. A collector reads its own schema and the one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from genba_shared.codec.layout import SCHEMA
from genba_shared.errors import ContractError
from genba_shared.events.json_form import event_from_json
from genba_shared.events.model import Event

Raw = dict[str, Any]
"""An event's JSON form."""

Upcaster = Callable[[Raw], Raw]
"""From one schema to the next one."""

UPCASTERS: Final[Mapping[int, Upcaster]] = {}
"""By the schema that they begin from."""


def upcaster_of(schema: int) -> Upcaster | None:
    """What makes events of the present schema from those of `schema`; None where that is the present one.

    Raises:
        ContractError: it is newer than this program, or too old.
    """
    if schema == SCHEMA:
        return None
    if schema > SCHEMA:
        raise ContractError(f"body schema {schema} is not known: the sender is newer; {SCHEMA} is known")
    if schema not in UPCASTERS:
        raise ContractError(f"body schema {schema} is too old: {SCHEMA} is known")
    return UPCASTERS[schema]


def upcast(raw: Raw, upcaster: Upcaster) -> Event:
    """The event that the JSON form of an older schema means.

    Raises:
        ContractError: it breaks the contract of the present schema.
    """
    return event_from_json(upcaster(raw))
