"""Pages and API in one process, ingest in another, on one PostgreSQL: each shows and does what the other commits."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import urllib.request
from pathlib import Path

import psycopg

from genba_cloud.store import PostgresStore
from tests.e2e.installation import Installation, order_body
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.peers.fleet import FleetGateway
from tests.peers.workers import WorkerProcess

ORDER = "A-1"


class Listener:
    """One open live stream, read in a thread of its own."""

    def __init__(self, site: Installation) -> None:
        self.heard = ""
        headers = {"Authorization": f"Bearer {site.key}", "Accept": "text/event-stream"}
        request = urllib.request.Request(f"{site.url}/api/v1/live", headers=headers)
        self._answer = urllib.request.urlopen(request, timeout=120)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it is closed while we read
            while line := self._answer.readline():
                self.heard += line.decode()


async def test_what_a_worker_takes_is_shown_and_decided_elsewhere_and_dispatch_goes_out_through_it(
    tmp_path: Path, postgres_url: str, broker: Mosquitto
) -> None:
    PostgresStore(postgres_url).close()
    gateway = FleetGateway("gw-1", broker.url, tmp_path / "gw-1")
    node = f"CUT-{gateway.name}"
    body = order_body(ORDER, ["CUT"], quantity=50)
    body["work_orders"][0]["work_order"] = f"WO-{gateway.name}"
    body["work_orders"][0]["nodes"][0] |= {
        "planned_start": "2026-01-02T08:00:00Z",  # long past: an episode opens
        "planned_finish": "2026-01-02T16:00:00Z",
    }
    with (
        Installation(tmp_path, more=["--db", postgres_url, "--no-ingest"]) as site,
        Installation(tmp_path / "second", more=["--db", postgres_url, "--no-ingest"]) as second,
        WorkerProcess(tmp_path, db=postgres_url, broker=broker.url),
    ):
        async with gateway.running():
            await eventually(lambda: gateway.documents, within_s=60)
            listener = Listener(second)
            await eventually(lambda: "event: clock" in listener.heard, within_s=60)
            await asyncio.to_thread(site.post, "/orders", body)
            row = {"work_order": f"WO-{gateway.name}", "node": "CUT", "quantity": 50}
            await asyncio.to_thread(site.post, f"/stations/{node}/queue", {"rows": [row]})
            await eventually(lambda: gateway.documents[-1].stations[node].next, within_s=60)
            gateway.count(20)
            await eventually(lambda: '"good":20' in listener.heard.replace(" ", ""), within_s=60)
            await eventually(lambda: "event: alert" in listener.heard, within_s=60)
            for shown in (site, second):
                await asyncio.to_thread(shown.wait_for_node, ORDER, "CUT", lambda one: one["good"] == 20)
        with psycopg.connect(postgres_url, options="-c genba.enterprise=default") as connection:
            decided = connection.execute("SELECT kind FROM log WHERE kind LIKE 'episode_%'").fetchall()
        assert decided == [("episode_opened",)]  # two processes look, one decides
