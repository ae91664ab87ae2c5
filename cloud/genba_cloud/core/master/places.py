"""Where work happens, and with whom: enterprise, sites, areas, work centres, stations, partners."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from genba_cloud.core.master.forms import LABEL, NAME, named
from genba_shared.device_map.kinds import NAME as CODE
from genba_shared.device_map.kinds import choice, integer, one_or_more
from genba_shared.device_map.spec import Key, ObjectSpec, keys

LONGEST_TRANSPORT_S: Final = 90 * 86_400


class PartnerRole(StrEnum):
    """What a partner is to the enterprise."""

    CUSTOMER = "customer"
    SUPPLIER = "supplier"
    SUBCONTRACTOR = "subcontractor"
    CARRIER = "carrier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    """Who owns the sites. `site`: where work is done for which nothing says where."""

    enterprise: str
    label: Mapping[str, str] = field(default_factory=dict)
    site: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A factory. `transport`: by site, working seconds that goods need from here to there."""

    site: str
    label: Mapping[str, str] = field(default_factory=dict)
    calendar: str | None = None
    policy: str | None = None
    transport: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A part of a site."""

    area: str
    site: str
    label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkCentre:
    """Stations that can do the same work, at one site."""

    work_centre: str
    site: str
    area: str | None = None
    label: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A place where work happens; `machines` work there side by side. `skills`: what people need to work there."""

    station: str
    work_centre: str
    machines: int = 1
    label: Mapping[str, str] = field(default_factory=dict)
    skills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """Another company."""

    partner: str
    roles: tuple[PartnerRole, ...]
    label: Mapping[str, str] = field(default_factory=dict)


_LABEL: Final = Key(
    name="label", kind=LABEL, meaning="what people call it", example='label: {en: "Suzhou", zh: "苏州"}'
)

ENTERPRISE: Final = ObjectSpec(
    name="an enterprise",
    model=Enterprise,
    keys=keys(
        Key(name="enterprise", kind=CODE, meaning="its id", example="enterprise: default", required=True),
        _LABEL,
        Key(name="site", kind=CODE, meaning="the usual site", example="site: suzhou"),
    ),
)
SITE: Final = ObjectSpec(
    name="a site",
    model=Site,
    keys=keys(
        Key(name="site", kind=CODE, meaning="its id", example="site: suzhou", required=True),
        _LABEL,
        Key(name="calendar", kind=CODE, meaning="when it works", example="calendar: suzhou"),
        Key(name="policy", kind=CODE, meaning="its thresholds", example="policy: usual"),
        Key(
            name="transport",
            kind=named(integer(0, LONGEST_TRANSPORT_S, "14400"), what="sites with seconds", example="{kunshan: 14400}"),
            meaning="working seconds that goods need to other sites",
            example="transport: {kunshan: 14400}",
        ),
    ),
)
AREA: Final = ObjectSpec(
    name="an area",
    model=Area,
    keys=keys(
        Key(name="area", kind=CODE, meaning="its id", example="area: hall-2", required=True),
        Key(name="site", kind=CODE, meaning="where it is", example="site: suzhou", required=True),
        _LABEL,
    ),
)
WORK_CENTRE: Final = ObjectSpec(
    name="a work centre",
    model=WorkCentre,
    keys=keys(
        Key(name="work_centre", kind=CODE, meaning="its id", example="work_centre: sewing", required=True),
        Key(name="site", kind=CODE, meaning="where it is", example="site: suzhou", required=True),
        Key(name="area", kind=CODE, meaning="in which part of the site", example="area: hall-2"),
        _LABEL,
    ),
)
STATION: Final = ObjectSpec(
    name="a station",
    model=Station,
    keys=keys(
        Key(name="station", kind=CODE, meaning="its id, as in device maps", example="station: SEW-1", required=True),
        Key(name="work_centre", kind=CODE, meaning="what it belongs to", example="work_centre: sewing", required=True),
        Key(
            name="machines",
            kind=integer(1, 1000, "8"),
            meaning="how many machines work side by side",
            example="machines: 8",
        ),
        Key(
            name="skills",
            kind=one_or_more(CODE, "skills"),
            meaning="what people need to work there",
            example="skills: [overlock]",
        ),
        _LABEL,
    ),
)
PARTNER: Final = ObjectSpec(
    name="a partner",
    model=Partner,
    keys=keys(
        Key(name="partner", kind=NAME, meaning="its id", example="partner: HT-TEXTILE", required=True),
        Key(
            name="roles",
            kind=one_or_more(choice(PartnerRole), "roles"),
            meaning="what it is to us",
            example="roles: [supplier]",
            required=True,
        ),
        _LABEL,
    ),
)
