"""OPC UA: whatever a server answers, at whatever moment, the driver goes on.

`seeds/opcua/*.bin` hold what node-opcua sent to the driver in a session of two seconds. An input is a row of messages,
each behind a byte that says how it is sent; answers get the number of the request that they follow.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from genba_edge.app.devices import make_drivers
from genba_edge.ports import Driver
from genba_shared.clock import ProductionClock
from genba_shared.device_map import load_device_map
from tests.fuzz.loop import Feed, drive

SEEDS = Path(__file__).parent / "seeds" / "opcua"
HEADER_BYTES, REQUEST_AT, REQUEST_END = 8, 20, 24
ANSWERS_THE_LAST, MORE_FOLLOWS, IN_PIECES, AND_CLOSES = 1, 2, 4, 8
LARGEST = 70_000

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - {id: cutter1, protocol: opcua, url: "opc.tcp://127.0.0.1:4840", security: {policy: none}, points: {
       parts: {node: "nsu=urn:genba:peer;s=parts", type: uint32, counter: {}},
       order: {node: "nsu=urn:genba:peer;s=order", type: string},
       temperature: {node: "nsu=urn:genba:peer;s=temperature", type: float64, mode: read}}}
"""
DEVICE = load_device_map(Path("plant.yaml"), text=MAP).devices["cutter1"]
CLOCK = ProductionClock()
STATE_DIR = Path(__file__).resolve().parents[2] / "build" / "fuzz" / "state"


class _Server:
    def __init__(self, data: bytes) -> None:
        self._feed = Feed(data)
        self._say: Callable[[bytes], None] = lambda data: None
        self._close: Callable[[], None] = lambda: None

    @property
    def is_over(self) -> bool:
        return self._feed.is_empty

    def connected(self, say: Callable[[bytes], None], close: Callable[[], None]) -> None:
        self._say, self._close = say, close

    def heard(self, data: bytes) -> None:
        how = MORE_FOLLOWS
        while how & MORE_FOLLOWS:
            if self._feed.is_empty:
                self._close()
                return
            how = self._feed.byte()
            header = self._feed.take(HEADER_BYTES)
            size = min(LARGEST, int.from_bytes(header[4:8], "little"))
            message = header + self._feed.take(max(0, size - HEADER_BYTES))
            if how & ANSWERS_THE_LAST and data[:3] == b"MSG" == message[:3] and len(message) >= REQUEST_END:
                message = message[:REQUEST_AT] + data[REQUEST_AT:REQUEST_END] + message[REQUEST_END:]
            for piece in [message[at : at + 1] for at in range(len(message))] if how & IN_PIECES else [message]:
                if piece:
                    self._say(piece)
            if how & AND_CLOSES:
                self._close()


def run(data: bytes) -> None:
    server = _Server(data)
    drive(_make, server, lambda: server.is_over)


def _make() -> Driver:
    STATE_DIR.mkdir(parents=True, exist_ok=True)
    (driver,) = make_drivers([DEVICE], clock=CLOCK, state_dir=STATE_DIR)
    return driver


def messages(session: bytes) -> list[bytes]:
    """The messages of a recorded session."""
    found = []
    while len(session) >= HEADER_BYTES:
        size = int.from_bytes(session[4:8], "little")
        found.append(session[:size])
        session = session[size:]
    return found


def seeds() -> list[bytes]:
    found = []
    for path in sorted(SEEDS.glob("*.bin")):
        said = messages(path.read_bytes())
        found += [b"".join(bytes([how]) + message for message in said) for how in (0, ANSWERS_THE_LAST)]
        found += [b"".join(b"\0" + message for message in said[:count]) for count in range(1, len(said), 2)]
    return found
