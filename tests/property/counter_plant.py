"""A true plant for tests of counting: what was really made, and what its PLC shows of it.

Shares nothing with the code under test: the PLC is a register that behaves as registers do, and the truth is a number
that is only ever added to.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CounterKind:
    """A sort of counter register. `lowest` is the value after `greatest`; `first` is what it shows at the beginning."""

    name: str
    greatest: int
    first: int
    lowest: int = 0
    step: int = 1
    stays: bool = False

    @property
    def cleared(self) -> int:
        """What it shows after a reset."""
        return self.greatest if self.step < 0 else 0


@dataclass(slots=True)
class Plc:
    """A PLC that counts pieces in a register which may lose its memory, be cleared or be corrected."""

    kind: CounterKind
    shown: int = field(init=False)
    made: int = 0
    turns: int = 0  # how often it went on at the other end
    boots: int = 0
    booted_at: float = -1000.0
    kept: int | None = None  # what the register held before it lost its memory

    def __post_init__(self) -> None:
        self.shown = self.kind.first

    def make(self) -> None:
        """A piece is finished."""
        self.made += 1
        kind = self.kind
        end, begin = (kind.lowest, kind.greatest) if kind.step < 0 else (kind.greatest, kind.lowest)
        if self.shown != end:
            self.shown += kind.step
        elif not kind.stays:
            self.shown = begin
            self.turns += 1

    def clear(self) -> None:
        """The counter is reset."""
        self.shown = self.kind.cleared

    def boot(self, at: float) -> None:
        """The PLC starts again; its memory is not back yet."""
        self.boots += 1
        self.booted_at = at
        self.kept, self.shown = self.shown, self.kind.cleared

    def remember(self) -> None:
        """The memory is back: the register has its old value, whatever it counted meanwhile."""
        if self.kept is not None:
            self.shown, self.kept = self.kept, None

    def correct(self, counts: int) -> None:
        """An operator takes a few counts back."""
        self.shown -= counts * self.kind.step


def torn(before: int, after: int, *, new_high: bool) -> int:
    """A 32-bit value whose two words are of different moments."""
    high, low = (after, before) if new_high else (before, after)
    return (high >> 16 << 16) | (low & 0xFFFF)
