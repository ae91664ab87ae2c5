"""What events cost on the wire, in bytes and in time, beside JSON and beside the raw values.

    genba bench wire [--live-seconds 90] [--raw-seconds 15] [--only batch,speed,live,raw] [--quick]

The stream is that of a factory of thirty stations at work (`benchmarks/stream`): the gateway's own derivation makes it
from PLC registers and tag reads that change as in a plant, about one event a second; the same every time.

* `batch100_ratio`: envelopes of 100 events that can be read by themselves, whole, with header, hash, a signature of 64
  bytes and check sum, ÷ the same 100 events as JSON lines compressed by zstd of the same level.
* `live_ratio`: the gateway's outbox and uplink with `collector.delay: 700ms`, over mosquitto to the collector on
  SQLite, enrolled, so that envelopes, state and acknowledgements are signed, ÷ one JSON message for each event at QoS 1
  over the same broker at the same time. Counted on the gateway's link: what both ends said, and the headers of all
  segments, acknowledgements of MQTT and TCP included. The gateway's state is counted, as long as a gateway of this
  plant tells it, with its answers; JSON is sent without any. Neither way's connecting is counted. From the moment
  before an event goes to the outbox until the collector's commit none may take longer than 1 s.
* `raw_ratio`: a day of this factory in envelopes of at most 60 s, delivered by the uplink, ÷ a day of what
  thingsboard-gateway sends when it forwards 1,000 points at 1 Hz: both really sent for a while over counted links, and
  scaled to a day.
* `speed_ratio`: events → JSON objects → `json.dumps` → bytes → `json.loads` → events, ÷ encode + decode of an
  envelope, compressed and hashed, for 100 and for 1,000 events: the lesser of the two. Both begin and end with checked
  events; JSON's objects are made and read by the product's own `event_to_json` and `event_from_json`. Beside it,
  `speed_zstd_ratio` is the same with JSON compressed and decompressed, as envelopes are, and `bare_ratio` is
  `json.dumps` and `json.loads` alone, of dictionaries that are ready, without events, compression or hash: C code that
  does less. All times are CPU time, in turns, the best of some rounds.

Exit code 2: something that the measurement needs cannot be had; the message says what.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import zstandard

from benchmarks.edge import thingsboard
from benchmarks.edge.collector import broker
from benchmarks.edge.processes import CannotMeasure
from benchmarks.stream.days import RAW_GROUP_S, SIGNATURE, derived_day, raw_day
from benchmarks.stream.delivery import (
    LIVE,
    Commits,
    JsonSender,
    OutboxSender,
    RealCollector,
    quiet,
    real_collector,
)
from benchmarks.stream.events import GATEWAY, NOBODY, Factory, Made, made_between, realistic_events
from benchmarks.stream.link import CountedLink, Traffic
from benchmarks.stream.plant import T0
from genba_shared.codec import Codec, Envelope, Header, decode, encode
from genba_shared.codec.compression import ZSTD_LEVEL
from genba_shared.events import Event, event_from_json, event_to_json, to_line

GOALS: Final = {"batch100_ratio": 0.55, "live_ratio": 0.55, "raw_ratio": 0.0033}
"""The most that a figure may be."""
LEAST: Final = {"speed_ratio": 3.0}
"""The least that a figure may be."""
SIZES: Final = (1, 2, 5, 20, 100, 400, 1000)
SPEEDS: Final = (5, 100, 1000)
LIVE_SEEDS: Final = (6, 7, 8, 9)
AT_WORK_S: Final = 1200.0  # second of the plant at which live sending begins: work orders end and begin by then
PARTS: Final = ("batch", "speed", "live", "raw")


@dataclass(slots=True)
class Report:
    """The figures of the last line."""

    figures: dict[str, float] = field(default_factory=dict)

    def print(self) -> None:
        """What was missed, and the last line."""
        figures = self.figures
        missed = [
            f"{name} {figures[name]:.4g} > {most:g}" for name, most in GOALS.items() if figures.get(name, 0) > most
        ]
        missed += [
            f"{name} {figures[name]:.4g} < {least:g}"
            for name, least in LEAST.items()
            if figures.get(name, least) < least
        ]
        if missed:
            print(f"\nmissed: {', '.join(missed)}")
        print("\nwire: " + " ".join(f"{name}={value:.4g}" for name, value in figures.items()), flush=True)


def envelope_of(events: Sequence[Event], codec: Codec = Codec.ZSTD) -> Envelope:
    """These events as a gateway sends them, signed."""
    gateway, epoch, first = events[0].id.split(":")
    header = Header(
        codec=codec,
        gateway=gateway,
        epoch=epoch,
        first=int(first),
        last=int(first) + len(events) - 1,
        prev=int(first) - 1,
        acked=int(first) - 1,
        wall=T0,
        mono_ms=93_244_820,
        signature=SIGNATURE,
    )
    return Envelope(header=header, events=tuple(events))


def cut(events: Sequence[Event], size: int, most: int) -> list[Sequence[Event]]:
    """Batches of one size, of at most so many events together, but at least two."""
    count = min(max(2, most // size), len(events) // size)
    return [events[first : first + size] for first in range(0, count * size, size) if first + size <= len(events)]


def lines(events: Sequence[Event]) -> bytes:
    """The events as JSON lines."""
    return "\n".join(map(to_line, events)).encode()


def _row(*cells: str | float) -> None:
    """A row of a table, in columns of the same width."""
    print("".join(f"{cell:>12}" if isinstance(cell, str) else f"{cell:12,.4g}" for cell in cells), flush=True)


def batch_part(events: Sequence[Event], report: Report) -> None:
    """Bytes of envelopes."""
    print("\nbytes an event; JSON compressed by the same codec")
    _row("events in one", "envelope", "JSON, zstd", "ratio", "envelope", "JSON, zlib", "ratio", "JSON")
    pack = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress
    for size in (each for each in SIZES if 2 * each <= len(events)):
        batches = cut(events, size, 2000)
        count = size * len(batches)
        plain = [lines(each) for each in batches]
        by_zstd = sum(len(encode(envelope_of(each, Codec.ZSTD))) for each in batches) / count
        by_zlib = sum(len(encode(envelope_of(each, Codec.ZLIB))) for each in batches) / count
        json_zstd = sum(len(pack(each)) for each in plain) / count
        json_zlib = sum(len(zlib.compress(each, 9)) for each in plain) / count
        ratio = by_zstd / json_zstd
        _row(
            str(size), by_zstd, json_zstd, ratio, by_zlib, json_zlib, by_zlib / json_zlib, sum(map(len, plain)) / count
        )
        if size == 100:
            report.figures["batch100_ratio"] = ratio


def speed_part(events: Sequence[Event], report: Report, *, rounds: int) -> None:
    """CPU time of envelopes and of JSON."""
    print("\nevents a second of CPU time")
    _row("events in one", "encode", "decode", "both", "JSON", "ratio", "JSON, zstd", "ratio", "bare JSON", "ratio")
    for size in (each for each in SPEEDS if 2 * each <= len(events)):
        batches = cut(events, size, 2000)
        count = size * len(batches)
        best = _best_times(batches, rounds)
        both = best["encode"] + best["decode"]
        ratio, packed, bare = (best[way] / both for way in ("json", "json_zstd", "bare"))
        rates = [count / seconds for seconds in (best["encode"], best["decode"], both, best["json"])]
        _row(str(size), *rates, ratio, count / best["json_zstd"], packed, count / best["bare"], bare)
        if size >= 100:
            report.figures["speed_ratio"] = min(ratio, report.figures.get("speed_ratio", ratio))
            report.figures["speed_zstd_ratio"] = min(packed, report.figures.get("speed_zstd_ratio", packed))
            report.figures["bare_ratio"] = min(bare, report.figures.get("bare_ratio", bare))
        report.figures[f"encode{size}_rate"], report.figures[f"decode{size}_rate"] = rates[:2]


def _best_times(batches: Sequence[Sequence[Event]], rounds: int) -> dict[str, float]:
    """CPU seconds of each way with all batches: the best of so many rounds, in which they take turns."""
    envelopes = [envelope_of(each) for each in batches]
    wire = [encode(each) for each in envelopes]
    ready = [[event_to_json(event) for event in each] for each in batches]
    pack, unpack = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress, zstandard.ZstdDecompressor().decompress
    ways: dict[str, Callable[[], object]] = {
        "encode": lambda: [encode(each) for each in envelopes],
        "decode": lambda: [decode(each) for each in wire],
        "json": lambda: [from_json(as_json(each)) for each in batches],
        "json_zstd": lambda: [from_json(unpack(pack(as_json(each)))) for each in batches],
        "bare": lambda: [json.loads(dumped(each)) for each in ready],
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            way()
            best[name] = min(best[name], time.process_time() - began)
    return best


def dumped(objects: Sequence[dict[str, object]]) -> bytes:
    """JSON as compact as it gets."""
    return json.dumps(objects, ensure_ascii=False, separators=(",", ":")).encode()


def as_json(events: Sequence[Event]) -> bytes:
    """Events to bytes without the codec."""
    return dumped([event_to_json(event) for event in events])


def from_json(data: bytes) -> list[Event]:
    """And back."""
    return [event_from_json(obj) for obj in json.loads(data)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What one factory sent live, both ways."""

    events: int
    ours: Traffic
    theirs: Traffic
    commits: Commits


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """How long is sent live, from which second of the plant on, by which factories."""

    seconds: float
    begin_s: float = AT_WORK_S
    seeds: Sequence[int] = LIVE_SEEDS


QUICK_LIVE: Final = LiveRun(seconds=3.0, begin_s=NOBODY, seeds=LIVE_SEEDS[:1])


async def live_factory(
    gateway: str, made: Sequence[Made], *, collector: RealCollector, folder: Path, port: int
) -> Live:
    """Send what one factory makes, as it is made, both ways."""
    with CountedLink(port) as our_link, CountedLink(port) as their_link:
        credentials = await collector.enrol(gateway)
        theirs = JsonSender(their_link, gateway=gateway)
        ours = OutboxSender(
            folder / gateway, our_link, gateway=gateway, collector=collector, credentials=credentials, settings=LIVE
        )
        async with theirs.running(), ours.running():
            our_start, their_start = await quiet(our_link), await quiet(their_link)
            began = time.monotonic()
            for each in made:
                await asyncio.sleep(max(0.0, began + each.second - time.monotonic()))
                ours.send(each.events)
                theirs.send(each.events)
            await ours.settled()
            our_end, their_end = await quiet(our_link), await quiet(their_link)
    return Live(
        events=sum(len(each.events) for each in made),
        ours=our_end.since(our_start),
        theirs=their_end.since(their_start),
        commits=collector.commits[gateway],
    )


def live_part(report: Report, run: LiveRun, *, folder: Path, port: int) -> None:
    """Bytes on the links of some factories, each with a gateway of its own, while events are sent as they are made."""
    end_s = run.begin_s + run.seconds
    factories = {f"{GATEWAY}-{seed}": Factory(seed, gateway=f"{GATEWAY}-{seed}") for seed in run.seeds}
    made = {name: made_between(factory, run.begin_s, end_s) for name, factory in factories.items()}

    async def all_of_them() -> list[Live]:
        async with real_collector(folder / "collector", port) as collector:
            senders = (
                live_factory(name, each, collector=collector, folder=folder, port=port) for name, each in made.items()
            )
            return await asyncio.gather(*senders)

    found = asyncio.run(all_of_them())
    count = sum(one.events for one in found)
    messages = sum(one.commits.envelopes for one in found)
    ours = sum(one.ours.wire for one in found)
    theirs = sum(one.theirs.wire for one in found)
    took_s = [each for one in found for each in one.commits.took_s]
    report.figures["live_ratio"] = ours / theirs
    report.figures["live_slowest_ms"] = max(took_s) * 1000
    rows = (
        ("envelopes", ours, sum(one.ours.segments for one in found), messages),
        ("JSON, QoS 1", theirs, sum(one.theirs.segments for one in found), count),
    )
    print(f"\nlive, {len(found)} gateways, {run.seconds:.0f} s, {count} events, the slowest after {max(took_s):.2f} s")
    for name, size, segments, parts in rows:
        print(
            f"  {name:12}{size / count:6.0f} bytes an event on the wire, {count / parts:.2f} events in a message, "
            f"{segments / count:.2f} segments an event",
            flush=True,
        )
    if len(took_s) != count or max(took_s) > 1.0:
        print(f"  NOT AS AGREED: {len(took_s)} of {count} were committed, the slowest after {max(took_s):.2f} s")


def raw_part(report: Report, *, folder: Path, port: int, seconds: float, derived_s: float) -> None:
    """A derived day beside a raw one."""
    raw = raw_day(folder=folder, port=port, seconds=seconds)
    derived, events = asyncio.run(derived_day(folder=folder, port=port, seconds=derived_s))
    report.figures["raw_ratio"] = derived / raw
    print(
        f"  a day of it {raw / 1e6:8,.1f} MB (scaled from {seconds:.0f} s)\n"
        f"  derived     {derived / 1e6:8,.2f} MB, {events:,} events in envelopes of at most {RAW_GROUP_S} s "
        f"(scaled from {derived_s / 60:.0f} minutes)",
        flush=True,
    )


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="genba bench wire", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--live-seconds", type=float, default=90.0, help="how long events are sent live (default 90)")
    parser.add_argument("--raw-seconds", type=float, default=15.0, help="how long the peer is measured (default 15)")
    parser.add_argument("--only", metavar="PART[,PART]", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few seconds: shows that it works, proves nothing")
    args = parser.parse_args(arguments)
    args.parts = args.only.split(",")
    if unknown := [part for part in args.parts if part not in PARTS]:
        parser.error(f"--only {','.join(unknown)}: the parts are {', '.join(PARTS)}")
    return args


def measure(args: argparse.Namespace, report: Report) -> None:
    """The parts, one after the other."""
    if {"batch", "speed"} & set(args.parts):
        _, events = realistic_events(250 if args.quick else 3000)
        if "batch" in args.parts:
            batch_part(events, report)
        if "speed" in args.parts:
            speed_part(events, report, rounds=1 if args.quick else 7)
    if {"live", "raw"} & set(args.parts):
        with tempfile.TemporaryDirectory(prefix="genba-bench-") as name, broker(Path(name)) as port:
            folder = Path(name)
            if "live" in args.parts:
                run = QUICK_LIVE if args.quick else LiveRun(seconds=args.live_seconds)
                live_part(report, run, folder=folder, port=port)
            if "raw" in args.parts:
                seconds, derived_s = (3.0, 600.0) if args.quick else (args.raw_seconds, 3600.0)
                raw_part(report, folder=folder, port=port, seconds=seconds, derived_s=derived_s)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables and the last line."""
    args = _arguments(arguments)
    report = Report()
    try:
        if "raw" in args.parts:
            thingsboard.installed_python()
        measure(args, report)
    except CannotMeasure as exc:
        print(f"wire cannot measure: {exc}", file=sys.stderr)
        return 2
    report.print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
