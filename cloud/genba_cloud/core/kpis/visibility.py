"""How much of what matters can be seen at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from genba_cloud.core.kpis.model import Figure, Kpi, NodeSeen, Part, Unit, ratio

LIVE: Final = timedelta(hours=24)


def visibility(nodes: Iterable[NodeSeen], heard: Mapping[str, datetime], now: datetime) -> Figure:
    """Share of the planned key nodes that a source told something of in the last 24 hours.

    A key node counts once for each site, however many orders pass it: what is asked is whether it can be seen.

    Args:
        nodes: of the open orders, and of those that were worked on lately.
        heard: by station, when it was heard last.
        now: plant time.
    """
    seen: dict[str, bool] = {}
    for node in nodes:
        if not node.plan.key:
            continue
        name = f"{node.site}/{node.plan.node}"
        told = [heard[station] for station in node.plan.stations if station in heard]
        told += [node.facts.data_at] if node.facts.data_at is not None else []
        seen[name] = seen.get(name, False) or any(now - LIVE <= at <= now for at in told)
    live = sum(seen.values())
    return Figure(
        kpi=Kpi.VISIBILITY,
        unit=Unit.SHARE,
        value=ratio(live, len(seen)),
        counted=len(seen),
        elements={"live": live, "planned": len(seen)} if seen else {},
        parts=tuple(Part(name=name, value=float(is_live), counted=1) for name, is_live in sorted(seen.items())),
    )
