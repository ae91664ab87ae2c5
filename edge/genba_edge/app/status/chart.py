"""A small line of how long polls took: for eyes that look for what is different, not for reading numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from genba_edge.app.status.markup import Html, element

_WIDTH: Final = 120
_HEIGHT: Final = 28
_STEPS: Final = 120  # values across the width: the newest is always at the right


def sparkline(values: Sequence[float | None], *, label: str) -> Html | None:
    """A line with gaps where nothing was polled; None while there is nothing to draw. `label` says it in words."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    most = max(known) or 1.0
    start = _STEPS - len(values)
    lines: list[list[str]] = [[]]
    for place, value in enumerate(values, start=start):
        if value is None:
            lines.append([])
            continue
        x, y = place * _WIDTH / (_STEPS - 1), _HEIGHT - 2 - value / most * (_HEIGHT - 4)
        lines[-1].append(f"{x:.1f},{y:.1f}")
    drawn = [element("polyline", points=" ".join(line)) for line in lines if len(line) > 1]
    dots = [
        element("circle", cx=line[0].partition(",")[0], cy=line[0].partition(",")[2], r="1.5")
        for line in lines
        if len(line) == 1
    ]
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return element(
        "svg", element("title", label), *drawn, *dots, class_="spark", viewBox=box, role="img", aria_label=label
    )
