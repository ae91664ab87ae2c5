"""A collector whose database goes away: it says so once, refuses what it cannot do, and comes back by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.browser.support import order_body
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("needs_nats_server")

GENBA = [sys.executable, "-c", "import sys; from genba_shared.cli import main; sys.exit(main())", "cloud"]
WITHIN_S = 60


@dataclass
class Running:
    """A collector in a process of its own, and a client with a key for reading and writing."""

    client: httpx.Client
    log: Path

    def until(self, status: int) -> None:
        """Wait until it says this about being ready."""
        deadline = time.monotonic() + WITHIN_S
        while self.client.get("/readyz").status_code != status:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def post(self, order: str) -> int:
        """Send an order."""
        return self.client.post("/api/v1/orders", json=order_body(order)).status_code


@contextmanager
def serving(folder: Path, url: str) -> Iterator[Running]:
    environment = {**os.environ, "GENBA_DB": url}
    options = ("serve", "--data", str(folder), "--listen", "127.0.0.1:0")
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen([*GENBA, *options], stdout=subprocess.PIPE, stderr=file, env=environment, text=True)
    try:
        assert process.stdout is not None
        ready = next((line for line in process.stdout if line.startswith("ready ")), None)
        assert ready is not None, log.read_text()
        words = ("key", "create", "erp", "--scopes", "read,orders:write", "--data", str(folder))
        made = subprocess.run([*GENBA, *words], stdout=subprocess.PIPE, env=environment, text=True, check=True)
        where = ready.split()[1].removeprefix("url=")
        with httpx.Client(base_url=where, headers={"Authorization": f"Bearer {made.stdout.strip()}"}) as client:
            yield Running(client=client, log=log)
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0


def test_a_collector_survives_its_database(mortal_postgres: PostgresServer, mortal_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, mortal_url) as collector:
        collector.until(200)
        assert collector.post("A-1") == 201
        mortal_postgres.stop()
        try:
            collector.until(503)
            assert collector.client.get("/readyz").json() == {"ready": False, "missing": ["database"]}
            for path in ("/api/v1/orders", "/board", "/metrics"):
                refused = collector.client.get(path)
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
                assert refused.headers["Content-Type"] == "application/problem+json"
            assert collector.post("A-2") == 503
            assert collector.client.get("/healthz").status_code == 200
        finally:
            mortal_postgres.start()
        collector.until(200)
        assert collector.post("A-2") == 201
        orders = collector.client.get("/api/v1/orders").json()["items"]
        assert [order["order"] for order in orders] == ["A-1", "A-2"]
    said = collector.log.read_text()
    assert "Traceback" not in said
    assert [said.count(words) for words in ("database away ", "database back ")] == [1, 1]
