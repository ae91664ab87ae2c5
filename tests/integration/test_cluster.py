"""The measurement of a cluster in small: a node and a worker are killed under load, and nothing is lost or twice."""

from __future__ import annotations

import pytest

from benchmarks.cluster import Scenario, run
from tests.integration.mqtt_peers import nats_program
from tests.peers.postgres import find_programs


def test_a_node_and_a_worker_are_killed_and_every_event_is_there_once_and_in_order() -> None:
    if find_programs() is None:
        pytest.skip("needs PostgreSQL 15 (Debian: postgresql)")
    nats_program()
    found = run(Scenario(rate=60, workers=2, gateways=12, seconds=2.0, settle_s=0.5, group=3))
    verdict = found.verdict
    assert verdict.events > 300
    assert (verdict.lost, verdict.twice, verdict.disordered) == (0, 0, 0)
    assert not [line for log in found.logs for line in log.splitlines() if "ERROR" in line]
