"""The code on a label: 80 random bits in Crockford's base 32 and one check character, 17 characters in all.

The alphabet leaves out I, L, O and U, so that what a person reads and types is not taken for another character; the
letters I and L typed for 1, and O for 0, are understood. The check character is that of Damm's algorithm over the
field of 32 elements: it finds every single wrong character and every exchange of two neighbours.

Source: H. M. Damm, "Totally anti-symmetric quasigroups for all orders n != 2, 6", Discrete Mathematics 307 (2007);
over a field the table is ``a * (x + y)`` with a fixed ``a`` that is neither 0 nor 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
BITS: Final = 80
LENGTH: Final = BITS // 5 + 1
LONGEST_TYPED: Final = 300
_VALUES: Final = {letter: number for number, letter in enumerate(ALPHABET)} | {"I": 1, "L": 1, "O": 0}
_PRIMITIVE: Final = 0b100101  # x^5 + x^2 + 1
_OF_LINK: Final = re.compile(r"/(?:q/|253/[0-9]{13})([^/?#]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistyped:
    """What was read or typed is no code. `reason` says why, and what a code looks like."""

    reason: str


def write_code(random_bits: int) -> str:
    """The code for 80 random bits.

    Args:
        random_bits: 0..2**80 - 1.
    """
    if not 0 <= random_bits < 1 << BITS:
        raise ValueError(f"a code is made of {BITS} bits")
    values = [random_bits >> shift & 31 for shift in range(BITS - 5, -1, -5)]
    return "".join(ALPHABET[value] for value in (*values, _check(values)))


def read_code(text: str) -> str | Mistyped:
    """The code in what was scanned or typed: with or without hyphens, in any case, or the whole link of a label."""
    if len(text) > LONGEST_TYPED:
        return Mistyped(reason=f"this is longer than any code: a code has {LENGTH} letters and digits")
    link = _OF_LINK.search(text)
    letters = [letter for letter in (link.group(1) if link else text).upper() if letter not in "- \t\r\n"]
    strangers = sorted({letter for letter in letters if letter not in _VALUES})
    if strangers:
        return Mistyped(reason=f"a code has only digits and letters without I, L, O and U: {strangers[0]!r} is wrong")
    if len(letters) != LENGTH:
        return Mistyped(reason=f"a code has {LENGTH} letters and digits, this has {len(letters)}")
    values = [_VALUES[letter] for letter in letters]
    if _check(values) != 0:
        return Mistyped(reason="the check character does not fit: one character is wrong, or two are exchanged")
    return "".join(ALPHABET[value] for value in values)


def shown_code(code: str) -> str:
    """The code as a person reads it: ``K7QM-4X2P-9RTV-WJ3C-5``."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _check(values: list[int]) -> int:
    """The last value of the chain; 0 exactly where the check character is the last of the values, and fits."""
    interim = 0
    for value in values:
        interim = _doubled(interim ^ value)
    return interim


def _doubled(value: int) -> int:
    """The element times x, the fixed element of the table, in the field of 32 elements."""
    shifted = value << 1
    return shifted ^ _PRIMITIVE if shifted & 32 else shifted
