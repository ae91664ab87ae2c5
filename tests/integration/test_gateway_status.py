"""The status page of a running gateway over HTTP: needs no collector, is for this machine alone, and shows a hang."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from genba_edge.app.snapshot import Snapshot
from genba_edge.app.status import bind_status, status_page
from genba_edge.app.status import server as status_server
from genba_edge.ports import Failure
from genba_shared.errors import UsageError
from tests.integration.gateway_run import Running, map_of, running_gateway
from tests.peers.process import ModbusPeer
from tests.peers.recorder import eventually

MAP = """
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: Asia/Tokyo}}
devices:
  - id: cell
    protocol: modbus
    host: 127.0.0.1:{port}
    poll: {{fast: 100ms}}
    points:
      good: {{at: 40001, type: uint16, counter: {{max_rate: 600/s}}}}
      temp: {{at: 30001, type: int16, deadband: 5}}
      beyond: {{at: 40301, type: uint16}}
  - id: gone
    protocol: modbus
    host: 127.0.0.1:1
    points: {{temp: {{at: 30001, type: int16}}}}
stations:
  CELL-1: {{device: cell, counts: {{good: good}}}}
"""


class Page:
    """What is served, as a browser or Prometheus asks for it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 0

    async def get(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> tuple[int, str]:
        status, text, _ = await asyncio.to_thread(self.ask, path, headers or {}, method)
        return status, text

    def ask(self, path: str, headers: Mapping[str, str], method: str = "GET") -> tuple[int, str, dict[str, str]]:
        connection = HTTPConnection(self.host, self.port, timeout=20)
        try:
            connection.request(method, path, headers=dict(headers))
            response = connection.getresponse()
            return response.status, response.read().decode(), dict(response.getheaders())
        finally:
            connection.close()


@asynccontextmanager
async def served(folder: Path, port: int) -> AsyncIterator[tuple[Running, Page]]:
    async with running_gateway(folder, map_of(MAP.format(port=port))) as running:
        listener = bind_status("127.0.0.1:0")
        assert listener is not None
        with listener:
            async with status_page(listener, running.gateway.snapshot) as url:
                yield running, Page(url)


def temp(shown: Snapshot) -> object:
    point = next(each for each in shown.devices[0].points if each.name == "temp")
    return None if point.now is None else point.now.sample.value


async def test_what_a_page_shows_does_not_change_while_it_is_made(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("input", 0, 20)
    async with running_gateway(tmp_path, map_of(MAP.format(port=modbus_peer.port))) as running:
        await eventually(lambda: temp(running.gateway.snapshot()) == 20)
        before = running.gateway.snapshot()
        modbus_peer.set("input", 0, 90)
        await eventually(lambda: temp(running.gateway.snapshot()) == 90)
    assert temp(before) == 20


async def test_the_page_shows_devices_points_and_stations(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    modbus_peer.set("holding", 0, 42)
    async with served(tmp_path, modbus_peer.port) as (running, page):
        await eventually(lambda: running.gateway.snapshot().is_ready)
        status, text = await page.get("/")
        assert status == 200
        for shown in ("gw-1", "1 of 2 answer", "42", "CELL-1", "connection refused by 127.0.0.1:1", "illegal address"):
            assert shown in text, shown
        assert "2 台中 1 台が応答" in (await page.get("/?lang=ja"))[1]
        assert "2 台中 1 台在线" in (await page.get("/", {"Accept-Language": "zh-CN,zh;q=0.9"}))[1]
        told = json.loads((await page.get("/status.json"))[1])
        cell = told["devices"]["cell"]
        assert (cell["status"], cell["points"]["good"]["value"], told["devices"]["gone"]["status"]) == (
            "online",
            42,
            "lost",
        )
        assert cell["points"]["beyond"]["quality"] == "bad"


async def test_a_value_within_its_deadband_is_read_and_not_reported(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    def temperature(running: Running) -> tuple[object, object]:
        point = running.gateway.snapshot().devices[0].points[1]
        assert point.name == "temp"
        return point.now and point.now.sample.value, point.reported and point.reported.value

    modbus_peer.set("input", 0, 100)
    async with served(tmp_path, modbus_peer.port) as (running, _):
        await eventually(lambda: temperature(running) == (100, 100))
        modbus_peer.set("input", 0, 105)
        await eventually(lambda: temperature(running) == (105, 100))
        modbus_peer.set("input", 0, 106)
        await eventually(lambda: temperature(running) == (106, 106))


async def test_metrics_are_by_device_and_reason(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    async with served(tmp_path, modbus_peer.port) as (running, page):
        await eventually(lambda: running.gateway.snapshot().is_ready)
        status, text = await page.get("/metrics")
        assert status == 200
        metrics = {family.name: family for family in text_string_to_metric_families(text)}
        up = {sample.labels["device"]: sample.value for sample in metrics["genba_device_up"].samples}
        assert up == {"cell": 1.0, "gone": 0.0}
        failures = {(s.labels["device"], s.labels["reason"]) for s in metrics["genba_device_failures"].samples}
        assert failures == {(device, str(reason)) for device in ("cell", "gone") for reason in Failure}
        assert metrics["genba_device_bad_points"].samples[0].value == 1
        assert {"genba_outbox_events", "genba_uplink_connected", "genba_commits", "genba_derive_failures"} <= set(
            metrics
        )


async def test_health_is_that_the_loop_answers(
    tmp_path: Path, modbus_peer: ModbusPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_server, "SNAPSHOT_S", 0.2)
    async with served(tmp_path, modbus_peer.port) as (running, page):
        await eventually(lambda: running.gateway.snapshot().is_ready)
        assert await page.get("/healthz") == (200, "ok\n")
        assert await page.get("/readyz") == (200, "ready\n")
        answers: list[tuple[int, str, dict[str, str]]] = []
        asking = threading.Thread(target=lambda: answers.append(page.ask("/healthz", {})))
        asking.start()
        while asking.is_alive():
            time.sleep(0.05)  # noqa: ASYNC251 - the loop hangs, which is the point
        assert (answers[0][0], answers[0][1]) == (503, "the gateway does not answer\n")


async def test_a_page_of_another_origin_cannot_read_it(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    async with served(tmp_path, modbus_peer.port) as (_, page):
        for name in ("evil.example", f"evil.example:{page.port}", "127.0.0.1", ""):
            status, text, _headers = await asyncio.to_thread(page.ask, "/status.json", {"Host": name})
            assert (status, "gw-1" in text) == (421, False), name
        _, _, headers = await asyncio.to_thread(page.ask, "/", {"Host": f"localhost:{page.port}"})
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


async def test_nothing_can_be_changed_and_nothing_else_be_read(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    async with served(tmp_path, modbus_peer.port) as (_, page):
        assert (await page.get("/", method="POST"))[0] == 501
        assert (await page.get("/../../etc/passwd"))[0] == 404
        assert (await page.get("/status.js/../../page.py"))[0] == 404
        assert await page.get("/", method="HEAD") == (200, "")
        assert (await page.get("/" + "x" * 70_000))[0] == 414


async def test_browsers_that_say_nothing_do_not_keep_others_out_for_long(
    tmp_path: Path, modbus_peer: ModbusPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_server._Handler, "timeout", 0.3)
    async with served(tmp_path, modbus_peer.port) as (_, page):
        silent = [socket.create_connection((page.host, page.port)) for _ in range(status_server.MOST_AT_ONCE + 4)]
        try:

            def answers() -> bool:
                try:
                    return page.ask("/healthz", {})[0] == 200
                except OSError:
                    return False

            async with asyncio.timeout(15):
                while not await asyncio.to_thread(answers):
                    pass
        finally:
            for connection in silent:
                connection.close()


async def test_what_the_collector_is_told_of_each_device(tmp_path: Path, modbus_peer: ModbusPeer) -> None:
    async with served(tmp_path, modbus_peer.port) as (running, _):
        await eventually(lambda: running.gateway.snapshot().is_ready)
        told = running.gateway.describe()
        cell, gone = told["devices"]["cell"], told["devices"]["gone"]
        assert (cell["status"], cell["bad_points"], "reason" in cell) == ("online", 1, False)
        assert (gone["status"], gone["reason"]) == ("lost", "connection refused by 127.0.0.1:1")
        assert 0 <= told["data_age_s"]["cell"] < 60
        assert "gone" not in told["data_age_s"]


def test_the_page_is_for_this_machine_alone() -> None:
    for address in ("0.0.0.0:9180", "192.168.1.5:9180", "[::]:9180", "plant.example:9180", "127.0.0.1:x", "on"):
        with pytest.raises(UsageError, match="--status"):
            bind_status(address)
    with pytest.raises(UsageError, match="ssh -L 9180:127"):
        bind_status("0.0.0.0:9180")
    assert bind_status("off") is None


def test_a_second_gateway_on_a_machine_takes_a_free_port_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setattr(status_server, "STATUS_DEFAULT", taken)
        listener = bind_status(None)
        assert listener is not None
        with listener:
            assert listener.getsockname()[1] not in {0, other.getsockname()[1]}
        with pytest.raises(UsageError, match="Name a free port"):
            bind_status(taken)
