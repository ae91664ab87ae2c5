"""The gateway as a process, with its settings as they come: a black hole, and what its file of events says of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.demo_run import wait_for
from tests.peers.process import ModbusPeer
from tests.peers.proxy import Mode, Proxy

GENBA = [sys.executable, "-m", "genba_shared.cli"]
WITHIN_S = 30.0
POLL_S = 0.5
MAP = """
version: 1
gateway: {{id: gw-1, site: plant-a, timezone: UTC}}
devices:
  - {{id: behind, protocol: modbus, host: "127.0.0.1:{behind}", byte_order: CDAB, points: {{
       good: {{at: {{holding: 0}}, type: uint32, counter: {{max_rate: 6000/min}}}}}}}}
  - {{id: beside, protocol: modbus, host: "127.0.0.1:{beside}", byte_order: CDAB, points: {{
       good: {{at: {{holding: 0}}, type: uint32, counter: {{max_rate: 6000/min}}}}}}}}
stations:
  BEHIND: {{device: behind, counts: {{good: good}}}}
  BESIDE: {{device: beside, counts: {{good: good}}}}
"""


class Process:
    """`genba edge run` with its sink and its log."""

    def __init__(self, folder: Path, device_map: str) -> None:
        (folder / "plant.yaml").write_text(device_map)
        self._sink, self._log = folder / "events.jsonl", folder / "gateway.log"
        arguments = ["edge", "run", str(folder / "plant.yaml"), "--sink", str(self._sink), "--state", str(folder / "s")]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [*GENBA, *arguments], stdout=output, stderr=subprocess.STDOUT, env=os.environ
            )

    def lines(self, word: str) -> list[str]:
        return [line for line in self._log.read_text().splitlines() if word in line]

    def events(self, kind: str) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self._sink.read_text().splitlines()]
        return [event for event in events if event["kind"] == kind]

    def pieces(self) -> dict[str, int]:
        """Pieces counted by station."""
        counted: Counter[str] = Counter()
        for event in self.events("pieces_counted"):
            counted[event["station"]] += event["delta"]
        return dict(counted)

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(WITHIN_S)


def wait_until(what: str, condition: Callable[[], bool]) -> float:
    """The moment at which the condition was seen to hold, on the monotonic clock."""
    wait_for(what, lambda: condition() or None, deadline_s=WITHIN_S)
    return time.monotonic()


def test_pieces_made_in_a_black_hole_are_counted_and_the_time_is_declared(
    tmp_path: Path, modbus_peer_program: str
) -> None:
    with (
        ModbusPeer(modbus_peer_program) as behind,
        ModbusPeer(modbus_peer_program) as beside,
        Proxy(behind.port) as proxy,
    ):
        for peer in (behind, beside):
            peer.tell("set32 holding 0 65500")
        gateway = Process(tmp_path, MAP.format(behind=proxy.port, beside=beside.port))
        try:
            wait_until("both are there", lambda: len(gateway.lines("device connected")) == 2)
            behind.tell("set32 holding 0 65510")
            wait_until("pieces are counted", lambda: bool(gateway.events("pieces_counted")))
            began_s, asked = proxy.switch(Mode.BLACK_HOLE), beside.requests()
            behind.tell("set32 holding 0 65600")
            beside.tell("set32 holding 0 65507")
            wait_until("the loss is told", lambda: bool(gateway.lines("device lost")))
            wait_until("three more tries are made, with longer and longer pauses", lambda: proxy.connections >= 4)
            asked, passed_s = beside.requests() - asked, proxy.switch(Mode.PASS)
            back_s = wait_until("it is back", lambda: bool(gateway.lines("device back")))
        finally:
            code = gateway.end()
    assert code == 0
    assert back_s - passed_s < 3.0
    assert asked >= (passed_s - began_s) / POLL_S - 2
    assert gateway.pieces() == {"BEHIND": 100, "BESIDE": 7}
    assert [(gap["subject"], gap["cause"]) for gap in gateway.events("data_gap_seen")] == [("behind", "connectivity")]
    assert len(gateway.lines("device lost")) == 1
    assert len(gateway.lines("device back")) == 1
