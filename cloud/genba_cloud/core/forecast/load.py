"""Load against capacity: how much of each week's machine time the open orders ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from genba_cloud.core.forecast.orders import PlannedNode, Times, planned_nodes
from genba_cloud.core.forecast.port import Shop
from genba_cloud.core.forecast.resources import CentreKey
from genba_cloud.core.forecast.walk import walk
from genba_cloud.core.working_time import Calendar, working_seconds

WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekLoad:
    """One week of a work centre, from `begin` (Monday 0:00 of the site, or now) to `end`, in working seconds.

    `capacity_s` is that of all its machines; None: nobody knows how many there are.
    """

    begin: datetime
    end: datetime
    load_s: int
    capacity_s: int | None

    @property
    def share(self) -> float | None:
        """Load as a part of capacity; None where that is unknown or nothing."""
        return self.load_s / self.capacity_s if self.capacity_s else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreLoad:
    """A work centre with its weeks; `later_s` is load after the last of them."""

    centre: CentreKey
    machines: int | None
    weeks: tuple[WeekLoad, ...]
    later_s: int


def load_by_week(
    shop: Shop, machines: Mapping[CentreKey, int | None], now: datetime, *, weeks: int
) -> tuple[CentreLoad, ...]:
    """The load of each work centre in `machines`, week by week from this one on.

    A node's work lies where it would run if no machine were taken: from its planned start, what it waits for, or now
    on. So a week may hold more than its capacity; a queue then carries the rest over.
    """
    bounds = {site: _weeks(shop.calendar_of(site), now, weeks) for site in {key.site for key in machines}}
    loads: dict[CentreKey, list[int]] = {key: [0] * (weeks + 1) for key in machines}
    for order in shop.orders:
        times = walk(order, now, shop.calendar_of)
        for key, node in planned_nodes(order, now, shop.calendar_of).items():
            place = shop.resources.place_of(key, node.plan, node.site)
            if node.left is not None and place is not None and place.centre in loads:
                _spread(node, times[key], bounds[place.centre.site], loads[place.centre])
    return tuple(
        CentreLoad(
            centre=key,
            machines=machines[key],
            weeks=_against_capacity(shop.calendar_of(key.site), bounds[key.site], load, machines[key]),
            later_s=load[-1],
        )
        for key, load in sorted(loads.items())
    )


def _weeks(calendar: Calendar, now: datetime, weeks: int) -> list[datetime]:
    """Now, and the Mondays after it by the clocks of the site."""
    zone = ZoneInfo(calendar.zone)
    local = now.astimezone(zone)
    monday = local.date() - timedelta(days=local.weekday())
    later = (monday + number * WEEK for number in range(1, weeks + 1))
    starts = [datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(now.tzinfo) for day in later]
    return [now, *starts]


def _spread(node: PlannedNode, times: Times, bounds: Sequence[datetime], load: list[int]) -> None:
    """Add a node's work to the weeks in which it lies, in proportion to their part of its working time."""
    work = node.left.seconds if node.left else 0
    whole = working_seconds(node.calendar, times.begin, times.finish)
    if not work or not whole:
        return
    placed = 0
    for number in range(len(load)):
        end = bounds[number + 1] if number + 1 < len(bounds) else times.finish
        upto = working_seconds(node.calendar, times.begin, min(max(end, times.begin), times.finish))
        share = work * upto // whole
        load[number] += share - placed
        placed = share


def _against_capacity(
    calendar: Calendar, bounds: Sequence[datetime], load: Sequence[int], machines: int | None
) -> tuple[WeekLoad, ...]:
    return tuple(
        WeekLoad(
            begin=begin,
            end=end,
            load_s=load[number],
            capacity_s=machines * working_seconds(calendar, begin, end) if machines else None,
        )
        for number, (begin, end) in enumerate(pairwise(bounds))
    )
