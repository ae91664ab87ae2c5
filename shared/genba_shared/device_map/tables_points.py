"""The settings that every point has, and those of a counter.

One row is one key: kind, the model's field, its line in the reference.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from genba_shared.device_map.kinds import (
    LABEL,
    by_number,
    choice,
    integer,
    optional_group,
    quantity,
)
from genba_shared.device_map.model import (
    AtLimit,
    CountDirection,
    CounterSettings,
    OnDecrease,
    PointType,
)
from genba_shared.device_map.references import POINT_REF
from genba_shared.device_map.spec import Key, ObjectSpec, Values, keys
from genba_shared.device_map.units import RATE

BIG: Final = 2**64 - 1

# Counter -------------------------------------------------------------------------------------------------------------

RESET_BY: Final = ObjectSpec(
    name="the evidence of a reset",
    keys=keys(
        Key(
            name="point",
            kind=POINT_REF,
            meaning="a bool point that is true while the counter is being reset",
            example="point: reset_btn",
            required=True,
        )
    ),
    later={"falls": "Name a bool point: {point: reset_btn}.", "changes": "Name a bool point: {point: reset_btn}."},
    replaced_by={"point": ("falls", "changes")},
)


def _counter(values: Values) -> Values:
    return values  # its limit follows from the point's type, which only the point's builder knows


COUNTER: Final = ObjectSpec(
    name="a counter",
    model=CounterSettings,
    keys=keys(
        Key(
            name="limit",
            kind=integer(1, BIG, "65535"),
            meaning="the last value before the counter starts again at 0 (or stays, with `at_limit: saturate`)",
            example="limit: 65535",
            default_text="the greatest value of the type",
            derived=True,
        ),
        Key(
            name="at_limit",
            kind=choice(AtLimit),
            meaning="what the counter does at its limit: start again at 0, or stay there",
            example="at_limit: wrap",
        ),
        Key(
            name="direction",
            kind=choice(CountDirection),
            meaning="whether it counts up, or down from a preset",
            example="direction: up",
        ),
        Key(
            name="max_rate",
            kind=quantity(RATE, "1/d", "100000/s", "40/min"),
            meaning="the most counts that the machine can physically make; decides what a strange step means",
            example="max_rate: 40/min",
            default_text="no bound: every step that the type allows is believed",
        ),
        Key(
            name="on_decrease",
            kind=choice(OnDecrease),
            meaning="what a fall of the counter means when the readings leave several explanations",
            example="on_decrease: auto",
        ),
        Key(
            name="reset_by",
            kind=optional_group(RESET_BY, lambda values: values.build(lambda point: point)),
            meaning="evidence that somebody reset the counter",
            example="reset_by: {point: reset_btn}",
        ),
        Key(
            name="pieces_per_count",
            kind=integer(1, 100_000, "2"),
            meaning="pieces that one count stands for; multiplies only what is reported",
            example="pieces_per_count: 2",
        ),
    ),
)

ONLY_MODBUS_TYPES: Final = (PointType.BCD16, PointType.BCD32)
"""Forms of a number that exist in registers alone."""
POINT_LATER: Final = {
    "unit": "",
    "deadband": "",
    "offset": "",
    "mask": "Write one point for each `bit`.",
    "time": "Write `time` at the device.",
}
LABELS: Final = by_number(
    LABEL,
    low=-(2**31),
    high=2**31,
    what="a group of words by value",
    example="{0: idle, 1: running}",
)


def common_point_keys(*, type_default: str, without: Collection[PointType] = ONLY_MODBUS_TYPES) -> tuple[Key, ...]:
    """The keys that a point has whatever reads it; `without` are types that its protocol does not have."""
    return (
        Key(
            name="type",
            kind=choice(PointType, without=without),
            meaning="what the value is, as the PLC programme declares it",
            example="type: uint32",
            default_text=type_default,
            derived=True,
        ),
        Key(
            name="counter",
            kind=optional_group(COUNTER, _counter),
            meaning="the point counts pieces; `counter: {}` takes every default",
            example="counter: {max_rate: 40/min}",
        ),
        Key(
            name="labels",
            kind=LABELS,
            meaning="words for the values of a whole number or bool (false is 0); a station's `state` needs them",
            example="labels: {0: idle, 1: running}",
        ),
    )
