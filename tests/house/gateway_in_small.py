"""A gateway in small: imports every module of edge and shared, counts across a wrap, encodes and decodes an envelope.

Run as a program of its own by test_edge_without.py, with packages that are not everywhere kept from being found.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

BLOCKED = {"numpy", "zstandard", "msgspec"}
START = datetime(2026, 1, 5, 7, tzinfo=UTC)
EPOCH = "e" * 32
MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - {id: press, protocol: modbus, host: 127.0.0.1, points: {
      good: {at: 40001, type: uint16, counter: {max_rate: 60/min}}}}
stations: {PRESS: {device: press, counts: {good: good}}}
"""


class Blocker:
    """Finds none of the blocked packages."""

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def import_everything() -> int:
    """Import every module of edge and shared; how many there are."""
    import genba_edge
    import genba_shared

    names = [
        found.name
        for package in (genba_edge, genba_shared)
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
        if not found.name.endswith("__main__")
    ]
    for name in names:
        importlib.import_module(name)
    return len(names)


def count_and_send() -> int:
    """Derive events from four readings and send them through the codec; the pieces that arrive."""
    from genba_edge.core.deriver import Deriver
    from genba_edge.core.journal import Identity, Moment
    from genba_edge.core.observations import DeviceBack, Observation, Sample
    from genba_edge.core.watch import Pace
    from genba_shared.codec import Envelope, Header, Lane, best_codec, decode, encode
    from genba_shared.device_map import load_device_map
    from genba_shared.events import Event, PiecesCounted

    deriver = Deriver(
        load_device_map(Path("plant.yaml"), text=MAP),
        identity=Identity(gateway="gw-1", epoch=EPOCH, site="plant-a", boot="b" * 32),
        next_seq=1,
        saved={},
        pace=Pace(poll_s={"press": 1.0}),
        moment=Moment(now=START, mono_ms=0),
    )
    for second, value in enumerate((65_534, 65_535, 0, 1)):
        at = START + timedelta(seconds=second)
        batch: list[Observation] = [Sample(device="press", point="good", value=value, at=at, seen_at=at)]
        if second == 0:
            batch.insert(0, DeviceBack(device="press", at=at))
        deriver.observe(batch, Moment(now=at, mono_ms=1000 * second))
    deriver.shut_down(Moment(now=at, mono_ms=4000))
    events: tuple[Event, ...] = tuple(deriver.take_checkpoint().events)
    header = Header(
        codec=best_codec(),
        gateway="gw-1",
        lane=Lane.FACTS,
        epoch=EPOCH,
        first=1,
        last=len(events),
        prev=0,
        acked=0,
        wall=START,
        mono_ms=0,
    )
    arrived = decode(encode(Envelope(header=header, events=events))).events
    return sum(event.delta for event in arrived if isinstance(event, PiecesCounted))


def main() -> None:
    """Say what worked."""
    sys.meta_path.insert(0, Blocker())
    print("modules", import_everything())
    print("pieces", count_and_send())
    print("blocked", sorted(BLOCKED & sys.modules.keys()))


if __name__ == "__main__":
    main()
