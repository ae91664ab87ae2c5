"""The embedded broker: same port after every start, back after a kill, gone with its parent, others left alone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from genba_cloud.ingest.broker import EmbeddedBroker, find_server
from genba_shared.errors import UsageError
from genba_shared.mqtt import MqttLink
from tests.chaos.disk import SmallDisk

pytestmark = pytest.mark.usefixtures("needs_nats_server")

PARENT = """
import asyncio, sys
from pathlib import Path
from genba_cloud.ingest.broker import EmbeddedBroker

async def main():
    async with EmbeddedBroker(Path(sys.argv[1])) as broker:
        print(broker.pid, broker.url.rpartition(":")[2], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


async def until(condition: Callable[[], bool | Awaitable[bool]], *, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.02)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def can_publish(url: str) -> bool:
    heard = asyncio.Event()
    async with MqttLink(url, "probe", on_message=lambda *_: heard.set()) as link:
        link.subscribe("genba/1/ack/probe")
        await until(lambda: link.connected)
        link.publish("genba/1/ack/probe", b"x", retain=True)
        await asyncio.wait_for(heard.wait(), 10)
    return True


async def test_it_takes_connections_on_loopback_only_and_keeps_its_port(tmp_path: Path) -> None:
    async with EmbeddedBroker(tmp_path) as broker:
        first = broker.url
        assert await can_publish(first)
    async with EmbeddedBroker(tmp_path) as broker:
        assert broker.url == first
    assert not is_open(int(first.rpartition(":")[2]))


async def test_it_is_back_on_the_same_port_after_a_kill(tmp_path: Path) -> None:
    async with EmbeddedBroker(tmp_path) as broker:
        url, pid = broker.url, broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: broker.pid not in (None, pid) and is_open(int(url.rpartition(":")[2])))
        assert await can_publish(url)


def killed_at_start(folder: Path, times: int) -> Path:
    """A NATS server that somebody kills so often before it does anything."""
    program = folder / "nats-server"
    program.write_text(
        f"#!/bin/sh\necho >> {folder}/starts\n[ $(wc -l < {folder}/starts) -gt {times} ] || kill -9 $$\n"
        f'exec {find_server()} "$@"\n'
    )
    program.chmod(0o700)
    return program


async def test_killed_while_it_starts_it_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_SERVER", str(killed_at_start(tmp_path, 2)))
    async with EmbeddedBroker(tmp_path) as broker:
        assert await can_publish(broker.url)


async def test_one_that_is_killed_whenever_it_starts_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_SERVER", str(killed_at_start(tmp_path, 1000)))
    with pytest.raises(UsageError, match="the embedded broker does not start"):
        async with EmbeddedBroker(tmp_path):
            pytest.fail("it runs")
    assert (tmp_path / "starts").read_text() == "\n\n\n"


async def test_killed_on_a_full_disk_it_is_back_when_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with SmallDisk(tmp_path / "disk", megabytes=16) as disk:
        if not disk.is_mounted:
            pytest.skip("needs the right to mount a file system in memory")
        async with EmbeddedBroker(disk.folder) as broker:
            url, pid = broker.url, broker.pid
            assert pid is not None
            disk.fill(None)
            os.kill(pid, signal.SIGKILL)
            await until(lambda: "broker ended" in caplog.text)
            await until(lambda: "No space left on device" in caplog.text)
            disk.free(None)
            await until(lambda: broker.pid not in (None, pid) and is_open(int(url.rpartition(":")[2])))
            assert await can_publish(url)


async def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = python(PARENT, str(tmp_path))
    assert parent.stdout is not None
    pid, port = (int(word) for word in parent.stdout.readline().split())
    assert is_open(port)
    parent.kill()
    parent.communicate()
    await until(lambda: not is_running(pid) and not is_open(port))
    async with EmbeddedBroker(tmp_path) as broker:
        assert broker.url == f"mqtt://127.0.0.1:{port}"


def leave_notes(folder: Path, pid: int) -> None:
    (folder / "broker").mkdir()
    (folder / "broker" / "broker.json").write_text(json.dumps({"pid": pid}))


async def test_a_leftover_of_an_earlier_run_is_ended(tmp_path: Path) -> None:
    settings = tmp_path / "broker" / "nats.conf"
    leftover = python("input()", str(settings))
    leave_notes(tmp_path, leftover.pid)
    async with EmbeddedBroker(tmp_path):
        assert leftover.wait(10) == -signal.SIGTERM
    leftover.communicate()


async def test_a_foreign_process_with_the_noted_id_is_left_alone(tmp_path: Path) -> None:
    foreign = python("input()")
    leave_notes(tmp_path, foreign.pid)
    async with EmbeddedBroker(tmp_path):
        assert is_running(foreign.pid)
    foreign.communicate("\n")
    assert foreign.returncode == 0


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="address already in use"):
            async with EmbeddedBroker(tmp_path, mqtt_port=taken.getsockname()[1]):
                pytest.fail("it started on a port that another program holds")


def test_a_server_of_ones_own_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NATS_SERVER", "/nowhere/nats-server")
    with pytest.raises(UsageError, match="NATS_SERVER=/nowhere/nats-server is not a program"):
        find_server()
