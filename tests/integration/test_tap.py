"""`genba tap` as a process against a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genba_shared import topics
from genba_shared.codec import Envelope, Header, best_codec, encode
from genba_shared.events import NodeStarted, Source, SourceType
from genba_shared.mqtt import MqttLink
from tests.integration.mqtt_peers import Mosquitto, eventually, free_port

EPOCH = "0123456789abcdef0123456789abcdef"
AT = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PROGRAM = (
    "import sys, argparse, logging, signal\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs have Ctrl-C switched off\n"
    "from genba_shared.cli.tap import COMMAND\n"
    "from genba_shared.errors import UsageError\n"
    "parser = argparse.ArgumentParser()\n"
    "COMMAND.add_arguments(parser)\n"
    "try: sys.exit(COMMAND.run(parser.parse_args()))\n"
    "except UsageError as exc: print('genba:', exc, file=sys.stderr); sys.exit(2)\n"
    "except KeyboardInterrupt: sys.exit(130)\n"
)


def envelope(gateway: str, first: int, last: int) -> bytes:
    header = Header(
        codec=best_codec(),
        gateway=gateway,
        epoch=EPOCH,
        first=first,
        last=last,
        prev=first - 1,
        acked=0,
        wall=AT,
        mono_ms=1,
    )
    events = tuple(
        NodeStarted(
            id=f"{gateway}:{EPOCH}:{seq}",
            at=AT,
            source=Source(type=SourceType.PLC, ref="裁断機"),
            work_order="WO-1",
            node="CUT",
        )
        for seq in range(first, last + 1)
    )
    return encode(Envelope(header=header, events=events))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.kill()


def tap(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def publish(broker: Mosquitto, *payloads: tuple[str, bytes]) -> None:
    async with MqttLink(broker.url, "sender") as link:
        await eventually(lambda: link.connected)
        for gateway, payload in payloads:
            link.publish(topics.up(gateway), payload)


async def test_events_are_shown_once_as_json_lines_and_what_cannot_be_read_is_named(broker: Mosquitto) -> None:
    process = tap(broker.url, "--gateway", "line-1", "--count", "3")
    assert process.stderr is not None
    assert "listening on" in process.stderr.readline()
    await publish(
        broker,
        ("line-1", envelope("line-1", 1, 2)),
        ("line-1", b"noise"),
        ("line-2", envelope("line-2", 1, 1)),
        ("line-1", envelope("line-1", 1, 2)),
        ("line-1", envelope("line-1", 3, 5)),
    )
    out, err = process.communicate(timeout=20)
    assert [json.loads(line)["id"] for line in out.splitlines()] == [f"line-1:{EPOCH}:{seq}" for seq in (1, 2, 3)]
    assert json.loads(out.splitlines()[0])["source"] == {"type": "plc", "ref": "裁断機"}
    assert "envelope of 5 bytes cannot be read" in err
    assert process.returncode == 0


async def test_ctrl_c_ends_without_a_traceback(broker: Mosquitto) -> None:
    process = tap(f"127.0.0.1:{broker.port}")
    assert process.stderr is not None
    assert "listening on" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "")


def test_a_broker_that_is_not_there_is_said_in_one_sentence() -> None:
    process = tap(f"mqtt://127.0.0.1:{free_port()}")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "cannot connect to mqtt://127.0.0.1" in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize(("arguments", "text"), [(("http://x",), "mqtt://HOST"), (("x", "--gateway", "Line 1"), "a-z")])
def test_wrong_use_is_explained(arguments: tuple[str, ...], text: str) -> None:
    process = tap(*arguments)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert text in err
