"""What work needs to run: work centres with their machines, and which machine may take which node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from genba_cloud.core.facts.plan import NodePlan
from genba_cloud.core.facts.views import StationFacts
from genba_cloud.core.forecast.orders import NodeKey, OpenOrder


class CentreKey(NamedTuple):
    """A work centre of a site."""

    site: str
    work_centre: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCentre:
    """A group of machines that can stand in for one another.

    `machines`: how many there are; None: nobody said, and then there are as many as stations are known. A work centre
    of which neither is known has no limit in a forecast.
    """

    work_centre: str
    site: str
    machines: int | None = None
    stations: tuple[str, ...] = ()

    @property
    def key(self) -> CentreKey:
        """Its name within the enterprise."""
        return CentreKey(self.site, self.work_centre)

    def names(self) -> tuple[str, ...]:
        """A name for each machine: its station where that is known."""
        nameless = max(0, (self.machines or 0) - len(self.stations))
        return (*self.stations, *(f"{self.work_centre}#{number}" for number in range(1, nameless + 1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node runs: its work centre, and the machines that may take it; without any there is no limit."""

    centre: CentreKey
    machines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The machines of a shop.

    `assigned`: the station where a node was dispatched, else those in whose queue it stands.
    """

    centres: Mapping[CentreKey, WorkCentre] = field(default_factory=dict)
    assigned: Mapping[NodeKey, tuple[str, ...]] = field(default_factory=dict)
    centre_of_station: Mapping[str, CentreKey] = field(default_factory=dict)

    def place_of(self, key: NodeKey, plan: NodePlan, site: str) -> Place | None:
        """Where the node runs; None: nobody said, it has a machine of its own.

        Most is said by its dispatch or the queue that it stands in, then by its own stations, then by its work centre.
        """
        stations = self.assigned.get(key) or tuple(sorted(set(plan.stations)))
        if plan.work_centre is not None:
            centre = CentreKey(site, plan.work_centre)
        elif stations:
            centre = self.centre_of_station.get(stations[0]) or CentreKey(site, " / ".join(stations))
        else:
            return None
        known = self.centres.get(centre)
        return Place(centre=centre, machines=stations or (known.names() if known else ()))


NO_RESOURCES: Final = Resources()


class Queued(NamedTuple):
    """A row of a station's queue."""

    station: str
    node: NodeKey


def resources_of(
    orders: Iterable[OpenOrder],
    *,
    stations: Sequence[StationFacts] = (),
    queued: Iterable[Queued] = (),
    known: Iterable[WorkCentre] = (),
) -> Resources:
    """The machines that open orders need.

    `known` is master data. What it does not say is taken from the plans (which stations a node of a work centre names)
    and from the queues of the stations.
    """
    assigned = _assigned(stations, queued)
    centres = {centre.key: centre for centre in known}
    seen: dict[CentreKey, set[str]] = {key: set(centre.stations) for key, centre in centres.items()}
    for order in orders:
        for work in order.plan.work_orders:
            for plan in work.nodes:
                if plan.work_centre is not None:
                    places = seen.setdefault(CentreKey(work.site, plan.work_centre), set())
                    places.update(plan.stations)
                    places.update(assigned.get(NodeKey(work.work_order, plan.node), ()))
    found = {
        key: WorkCentre(
            work_centre=key.work_centre,
            site=key.site,
            machines=centres[key].machines if key in centres else None,
            stations=tuple(sorted(names)),
        )
        for key, names in seen.items()
    }
    return Resources(
        centres=found,
        assigned=assigned,
        centre_of_station={
            station: key for key, centre in sorted(found.items(), reverse=True) for station in centre.stations
        },
    )


def _assigned(stations: Sequence[StationFacts], queued: Iterable[Queued]) -> dict[NodeKey, tuple[str, ...]]:
    rows: dict[NodeKey, set[str]] = {}
    for row in queued:
        rows.setdefault(row.node, set()).add(row.station)
    running: dict[NodeKey, set[str]] = {}
    for station in stations:
        if station.dispatch is not None:
            node = NodeKey(station.dispatch.work_order, station.dispatch.node)
            running.setdefault(node, set()).add(station.station)
    return {node: tuple(sorted(names)) for node, names in {**rows, **running}.items()}
