"""Loads a plant file (YAML) into checked settings; what is left out has the value of the packaged garment line."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from types import MappingProxyType

import yaml

from genba_shared.errors import ConfigError
from genba_sim.plant_sections import Findings, Section
from genba_sim.settings import (
    FAMILIES,
    CounterStart,
    Family,
    GateSettings,
    Late,
    Node,
    OrderSettings,
    PlanSettings,
    PlantSettings,
    PortSettings,
    Station,
    WorkSettings,
)

_VERSION = 1
_MOST_BYTES = 1_000_000
_SHORTEST_SET_UP_S = 60.0
_SHORTEST_APART_S = 90.0


def packaged_plant() -> str:
    """Text of the plant file that comes with genba."""
    return resources.files("genba_sim").joinpath("plants/garment.yaml").read_text(encoding="utf-8")


def load_plant(path: Path) -> PlantSettings:
    """Read a plant file.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    try:
        content = path.read_bytes()
        text = content.decode("utf-8")
    except OSError as exc:
        raise ConfigError.of_file(path, f"cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError.of_file(path, "is not text in UTF-8", "Save it as UTF-8.") from exc
    if len(content) > _MOST_BYTES:
        raise ConfigError.of_file(path, f"is larger than {_MOST_BYTES} bytes")
    return parse_plant(text, file=str(path))


def parse_plant(text: str, *, file: str = "garment.yaml") -> PlantSettings:
    """Read the text of a plant file; `file` is its name in messages.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as exc:
        raise ConfigError.of_file(file, f"is not YAML: {' '.join(str(exc).split())}") from exc
    if node is None:
        return PlantSettings()
    findings = Findings(file)
    settings = _plant(Section(node, "", findings))
    if findings.problems:
        raise ConfigError(tuple(sorted(findings.problems, key=lambda problem: (problem.line, problem.column))))
    return settings


def _plant(file: Section) -> PlantSettings:
    file.whole("version", _VERSION, least=_VERSION, most=_VERSION)
    usual = PlantSettings()
    settings = PlantSettings(
        site=file.identifier("site", usual.site),
        gateway=file.identifier("gateway", usual.gateway),
        orders=_orders(file.section("orders")),
        plan=_plan(file.section("plan")),
        families=_families(file),
        work=_work(file.section("work")),
        counters=_counters(file.section("counters")),
        gate=_gate(file.section("gate")),
        ports=_ports(file.section("ports")),
    )
    file.close()
    return settings


def _orders(section: Section) -> OrderSettings:
    usual = OrderSettings()
    lot = section.whole_span("lot", usual.lot, least=1, most=15)
    usual_lot = min(max(usual.usual_lot, int(lot.least)), int(lot.most))
    settings = OrderSettings(
        at_start=section.whole("at_start", usual.at_start, least=1, most=50),
        every_s=section.span("every", usual.every_s, least_s=1),
        most_open=section.whole("most_open", usual.most_open, least=1, most=50),
        lot=lot,
        usual_lot=section.whole("usual_lot", usual_lot, least=int(lot.least), most=int(lot.most)),
        bundle=section.whole("bundle", usual.bundle, least=1, most=15),
        customers=section.texts("customers") or usual.customers,
    )
    section.close()
    return settings


def _plan(section: Section) -> PlanSettings:
    usual = PlanSettings()
    late = tuple(_late(each) for each in section.sections("late")) if section.has("late") else usual.late
    settings = PlanSettings(
        allowance=section.share("allowance", usual.allowance),
        slack_s=section.span("slack", usual.slack_s),
        optimistic_every=section.whole("optimistic_every", usual.optimistic_every),
        optimistic_share=section.share("optimistic_share", usual.optimistic_share),
        late=late,
    )
    section.close()
    return settings


def _late(section: Section) -> Late:
    late = Late(
        first=section.whole("first", 1, least=1),
        every=section.whole("every", 10, least=1),
        by_s=section.duration("by", 1800.0),
    )
    section.close()
    return late


def _families(file: Section) -> MappingProxyType[str, Family]:
    if not file.has("families"):
        return MappingProxyType(dict(FAMILIES))
    section = file.section("families")
    families = {name: _family(name, section.section(name)) for name in section.names()}
    return MappingProxyType(families or dict(FAMILIES))


def _family(name: str, section: Section) -> Family:
    usual = FAMILIES.get(name, FAMILIES["shirt"])
    cycle = section.section("cycle")
    family = Family(
        item=name,
        sewn_at=Station(section.choice("sewing", (Station.SEW_1, Station.SEW_2), usual.sewn_at)),
        cycle_s=MappingProxyType({node: cycle.duration(node, usual.cycle_s[node], least_s=5) for node in Node}),
    )
    cycle.close()
    section.close()
    return family


def _work(section: Section) -> WorkSettings:
    usual = WorkSettings()
    settings = WorkSettings(
        spread=section.share("spread", usual.spread, most=0.3),
        set_up_s=section.span("set_up", usual.set_up_s, least_s=_SHORTEST_SET_UP_S),
        unload_s=section.duration("unload", usual.unload_s, least_s=5),
        carry_s=section.span("carry", usual.carry_s),
        between_bundles_s=section.span("between_bundles", usual.between_bundles_s),
        breakdown_every_s=section.span("breakdown_every", usual.breakdown_every_s, least_s=60),
        breakdown_s=section.span("breakdown", usual.breakdown_s),
        rework=section.share("rework", usual.rework),
        repair_s=section.span("repair", usual.repair_s),
        reset_every_s=section.span("reset_every", usual.reset_every_s, least_s=60),
    )
    section.close()
    return settings


def _counters(section: Section) -> CounterStart:
    usual = CounterStart()
    settings = CounterStart(
        cutter=section.whole("cutter", usual.cutter, most=65_535),
        sew_1=section.whole("sew_1", usual.sew_1),
        sew_2=section.whole("sew_2", usual.sew_2),
        inspected=section.whole("inspected", usual.inspected, most=65_535),
        reworked=section.whole("reworked", usual.reworked, most=65_535),
    )
    section.close()
    return settings


def _gate(section: Section) -> GateSettings:
    usual = GateSettings()
    settings = GateSettings(
        cross_reads=section.share("cross_reads", usual.cross_reads),
        stray_every_s=section.span("stray_every", usual.stray_every_s, least_s=10),
        apart_s=section.duration("apart", usual.apart_s, least_s=_SHORTEST_APART_S),
    )
    section.close()
    return settings


def _ports(section: Section) -> PortSettings:
    settings = PortSettings(
        opcua=section.whole("opcua", 0, most=65_535),
        modbus=section.whole("modbus", 0, most=65_535),
        llrp=section.whole("llrp", 0, most=65_535),
    )
    section.close()
    return settings
