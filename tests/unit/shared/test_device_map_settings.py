"""Settings of the map beyond devices and stations, and the page that lists them all."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from genba_shared.device_map import (
    ClockSettings,
    ModbusDevice,
    PointRef,
    ResetEvidence,
    ResetSign,
    Stocktake,
    StoredKind,
    StoreSettings,
    TelemetrySend,
    TelemetrySettings,
    load_device_map,
    load_device_map_with_warnings,
    load_with_settings,
    tables_map,
)
from genba_shared.device_map.reference import SECTIONS, markdown
from genba_shared.device_map.spec import ObjectSpec

ROOT = Path(__file__).parents[3]
EVERYTHING_ELSE = """\
version: 1
gateway: {id: gw-1, site: site-a}
store: {path: state, max: 2GB, keep: 30d, drop_order: [telemetry, environment, state, count]}
clock: {max_offset: 500ms}
telemetry: {send: off, max_interval: 5min}
devices:
  - id: press1
    protocol: modbus
    host: 10.1.2.21
    points:
      good: {at: 40101, type: uint32, counter: {max_rate: 1/min, reset_by: {falls: uptime}}, label: 良品, unit: pcs}
      scrap: {at: 40103, type: uint32, counter: {max_rate: 1/min, reset_by: {changes: boot}}}
      uptime: {at: 40105, type: uint32}
      boot: {at: 40107, type: string, length: 20}
      temp: {at: 30001, type: int16, scale: 0.1, unit: "°C"}
stations:
  P-1: {device: press1, counts: {good: good, scrap: scrap}, environment: press1/temp}
zones:
  buffer: {in: P-1/good, out: P-1/scrap, stocktake: allowed}
"""


def test_settings_that_are_checked_and_not_acted_on_are_loaded_and_warned_about() -> None:
    device_map, warnings = load_device_map_with_warnings(Path("plant.yaml"), text=EVERYTHING_ELSE)
    assert device_map.store == StoreSettings(
        path=Path("state"), max_bytes=2e9, keep_s=30 * 86400.0, drop_order=tuple(StoredKind)
    )
    assert device_map.clock == ClockSettings(max_offset_s=0.5)
    assert device_map.telemetry == TelemetrySettings(send=TelemetrySend.OFF, max_interval_s=300.0)
    assert device_map.stations["P-1"].environment == (PointRef("press1", "temp"),)
    assert device_map.zones["buffer"].stocktake is Stocktake.ALLOWED
    assert [(warning.line, warning.path) for warning in warnings] == [
        (4, "clock.max_offset"),
        (5, "telemetry.send"),
        (5, "telemetry.max_interval"),
    ]
    assert all("this version does not act on it yet" in warning.message for warning in warnings)


def test_evidence_of_resets_labels_and_units_are_loaded() -> None:
    device = load_device_map(Path("plant.yaml"), text=EVERYTHING_ELSE).devices["press1"]
    assert isinstance(device, ModbusDevice)
    good, scrap = device.points["good"], device.points["scrap"]
    assert (good.label, good.unit, device.points["temp"].unit) == ("良品", "pcs", "°C")
    assert good.counter is not None
    assert good.counter.reset_by == ResetEvidence(point=PointRef("press1", "uptime"), sign=ResetSign.FALLS)
    assert scrap.counter is not None
    assert scrap.counter.reset_by == ResetEvidence(point=PointRef("press1", "boot"), sign=ResetSign.CHANGES)


def test_a_default_that_is_not_acted_on_is_explained_as_such() -> None:
    settings = load_with_settings(
        Path("plant.yaml"), text=EVERYTHING_ELSE.replace("telemetry: {send: off, max_interval: 5min}\n", "")
    ).settings
    assert [(setting.value, setting.origin) for setting in settings if setting.path == "telemetry.send"] == [
        ("off", "default, not acted on yet")
    ]


@pytest.mark.parametrize(
    "device",
    [
        "protocol: opcua, url: opc.tcp://h, points: {p: {node: i=1, type: bool}}",
        "protocol: modbus, host: h, points: {p: {at: 40001, type: uint16}}",
        "protocol: llrp, host: h, antennas: {1: {read_point: door}}",
        "protocol: impinj_http, url: https://h, antennas: {1: {read_point: door}}",
        "protocol: mqtt_in, broker: mqtt://h, topics: t, points: {p: {field: n, type: uint32}}",
    ],
)
def test_a_lost_device_is_tried_soon_enough_to_be_read_again_within_three_seconds(device: str) -> None:
    text = f"version: 1\ngateway: {{id: g, site: s}}\ndevices:\n  - {{id: a, {device}}}"
    assert load_device_map(Path("map.yaml"), text=text).devices["a"].reconnect_max_s == 2.5


def test_the_reference_page_is_the_table_of_the_program() -> None:
    page = (ROOT / "docs" / "device-map.md").read_text(encoding="utf-8")
    written = page.partition("<!-- reference: begin -->\n")[2].partition("<!-- reference: end -->")[0]
    assert written == markdown()


def test_every_group_of_the_tables_is_in_the_reference() -> None:
    shown = [spec for _, spec in SECTIONS]
    package = Path(tables_map.__file__).parent
    for name in sorted(path.stem for path in package.glob("tables_*.py")):
        module = importlib.import_module(f"genba_shared.device_map.{name}")
        missing = [
            key
            for key, value in vars(module).items()
            if isinstance(value, ObjectSpec) and all(value is not spec for spec in shown)
        ]
        assert missing == [], name


def test_the_small_map_of_the_reference_page_loads() -> None:
    page = (ROOT / "docs" / "device-map.md").read_text(encoding="utf-8")
    text = page.partition("```yaml\n")[2].partition("```")[0]
    assert set(load_device_map(Path("small.yaml"), text=text).nodes) == {"CUT", "SEW"}
