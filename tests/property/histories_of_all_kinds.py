"""Short histories of every kind of event that there is, drawn so that events bear on one another.

Values come from the field tables of the kinds, so that a new kind is in them from its first day. Names are few, and
what names another event names one of the same history: the void of a void, an answer to an answer, circles as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from genba_cloud.core.facts import NodePlan, WorkOrderPlan
from genba_cloud.core.facts.plan import Confirm, Criterion, Dependency, Evidence, Step
from genba_shared.events import KINDS, Event, PiecesCounted, Source, SourceType
from genba_shared.events.schema import Field, FieldType, fields_of

START: Final = datetime(2026, 1, 31, 23, 55, tzinfo=UTC)  # a month ends within the history
_EPOCHS: Final = ("0" * 32, "f" * 32)
_SOURCES: Final = (
    Source(type=SourceType.PLC, ref="cutter1/good"),
    Source(type=SourceType.SYSTEM, ref="line-1"),
    Source(type=SourceType.PERSON, ref="op-1"),
    Source(type=SourceType.SCAN, ref="op-2"),
    Source(type=SourceType.CARRIER, ref="truck-9"),
)
_TEXTS: Final[dict[str, Sequence[str | None]]] = {
    "work_order": ("WO-1", "WO-1", "WO-2", "WO-9", None),
    "node": ("CUT", "CUT", "SEW", "PACK", "DYE", None),
    "station": ("S-1", "S-2", None),
    "lot": ("A", "B", None, None),
    "order": ("A-1", "A-2"),
    "item": ("cloth", "thread"),
    "uom": ("m", "pcs"),
    "step": ("fold", "press"),
    "point": ("cutter1/good",),
    "zone": ("packing", "hall"),
    "tag": ("aa", "bb"),
}
_OFTEN: Final = (
    "event_voided",
    "event_voided",
    "event_corrected",
    "node_completed",
    "node_confirmed",
    "node_reopened",
    "pieces_counted",
    "pieces_counted",
    "progress_reported",
    "dispatch_opened",
)
"""Kinds that change what others mean, and that come more often than their share."""


def _node(code: str, number: int, **more: Any) -> NodePlan:
    at = START + timedelta(minutes=number)
    return NodePlan(node=code, quantity=6, planned_start=at, planned_finish=at, label={}, **more)


PLANS: Final = (
    WorkOrderPlan(
        work_order="WO-1",
        site="demo",
        item="shirt",
        quantity=6,
        nodes=(
            _node("CUT", 0, stations=("S-1", "S-2")),
            _node("SEW", 2, dependencies=(Dependency(node="CUT", transfer_quantity=2),), evidence=Evidence.BOTH),
            _node("PACK", 4, predecessors=("SEW",), criterion=Criterion.INSPECTION, confirm=Confirm.FOUR_EYES),
        ),
    ),
    WorkOrderPlan(
        work_order="WO-2",
        site="demo",
        item="shirt",
        quantity=6,
        nodes=(
            _node("CUT", 0, criterion=Criterion.STEPS, steps=(Step(step="fold"), Step(step="press"))),
            _node("SEW", 2, predecessors=("CUT",), confirm=Confirm.REQUIRED, evidence=Evidence.PERSON),
        ),
    ),
)


def history(random: Random, size: int) -> list[Event]:
    """So many events."""
    names = [_name(random, number) for number in range(size)]
    kinds = sorted(KINDS)
    return [
        _event(random, KINDS[random.choice(_OFTEN if random.random() < 0.5 else kinds)], name, names) for name in names
    ]


def _name(random: Random, number: int) -> str:
    if random.random() < 0.4:
        return f"gw:{random.choice(_EPOCHS)}:{number + 1}"
    return f"00000000-0000-7000-8000-{random.randrange(2**32):08x}{number:04x}"


def _event(random: Random, kind: type[Event], name: str, names: Sequence[str]) -> Event:
    fields = [field for field in fields_of(kind) if field.name != "id"]
    given = [field for field in fields if field.required or random.random() < 0.6]
    event = kind(id=name, **{field.name: _value(random, field, names) for field in given})
    if isinstance(event, PiecesCounted):
        return replace(event, total=event.delta + random.randrange(20))
    return event


def _value(random: Random, field: Field, names: Sequence[str]) -> Any:
    match field.type:
        case FieldType.TEXT if field.name == "target":
            return random.choice(names)
        case FieldType.TEXT:
            choices = _TEXTS.get(field.name, ("x", "y"))
            return random.choice([one for one in choices if one is not None or not field.required])
        case FieldType.CHOICE if field.choice is not None:
            return random.choice(list(field.choice))
        case FieldType.INTEGER:
            return random.randrange(9)
        case FieldType.NUMBER:
            return random.choice((0.1, 0.2, 0.7, 3.0, -0.3))
        case FieldType.FLAG:
            return random.random() < 0.5
        case FieldType.TIME:
            return START + timedelta(minutes=random.randrange(12))
        case FieldType.SOURCE:
            return random.choice(_SOURCES)
        case _ if field.name == "options":
            return ("wrap:5", "reset:0")
        case _:
            return (random.choice(names),) if random.random() < 0.4 else ()
