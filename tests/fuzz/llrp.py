"""LLRP: whatever a reader sends, at whatever moment, the driver goes on, and tag reads make sense.

`seeds/llrp/*.bin` hold what readers sent to the driver in sessions of two seconds with a tag in the field: the
simulated reader, and the emulator of llrpkit. An input is a row of frames, each behind a byte that says how it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from genba_edge.drivers.llrp import LlrpDriver
from genba_edge.ports import TagRead
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import Antenna, LlrpDevice
from tests.fuzz.loop import Feed, Harm, drive

SEEDS = Path(__file__).parent / "seeds" / "llrp"
HEADER_BYTES = 10
ANSWERS_THE_LAST, MORE_FOLLOWS, IN_PIECES, AND_CLOSES = 1, 2, 4, 8
REPORT, KEEPALIVE, EVENT = 61, 62, 63

DEVICE = LlrpDevice(id="gate", host="gate", antennas={1: Antenna(read_point="in"), 3: Antenna(read_point="out")})
CLOCK = ProductionClock()


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._feed = Feed(data)
        self._say: Callable[[bytes], None] = lambda data: None
        self._close: Callable[[], None] = lambda: None
        self._asked = b"\0\0\0\0"

    @property
    def is_over(self) -> bool:
        return self._feed.is_empty

    def connected(self, say: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._say, self._close = say, close
        self._go_on()

    def heard(self, data: bytes) -> None:
        if len(data) >= HEADER_BYTES:
            self._asked = data[6:HEADER_BYTES]
        self._go_on()

    def _go_on(self) -> None:
        how = MORE_FOLLOWS
        while how & MORE_FOLLOWS:
            if self._feed.is_empty:
                self._close()
                return
            how = self._feed.byte()
            header = self._feed.take(HEADER_BYTES)
            frame = header + self._feed.take(max(0, int.from_bytes(header[2:6], "big") - HEADER_BYTES))
            if how & ANSWERS_THE_LAST:
                frame = frame[:6] + self._asked + frame[HEADER_BYTES:]
            for piece in [frame[at : at + 1] for at in range(len(frame))] if how & IN_PIECES else [frame]:
                if piece:
                    self._say(piece)
            if how & AND_CLOSES:
                self._close()


def run(data: bytes) -> None:
    reader = _Reader(data)
    for observation in drive(lambda: LlrpDriver(DEVICE, CLOCK), reader, lambda: reader.is_over):
        if isinstance(observation, TagRead) and not _makes_sense(observation):
            raise Harm(f"no read of a tag: {observation}")


def _makes_sense(read: TagRead) -> bool:
    return (
        read.antenna in DEVICE.antennas
        and re.fullmatch("[0-9a-f]+", read.tag) is not None
        and read.reads >= 1
        and read.first_seen <= read.last_seen
    )


def frames(session: bytes) -> list[bytes]:
    """The messages of a recorded session."""
    found = []
    while len(session) >= HEADER_BYTES:
        length = int.from_bytes(session[2:6], "big")
        found.append(session[:length])
        session = session[length:]
    return found


def seeds() -> list[bytes]:
    found = []
    for path in sorted(SEEDS.glob("*.bin")):
        said = frames(path.read_bytes())
        kinds = [int.from_bytes(frame[:2], "big") & 0x3FF for frame in said]
        comes_by_itself = [kind in (REPORT, KEEPALIVE, EVENT) for kind in kinds]
        row = [
            bytes([(0 if alone else ANSWERS_THE_LAST) | (MORE_FOLLOWS if more else 0)]) + frame
            for frame, alone, more in zip(said, comes_by_itself, [*comes_by_itself[1:], False], strict=True)
        ]
        found.append(b"".join(row))
        found += [row[0] + one for one in {frame[1:3]: frame for frame in row}.values()]
    return found
