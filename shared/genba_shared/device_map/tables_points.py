"""The settings that every point has, and those of a counter.

One row is one key: kind, the model's field, its line in the reference.
"""

from __future__ import annotations

import re
from typing import Final

import yaml

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
    Deadband,
    OnDecrease,
    PointType,
)
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.device_map.references import POINT_REF
from genba_shared.device_map.scalars import scalar_text
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, Values, keys
from genba_shared.device_map.units import DURATION, RATE

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

POINT_LATER: Final = {
    "unit": "",
    "offset": "",
    "mask": "Write one point for each `bit`.",
    "time": "Write `time` at the device.",
}
REPORTING: Final = ("deadband", "min_interval", "max_interval")


def _read_deadband(node: yaml.Node, _scope: Scope) -> Deadband:
    written = scalar_text(node, allowed=_DEADBAND_ALLOWED, example="0.2")
    form = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(%?)", written)
    amount = 0.0 if form is None else float(form[1])
    if form is None or amount == 0 or (form[2] and amount > 100):
        raise Wrong(f"'{shorten(written)}' is not {_DEADBAND_ALLOWED}.", "Write deadband: 0.2, or deadband: 2%.")
    return Deadband(fraction=amount / 100) if form[2] else Deadband(amount=amount)


_DEADBAND_ALLOWED: Final = "a number above 0 in the point's unit, or a percentage up to 100%"
DEADBAND: Final = Kind(allowed=_DEADBAND_ALLOWED, read=_read_deadband)
LABELS: Final = by_number(
    LABEL,
    low=-(2**31),
    high=2**31,
    what="a group of words by value",
    example="{0: idle, 1: running}",
)


def common_point_keys(*, type_default: str) -> tuple[Key, ...]:
    """The keys that a point has whatever reads it."""
    return (
        Key(
            name="type",
            kind=choice(PointType),
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
        Key(
            name="deadband",
            kind=DEADBAND,
            meaning="a reading is reported when it is further than this from the value last reported (in the point's "
            "unit, or as % of that value); without it every change is",
            example="deadband: 0.2",
        ),
        Key(
            name="min_interval",
            kind=quantity(DURATION, "1ms", "1d", "1s"),
            meaning="a reading is reported at most this often; a change of quality at once",
            example="min_interval: 1s",
            attribute="min_interval_s",
        ),
        Key(
            name="max_interval",
            kind=quantity(DURATION, "1ms", "7d", "10min"),
            meaning="a reading is reported at least this often, also when nothing changed",
            example="max_interval: 10min",
            attribute="max_interval_s",
        ),
    )
