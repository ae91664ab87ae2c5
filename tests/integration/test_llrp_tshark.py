"""A whole session between the driver and the simulated reader, decoded by a third codec: that of Wireshark."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from genba_edge.drivers.llrp import LlrpDriver
from genba_edge.ports import DeviceAlive, DeviceBack, TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, LlrpDevice
from genba_sim.rfid_llrp import SimReader
from tests.peers.recorder import Recorder, eventually

pytestmark = [
    pytest.mark.peer("tshark"),
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]

SHIRT = "3034257bf7194e4000001a85"
READER_PORT = 5084
MAX_SEGMENT = 1400


@dataclass(slots=True)
class Segment:
    """Bytes that went one way through the relay; `connection` counts from 0."""

    connection: int
    from_reader: bool
    data: bytes


@dataclass(slots=True)
class Relay:
    """A TCP relay in front of the reader that remembers what passed."""

    target: int
    port: int = 0
    segments: list[Segment] = field(default_factory=list)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, both ways, until either side ends it."""
        number, self.connections = self.connections, self.connections + 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        ways = [
            asyncio.create_task(self._pass_on(reader, far_writer, Segment(number, False, b""))),
            asyncio.create_task(self._pass_on(far_reader, writer, Segment(number, True, b""))),
        ]
        await asyncio.wait(ways)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: Segment) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                self.segments.append(Segment(way.connection, way.from_reader, data))
                sink.write(data)
        sink.close()


@asynccontextmanager
async def relay_to(port: int) -> AsyncIterator[Relay]:
    relay = Relay(port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()


def pcap(segments: Sequence[Segment]) -> bytes:
    """A classic capture file (link type 101, raw IP) with made-up IP and TCP headers around the bytes."""
    sent: dict[tuple[int, bool], int] = {}
    packets = []
    for segment in segments:
        for start in range(0, len(segment.data), MAX_SEGMENT):
            data = segment.data[start : start + MAX_SEGMENT]
            way, back = (segment.connection, segment.from_reader), (segment.connection, not segment.from_reader)
            packets.append(_packet(segment, data, sequence=sent.get(way, 0), acknowledged=sent.get(back, 0)))
            sent[way] = sent.get(way, 0) + len(data)
    records = (
        struct.pack("<IIII", number // 1000, number % 1000 * 1000, len(packet), len(packet)) + packet
        for number, packet in enumerate(packets)
    )
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) + b"".join(records)


def _packet(segment: Segment, data: bytes, *, sequence: int, acknowledged: int) -> bytes:
    gateway, reader = (bytes((10, 0, 0, 1)), 40_000 + segment.connection), (bytes((10, 0, 0, 2)), READER_PORT)
    (source, source_port), (sink, sink_port) = (reader, gateway) if segment.from_reader else (gateway, reader)
    tcp = struct.pack("!HHIIHHHH", source_port, sink_port, 1 + sequence, 1 + acknowledged, 0x5018, 65535, 0, 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, source, sink)
    return ip + tcp + data


def tshark(capture: Path, *options: str) -> str:
    """What tshark says about the capture."""
    command = ["tshark", "-r", str(capture), "-d", f"tcp.port=={READER_PORT},llrp", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def messages_of(capture: Path) -> Iterator[tuple[str, int]]:
    """Sender and message type of each LLRP message, in order."""
    fields = ("-T", "fields", "-e", "tcp.stream", "-e", "tcp.srcport", "-e", "llrp.type")
    for line in tshark(capture, "-Y", "llrp", *fields).splitlines():
        _, port, types = line.split("\t")
        for number in types.split(","):
            yield ("reader" if int(port) == READER_PORT else "gateway"), int(number)


@pytest.fixture
async def capture(tmp_path: Path) -> Path:
    """Set-up, reads, a broken connection, held reads, keepalives, good-bye."""
    clock = ProductionClock()
    reader = SimReader(clock)
    await reader.start()
    recorder = Recorder()
    async with relay_to(reader.port) as relay:
        device = LlrpDevice(
            id="gate",
            host="127.0.0.1",
            port=relay.port,
            antennas={1: Antenna(read_point="in", power_dbm=24.0), 2: Antenna(read_point="out")},
            report_s=0.05,
            reconnect_max_s=0.1,
            timeout_s=0.6,
        )
        task = asyncio.create_task(LlrpDriver(device, clock).run(recorder))
        await recorder.until(lambda: recorder.of(DeviceBack) != [])
        reader.see(1, SHIRT, clock.now(), -60)
        await recorder.until(lambda: recorder.of(TagRead) != [])
        reader.drop_connection()
        await eventually(lambda: not reader.is_connected)
        reader.see(2, SHIRT, clock.now() + timedelta(seconds=1), -61)
        await recorder.until(lambda: len(recorder.of(TagRead)) == 2)
        alive = len(recorder.of(DeviceAlive))
        await recorder.until(lambda: len(recorder.of(DeviceAlive)) >= alive + 4)
        task.cancel()
        await asyncio.wait({task})
        await reader.stop()
        path = tmp_path / "session.pcap"
        path.write_bytes(pcap(relay.segments))
    return path


def complaints_in(text: str) -> list[str]:
    """Lines in which tshark says that it does not understand something."""
    words = ("malformed", "unknown", "expert info", "unreassembled")
    return [line.strip() for line in text.splitlines() if any(word in line.lower() for word in words)]


def test_wireshark_finds_nothing_malformed_or_unknown(capture: Path) -> None:
    text = tshark(capture, "-O", "llrp")

    assert text.count("Low Level Reader Protocol") > 20
    assert complaints_in(text) == []


def test_wireshark_does_complain_of_a_frame_that_is_wrong(tmp_path: Path) -> None:
    """The test above could not fail otherwise."""
    parameter_too_long = bytes.fromhex("043f 00000014 00000000 00f60016 0080000c 0000")
    unknown_message = bytes.fromhex("0777 0000000a 00000000")
    path = tmp_path / "wrong.pcap"
    path.write_bytes(pcap([Segment(0, True, parameter_too_long), Segment(1, True, unknown_message)]))

    assert len(complaints_in(tshark(path, "-O", "llrp"))) >= 2


def test_messages_come_in_the_order_of_the_standard(capture: Path) -> None:
    said = list(messages_of(capture))

    begin = [("reader", 63)]  # READER_EVENT_NOTIFICATION: connection attempt
    capabilities, config, rospecs = _asked(1), _asked(3), _asked(26)
    first = [*begin, *capabilities, *config, *config, *config, *rospecs, ("gateway", 64), *_asked(2)]
    install = [*_asked(21), *_asked(20), *_asked(24), *_asked(22)]
    quiet = [one for one in said if one[1] not in (61, 62, 72)]
    assert quiet[: len(first) + len(install)] == [*first, *install]
    again = quiet[len(first) + len(install) :]
    assert again == [*first, ("gateway", 14), ("reader", 4)]  # our ROSpec still runs: nothing is deleted


def test_held_report_comes_after_enable_and_before_the_next_answer(capture: Path) -> None:
    said = list(messages_of(capture))
    second_connection = said[len(said) - said[::-1].index(("reader", 63)) - 1 :]

    at = second_connection.index(("gateway", 64))
    enabling = [one for one in second_connection[at : at + 5] if one[1] not in (62, 72)]
    assert ("reader", 61) in enabling[: enabling.index(("reader", 12))]


def test_each_keepalive_is_acknowledged_with_its_id(capture: Path) -> None:
    fields = ("-T", "fields", "-e", "tcp.stream", "-e", "llrp.id")
    sent = tshark(capture, "-Y", "llrp.type == 62", *fields).splitlines()
    acknowledged = tshark(capture, "-Y", "llrp.type == 72", *fields).splitlines()

    assert len(sent) >= 2
    assert acknowledged == sent[: len(acknowledged)]
    assert len(sent) - len(acknowledged) <= 1  # one may have been under way when we said good-bye


def test_tag_report_says_what_the_plant_said(capture: Path) -> None:
    fields = ("llrp.param.epc", "llrp.antenna_id", "llrp.param.tag_count")
    wanted = itertools.chain.from_iterable(("-e", one) for one in fields)
    reports = tshark(capture, "-Y", "llrp.type == 61", "-T", "fields", *wanted).splitlines()

    # the second shares its packet with the answer that lists the reader's antennas: only the first number is its own
    assert [(tag, antenna.split(",")[0], count) for tag, antenna, count in (line.split("\t") for line in reports)] == [
        (SHIRT, "1", "1"),
        (SHIRT, "2", "1"),
    ]


def _asked(message: int) -> list[tuple[str, int]]:
    return [("gateway", message), ("reader", message + 10)]
