"""A collector and a gateway as an engineer starts them, each with one command, in folders and on ports of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.e2e.demo_run import wait_for

GENBA = [sys.executable, "-m", "genba_shared.cli"]
SCOPES = "read,orders:write,dispatch:write,events:write"


class Installation:
    """One collector, and gateways that deliver to it. Everything that it starts, it ends."""

    def __init__(self, folder: Path, *, broker: str | None = None, more: Sequence[str] = ()) -> None:
        """Prepare; `more` are further arguments of `genba cloud serve`."""
        self._more = more
        self.folder, self.data = folder, folder / "collector"
        self._broker = broker
        self._processes: list[subprocess.Popen[bytes]] = []
        self.url = self.mqtt = self.key = ""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = self._genba(
            "cloud", "key", "create", "erp", "--scopes", "read,orders:write,dispatch:write,events:write"
        )
        arguments = ["cloud", "serve", "--data", str(self.data), "--listen", "127.0.0.1:0"]
        log = self._start("collector", *arguments, *(["--broker", self._broker] if self._broker else []), *self._more)
        line = wait_for("the collector is ready", lambda: _line_of(log, "ready "))
        words = dict(word.split("=", 1) for word in line.split() if "=" in word)
        self.url, self.mqtt = words["url"], words["mqtt"]
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self._processes):
            assert process.wait(20) == 0

    def start_gateway(self, device_map: str, *, name: str = "gateway") -> None:
        """Start a gateway with this map, and wait until the collector has seen it with all its devices."""
        path = self.folder / f"{name}.yaml"
        path.write_text(device_map)
        self._start(name, "edge", "run", str(path), "--broker", self.mqtt, "--state", str(self.folder / name))

        def look() -> bool | None:
            gateways = self.get("/gateways")["items"]
            devices = [device for gateway in gateways for device in gateway["devices"].values()]
            return (bool(devices) and all(device["status"] == "online" for device in devices)) or None

        wait_for("the gateway's devices are online", look)

    def board_link(self) -> str:
        """The address of the board, readable without a login."""
        return self.url + self._genba("cloud", "board-link")

    def get(self, path: str) -> Any:
        return self._call(path, None)

    def text(self, path: str) -> str:
        """What a path outside the API answers."""
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._call(path, json.dumps(body).encode())

    def wait_for_node(self, order: str, node: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until a node of the order's first work order is as wanted; the node."""

        def look() -> dict[str, Any] | None:
            nodes = self.get(f"/orders/{order}")["work_orders"][0]["nodes"]
            found: dict[str, Any] = next(item for item in nodes if item["node"] == node)
            return found if holds(found) else None

        return wait_for(f"{node} of {order}", look, deadline_s=60)

    def _call(self, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read())

    def _database(self) -> list[str]:
        """The database that was named, for every command."""
        return [*self._more[self._more.index("--db") :][:2]] if "--db" in self._more else []

    def _genba(self, *arguments: str) -> str:
        done = subprocess.run(
            [*GENBA, *arguments, "--data", str(self.data), *self._database()],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip().splitlines()[-1]

    def _start(self, name: str, *arguments: str) -> Path:
        log = self.folder / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*GENBA, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "GENBA_PARENT": str(os.getpid())},
            )
        self._processes.append(process)
        return log


def _line_of(log: Path, start: str) -> str | None:
    return next((line for line in log.read_text().splitlines() if line.startswith(start)), None)


def order_body(order: str, nodes: Sequence[str], *, quantity: int) -> dict[str, Any]:
    """An order of one work order whose nodes follow one another."""
    return {
        "order": order,
        "system": "test",
        "external_id": order,
        "customer": "Blue Shirt Co",
        "promised": "2030-01-31T12:00:00Z",
        "work_orders": [
            {
                "work_order": f"WO-{order}",
                "site": "plant-a",
                "item": "shirt",
                "quantity": quantity,
                "nodes": [
                    {
                        "node": node,
                        "label": {"en": node.title()},
                        "planned_start": "2030-01-02T08:00:00Z",
                        "planned_finish": "2030-01-02T16:00:00Z",
                        "predecessors": [nodes[index - 1]] if index else [],
                    }
                    for index, node in enumerate(nodes)
                ],
            }
        ],
    }
