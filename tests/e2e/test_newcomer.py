"""From an OPC UA server that nobody described to counted pieces, with the commands of the how-to and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.demo_run import wait_for
from tests.e2e.installation import GENBA
from tests.peers.process import OpcUaPeer


def genba(folder: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [*GENBA, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def counted(events: Path) -> int:
    lines = events.read_text("utf-8").splitlines() if events.exists() else []
    facts: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return sum(fact["delta"] for fact in facts if fact["kind"] == "pieces_counted")


@pytest.mark.requirement(
    "R104", part="wrong maps with line, column and what to write; probe, browse, replay and explain", needs="node-opcua"
)
def test_a_newcomer_counts_pieces_of_an_unknown_server_with_four_commands(
    tmp_path: Path, start_opcua_peer: Callable[..., OpcUaPeer]
) -> None:
    peer = start_opcua_peer()
    peer.tell("set parts 40")
    plant = tmp_path / "plant.yaml"

    plant.write_text(genba(tmp_path, "edge", "browse", peer.url, "--yaml"), "utf-8")
    assert "security: {policy: none}" in plant.read_text("utf-8")
    assert_pieces_are_counted(tmp_path, peer)


def test_a_newcomer_counts_pieces_of_an_encrypted_server_that_wants_a_user(
    tmp_path: Path, start_opcua_peer: Callable[..., OpcUaPeer]
) -> None:
    peer = start_opcua_peer("secure", "users")
    peer.tell("set parts 40")

    plant = genba(tmp_path, "edge", "browse", peer.url, "--yaml", "--user", "edge", GENBA_PASSWORD="sesame")
    (tmp_path / "plant.yaml").write_text(plant, "utf-8")
    assert 'security: {policy: Basic256Sha256, mode: SignAndEncrypt, user: "edge", password: !secret plc1_pw}' in plant
    (tmp_path / "secrets.yaml").write_text("plc1_pw: 'sesame'\n", "utf-8")
    (tmp_path / "secrets.yaml").chmod(0o600)
    assert_pieces_are_counted(tmp_path, peer)


def assert_pieces_are_counted(tmp_path: Path, peer: OpcUaPeer) -> None:
    assert "1 device, 6 points, 1 station" in genba(tmp_path, "edge", "check", "plant.yaml")
    assert "parts        40  good" in genba(tmp_path, "edge", "probe", "plant.yaml", "--for", "0")
    command = [*GENBA, "edge", "run", "plant.yaml", "--sink", "events.jsonl"]
    with (tmp_path / "log").open("wb") as log:
        gateway = subprocess.Popen(command, cwd=tmp_path, stderr=log)
    try:
        wait_for("the gateway is connected", lambda: "device connected" in (tmp_path / "log").read_text() or None)
        peer.tell("set parts 44")
        wait_for("the pieces are counted", lambda: counted(tmp_path / "events.jsonl") == 4 or None)
    finally:
        gateway.send_signal(signal.SIGTERM)
        assert gateway.wait(20) == 0


def test_browse_says_what_stands_in_the_way(tmp_path: Path) -> None:
    done = subprocess.run(
        [*GENBA, "edge", "browse", "opc.tcp://127.0.0.1:1"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.endswith("genba: connection refused by 127.0.0.1:1\n")


def test_probe_says_which_device_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "plant.yaml").write_text(
        "version: 1\ngateway: {id: gw-1, site: site-1}\n"
        "devices: [{id: cell, protocol: modbus, host: 127.0.0.1:1, points: {good: {at: 40001, type: uint16}}}]\n"
    )
    done = subprocess.run(
        [*GENBA, "edge", "probe", "plant.yaml", "--wait", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.startswith("cell: does not answer: connection refused by 127.0.0.1:1 ")
    assert done.stdout.endswith("\n  good  no answer\n")
