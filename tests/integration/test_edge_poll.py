"""The edge benchmark still runs: without its peer, for so short a time that its figures prove nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.edge_poll", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150)


def test_edge_poll_measures_our_gateway_and_ends_with_its_figures() -> None:
    for program in ("gcc", "mosquitto"):
        if shutil.which(program) is None and shutil.which(program, path="/usr/sbin") is None:
            pytest.skip(f"needs {program}")
    done = bench("--quick", "--ours-only", "--only", "idle,latency")
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.startswith("edge-poll: ")
    figures = {name: float(value) for name, value in (word.split("=") for word in last.split()[1:])}
    assert figures["idle_cpu_pct"] > 0
    assert figures["latency_p50_ms"] > 0


def test_edge_poll_names_its_parts_when_it_is_asked_for_another() -> None:
    done = bench("--only", "modbus,profinet")
    assert done.returncode == 2
    assert "the parts are modbus, opcua, idle, blocks, latency, many, overload" in done.stderr
