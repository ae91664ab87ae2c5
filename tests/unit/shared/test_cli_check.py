"""`genba edge check`: what it prints, how it exits, and that it needs no protocol library."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from genba_edge.app.check import add_check_arguments, run_check
from genba_edge.core.line_load import requests_by_period
from genba_shared.device_map import ModbusDevice, load_device_map

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "garment-line.yaml"


def check(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_check_arguments(parser)
    return run_check(parser.parse_args(arguments))


def test_a_good_map_gives_a_summary_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(EXAMPLE)) == 0
    assert capsys.readouterr().out == (
        "cutter1     OPC UA opc.tcp://10.1.2.10:4840: 3 items\n"
        "sewing1     Modbus 10.1.2.21:502 unit 1: 3 points in 2 requests each 500ms\n"
        "sewing2     Modbus 10.1.2.22:502 unit 1: 3 points in 2 requests each 500ms\n"
        "inspection  Modbus 10.1.2.23:502 unit 3: 3 points in 1 request each 500ms\n"
        "gate        LLRP 10.1.2.40:5084: 4 antennas at 4 read points\n"
        "5 devices, 12 points, 5 stations, 3 zones, 4 nodes; 0 warnings\n"
        "busiest Modbus line: sewing1, 8% of its time at 20ms a request\n"
    )


def test_a_wrong_map_gives_every_problem_and_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(EXAMPLE.read_text("utf-8").replace("500ms, slow", "500, slow").replace("40/min", "0/min"), "utf-8")
    assert check(str(path)) == 2
    out = capsys.readouterr().out
    assert f"{path}:13:18  profiles.sewing_plc.poll.fast  [no-unit]\n  500 has no unit" in out
    assert out.endswith(
        "2 errors, 0 warnings: the map cannot be used\n"
        "What a code in brackets means: docs/map-errors.md, or genba edge check --help-code CODE\n"
    )


def test_a_wrong_map_is_explained_in_the_language_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(EXAMPLE.read_text("utf-8").replace("500ms, slow", "500, slow"), "utf-8")
    assert check(str(path), "--lang", "zh") == 2
    assert capsys.readouterr().out == (
        f"{path}:13:18  profiles.sewing_plc.poll.fast  [no-unit]\n"
        "  500 没有单位：时长以 ms, s, min, h 或 d 结尾。\n"
        "  是不是想写 500ms？\n"
        "1 个错误，0 个警告：点表不能使用\n"
        "方括号中代码的含义：docs/map-errors.md，或 genba edge check --help-code CODE\n"
    )
    assert check(str(path), "--lang", "ja") == 2
    assert "  500 に単位がありません。時間の末尾は ms, s, min, h または d です。\n" in capsys.readouterr().out


def test_the_summary_and_the_origins_are_in_the_language_of_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENBA_LANG", "ja")
    assert check(str(EXAMPLE), "--explain") == 0
    out = capsys.readouterr().out
    assert "gate        LLRP 10.1.2.40:5084：アンテナ 4 本、読取ポイント 4 か所\n" in out
    assert "sewing1     Modbus 10.1.2.21:502 ユニット 1：ポイント 3 点、500ms ごとに 2 要求\n" in out
    assert "20/min  (44 行目)\n" in out


def test_a_code_is_explained_offline_in_three_languages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check("--help-code", "[no-unit]")
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "- en: {number} has no unit: {what} ends in {units}.\n- zh: {number} 没有单位：{what}以 {units} 结尾。\n"
    )
    assert "timeout: 2  # [no-unit]" in out


def test_an_unknown_code_offers_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        check("--help-code", "no-unti")
    assert ended.value.code == 2
    assert "no message has the code 'no-unti'. Did you mean 'no-unit'?" in capsys.readouterr().err


def test_a_missing_map_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(tmp_path / "none.yaml")) == 2
    assert "cannot be read" in capsys.readouterr().out


def test_warnings_are_printed_and_the_map_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(EXAMPLE.read_text("utf-8").replace("counter: {max_rate: 20/min}", "type: uint16"), "utf-8")
    assert check(str(path)) == 0
    out = capsys.readouterr().out
    assert "at 12/min a counter up to 65535 wraps every" not in out  # 91 h is longer than a weekend
    assert "; 0 warnings" in out
    path.write_text(
        EXAMPLE.read_text("utf-8").replace("{max_rate: 20/min}", "{max_rate: 20/min, limit: 9999}"), "utf-8"
    )
    assert check(str(path)) == 0
    out = capsys.readouterr().out
    assert (
        "devices.sewing2.points.good.counter  (warning)  [short-wrap]\n  at 20/min a counter up to 9999 wraps every 8 h"
        in out
    )
    assert "; 1 warning\n" in out


def test_explain_prints_every_setting_with_its_origin(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(str(EXAMPLE), "--explain") == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "devices.sewing1.points.good.counter.at_limit wrap (default)" in lines
    assert "devices.sewing2.points.good.counter.max_rate 20/min (line 44)" in lines
    assert "devices.inspection.points.passed.counter.limit 4294967295 (the greatest uint32)" in lines


def test_a_folder_is_checked_as_one_map_and_every_problem_names_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = EXAMPLE.read_text("utf-8")
    first, second = text.split("stations:\n")
    (tmp_path / "devices.yaml").write_text(first, "utf-8")
    (tmp_path / "work.yaml").write_text(f"stations:\n{second}", "utf-8")
    assert check(str(tmp_path), "--explain") == 0
    out = capsys.readouterr().out
    assert "5 devices, 12 points, 5 stations, 3 zones, 4 nodes; 0 warnings\n" in out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "devices.gate.report 500ms (devices.yaml line 66)" in lines
    assert "zones.sewing.leave gate/sewing-out (work.yaml line 10)" in lines
    (tmp_path / "work.yaml").write_text(f"stations:\n{second}".replace("cutter1", "cuter1"), "utf-8")
    assert check(str(tmp_path)) == 2
    assert capsys.readouterr().out.startswith(f"{tmp_path}/work.yaml:2:19  stations.CUT-1.device  [unknown-name]\n")


def test_a_device_that_cannot_keep_up_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "plant.yaml"
    points = "".join(f"      p{n}: {{at: {{holding: {n * 1000}}}, type: uint16}}\n" for n in range(10))
    path.write_text(
        "version: 1\ngateway: {id: g, site: s}\ndevices:\n  - id: slow\n    protocol: modbus\n    host: h\n"
        f"    poll: {{fast: 100ms}}\n    points:\n{points}"
    )
    assert check(str(path)) == 0
    assert "slow cannot keep up: its requests take 2.0 times the poll period at 20ms each; " in capsys.readouterr().out


def test_a_shared_line_that_cannot_keep_up_is_named_with_its_units(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plant.yaml"
    units = "".join(
        f"  - {{id: meter{n}, use: meter, serial: {{port: /dev/ttyUSB0, baud: 1200}}, unit: {n}}}\n" for n in (1, 2, 3)
    )
    path.write_text(
        "version: 1\ngateway: {id: g, site: s}\nprofiles:\n  meter:\n    protocol: modbus\n"
        "    points: {energy: {at: 30001, type: uint32}, power: {at: 30053, type: float32}}\n"
        f"devices:\n{units}"
    )
    assert check(str(path)) == 0
    out = capsys.readouterr().out
    assert "meter2  Modbus /dev/ttyUSB0 1200 8N1 unit 2: 2 points in 2 requests each 500ms\n" in out
    # 17 characters of 10 bits at 1,200 baud are 142 ms, the silence of 3.5 characters 29 ms, the answer 20 ms.
    assert (
        "meter1, meter2, meter3 on /dev/ttyUSB0 cannot keep up: their requests take 2.3 times the poll period "
        "at 191ms each; poll slower, or read fewer points\n"
    ) in out


@pytest.mark.parametrize(
    ("store", "said"),
    [
        (
            "{max: 10MB, keep: 365d}",
            "store.max is full after about 81 days without the collector, before store.keep (365d)",
        ),
        ("{max: 10MB, keep: 30d}", ""),
        ("{max: 10MB}", ""),
        ("{keep: 365d}", ""),
    ],
)
def test_a_store_that_is_full_before_the_time_is_over_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], store: str, said: str
) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(
        f"version: 1\ngateway: {{id: g, site: s}}\nstore: {store}\ndevices:\n  - id: one\n    protocol: modbus\n"
        "    host: h\n    points: {p: {at: 40001, type: uint16}}\nstations:\n  S-1: {device: one}\n"
    )
    assert check(str(path)) == 0
    out = capsys.readouterr().out
    assert said in out
    assert ("store.max" in out) is bool(said)


def test_requests_are_counted_for_each_period() -> None:
    text = """\
version: 1
gateway: {id: g, site: s}
devices:
  - id: a
    protocol: modbus
    host: h
    poll: {fast: 500ms, slow: 10s, other: 10s, unused: 1h, max_gap: 0}
    points:
      a: {at: 40001, type: uint32}
      b: {at: 40003, type: uint16}
      c: {at: 40005, type: uint16}
      d: {at: 40001, type: uint16, group: slow}
      e: {at: 30001, type: uint16, group: other}
"""
    device = load_device_map(Path("m"), text=text).devices["a"]
    assert isinstance(device, ModbusDevice)
    assert requests_by_period(device) == {0.5: 2, 10.0: 2}


def test_check_imports_no_protocol_library() -> None:
    code = (
        "import argparse, sys; from genba_edge.app.check import add_check_arguments, run_check; "
        "parser = argparse.ArgumentParser(); add_check_arguments(parser); "
        "code = run_check(parser.parse_args(sys.argv[1:])); "
        "heavy = {'asyncua', 'pymodbus', 'llrpkit', 'paho', 'zstandard', 'asyncio'} & "
        "{name.partition('.')[0] for name in sys.modules}; sys.exit(f'imported {heavy}' if heavy else code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(EXAMPLE)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{ROOT / 'edge'}:{ROOT / 'shared'}"},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
