"""Numbers with a unit: durations, rates, powers, sizes. A number without its unit is never guessed, only suggested."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from genba_shared.device_map.phrases import any_of, meant, write_like
from genba_shared.device_map.problems import Wrong, nearest, shorten
from genba_shared.texts import say

_FORM: Final = re.compile(r"([-+]?[0-9]{1,15}(?:\.[0-9]{1,9})?)(\s*)(\D.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One kind of number with a unit.

    `units` gives for each unit how many base units it is, smallest first; `spellings` are units as people also write
    them; `suggested` is offered where the unit is missing: (from this number on, unit), the last that fits.
    """

    what: str
    units: Mapping[str, Fraction]
    suggested: tuple[tuple[int, str], ...]
    spellings: Mapping[str, str]

    @property
    def pattern(self) -> str:
        """How it is written, as an anchored regular expression that editors understand."""
        return f"^[-+]?[0-9]{{1,15}}([.][0-9]{{1,9}})?({'|'.join(self.units)})$"

    def parse(self, text: str) -> float:
        """Value in the base unit.

        Raises:
            Wrong: no number, no unit, another unit, or a space between them.
        """
        form = _FORM.fullmatch(text)
        if form is None:
            raise Wrong(
                say(
                    "not-a-quantity",
                    "'{word}' is not {what}: a number with {units}.",
                    word=shorten(text),
                    what=self.what,
                    units=any_of(list(self.units)),
                ),
                write_like(self.show(float(self.units[self.suggested[0][1]]))),
            )
        number, space, unit = form[1], form[2], form[3] or ""
        if not unit:
            raise self._no_unit(number)
        if unit not in self.units:
            raise self._wrong_unit(number, unit)
        if space:
            raise Wrong(
                say(
                    "space-before-unit",
                    "'{word}' has a space before its unit: number and unit are one word.",
                    word=shorten(text),
                ),
                meant(f"{number}{unit}"),
            )
        return float(Fraction(number) * self.units[unit])

    def _no_unit(self, number: str) -> Wrong:
        fitting = [name for least, name in self.suggested if abs(float(number)) >= least]
        return Wrong(
            say(
                "no-unit",
                "{number} has no unit: {what} ends in {units}.",
                number=number,
                what=self.what,
                units=any_of(list(self.units)),
            ),
            meant(f"{number}{(fitting or [self.suggested[0][1]])[-1]}"),
        )

    def _wrong_unit(self, number: str, unit: str) -> Wrong:
        near = self.spellings.get(unit.casefold()) or nearest(unit, self.units)
        return Wrong(
            say(
                "wrong-unit",
                "'{unit}' is not a unit of {what}: it ends in {units}.",
                unit=shorten(unit),
                what=self.what,
                units=any_of(list(self.units)),
            ),
            meant(f"{number}{near}") if near else write_like(f"{number}{self.suggested[0][1]}"),
        )

    def show(self, value: float) -> str:
        """The value in the largest unit in which it is a whole number, else in the smallest."""
        exact = Fraction(value).limit_denominator(1_000_000)
        for unit, factor in reversed(list(self.units.items())):
            if (exact / factor).denominator == 1 and (exact != 0 or factor == 1):
                return f"{exact / factor}{unit}"
        unit, factor = next(iter(self.units.items()))
        return f"{float(exact / factor):g}{unit}"


DURATION: Final = Quantity(
    what=say("a-duration", "a duration"),
    units={"ms": Fraction(1, 1000), "s": Fraction(1), "min": Fraction(60), "h": Fraction(3600), "d": Fraction(86400)},
    suggested=((0, "s"), (100, "ms")),
    spellings={
        **dict.fromkeys(("m", "mins", "minute", "minutes"), "min"),
        **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
        **dict.fromkeys(("msec", "millis", "milliseconds"), "ms"),
        **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
        **dict.fromkeys(("day", "days"), "d"),
    },
)
"""Base unit: seconds."""

RATE: Final = Quantity(
    what=say("a-rate", "a rate"),
    units={"/d": Fraction(1, 86400), "/h": Fraction(1, 3600), "/min": Fraction(1, 60), "/s": Fraction(1)},
    suggested=((0, "/min"),),
    spellings={
        **dict.fromkeys(("/m", "/minute", "per minute", "per min", "ppm", "spm", "min"), "/min"),
        **dict.fromkeys(("/sec", "/second", "per second", "hz", "s"), "/s"),
        **dict.fromkeys(("/hr", "/hour", "per hour", "h"), "/h"),
        **dict.fromkeys(("/day", "per day", "d"), "/d"),
    },
)
"""Base unit: device counts per second."""

POWER: Final = Quantity(
    what=say("a-power", "a power"),
    units={"dBm": Fraction(1)},
    suggested=((0, "dBm"),),
    spellings={"db": "dBm", "dbm": "dBm"},
)
"""Base unit: dBm."""

STRENGTH: Final = replace(POWER, what=say("a-signal-strength", "a signal strength"))
"""Base unit: dBm."""

RATIO: Final = Quantity(
    what=say("a-ratio-of-powers", "a ratio of powers"),
    units={"dB": Fraction(1)},
    suggested=((0, "dB"),),
    spellings={"dbm": "dB", "db": "dB"},
)
"""Base unit: dB."""

SIZE: Final = Quantity(
    what=say("a-size", "a size"),
    units={"kB": Fraction(10**3), "MB": Fraction(10**6), "GB": Fraction(10**9)},
    suggested=((0, "MB"),),
    spellings={"k": "kB", "kb": "kB", "m": "MB", "mb": "MB", "g": "GB", "gb": "GB", "mib": "MB", "gib": "GB"},
)
"""Base unit: bytes; kB, MB and GB are powers of 1000."""
