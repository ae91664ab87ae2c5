"""The settings that every point has, and those of a counter.

One row is one key: kind, the model's field, its line in the reference.
"""

from __future__ import annotations

import re
from collections.abc import Collection
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
    ResetEvidence,
    ResetSign,
)
from genba_shared.device_map.phrases import write
from genba_shared.device_map.problems import Unusable, Wrong, shorten
from genba_shared.device_map.references import POINT_REF
from genba_shared.device_map.scalars import scalar_text
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, Values, keys
from genba_shared.device_map.units import DURATION, RATE
from genba_shared.texts import say

BIG: Final = 2**64 - 1

# Counter -------------------------------------------------------------------------------------------------------------

RESET_BY: Final = ObjectSpec(
    name=say("group-reset-by", "the evidence of a reset"),
    example="{point: reset_btn}",
    keys=keys(
        Key(
            name="point",
            kind=POINT_REF,
            meaning="a bool point that is true while the counter is being reset",
            example="point: reset_btn",
        ),
        Key(
            name="falls",
            kind=POINT_REF,
            meaning="a number that falls when the PLC starts again, such as its uptime",
            example="falls: uptime",
        ),
        Key(
            name="changes",
            kind=POINT_REF,
            meaning="a value that changes when the PLC starts again, such as its time of boot",
            example="changes: boot_time",
        ),
    ),
    rules={"minProperties": 1, "maxProperties": 1},
)


def _reset_evidence(values: Values) -> ResetEvidence:
    written = [key for key in RESET_BY.keys if key in values.nodes]
    if not written and not values.broken:
        message = say("no-evidence", "no evidence is named: one of point, falls or changes is needed.")
        values.error("", message, write("{point: reset_btn}"))
    elif len(written) > 1:
        message = say("two-evidences", "`{key}` names the evidence already: a counter has one.", key=written[0])
        values.error(written[1], message, say("keep-better", "Keep the better one."))
    if values.broken:
        raise Unusable
    return ResetEvidence(point=values.taken[written[0]], sign=ResetSign(written[0]))


def _counter(values: Values) -> Values:
    return values  # its limit follows from the point's type, which only the point's builder knows


COUNTER: Final = ObjectSpec(
    name=say("group-counter", "a counter"),
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
            kind=optional_group(RESET_BY, _reset_evidence),
            meaning="evidence that somebody reset the counter",
            example="reset_by: {point: reset_btn}",
        ),
        Key(
            name="pieces_per_count",
            kind=integer(1, 100_000, "2"),
            meaning="pieces that one count stands for; multiplies only what is reported",
            example="pieces_per_count: 2",
        ),
        Key(
            name="lowest",
            kind=integer(-(2**63), 0, "-32768"),
            meaning="the value after the limit, for a signed counter that goes on below 0",
            example="lowest: -32768",
        ),
    ),
)

ONLY_MODBUS_TYPES: Final = (PointType.BCD16, PointType.BCD32)
"""Forms of a number that exist in registers alone."""
POINT_LATER: Final = {
    "offset": "",
    "mask": say("point-for-each-bit", "Write one point for each `bit`."),
    "time": say("write-at-device", "Write `{key}` at the device.", key="time"),
}
REPORTING: Final = ("deadband", "min_interval", "max_interval")


def _read_deadband(node: yaml.Node, _scope: Scope) -> Deadband:
    written = scalar_text(node, allowed=_A_DEADBAND, example="0.2")
    form = re.fullmatch(_DEADBAND, written)
    amount = 0.0 if form is None else float(form[1])
    if form is None or amount == 0 or (form[2] and amount > 100):
        raise Wrong(
            say("not-a-choice", "'{word}' is not {allowed}.", word=shorten(written), allowed=_A_DEADBAND),
            say("write-or", "Write {snippet}, or {other}.", snippet="deadband: 0.2", other="deadband: 2%"),
        )
    return Deadband(fraction=amount / 100) if form[2] else Deadband(amount=amount)


_DEADBAND: Final = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(%?)"
_A_DEADBAND: Final = say("a-deadband", "a number above 0 in the point's unit, or a percentage up to 100%")
DEADBAND: Final = Kind(
    allowed=_A_DEADBAND,
    read=_read_deadband,
    schema={"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": f"^{_DEADBAND}$"}]},
)
LABELS: Final = by_number(
    LABEL,
    low=-(2**31),
    high=2**31,
    what=say("words-by-value", "a group of words by value"),
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
        Key(name="unit", kind=LABEL, meaning="the unit of the value, for people", example='unit: "°C"'),
        Key(name="label", kind=LABEL, meaning="its name for people, in any language", example='label: "Good pieces"'),
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
