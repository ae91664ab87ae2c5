"""Devices and broker that we did not write (libmodbus, node-opcua, mosquitto): completions reach API and board."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.chromium import ARGUMENTS
from tests.e2e.installation import Installation, order_body
from tests.integration.mqtt_peers import Mosquitto
from tests.peers.process import ModbusPeer, OpcUaPeer

pytestmark = pytest.mark.timeout(240)

OPCUA = """
  - id: cutter
    protocol: opcua
    url: {url}
    security: {{policy: none}}
    points:
      parts: {{node: "nsu=urn:genba:peer;s=parts", type: uint32, sampling: 100ms, counter: {{max_rate: 600/min}}}}
      order: {{node: "nsu=urn:genba:peer;s=order", type: string, sampling: 100ms}}
"""
MODBUS = """
  - id: sewing
    protocol: modbus
    host: 127.0.0.1:{port}
    poll: {{fast: 100ms}}
    points:
      good: {{at: {{holding: 0}}, type: uint16, counter: {{max_rate: 600/min}}}}
"""
HEAD = "version: 1\ngateway: {id: gw-1, site: plant-a, timezone: UTC}\ndevices:"
SEW_ONLY = """
stations: {SEW-1: {device: sewing, counts: {good: good}}}
nodes: {SEW: {stations: [SEW-1], work_order: {from: dispatch}, done_when: {good: node.quantity}}}
"""
CUT_AND_SEW = """
stations:
  CUT-1: {device: cutter, counts: {good: parts}}
  SEW-1: {device: sewing, counts: {good: good}}
nodes:
  CUT: {stations: [CUT-1], work_order: {from: cutter/order}, done_when: {good: node.quantity}}
  SEW: {stations: [SEW-1], work_order: {from: dispatch}, done_when: {good: node.quantity}}
"""


def set_opcua(peer: OpcUaPeer, name: str, value: object) -> None:
    peer.tell(f"set {name} {json.dumps(value)}")


def at_least(good: int) -> Callable[[dict[str, Any]], bool]:
    return lambda node: node["good"] >= good


@pytest.mark.requirement(
    "R103",
    part="completions over OPC UA, Modbus and LLRP from simulated devices, over OPC UA and Modbus from foreign ones",
    needs="mosquitto, libmodbus and node-opcua",
)
def test_completions_of_foreign_devices_reach_the_api_through_a_foreign_broker(
    tmp_path: Path, modbus_peer: ModbusPeer, start_opcua_peer: Callable[..., OpcUaPeer]
) -> None:
    opcua_peer = start_opcua_peer()
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        with Installation(tmp_path, broker=broker.url) as site:
            assert site.mqtt == broker.url
            site.post("/orders", order_body("A-1", ["CUT", "SEW"], quantity=3))
            site.post("/stations/SEW-1/queue", {"rows": [{"work_order": "WO-A-1", "node": "SEW", "quantity": 3}]})
            set_opcua(opcua_peer, "parts", 70_000)
            modbus_peer.set("holding", 0, 65_530)
            devices = OPCUA.format(url=opcua_peer.url) + MODBUS.format(port=modbus_peer.port)
            site.start_gateway(HEAD + devices + CUT_AND_SEW)

            set_opcua(opcua_peer, "order", "WO-A-1")
            for good in (1, 2, 3):
                set_opcua(opcua_peer, "parts", 70_000 + good)
                site.wait_for_node("A-1", "CUT", at_least(good))
            cut = site.wait_for_node("A-1", "CUT", lambda node: node["lifecycle"] == "done")
            for good in (1, 2, 3):
                modbus_peer.set("holding", 0, 65_530 + good)
                site.wait_for_node("A-1", "SEW", at_least(good))
            sewn = site.wait_for_node("A-1", "SEW", lambda node: node["lifecycle"] == "done")
            assert (cut["good"], cut["claimed_pieces"], cut["confidence"]) == (3, 3, "certain")
            assert (sewn["good"], sewn["claimed_pieces"], sewn["confidence"]) == (3, 3, "certain")
    finally:
        broker.kill()


@pytest.mark.browser
def test_board_follows_a_register_of_a_plc(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with Installation(tmp_path) as site, sync_playwright() as playwright:
        site.post("/orders", order_body("A-1", ["SEW"], quantity=5))
        site.post("/stations/SEW-1/queue", {"rows": [{"work_order": "WO-A-1", "node": "SEW", "quantity": 5}]})
        site.start_gateway(HEAD + MODBUS.format(port=modbus_peer.port) + SEW_ONLY)
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(site.board_link())
        amount = page.locator('[data-order="A-1"] .node .amount')
        expect(amount).to_have_text("0/5")
        modbus_peer.set("holding", 0, 1)
        expect(amount).to_have_text("1/5")
        browser.close()
