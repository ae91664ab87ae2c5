"""How long the stock would last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from genba_cloud.core.facts.material import StockFacts
from genba_cloud.core.kpis.model import Figure, Kpi, Part, Period, Unit, mean


def inventory_days(stocks: Iterable[StockFacts], used: Mapping[tuple[str, str], float], period: Period) -> Figure:
    """Days that the stock of an item lasts at the use of the period; the figure is the mean over items that were used.

    Args:
        stocks: what is there now, by item and unit of measure.
        used: what was issued (or, where nobody issues it, consumed) in the period, by item and unit of measure.
        period: how long the use was looked at.
    """
    parts = [
        Part(name=f"{stock.item} ({stock.uom})", value=max(0.0, stock.on_hand) / (amount / period.days), counted=1)
        for stock in stocks
        if (amount := used.get((stock.item, stock.uom), 0.0)) > 0
    ]
    values = [part.value for part in parts if part.value is not None]
    return Figure(
        kpi=Kpi.INVENTORY_DAYS,
        unit=Unit.DAYS,
        value=mean(values),
        counted=len(parts),
        parts=tuple(sorted(parts, key=lambda part: (-(part.value or 0.0), part.name))),
    )
