"""The whole path: plant, gateway, broker, collector; what the collector says equals what the plant did."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genba_shared.clock import format_time, parse_time
from tests.e2e.demo_run import Demo, descendants, is_alive, listening_ports, wait_for

pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo that ran for a while and judged itself."""
    demo = Demo.start(tmp_path_factory.mktemp("demo"), "--check", "--for", "60", "--speed", "60", "--port", "0")
    demo.finish()
    return demo


@pytest.mark.requirement("R22")
def test_collector_and_plant_agree(finished: Demo) -> None:
    assert finished.process.returncode == 0, finished.text
    assert finished.figures()["undeclared"] == "0"


@pytest.mark.requirement(
    "R103",
    part="completions over OPC UA, Modbus and LLRP from simulated devices, over OPC UA and Modbus from foreign ones",
)
def test_completions_come_over_all_three_protocols(finished: Demo) -> None:
    protocols = dict(part.split(":") for part in finished.figures()["protocols"].split(","))
    assert set(protocols) == {"opcua", "modbus", "llrp"}
    assert int(finished.figures()["completions"]) >= 20


def recheck_with(finished: Demo, folder: Path, alter: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> str:
    """Judge the finished run again by an altered truth; what it prints. It must fail."""
    shutil.copytree(finished.data, folder / "data", ignore=shutil.ignore_patterns("collector", "gateway"))
    truth = folder / "data" / "truth.jsonl"
    lines = alter([json.loads(line) for line in truth.read_text().splitlines()])
    truth.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = subprocess.run(
        [sys.executable, "-m", "genba_shared.cli", "demo", "--recheck", str(folder / "data")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def without_first(lines: list[dict[str, Any]], **wanted: str) -> list[dict[str, Any]]:
    position = next(i for i, line in enumerate(lines) if all(line.get(name) == value for name, value in wanted.items()))
    return lines[:position] + lines[position + 1 :]


def test_check_fails_when_the_truth_has_one_piece_less(finished: Demo, tmp_path: Path) -> None:
    output = recheck_with(finished, tmp_path, lambda lines: without_first(lines, truth="piece"))
    assert "undeclared=1" in output


def test_check_fails_when_the_truth_has_one_tag_less(finished: Demo, tmp_path: Path) -> None:
    output = recheck_with(
        finished, tmp_path, lambda lines: without_first(lines, truth="tag_passed", read_point="packing-out")
    )
    assert "undeclared=1" in output


def test_check_fails_when_one_completion_was_at_another_time(finished: Demo, tmp_path: Path) -> None:
    def an_hour_earlier(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        line = next(line for line in lines if line["truth"] == "node_completed")
        hour = int(line["at"][11:13])
        line["at"] = f"{line['at'][:11]}{(hour + 23) % 24:02d}{line['at'][13:]}"
        return lines

    assert "undeclared=1" in recheck_with(finished, tmp_path, an_hour_earlier)


@pytest.mark.requirement("R22")
@pytest.mark.requirement("R109")
def test_the_time_of_every_machine_is_known_and_its_utilisation_is_that_of_the_plant(finished: Demo) -> None:
    figures = finished.figures()
    assert figures["stations"] == "4"
    assert float(figures["known"]) >= 0.8
    assert float(figures["utilisation_error"]) <= 0.02


def test_check_fails_when_a_machine_was_in_another_state(finished: Demo, tmp_path: Path) -> None:
    def down_instead(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        set_ups = [line for line in lines if line["truth"] == "state" and line["state"] == "setup"]
        set_ups[len(set_ups) // 2]["state"] = "down"
        return lines

    output = recheck_with(finished, tmp_path, down_instead)
    assert "UNDECLARED state of" in output


def test_check_fails_when_a_machine_changed_at_another_time(finished: Demo, tmp_path: Path) -> None:
    def two_minutes_later(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        changes = [line for line in lines if line["truth"] == "state" and line["station"] == "SEW-1"]
        for change, following in pairwise(changes[1:]):
            began, ended = parse_time(change["at"]), parse_time(following["at"])
            if ended - began > timedelta(minutes=3):
                change["at"] = format_time(began + timedelta(minutes=2))
                return lines
        raise AssertionError("SEW-1 did nothing for three minutes")

    output = recheck_with(finished, tmp_path, two_minutes_later)
    assert "UNDECLARED state of" in output


def events_written(demo: Demo) -> int:
    path = demo.data / "events.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_when(demo: Demo, events: int, pid: Callable[[], int]) -> None:
    """Kill -9 a process when the gateway has written so many events."""
    wait_for(f"{events} events", lambda: events_written(demo) >= events or None)
    os.kill(pid(), signal.SIGKILL)


def broker_pid(demo: Demo) -> int:
    def look() -> int | None:
        for pid in descendants(demo.pids()["collector"]):
            with contextlib.suppress(OSError):  # it has ended since
                if "nats-server" in Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]:
                    return pid
        return None

    return wait_for("the broker runs", look)


@pytest.mark.requirement("R66", part="a gateway counts on without the collector, which agrees with it later")
def test_kill_9_of_gateway_collector_and_broker_loses_and_doubles_nothing(tmp_path: Path) -> None:
    demo = Demo.start(tmp_path, "--check", "--for", "75", "--speed", "60", "--port", "0")
    try:
        demo.wait_for_board()
        kill_when(demo, 60, lambda: demo.pids()["gateway"])
        kill_when(demo, 180, lambda: demo.pids()["collector"])
        kill_when(demo, 300, lambda: broker_pid(demo))
        code = demo.finish()
    finally:
        demo.stop()
    assert code == 0, demo.text
    assert demo.figures()["undeclared"] == "0"
    assert int(demo.figures()["restarts"]) == 2, (
        "gateway and collector were started again by the demo, the broker by the collector"
    )


def test_completions_reach_the_api_through_mosquitto(tmp_path: Path) -> None:
    mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if mosquitto is None:
        pytest.skip("mosquitto is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with subprocess.Popen([mosquitto, "-c", str(settings)], stderr=subprocess.DEVNULL) as broker:
        try:
            demo = Demo.start(
                tmp_path,
                "--check",
                "--for",
                "30",
                "--speed",
                "60",
                "--port",
                "0",
                "--broker",
                f"mqtt://127.0.0.1:{port}",
            )
            code = demo.finish()
        finally:
            broker.terminate()
    assert code == 0, demo.text
    assert int(demo.figures()["completions"]) >= 3
    assert not [pid for pid in descendants(os.getpid()) if "nats" in Path(f"/proc/{pid}/cmdline").read_text()]


def everything(demo: Demo) -> tuple[list[int], set[int]]:
    """All processes of the demo, and all ports that they listen on, once it is up."""
    demo.wait_for_board()
    broker_pid(demo)
    pids = [demo.process.pid, *descendants(demo.process.pid)]
    ports = listening_ports(pids)
    assert len(pids) >= 5
    assert len(ports) >= 5
    return pids, ports


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def assert_nothing_left(pids: list[int], ports: set[int]) -> None:
    wait_for("no process is left", lambda: not [pid for pid in pids if is_alive(pid)] or None, deadline_s=20)
    wait_for("no port is left", lambda: all(port_is_free(port) for port in ports) or None, deadline_s=20)


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    demo = Demo.start(tmp_path, "--port", "0")
    pids, ports = everything(demo)
    assert demo.stop() == 0, demo.text
    assert "Traceback" not in demo.text
    assert_nothing_left(pids, ports)


def test_kill_9_of_the_demo_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    demo = Demo.start(tmp_path, "--port", "0")
    pids, ports = everything(demo)
    demo.process.kill()
    demo.process.wait()
    assert_nothing_left(pids, ports)


def test_kill_9_of_the_parent_of_the_demo_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys; "
        "child = subprocess.Popen([sys.executable, '-m', 'genba_shared.cli', 'demo', *sys.argv[1:]]); child.wait()"
    )
    output = tmp_path / "output.txt"
    with output.open("w") as file:
        parent = subprocess.Popen(
            [sys.executable, "-c", code, "--data", str(tmp_path / "data"), "--port", "0"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
        )
    pids, ports = everything(Demo(parent, tmp_path / "data", output))
    parent.kill()
    parent.wait()
    assert_nothing_left(pids, ports)
