"""What documents of master data refer to, and the thresholds and calendars that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from genba_cloud.core.assess import Policy
from genba_cloud.core.forecast import WorkCentre as ForecastCentre
from genba_cloud.core.master.calendars import WorkingCalendar
from genba_cloud.core.master.configurations import Configuration
from genba_cloud.core.master.goods import Item
from genba_cloud.core.master.kinds import MasterDocument, MasterKind
from genba_cloud.core.master.places import Area, Enterprise, Site, Station, WorkCentre
from genba_cloud.core.master.policies import NamedPolicy
from genba_cloud.core.master.routings import Routing
from genba_cloud.core.working_time import ALWAYS_WORKING

USUAL: Final = "default"
"""A calendar or a policy of this name is that of every site that names none."""


class Reference(NamedTuple):
    """A setting that names another document."""

    path: str
    kind: MasterKind
    id: str


def references_of(document: MasterDocument) -> Iterator[Reference]:
    """Everything that a document refers to, by the path of the setting that does."""
    match document.model:
        case Enterprise(site=site):
            yield from _named("site", MasterKind.SITES, site)
        case Site(calendar=calendar, policy=policy):
            yield from _named("calendar", MasterKind.CALENDARS, calendar)
            yield from _named("policy", MasterKind.POLICIES, policy)
        case Area(site=site):
            yield from _named("site", MasterKind.SITES, site)
        case WorkCentre(site=site, area=area):
            yield from _named("site", MasterKind.SITES, site)
            yield from _named("area", MasterKind.AREAS, area)
        case Station(work_centre=work_centre):
            yield from _named("work_centre", MasterKind.WORK_CENTRES, work_centre)
        case Item(routing=routing, site=site, supplier=supplier):
            yield from _named("routing", MasterKind.ROUTINGS, routing)
            yield from _named("site", MasterKind.SITES, site)
            yield from _named("supplier", MasterKind.PARTNERS, supplier)
        case Routing(nodes=nodes):
            for node in nodes:
                for name in node.instructions:
                    yield Reference(f"nodes.{node.node}.instructions", MasterKind.INSTRUCTIONS, name)
        case Configuration(routing=routing, modules=modules):
            yield from _named("routing", MasterKind.ROUTINGS, routing)
            for module in modules:
                for option in module.options:
                    path = f"modules.{module.module}.options.{option.option}.routing"
                    yield from _named(path, MasterKind.ROUTINGS, option.routing)
        case _:
            return


def _named(path: str, kind: MasterKind, name: str | None) -> Iterator[Reference]:
    if name is not None:
        yield Reference(path, kind, name)


def policy_from(
    base: Policy,
    *,
    sites: Sequence[Site],
    calendars: Mapping[str, WorkingCalendar],
    policies: Mapping[str, NamedPolicy],
    work_centres: Sequence[WorkCentre] = (),
    stations: Sequence[Station] = (),
) -> Policy:
    """The thresholds, calendars and machines of all sites.

    A site has the calendar and the policy that it names, else those called ``default``, else those of `base`.
    """
    working = {name: calendar.working_time() for name, calendar in calendars.items()}
    usual = policies.get(USUAL)
    return replace(
        base,
        centres=machines_of(work_centres, stations) or base.centres,
        usual_calendar=working.get(USUAL, ALWAYS_WORKING),
        usual_site=usual.values if usual else None,
        calendars={
            **base.calendars,
            **{site.site: working[site.calendar] for site in sites if site.calendar and site.calendar in working},
        },
        sites={
            **base.sites,
            **{site.site: policies[site.policy].values for site in sites if site.policy and site.policy in policies},
        },
    )


def machines_of(work_centres: Sequence[WorkCentre], stations: Sequence[Station]) -> tuple[ForecastCentre, ...]:
    """The work centres as a forecast sees them: each with its stations and the machines of those."""
    counted: dict[str, dict[str, int]] = {centre.work_centre: {} for centre in work_centres}
    for station in stations:
        if station.work_centre in counted:
            counted[station.work_centre][station.station] = station.machines
    return tuple(
        ForecastCentre(work_centre=centre.work_centre, site=centre.site, stations=counted[centre.work_centre])
        for centre in work_centres
    )
