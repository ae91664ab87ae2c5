"""Which words of an event people wrote, or say who somebody is: these can be erased, the event itself cannot."""

from __future__ import annotations

import re
from typing import Final

from genba_shared.events import CountsAssigned, Event, EventCorrected, EventId, Source, SourceType

NOTE: Final = "note"
REASON: Final = "reason"
EFFECT: Final = "effect"
REF: Final = "source.ref"
SEALED: Final = "~1:"
"""How a sealed text begins; then come the id of its writer's key, a colon, and what nobody can read without it."""

_PEOPLE: Final = frozenset({SourceType.PERSON, SourceType.SCAN})
_WRITERS: Final = _PEOPLE | {SourceType.SUPPLIER, SourceType.CARRIER, SourceType.PARTNER}
_MACHINES: Final = frozenset({SourceType.PLC, SourceType.RFID, SourceType.VISION, SourceType.SENSOR, SourceType.SYSTEM})
_ANSWERS: Final = (CountsAssigned, EventCorrected)
_OPAQUE: Final = re.compile(
    r"admin|local|board|key:[A-Za-z0-9_-]+|[a-z]{0,3}[0-9]+|[a-z]{1,10}[-_:][0-9]+"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def personal_fields(event: Event) -> tuple[str, ...]:
    """Names of the fields that hold personal words.

    What a gateway says of its readings is not personal, nor what the collector or another system says. Of what people
    and other companies say, and of every answer to a question, it is `note`, `reason` and `effect`; and of people who
    they are, where that is no opaque id.
    """
    kind = event.source.type
    if not (kind in _WRITERS or isinstance(event, _ANSWERS)) or EventId.parse(event.id) is not None:
        return ()
    found = [name for name in (NOTE, REASON, EFFECT) if getattr(event, name, None) is not None]
    if kind in _PEOPLE and _OPAQUE.fullmatch(event.source.ref) is None:
        found.append(REF)
    return tuple(found)


def subject_of(event: Event) -> str:
    """Whose words they are: the account of a person, or the kind and name of another source (``api:erp``)."""
    source = event.source
    return source.ref if source.type is SourceType.PERSON else f"{source.type}:{source.ref}"


def is_machine(source: Source, event: str) -> bool:
    """Whether a machine says the event of that id: by its kind, or because a gateway made it.

    Whoever else speaks counts as people: systems of customers and suppliers speak for somebody.
    """
    return source.type in _MACHINES or EventId.parse(event) is not None


def who(source: Source) -> str:
    """The same for everything that one and the same source says, sealed or not.

    >>> who(Source(type=SourceType.SCAN, ref="op-7"))
    'op-7'
    """
    if not source.ref.startswith(SEALED):
        return source.ref
    key, _, _ = source.ref.removeprefix(SEALED).partition(":")
    return SEALED + key
