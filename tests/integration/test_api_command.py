"""`genba cloud …` as a process: says when it is ready, refuses what is unsafe, obeys signals, leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from genba_shared.mqtt import MqttLink
from genba_shared.supervisor import supervise
from genba_shared.topics import state as state_topic

pytestmark = pytest.mark.usefixtures("needs_nats_server")

GENBA = [sys.executable, "-c", "import sys; from genba_shared.cli import main; sys.exit(main())", "cloud"]


@dataclass
class Running:
    """A collector in a process of its own."""

    process: asyncio.subprocess.Process
    url: str
    mqtt: str
    password: str | None


@asynccontextmanager
async def serving(folder: Path, *more: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(
        *GENBA, "serve", "--data", str(folder), "--listen", "127.0.0.1:0", *more, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        password = None
        async with asyncio.timeout(40):
            while True:
                words = (await process.stdout.readline()).decode().split()
                assert words, "the collector ended before it was ready"
                said = dict(word.split("=", 1) for word in words if "=" in word)
                password = said.get("one-time-password", password)
                if words[0] == "ready":
                    break
        yield Running(process=process, url=said["url"], mqtt=said["mqtt"], password=password)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


async def command(*words: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(*GENBA, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_collector_starts_takes_a_gateway_and_stops_within_five_seconds(tmp_path: Path) -> None:
    code, key, _ = await command("key", "create", "demo", "--scopes", "read", "--data", str(tmp_path))
    assert code == 0
    async with serving(tmp_path) as running:
        assert running.password is not None
        headers = {"Authorization": f"Bearer {key.strip()}"}
        async with httpx.AsyncClient(base_url=running.url, headers=headers) as client:
            await until_gateway(client, running.mqtt)
            assert (await client.get("/readyz")).json()["ready"] is True
            async with client.stream("GET", "/api/v1/live") as stream:  # an open stream must not hold up the stop
                assert stream.status_code == 200
                begun = time.monotonic()
                running.process.send_signal(signal.SIGTERM)
                assert await running.process.wait() == 0
                assert time.monotonic() - begun < 5
        assert not is_open(running.mqtt)
        assert not (tmp_path / "control.json").exists()
    assert (await command("verify", "--data", str(tmp_path)))[0] == 0
    assert (await command("rebuild", "--data", str(tmp_path)))[0] == 0


async def test_commands_reach_a_running_collector_and_a_second_one_is_refused(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    async with serving(tmp_path) as running:
        code, key, _ = await command("key", "create", "erp", "--scopes", "read,orders:write", *data)
        assert code == 0
        headers = {"Authorization": f"Bearer {key.strip()}"}
        async with httpx.AsyncClient(base_url=running.url, headers=headers) as client:
            assert (await client.get("/api/v1/orders")).json() == {"items": [], "next": None}
            listed = (await command("key", "list", *data))[1].split()
            assert (await command("key", "revoke", listed[0], *data))[0] == 0
            assert (await client.get("/api/v1/orders")).status_code == 401
            link = (await command("board-link", *data))[1].strip()
            assert (await client.get(link)).status_code == 303
        assert "one-time-password=" in (await command("user", "reset", "admin", *data))[1]
        code, said, _ = await command("user", "add", "u17", "--role", "operator", *data)
        assert (code, said.startswith("login user=u17 one-time-password=")) == (0, True)
        assert (await command("user", "add", "u17", "--role", "manager", *data))[0] == 2
        assert (await command("user", "list", *data))[1] == "admin  admin\noperator  u17\n"
        assert "one-time-password=" in (await command("user", "reset", "u17", *data))[1]
        assert [(await command("user", "remove", name, *data))[0] for name in ("u17", "u17", "admin")] == [0, 2, 2]
        code, _, said = await command("serve", "--listen", "127.0.0.1:0", *data)
        assert (code, "is in use by process" in said) == (2, True)
        assert (await command("rebuild", *data))[0] == 2
        assert (await command("verify", *data))[1].endswith("differences=0\n")


@pytest.mark.parametrize("words", ["verify", "rebuild", "head", "prove x", "subject erase x", "archive --upto 1"])
async def test_a_folder_that_was_named_by_mistake_is_refused_and_left_as_it_is(tmp_path: Path, words: str) -> None:
    code, _, said = await command(*words.split(), "--data", str(tmp_path))
    assert (code, "holds no data of a collector" in said) == (2, True)
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (the path way may block, says another rule)


async def test_a_collector_that_was_killed_starts_again_with_its_data(tmp_path: Path) -> None:
    async with serving(tmp_path) as running:
        running.process.kill()
        await running.process.wait()
    async with serving(tmp_path) as again:
        assert again.password is None
        assert again.mqtt == running.mqtt


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--listen", "0.0.0.0:0"), "--tls-cert"),
        (("--listen", "8000"), "HOST:PORT"),
        (("--broker", "mqtt://10.1.2.3:1883"), "127.0.0.1"),
        (("--tls-cert", "/none.pem"), "belong together"),
        (("--db", "postgresql://x"), "--db"),
    ],
)
async def test_what_is_unsafe_or_cannot_work_is_refused_with_a_sentence(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    code, out, err = await command("serve", "--data", str(tmp_path), *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = await command("serve", "--data", str(tmp_path), "--listen", f"127.0.0.1:{port}")
    assert code == 2
    assert "Choose another with --listen" in err


async def test_https_is_spoken_with_a_certificate_and_commands_trust_it(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    async with serving(tmp_path / "data", "--tls-cert", str(certificate), "--tls-key", str(key)) as running:
        assert running.url.startswith("https://")
        code, made, err = await command("key", "create", "erp", "--scopes", "read", "--data", str(tmp_path / "data"))
        assert (code, err) == (0, "")
        assert made.startswith("genba_")


async def test_a_task_that_dies_of_a_bug_is_logged_and_started_again_alone(caplog: pytest.LogCaptureFixture) -> None:
    starts = 0
    back = asyncio.Event()

    async def run() -> None:
        nonlocal starts
        starts += 1
        if starts == 1:
            raise ZeroDivisionError
        back.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(supervise("sums", run, first_retry_s=0.01))
    async with asyncio.timeout(5):
        await back.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert "task failed task=sums" in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def until_gateway(client: httpx.AsyncClient, mqtt: str) -> None:
    """Say hello as a gateway until the collector shows it."""
    hello = {"online": True, "epoch": "0" * 32, "next_seq": {"facts": 1}, "stations": [], "zones": [], "nodes": []}
    async with MqttLink(mqtt, "line-1", on_message=lambda *_: None) as link:
        async with asyncio.timeout(20):
            while not (await client.get("/api/v1/gateways")).json()["items"]:
                if link.connected:
                    link.publish(state_topic("line-1"), json.dumps(hello).encode(), retain=True)
                await asyncio.sleep(0.1)


def is_open(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


def make_certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=genba.test"]
    try:
        subprocess.run([*words, "-keyout", key, "-out", certificate], check=True, capture_output=True, env=os.environ)
    except FileNotFoundError:
        pytest.skip("no openssl here to make a certificate")
    return certificate, key
