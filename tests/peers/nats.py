"""A NATS cluster of three on 127.0.0.1: an MQTT listener on every node, JetStream with three copies of everything."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from genba_cloud.ingest.broker import find_server

NODES: Final = 3
START_S: Final = 60.0
MQTT_STREAMS: Final = ("$MQTT_msgs", "$MQTT_rmsgs", "$MQTT_sess")


@dataclass(frozen=True, slots=True, kw_only=True)
class NodePorts:
    """Where one node of the cluster listens."""

    mqtt: int
    client: int
    routes: int
    monitor: int


class NatsCluster:
    """Use it as ``with NatsCluster(folder) as cluster``. A node that was killed comes back on the same ports.

    `more` is added to the settings of every node (users, TLS), under the keys of the server's own format.
    """

    def __init__(self, folder: Path, *, more: dict[str, Any] | None = None) -> None:
        self._program = str(find_server())
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * NODES
        free = free_ports(4 * NODES)
        self.ports = [
            NodePorts(mqtt=free[4 * number], client=free[4 * number + 1], routes=free[4 * number + 2],
                      monitor=free[4 * number + 3])
            for number in range(NODES)
        ]  # fmt: skip
        for number in range(NODES):
            self._settings(number).write_text(json.dumps(self._settings_of(number) | (more or {}), indent=2))

    @property
    def url(self) -> str:
        """All nodes, as `--broker` takes them."""
        return ",".join(self.url_of(number) for number in range(NODES))

    def url_of(self, number: int) -> str:
        """One node alone."""
        return f"mqtt://127.0.0.1:{self.ports[number].mqtt}"

    def __enter__(self) -> Self:
        for number in range(NODES):
            self.start(number)
        self.wait_until_ready()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        for number in range(NODES):
            self.kill(number)

    def start(self, number: int) -> None:
        """Start a node; `wait_until_ready` tells when it takes part."""
        assert self._processes[number] is None
        with (self._folder / f"nats-{number}.log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                [self._program, "-c", str(self._settings(number))], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self, number: int) -> None:
        """End a node as a power cut would."""
        process, self._processes[number] = self._processes[number], None
        if process is not None:
            process.kill()
            process.wait(10)

    def wait_until_ready(self) -> None:
        """Until every running node is healthy: routes are up, and what it keeps has caught up with the others."""
        deadline = time.monotonic() + START_S
        for number, process in enumerate(self._processes):
            while process is not None and not self._is_healthy(number):
                assert process.poll() is None, (self._folder / f"nats-{number}.log").read_text()[-2000:]
                assert time.monotonic() < deadline, f"node {number} of the NATS cluster did not become healthy"
                time.sleep(0.05)

    def leader_of(self, stream: str) -> int | None:
        """Which node leads a stream of the MQTT listener (one of `MQTT_STREAMS`); None: nobody, or it is not there."""
        for number, process in enumerate(self._processes):
            if process is None:
                continue
            with contextlib.suppress(OSError, ValueError):
                told = self._ask(number, "/jsz?streams=true&accounts=true")
                for account in told.get("account_details", []):
                    for found in account.get("stream_detail", []):
                        leader = found.get("cluster", {}).get("leader", "")
                        if found["name"] == stream and leader.startswith("node-"):
                            return int(leader.removeprefix("node-"))
        return None

    def _is_healthy(self, number: int) -> bool:
        try:
            return (
                self._ask(number, "/healthz").get("status") == "ok"
                and len(self._ask(number, "/routez").get("routes", []))
                >= sum(process is not None for process in self._processes) - 1
            )
        except (OSError, ValueError):
            return False

    def _ask(self, number: int, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[number].monitor}{path}", timeout=2) as answer:
            return json.loads(answer.read())

    def _settings(self, number: int) -> Path:
        return self._folder / f"nats-{number}.conf"

    def _settings_of(self, number: int) -> dict[str, Any]:
        ports = self.ports[number]
        return {
            "server_name": f"node-{number}",
            "listen": f"127.0.0.1:{ports.client}",
            "http": f"127.0.0.1:{ports.monitor}",
            "jetstream": {"store_dir": str(self._folder / f"nats-{number}")},
            "cluster": {
                "name": "genba",
                "listen": f"127.0.0.1:{ports.routes}",
                "routes": [f"nats://127.0.0.1:{other.routes}" for other in self.ports if other is not ports],
            },
            "mqtt": {"listen": f"127.0.0.1:{ports.mqtt}", "stream_replicas": NODES, "js_api_timeout": "500ms"},
        }


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on: all looked for at once, so that none is found twice."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
