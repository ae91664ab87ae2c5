"""The whole gateway over TLS: a camera and the collector's broker, each entered as its map says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genba_shared.broker import BrokerAddress
from genba_shared.mqtt import MqttLink
from genba_shared.secret import Secret
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.peers.certificates import Authority

MAP = """
version: 1
gateway: {{id: gw-1, site: plant-a}}
collector:
  mqtt: mqtts://127.0.0.1:{port}
  ca: !file {ca}
  client_cert: !file {certificate}
  client_key: !file {key}
  user: edge
  password: !secret broker_pw
devices:
  - id: camera
    protocol: mqtt_in
    broker: mqtts://127.0.0.1:{port}
    ca: !file {ca}
    client_cert: !file {certificate}
    client_key: !file {key}
    user: edge
    password: !secret broker_pw
    topics: camera
    points: {{passed: {{field: total, type: uint32, counter: {{max_rate: 6000/min}}}}}}
stations:
  CONV-1: {{device: camera, counts: {{good: passed}}}}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def broker(tmp_path: Path, authority: Authority) -> Iterator[Mosquitto]:
    """A mosquitto that wants a certificate, a user and a password."""
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("mosquitto_passwd is not installed")
    passwords = tmp_path / "passwords"
    command = ["mosquitto_passwd", "-b", "-c", str(passwords), "edge", "geheim"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    certificate, key = authority.issue("broker")
    broker = Mosquitto(
        tmp_path,
        extra=f"user root\nallow_anonymous false\npassword_file {passwords}\nrequire_certificate true\n"
        f"cafile {authority.ca}\ncertfile {certificate}\nkeyfile {key}\n",
    )
    broker.start()
    yield broker
    broker.kill()


async def test_a_camera_is_counted_and_the_gateway_shows_itself_to_the_collector(
    broker: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue("gateway")
    plant = tmp_path / "plant.yaml"
    plant.write_text(MAP.format(port=broker.port, ca=authority.ca, certificate=certificate, key=key))
    sink = tmp_path / "events.jsonl"
    gateway = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "genba_shared.cli", "edge", "run", str(plant), "--sink", str(sink)),
        env={**os.environ, "GENBA_SECRET_BROKER_PW": "geheim"},
        stderr=asyncio.subprocess.PIPE,
    )
    states: list[bytes] = []
    where = BrokerAddress(
        host="127.0.0.1", port=broker.port, tls=True, ca=authority.ca, certificate=certificate, key=key,
        username="edge", password=Secret("geheim"),
    )  # fmt: skip
    try:
        async with MqttLink(where, "collector", on_message=lambda _, payload, __: states.append(payload)) as link:
            link.subscribe("genba/1/state/gw-1")
            await eventually(lambda: link.connected)
            await _publish_until(link, sink)
            await eventually(lambda: states and json.loads(states[-1])["online"])
    finally:
        gateway.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            _, told = await gateway.communicate()
    assert gateway.returncode == 0
    assert b"geheim" not in told


async def _publish_until(link: MqttLink, sink: Path) -> None:
    """The camera's total grows until the gateway has counted a piece."""
    total = 0

    def counted() -> bool:
        nonlocal total
        total += 1
        link.publish("camera", json.dumps({"total": total}))
        events = [json.loads(line) for line in sink.read_text().splitlines()] if sink.exists() else []
        return sum(event["delta"] for event in events if event["kind"] == "pieces_counted") >= 1

    async with asyncio.timeout(30):
        while not counted():  # noqa: ASYNC110 - the gateway is another process
            await asyncio.sleep(0.1)
