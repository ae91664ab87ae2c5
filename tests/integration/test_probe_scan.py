"""`genba edge probe` and `scan` at a Modbus unit that we did not write."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from genba_edge.app.probe import add_probe_arguments, run_probe
from genba_edge.app.scan import add_scan_arguments, run_scan
from genba_shared.errors import UsageError
from tests.peers.process import ModbusPeer

MAP = """
version: 1
gateway: {{id: gw-1, site: site-1}}
devices:
  - id: cell
    protocol: modbus
    host: 127.0.0.1:{port}
    poll: {{fast: 50ms}}
    points:
      good: {{at: {{holding: 0}}, type: uint32, byte_order: CDAB}}
      missing: {{at: {{holding: 5000}}, type: uint16}}
"""


def probe(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_probe_arguments(parser)
    return run_probe(parser.parse_args(arguments))


def scan(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_scan_arguments(parser)
    return run_scan(parser.parse_args(arguments))


def test_a_probe_shows_raw_words_every_byte_order_and_why_a_point_is_bad(
    tmp_path: Path, modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    modbus_peer.set("holding", 0, 7, 1)
    path = tmp_path / "plant.yaml"
    path.write_text(MAP.format(port=modbus_peer.port))
    assert probe(str(path), "--for", "0", "--state", str(tmp_path)) == 1
    out = capsys.readouterr().out
    assert "good     65543  good  gateway's time  raw 0x0007 0x0001  ABCD 458753  CDAB 65543" in out
    assert "missing  bad: exception 2 (illegal address) for holding 5000-5000" in out


def test_a_probe_of_an_unknown_device_names_those_of_the_map(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(MAP.format(port=502))
    with pytest.raises(UsageError, match="'sewing' is not a device of this map, which has cell"):
        probe(str(path), "sewing")


def test_a_scan_lists_what_answers_and_what_it_holds(
    modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    modbus_peer.set("holding", 3, 41)
    assert scan(f"127.0.0.1:{modbus_peer.port}", "--from", "0", "--to", "9", "--watch", "0") == 0
    assert capsys.readouterr().out == ("holding 0-9: answers\n  40004 {holding: 3}       41\n  9 more hold 0\n")


def test_a_scan_of_nothing_says_why_and_fails(modbus_peer: ModbusPeer, capsys: pytest.CaptureFixture[str]) -> None:
    assert scan(f"127.0.0.1:{modbus_peer.port}", "--from", "5000", "--to", "5001", "--watch", "0") == 1
    assert capsys.readouterr().out == "holding 5000-5001: exception 2 (illegal address)\n"
