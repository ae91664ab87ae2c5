"""`genba tap` as a process against a real broker."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genba_shared import topics
from genba_shared.cli.tap import COMMAND
from genba_shared.codec import Envelope, Header, best_codec, encode
from genba_shared.events import NodeStarted, Source, SourceType
from genba_shared.mqtt import MqttLink
from tests.integration.mqtt_peers import Mosquitto, NatsServer, eventually, free_port
from tests.peers.process import line_of

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


def envelope(
    gateway: str, first: int, last: int, *, dropped: tuple[tuple[int, int], ...] = (), signature: bytes = b""
) -> bytes:
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
        dropped=dropped,
        signature=signature,
    )
    events = tuple(
        NodeStarted(
            id=f"{gateway}:{EPOCH}:{seq}",
            at=AT,
            source=Source(type=SourceType.PLC, ref="裁断機"),
            station=f"CUT-{seq % 2}",
            work_order=f"WO-{seq}",
            node="CUT",
        )
        for seq in header.seqs()
    )
    return encode(Envelope(header=header, events=events))


def shown(out: str) -> list[str]:
    """What is on each line of the output: the seq of an event, or the name of another object."""
    objects = [json.loads(line) for line in out.splitlines()]
    return [obj["id"].rpartition(":")[2] if "id" in obj else next(iter(obj)) for obj in objects]


def tap(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


async def publish(broker: Mosquitto | NatsServer, *payloads: tuple[str, bytes]) -> None:
    async with MqttLink(broker.url, "sender") as link:
        await eventually(lambda: link.connected)
        for gateway, payload in payloads:
            link.publish(topics.up(gateway), payload)


async def test_events_are_shown_once_as_json_lines_and_what_cannot_be_read_is_named(broker: Mosquitto) -> None:
    process = tap(broker.url, "--gateway", "line-1", "--count", "3")
    assert "listening on" in line_of(process.stderr)
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
    assert "listening on" in line_of(process.stderr)
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


async def test_envelopes_are_kept_as_they_came_and_shown_from_their_files(broker: Mosquitto, tmp_path: Path) -> None:
    kept = tmp_path / "report"
    process = tap(broker.url, "--raw", str(kept), "--count", "3")
    assert "listening on" in line_of(process.stderr)
    signed = envelope("line-1", 1, 4, dropped=((2, 3),), signature=bytes(64))
    await publish(broker, ("line-1", signed), ("line-1", b"noise"), ("line-1", envelope("line-1", 5, 5)))
    out, err = process.communicate(timeout=20)
    assert shown(out) == ["1", "4", "5"]
    assert "gateway line-1, epoch 0123456789abcdef0123456789abcdef, envelopes of version 2, signed" in err
    assert "the gateway dropped seqs 2..3" in err
    assert "envelopes of version 2, not signed" in err
    files = sorted(kept.iterdir())
    assert [path.name.rpartition("-")[0] for path in files] == ["damaged", "line-1-000000000001", "line-1-000000000005"]
    assert files[1].read_bytes() == signed
    again = tap(*map(str, files), "--everything")
    out, err = again.communicate(timeout=20)
    assert shown(out) == ["damaged", "envelope", "1", "4", "envelope", "5"]
    described = json.loads(out.splitlines()[1])["envelope"]
    assert (described["first"], described["last"], described["dropped"], described["signed"]) == (1, 4, [[2, 3]], True)
    assert (again.returncode, err) == (0, "")


def test_only_what_is_wanted_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "one.gb", tmp_path / "two.gb"]
    files[0].write_bytes(envelope("line-1", 1, 4))
    files[1].write_bytes(envelope("line-2", 1, 1))
    names = [str(path) for path in files]
    for arguments, seqs in (
        (("--station", "CUT-1", "--gateway", "line-1"), ["1", "3"]),
        (("--work-order", "WO-2", "--work-order", "WO-4"), ["2", "4"]),
        (("--kind", "node_completed"), []),
        (("--since", "2026-01-05T07:00:00Z", "--gateway", "line-2"), ["1"]),
        (("--since", "now"), []),
    ):
        parser = argparse.ArgumentParser()
        COMMAND.add_arguments(parser)
        assert COMMAND.run(parser.parse_args([*names, *arguments])) == 0
        assert shown(capsys.readouterr().out) == seqs, arguments


@pytest.mark.parametrize("kind", [Mosquitto, NatsServer])
async def test_rates_are_shown_instead_of_events(kind: type[Mosquitto | NatsServer], tmp_path: Path) -> None:
    broker = kind(tmp_path)
    broker.start()
    try:
        process = tap(broker.url, "--rate", "--count", "3")
        assert "listening on" in line_of(process.stderr)
        await publish(broker, ("line-1", envelope("line-1", 1, 2)), ("line-2", envelope("line-2", 1, 1)))
        out, _ = process.communicate(timeout=20)
    finally:
        broker.kill()
    seconds = [json.loads(line) for line in out.splitlines()]
    assert sum(second["events"] for second in seconds) == 3
    assert sum(second["envelopes"] for second in seconds) == 2
    assert sum(second["gateways"].get("line-1", 0) for second in seconds) == 2
    assert all(set(second["kinds"]) <= {"node_started"} for second in seconds)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("http://x",), "mqtt://HOST"),
        (("x", "--gateway", "Line 1"), "a-z"),
        (("x", "--kind", "node_complete"), "Did you mean node_completed?"),
        (("x", "--since", "yesterday"), "write now"),
        (("x", "y"), "x is not a file"),
    ],
)
def test_wrong_use_is_explained(arguments: tuple[str, ...], text: str) -> None:
    process = tap(*arguments)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert text in err
