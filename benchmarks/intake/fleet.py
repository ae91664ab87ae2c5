"""A thousand gateways that send at once: how long from publishing an envelope to its acknowledgement.

    python -m benchmarks.intake.fleet [--gateways 1000] [--rate 5000] [--seconds 60]

Each gateway has a connection of its own to the embedded broker and sends an envelope of five events, made beforehand by
the product's codec, once a second, anywhere in the second. The collector is `genba cloud serve` with SQLite; it
acknowledges after its commit, so that the acknowledgement's arrival bounds the commit from above. What is not
acknowledged within 3 s is sent again, and counts from its first publishing. Gateways and collector share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from benchmarks.intake.tiny_mqtt import TinyClient
from genba_shared import topics
from genba_shared.acknowledgement import Acknowledgement
from genba_shared.codec import Envelope, Header, best_codec, encode
from genba_shared.events import (
    Event,
    NodeCompleted,
    NodeStarted,
    PiecesCounted,
    Result,
    Source,
    SourceType,
    StationState,
    StationStateChanged,
)
from tests.e2e.installation import Installation

EVENTS: Final = 5
RESEND_S: Final = 3.0
DRAIN_S: Final = 120.0
AT_ONCE: Final = 50  # connections that are opened together
EPOCH: Final = "f1ee7f1ee7f1ee7f1ee7f1ee7f1ee7f1"
T0: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
PLC: Final = Source(type=SourceType.PLC, ref="plc/parts")


@dataclass(slots=True)
class Gateway:
    """One simulated gateway: its envelopes still to send, and those under way with when they were first published."""

    name: str
    envelopes: deque[tuple[int, bytes]]
    client: TinyClient | None = None
    under_way: deque[tuple[int, bytes, float]] = field(default_factory=deque)
    resends: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetResult:
    """Milliseconds from publishing to acknowledgement, sorted; events that were sent and that the log holds."""

    took_ms: tuple[float, ...]
    sent: int
    in_log: int
    resends: int
    seconds: float

    def percentile(self, part: float) -> float:
        """The value below which that part of all lies."""
        return self.took_ms[min(len(self.took_ms) - 1, int(len(self.took_ms) * part))]


def events_of(gateway: str, first: int) -> Iterator[Event]:
    """Five events of a station at work: a piece count each few seconds, a state, and sometimes a finished node."""
    station, at = f"S-{gateway}", T0 + timedelta(seconds=first)
    work = f"WO-{gateway}-{first // 500}"
    common = {"source": PLC, "station": station}
    for offset in range(EVENTS):
        seq = first + offset
        name = f"{gateway}:{EPOCH}:{seq}"
        when = at + timedelta(milliseconds=200 * offset)
        match seq % 500, offset:
            case 1, _:
                yield NodeStarted(id=name, at=when, **common, work_order=work, node="SEW")  # type: ignore[arg-type]  # keywords by name
            case 0, _:
                yield NodeCompleted(id=name, at=when, **common, work_order=work, node="SEW", pieces=300)  # type: ignore[arg-type]  # as above
            case _, 1 if seq % 10 == 2:
                state = StationState.RUNNING if seq % 20 == 2 else StationState.IDLE
                yield StationStateChanged(id=name, at=when, **common, state=state, since=when)  # type: ignore[arg-type]  # as above
            case _:
                yield PiecesCounted(
                    id=name,
                    at=when,
                    **common,  # type: ignore[arg-type]  # as above
                    work_order=work,
                    node="SEW",
                    point="plc/parts",
                    result=Result.GOOD,
                    delta=1,
                    total=seq,
                    counter_epoch=1,
                    since=when - timedelta(milliseconds=200),
                )


def envelopes_of(gateway: str, count: int) -> Iterator[tuple[int, bytes]]:
    """The envelopes of a gateway, each with its last seq."""
    for number in range(count):
        first = number * EVENTS + 1
        last = first + EVENTS - 1
        header = Header(
            codec=best_codec(),
            gateway=gateway,
            epoch=EPOCH,
            first=first,
            last=last,
            prev=first - 1,
            acked=0,
            wall=T0 + timedelta(seconds=number),
            mono_ms=number * 1000,
        )
        yield last, encode(Envelope(header=header, events=tuple(events_of(gateway, first))))


class Fleet:
    """All gateways of a run."""

    def __init__(self, gateways: Sequence[Gateway], *, seconds: float, seed: int) -> None:
        self._gateways = gateways
        self._seconds = seconds
        self._chance = random.Random(seed)
        self._took_ms: list[float] = []

    async def run(self, port: int) -> list[float]:
        """Connect, send on schedule, wait for the last acknowledgement; milliseconds of every envelope."""
        gate = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._connect(gateway, port, gate) for gateway in self._gateways))
        print(f"{len(self._gateways)} gateways connected", flush=True)
        listeners = [
            asyncio.create_task(self._listen(gateway)) for gateway in self._gateways if gateway.client is not None
        ]
        await asyncio.gather(*(self._send(gateway) for gateway in self._gateways))
        async with asyncio.timeout(DRAIN_S):
            while any(gateway.under_way for gateway in self._gateways):
                self._resend()
                await asyncio.sleep(0.2)
        for task in listeners:
            task.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
        for gateway in self._gateways:
            if gateway.client is not None:
                gateway.client.close()
        return self._took_ms

    async def _connect(self, gateway: Gateway, port: int, gate: asyncio.Semaphore) -> None:
        async with gate:
            gateway.client = await TinyClient.connect(port, gateway.name, topics.ack(gateway.name))

    async def _listen(self, gateway: Gateway) -> None:
        def hear(payload: bytes) -> None:
            upto, now = Acknowledgement.from_json(payload).upto, time.monotonic()
            while gateway.under_way and gateway.under_way[0][0] <= upto:
                self._took_ms.append((now - gateway.under_way.popleft()[2]) * 1000)

        if gateway.client is not None:
            await gateway.client.listen(hear)

    async def _send(self, gateway: Gateway) -> None:
        """One envelope in each second, at a moment of its own."""
        client, topic = gateway.client, topics.up(gateway.name)
        if client is None:
            return
        every_s = self._seconds / len(gateway.envelopes)
        started = time.monotonic()
        offset_s = self._chance.random() * every_s
        for number in range(len(gateway.envelopes)):
            await asyncio.sleep(max(0.0, started + offset_s + number * every_s - time.monotonic()))
            last, payload = gateway.envelopes.popleft()
            gateway.under_way.append((last, payload, time.monotonic()))
            client.publish(topic, payload)
            self._resend_one(gateway)

    def _resend(self) -> None:
        for gateway in self._gateways:
            self._resend_one(gateway)

    def _resend_one(self, gateway: Gateway) -> None:
        late = time.monotonic() - RESEND_S * (1 + gateway.resends)
        if gateway.client is None or not gateway.under_way or gateway.under_way[0][2] > late:
            return
        gateway.resends += 1
        for _, payload, _ in gateway.under_way:
            gateway.client.publish(topics.up(gateway.name), payload)


def run_fleet(*, gateways: int, rate: float, seconds: float, seed: int = 7) -> FleetResult:
    """Run a collector and the fleet against it."""
    count = max(1, round(rate * seconds / EVENTS / gateways))
    fleet = [Gateway(name, deque(envelopes_of(name, count))) for name in (f"gw-{n:04d}" for n in range(gateways))]
    sent = gateways * count * EVENTS
    print(f"{sent} events in {gateways * count} envelopes made", flush=True)
    with tempfile.TemporaryDirectory() as name, Installation(Path(name)) as site:
        port = urlsplit(site.mqtt).port
        if port is None:
            raise RuntimeError(f"{site.mqtt} names no port")
        begun = time.monotonic()
        took = asyncio.run(Fleet(fleet, seconds=seconds, seed=seed).run(port))
        took_s = time.monotonic() - begun
        metrics = dict(line.rsplit(" ", 1) for line in site.text("/metrics").splitlines())
    return FleetResult(
        took_ms=tuple(sorted(took)),
        sent=sent,
        in_log=int(metrics["genba_log_position"]),
        resends=sum(gateway.resends for gateway in fleet),
        seconds=took_s,
    )


def show(result: FleetResult) -> None:
    """Print a table."""
    print(f"{'':24}{'p50':>8}{'p90':>8}{'p99':>8}{'worst':>8}   ms, publish to acknowledgement")
    row = "".join(f"{result.percentile(part):8.0f}" for part in (0.5, 0.9, 0.99))
    print(f"{f'{result.sent / result.seconds:.0f} events/s':24}{row}{result.took_ms[-1]:8.0f}")
    print(f"events sent {result.sent}, in the log {result.in_log}, resends {result.resends}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateways", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=5000.0, help="events per second of all together")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args(arguments)
    result = run_fleet(gateways=options.gateways, rate=options.rate, seconds=options.seconds)
    show(result)
    print(json.dumps({"commit_p99_ms": round(result.percentile(0.99)), "lost": result.sent - result.in_log}))


if __name__ == "__main__":
    main()
