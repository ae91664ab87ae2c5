"""Good maps: what the objects hold, what defaults and profiles do, what is warned about."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from genba_shared.broker import BrokerAddress
from genba_shared.device_map import (
    Antenna,
    AtLimit,
    ByteOrder,
    CollectorSettings,
    CompletionRule,
    CountDirection,
    CountedEnd,
    CounterSettings,
    DeviceMap,
    GatewaySettings,
    LlrpDevice,
    ModbusDevice,
    ModbusPoint,
    ModbusTable,
    NodeRule,
    OnDecrease,
    OpcUaDevice,
    OpcUaPoint,
    PointRef,
    PointType,
    PollSettings,
    PresenceSettings,
    ReadMode,
    ReadPointRef,
    ResetEvidence,
    SecurityPolicy,
    SecuritySettings,
    StateRule,
    Station,
    TimeSource,
    WorkOrderSource,
    Zone,
    load_device_map,
    load_device_map_with_warnings,
)
from genba_shared.device_map.loader import load_with_settings
from genba_shared.device_map.model import AllLeft, AllOf, AnyOf, PiecesReach, PointIs, PointSign, StartRule, StationIs
from genba_shared.errors import ConfigError
from genba_shared.events import Result, StationState

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(path for path in (ROOT / "examples").glob("*.yaml") if "\ngateway:" in path.read_text("utf-8"))

MAP = """\
version: 1
gateway: {id: gw-1, site: site-a, timezone: Asia/Tokyo}
collector: {mqtt: "mqtt://127.0.0.1:18830"}
store: {path: box}
profiles:
  press:
    protocol: modbus
    byte_order: CDAB
    poll: {fast: 250ms, hourly: 1h, max_registers: 100}
    points:
      good: {at: 40101, type: uint32, counter: {max_rate: 12/min}}
      scrap: {at: {holding: 102}, type: uint16, counter: {at_limit: saturate, limit: 32767, max_rate: 3/h}}
      state: {at: 40120, bit: 3, labels: {0: idle, 1: running}}
      job: {at: 40130, type: string, length: 9, group: hourly}
devices:
  - {id: press1, use: press, host: "127.0.0.1:15020"}
  - id: press2
    use: press
    host: 10.1.2.22
    unit: 7
    timeout: 500ms
    points:
      good: {counter: {max_rate: 20/min, pieces_per_count: 2, direction: down, on_decrease: reset}}
      scrap: {byte_order: ABCD, at: 30001}
      lamp: {at: 00017}
  - id: cutter1
    label: 自动裁床
    protocol: opcua
    url: opc.tcp://10.1.2.10:4840/x
    security: {policy: none}
    time: gateway
    reconnect: {max: 5s}
    points:
      parts: {node: "nsu=urn:plc;s=Parts", counter: {limit: 999999, max_rate: 40/min, reset_by: {point: reset}}}
      reset: {node: "nsu=urn:plc;s=Reset", type: bool, mode: read, sampling: 1s, queue: 3}
      order: {node: "nsu=urn:plc;s=Order", type: string}
  - id: gate
    protocol: llrp
    host: "127.0.0.1:15084"
    report: 200ms
    antennas: {1: {read_point: in, power: 24dBm, min_rssi: -62dBm}, 2: {read_point: out}}
    tags: {accept: "^3034"}
    presence: {min_reads: 3, depart_after: 20s, move_margin: 4dB}
stations:
  CUT-1: {device: cutter1, state: {from: parts, idle_after: 3min}, counts: {good: parts}}
  SEW-1: {device: press1, state: state, counts: {good: good, scrap: press2/scrap}}
  SEW-2: {device: press2, counts: {good: good}}
zones:
  sewing: {enter: gate/in, leave: [gate/out]}
  buffer: {in: CUT-1/good, out: [SEW-1/good, SEW-2/good]}
nodes:
  CUT: {stations: [CUT-1], work_order: {from: cutter1/order}, done_when: {good: node.quantity}}
  SEW: {stations: [SEW-1, SEW-2]}
  OUT: {work_order: {from: tags}, done_when: {all_left: sewing, min_dwell: 3min}}
"""


@pytest.fixture(scope="module")
def loaded() -> DeviceMap:
    device_map, warnings = load_device_map_with_warnings(Path("plant.yaml"), text=MAP)
    assert warnings == ()
    return device_map


def test_gateway_collector_and_store_are_as_written(loaded: DeviceMap) -> None:
    assert loaded.gateway == GatewaySettings(id="gw-1", site="site-a", timezone="Asia/Tokyo")
    assert loaded.collector == CollectorSettings(broker=BrokerAddress(host="127.0.0.1", port=18830))
    assert loaded.store.path == Path("box")
    assert loaded.sha256 == hashlib.sha256(MAP.encode()).hexdigest()


def test_a_modbus_device_takes_its_profile(loaded: DeviceMap) -> None:
    assert loaded.devices["press1"] == ModbusDevice(
        id="press1",
        host="127.0.0.1",
        port=15020,
        poll=PollSettings(
            groups={"fast": 0.25, "slow": 10.0, "hourly": 3600.0},
            max_gap=12,
            max_registers=100,
        ),
        points={
            "good": ModbusPoint(
                name="good",
                type=PointType.UINT32,
                table=ModbusTable.HOLDING,
                address=100,
                byte_order=ByteOrder.CDAB,
                counter=CounterSettings(limit=4_294_967_295, max_rate=0.2),
            ),
            "scrap": ModbusPoint(
                name="scrap",
                type=PointType.UINT16,
                table=ModbusTable.HOLDING,
                address=102,
                byte_order=ByteOrder.CDAB,
                counter=CounterSettings(limit=32767, at_limit=AtLimit.SATURATE, max_rate=3 / 3600),
            ),
            "state": ModbusPoint(
                name="state",
                type=PointType.BOOL,
                table=ModbusTable.HOLDING,
                address=119,
                byte_order=ByteOrder.CDAB,
                bit=3,
                labels={0: "idle", 1: "running"},
            ),
            "job": ModbusPoint(
                name="job",
                type=PointType.STRING,
                table=ModbusTable.HOLDING,
                address=129,
                byte_order=ByteOrder.CDAB,
                length=9,
                group="hourly",
            ),
        },
    )


def test_a_device_replaces_single_values_of_its_profile(loaded: DeviceMap) -> None:
    press2 = loaded.devices["press2"]
    assert isinstance(press2, ModbusDevice)
    assert (press2.host, press2.port, press2.unit, press2.timeout_s) == ("10.1.2.22", 502, 7, 0.5)
    assert press2.points["good"].address == 100
    assert press2.points["good"].counter == CounterSettings(
        limit=4_294_967_295,
        max_rate=1 / 3,
        pieces_per_count=2,
        direction=CountDirection.DOWN,
        on_decrease=OnDecrease.RESET,
    )
    assert (press2.points["scrap"].table, press2.points["scrap"].address) == (ModbusTable.INPUT, 0)
    assert press2.points["scrap"].byte_order is ByteOrder.ABCD
    assert press2.points["lamp"] == ModbusPoint(
        name="lamp", type=PointType.BOOL, table=ModbusTable.COIL, address=16, byte_order=ByteOrder.CDAB
    )


def test_an_opcua_device_is_as_written(loaded: DeviceMap) -> None:
    assert loaded.devices["cutter1"] == OpcUaDevice(
        id="cutter1",
        label="自动裁床",
        url="opc.tcp://10.1.2.10:4840/x",
        security=SecuritySettings(policy=SecurityPolicy.NONE),
        time=TimeSource.GATEWAY,
        reconnect_max_s=5.0,
        points={
            "parts": OpcUaPoint(
                name="parts",
                type=PointType.UINT32,  # the smallest unsigned that holds 999999
                node="nsu=urn:plc;s=Parts",
                counter=CounterSettings(
                    limit=999999, max_rate=2 / 3, reset_by=ResetEvidence(point=PointRef("cutter1", "reset"))
                ),
            ),
            "reset": OpcUaPoint(
                name="reset",
                type=PointType.BOOL,
                node="nsu=urn:plc;s=Reset",
                mode=ReadMode.READ,
                sampling_s=1.0,
                queue=3,
            ),
            "order": OpcUaPoint(name="order", type=PointType.STRING, node="nsu=urn:plc;s=Order"),
        },
    )


def test_a_reader_is_as_written(loaded: DeviceMap) -> None:
    assert loaded.devices["gate"] == LlrpDevice(
        id="gate",
        host="127.0.0.1",
        port=15084,
        antennas={
            1: Antenna(read_point="in", power_dbm=24.0, min_rssi_dbm=-62.0),
            2: Antenna(read_point="out"),
        },
        accept="^3034",
        presence=PresenceSettings(min_reads=3, depart_after_s=20.0, move_margin_db=4.0),
        report_s=0.2,
    )


def test_stations_zones_and_nodes_refer_to_points(loaded: DeviceMap) -> None:
    assert loaded.stations == {
        "CUT-1": Station(
            id="CUT-1",
            device="cutter1",
            state=StateRule(point=PointRef("cutter1", "parts"), idle_after_s=180.0),
            counts={Result.GOOD: PointRef("cutter1", "parts")},
        ),
        "SEW-1": Station(
            id="SEW-1",
            device="press1",
            state=StateRule(point=PointRef("press1", "state")),
            counts={Result.GOOD: PointRef("press1", "good"), Result.SCRAP: PointRef("press2", "scrap")},
        ),
        "SEW-2": Station(id="SEW-2", device="press2", counts={Result.GOOD: PointRef("press2", "good")}),
    }
    assert loaded.zones == {
        "sewing": Zone(
            id="sewing",
            enter=(ReadPointRef("gate", "in"),),
            leave=(ReadPointRef("gate", "out"),),
        ),
        "buffer": Zone(
            id="buffer",
            pieces_in=(CountedEnd(station="CUT-1", result=Result.GOOD),),
            pieces_out=(
                CountedEnd(station="SEW-1", result=Result.GOOD),
                CountedEnd(station="SEW-2", result=Result.GOOD),
            ),
        ),
    }
    assert loaded.nodes == {
        "CUT": NodeRule(
            code="CUT",
            stations=("CUT-1",),
            work_order=WorkOrderSource.POINT,
            work_order_point=PointRef("cutter1", "order"),
        ),
        "SEW": NodeRule(code="SEW", stations=("SEW-1", "SEW-2")),
        "OUT": NodeRule(
            code="OUT",
            work_order=WorkOrderSource.TAGS,
            done_when=CompletionRule(condition=AllLeft(zone="sewing", min_dwell_s=180.0)),
        ),
    }


def test_the_smallest_map_is_a_gateway_and_one_device() -> None:
    text = (
        "version: 1\ngateway: {id: g, site: s}\n"
        "devices: [{id: a, protocol: modbus, host: h, points: {p: {at: 30001, type: int16}}}]\n"
    )
    device_map, warnings = load_device_map_with_warnings(Path("m"), text=text)
    assert (device_map.collector, device_map.store.path, device_map.gateway.timezone) == (None, Path("state"), "UTC")
    assert warnings == ()


def test_the_nodes_of_a_broker_cluster_share_what_is_written_around_them() -> None:
    text = (
        "version: 1\ngateway: {id: g, site: s}\n"
        'collector: {mqtt: "mqtts://a:1,mqtts://b", version: "5", user: edge}\n'
        "devices: [{id: a, protocol: modbus, host: h, points: {p: {at: 30001, type: int16}}}]\n"
    )
    device_map, _ = load_device_map_with_warnings(Path("m"), text=text)
    assert device_map.collector is not None
    first, second = device_map.collector.broker.nodes
    assert ((first.host, first.port), (second.host, second.port)) == (("a", 1), ("b", 8883))
    assert (first.version, second.version, first.username, second.username) == ("5", "5", "edge", "edge")


def test_what_works_but_is_risky_is_a_warning_and_not_an_error() -> None:
    text = """\
version: 1
gateway: {id: g, site: s}
profiles: {spare: {protocol: modbus}}
devices:
  - id: a
    protocol: opcua
    url: opc.tcp://h:4840
    points:
      fast: {node: "ns=3;s=A", type: uint16, counter: {max_rate: 40/min}}
      free: {node: "nsu=u;s=B", type: uint32, counter: {}}
"""
    _, warnings = load_device_map_with_warnings(Path("m"), text=text)
    assert [(problem.line, problem.path, problem.warning) for problem in warnings] == [
        (3, "profiles.spare", True),
        (9, "devices.a.points.fast.node", True),
        (9, "devices.a.points.fast.counter", True),
        (10, "devices.a.points.free.counter", True),
    ]


def test_explain_tells_written_values_defaults_and_what_was_worked_out() -> None:
    settings = {setting.path: setting for setting in load_with_settings(Path("plant.yaml"), text=MAP).settings}
    shown = {
        path: (settings[path].value, settings[path].origin)
        for path in (
            "gateway.timezone",
            "devices.press1.points.good.at",
            "devices.press1.points.good.counter.limit",
            "devices.press1.points.good.counter.on_decrease",
            "devices.press1.points.state.type",
            "devices.press1.points.good.byte_order",
            "devices.press1.poll.slow",
            "devices.press2.points.good.counter.max_rate",
            "devices.gate.timeout",
            "stations.SEW-1.state",
            "nodes.SEW.done_when",
        )
    }
    assert shown == {
        "gateway.timezone": ('"Asia/Tokyo"', "line 2"),
        "devices.press1.points.good.at": ("40101 {holding: 100}", "line 11"),
        "devices.press1.points.good.counter.limit": ("4294967295", "the greatest uint32"),
        "devices.press1.points.good.counter.on_decrease": ("auto", "default"),
        "devices.press1.points.state.type": ("bool", "worked out"),
        "devices.press1.points.good.byte_order": ("CDAB", "as the device"),
        "devices.press1.poll.slow": ("10s", "default"),
        "devices.press2.points.good.counter.max_rate": ("20/min", "line 23"),
        "devices.gate.timeout": ("5s", "default"),
        "stations.SEW-1.state": ("state", "line 46"),
        "nodes.SEW.done_when": ("{good: node.quantity}", "default"),
    }


def test_settings_of_work_that_nothing_acts_on_are_read_and_warned_about() -> None:
    text = MAP.replace("leave: [gate/out]}", "leave: [gate/out], wip_limit: 60, close_after: 8h}")
    loaded, warnings = load_device_map_with_warnings(Path("m"), text=text)
    assert (loaded.zones["sewing"].wip_limit, loaded.zones["sewing"].close_after_s) == (60, 28_800.0)
    assert {(problem.path, str(problem.message).rpartition(": ")[2]) for problem in warnings} == {
        ("zones.sewing.wip_limit", "nothing is told when it is full."),
    }


def test_a_state_may_follow_from_several_points_or_from_a_rhythm_with_its_own_limits() -> None:
    text = MAP.replace("state: state,", "state: [state, press2/state],").replace(
        "idle_after: 3min}", "idle_after: 3min, setup_at_most: 1h, down_after_cycles: 20}"
    )
    loaded = load_device_map(Path("m"), text=text)
    assert loaded.stations["SEW-1"].state == StateRule(
        point=PointRef("press1", "state"), also=(PointRef("press2", "state"),)
    )
    assert loaded.stations["CUT-1"].state == StateRule(
        point=PointRef("cutter1", "parts"), idle_after_s=180.0, setup_at_most_s=3600.0, down_after_cycles=20
    )


def test_conditions_of_a_node_join_in_levels_and_keep_their_order() -> None:
    done = "{all: [{good: node.quantity}, {any: [{all_left: sewing, min_dwell: 3min}, {rises: press1/state}]}]}"
    text = MAP.replace("OUT: {work_order: {from: tags}, done_when: {all_left: sewing, min_dwell: 3min}}", "")
    text = text.replace("SEW: {stations: [SEW-1, SEW-2]}", f"SEW: {{stations: [SEW-1], done_when: {done}}}")
    loaded = load_device_map(Path("m"), text=text)
    assert loaded.nodes["SEW"].done_when.condition == AllOf(
        parts=(
            PiecesReach(),
            AnyOf(
                parts=(
                    AllLeft(zone="sewing", min_dwell_s=180.0),
                    PointIs(point=PointRef("press1", "state"), sign=PointSign.RISES),
                )
            ),
        )
    )


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("dispatch", StartRule.DISPATCH),
        ("first_piece", StartRule.FIRST_PIECE),
        ("{point: press1/state}", PointIs(point=PointRef("press1", "state"), sign=PointSign.TRUE)),
        ("{state: [running, setup]}", StationIs(states=(StationState.RUNNING, StationState.SETUP))),
    ],
)
def test_start_of_a_node_is_a_word_or_a_condition(written: str, start: object) -> None:
    text = MAP.replace("SEW: {stations: [SEW-1, SEW-2]}", f"SEW: {{stations: [SEW-1], start_when: {written}}}")
    assert load_device_map(Path("m"), text=text).nodes["SEW"].start_when == start


def test_a_job_number_may_be_empty_where_dispatch_stands_in() -> None:
    text = MAP.replace("{from: cutter1/order}", "{from: cutter1/order, else: dispatch}")
    assert load_device_map(Path("m"), text=text).nodes["CUT"].otherwise is WorkOrderSource.DISPATCH
    assert load_device_map(Path("m"), text=MAP).nodes["CUT"].otherwise is None


def test_a_profile_that_two_devices_use_is_blamed_once() -> None:
    with pytest.raises(ConfigError) as raised:
        load_device_map(Path("plant.yaml"), text=MAP.replace("max_rate: 12/min", "max_rate: 12"))
    assert [(problem.line, problem.path) for problem in raised.value.problems] == [
        (11, "profiles.press.points.good.counter.max_rate")
    ]


def test_a_broken_device_is_not_blamed_again_by_what_refers_to_it() -> None:
    with pytest.raises(ConfigError) as raised:
        load_device_map(Path("plant.yaml"), text=MAP.replace("url: opc.tcp", "url: opc.tpc"))
    assert [problem.path for problem in raised.value.problems] == ["devices.cutter1.url"]


def test_a_few_aliases_are_fine() -> None:
    text = MAP.replace("points:\n      good: {at", "points: &points\n      good: {at").replace(
        "unit: 7", "unit: 7\n    label: x"
    )
    extra = (
        "  - {id: press3, protocol: modbus, byte_order: CDAB, host: h, poll: {hourly: 1h}, points: *points}\nstations:"
    )
    device_map = load_device_map(Path("plant.yaml"), text=text.replace("stations:", extra, 1))
    press1, press3 = device_map.devices["press1"], device_map.devices["press3"]
    assert isinstance(press1, ModbusDevice)
    assert isinstance(press3, ModbusDevice)
    assert press1.points == press3.points


def test_a_list_in_the_place_of_a_word_is_never_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def written_out(_node: yaml.Node) -> str:
        raise AssertionError("aliases may make the text of a node a million times as long as the file")

    monkeypatch.setattr(yaml.Node, "__repr__", written_out)
    text = """
version: 1
gateway: {id: gw-1, site: site-a}
devices:
  - {id: &list [x, y], protocol: modbus, use: *list}
  - {id: *list, protocol: opcua, profile: *list}
  - {id: gate, protocol: llrp, host: 10.1.2.3, antennas: {1: {read_point: *list}}}
  - {id: press, protocol: *list}
"""
    with pytest.raises(ConfigError) as raised:
        load_device_map(Path("plant.yaml"), text=text)
    assert [problem.message.partition(": ")[2] for problem in raised.value.problems if problem.line == 5] == [
        "the name of a profile is needed.",
        "an id of a-z, 0-9 and '-' is needed.",
        "one of auto, packml, machinery is needed.",
        "a name of letters, digits, '-' and '_' is needed.",
        "one of opcua, modbus, llrp, impinj_http, mqtt_in is needed.",
    ]


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + MAP.encode())
    assert load_device_map(path).gateway.id == "gw-1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version: 1\nlabel: \xd7\xd4\xb6\xaf\n", "the file is not UTF-8 text (byte 19)."),
        (b"# " + "字".encode() * 400_000, "the file is larger than 1,000,000 bytes."),
        (b"version: 1\x00", "the character U+0000 may not stand in YAML."),
    ],
)
def test_a_file_that_cannot_be_a_map_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "plant.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load_device_map(path)
    assert [problem.message for problem in raised.value.problems] == [message]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"plant\.yaml  \[file-unreadable\]\n  the file cannot be read: No such file or directory"
    ):
        load_device_map(tmp_path / "plant.yaml")


@pytest.mark.usefixtures("_secrets_of_the_examples")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_map_is_clean(path: Path) -> None:
    _, warnings = load_device_map_with_warnings(path)
    assert warnings == ()


def test_the_garment_line_is_among_the_examples() -> None:
    assert "garment-line.yaml" in {path.name for path in EXAMPLES}
