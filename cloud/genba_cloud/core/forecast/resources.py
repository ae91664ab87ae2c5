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


class Machine(NamedTuple):
    """One of the machines of a station, counted from 1."""

    station: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCentre:
    """Stations that can stand in for one another, each with the number of its machines.

    A work centre of which no station is known has no limit in a forecast.
    """

    work_centre: str
    site: str
    stations: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> CentreKey:
        """Its name within the enterprise."""
        return CentreKey(self.site, self.work_centre)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node runs: its work centre, and the machines that may take it; without any there is no limit."""

    centre: CentreKey
    machines: tuple[Machine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """The machines of a shop.

    `assigned`: the station where a node was dispatched, else those in whose queue it stands. `machines`: those of each
    station; one that nobody counted has one.
    """

    centres: Mapping[CentreKey, WorkCentre] = field(default_factory=dict)
    assigned: Mapping[NodeKey, tuple[str, ...]] = field(default_factory=dict)
    machines: Mapping[str, tuple[Machine, ...]] = field(default_factory=dict)
    centre_of_station: Mapping[str, CentreKey] = field(default_factory=dict)
    _places: dict[tuple[str, str | None, tuple[str, ...]], Place | None] = field(
        default_factory=dict, repr=False, compare=False, init=False
    )

    def place_of(self, key: NodeKey, plan: NodePlan, site: str) -> Place | None:
        """Where the node runs; None: nobody said, it has a machine of its own.

        Most is said by its dispatch or the queue that it stands in, then by its own stations, then by its work centre.
        """
        said = (site, plan.work_centre, self.assigned.get(key, plan.stations))
        if said not in self._places:
            self._places[said] = self._place(*said)
        return self._places[said]

    def machines_of(self, stations: Iterable[str]) -> tuple[Machine, ...]:
        """All machines of some stations."""
        return tuple(
            machine
            for station in sorted(set(stations))
            for machine in self.machines.get(station, (Machine(station, 1),))
        )

    def _place(self, site: str, work_centre: str | None, stations: tuple[str, ...]) -> Place | None:
        names = tuple(sorted(set(stations)))
        if work_centre is not None:
            centre = CentreKey(site, work_centre)
        elif names:
            centre = self.centre_of_station.get(names[0]) or CentreKey(site, " / ".join(names))
        else:
            return None
        if not names and centre in self.centres:
            names = tuple(self.centres[centre].stations)
        return Place(centre=centre, machines=self.machines_of(names))


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
    seen: dict[CentreKey, dict[str, int]] = {key: dict(centre.stations) for key, centre in centres.items()}
    for order in orders:
        for work in order.plan.work_orders:
            for plan in work.nodes:
                if plan.work_centre is not None:
                    stations_seen = seen.setdefault(CentreKey(work.site, plan.work_centre), {})
                    for station in (*plan.stations, *assigned.get(NodeKey(work.work_order, plan.node), ())):
                        stations_seen.setdefault(station, 1)
    found = {
        key: WorkCentre(work_centre=key.work_centre, site=key.site, stations=dict(sorted(counted.items())))
        for key, counted in seen.items()
    }
    return Resources(
        centres=found,
        assigned=assigned,
        machines={
            station: tuple(Machine(station, number) for number in range(1, count + 1))
            for centre in found.values()
            for station, count in centre.stations.items()
        },
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
