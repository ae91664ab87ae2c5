"""`genba edge replay RAW --map MAP`: run a raw log through a map, and compare with what another map makes of it."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from genba_edge.core.observations import Sample
from genba_shared.clock import format_time
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.errors import UsageError

PROGRESS_S: Final = 2.0
DIFFERENT: Final = 1


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge replay`."""
    parser.description = (
        "Derive a raw log (from genba edge record, or run --record) once more: no device is asked, time is the log's. "
        "With --against, say which completions a change of the map adds, loses or moves before it goes live."
    )
    parser.epilog = (
        "Exit code 0: done, no difference. 1: the maps differ, or something could not be derived. 2: wrong use."
    )
    parser.add_argument("raw", type=Path, metavar="RAW", help="the raw log")
    parser.add_argument("--map", type=Path, required=True, metavar="MAP", help="the map to derive it with")
    parser.add_argument("--against", type=Path, metavar="OTHER_MAP", help="compare with what this map makes of it")
    parser.add_argument("--events", type=Path, metavar="FILE.jsonl", help="write the events of MAP, one JSON line each")
    parser.add_argument(
        "--changes",
        type=Path,
        metavar="FILE.jsonl",
        help="write the readings that MAP's deadbands and intervals report",
    )


def run_replay(args: argparse.Namespace) -> int:
    """Replay, and print completions, counts and differences."""
    from genba_edge.app.map_watch import MapReview
    from genba_edge.app.pace import pace_of
    from genba_edge.app.raw_file import read_raw
    from genba_edge.core.raw_log import RawBatch, RawHeader
    from genba_edge.core.replay import Replay, compare_outcomes, derive_again
    from genba_edge.core.reporting import Reporter

    maps = [load_device_map(path) for path in (args.map, args.against) if path is not None]
    entries = read_raw(args.raw)
    header = next(entries)
    if not isinstance(header, RawHeader):
        raise UsageError(f"{args.raw} is not a raw log")
    replays = [Replay(each, header, pace_of(each, header.speed)) for each in maps]
    reporter, review = Reporter(maps[0]), MapReview(maps[0], header)
    started = time.monotonic()
    with contextlib.ExitStack() as files:
        changes = None if args.changes is None else files.enter_context(args.changes.open("w", encoding="utf-8"))
        for entry in _with_progress(derive_again(entries, replays), replays[0]):
            if isinstance(entry, RawBatch):
                review.take(entry)
            if changes is not None and isinstance(entry, RawBatch):
                for observation in entry.observations:
                    changes.writelines(_sample_line(sample) for sample in reporter.take(observation))
    outcomes = [replay.finish() for replay in replays]
    if args.events is not None:
        _write_events(args.events, outcomes[0])
    _print(_summary(outcomes[0], maps[0], seconds=time.monotonic() - started))
    _print(f"{args.map.name} is doubtful: {finding.note}" for finding in review.findings)
    failed = any(outcome.failures for outcome in outcomes)
    if len(outcomes) == 1:
        return DIFFERENT if failed else 0
    difference = compare_outcomes(*outcomes)
    _print(_differences(difference, args.map.name, args.against.name, ZoneInfo(maps[0].gateway.timezone)))
    return 0 if difference.is_none and not failed else DIFFERENT


def _with_progress(entries: Iterable[Any], replay: Any) -> Iterator[Any]:
    """Say on a terminal how far a long log is."""
    due = time.monotonic() + PROGRESS_S
    for entry in entries:
        yield entry
        if time.monotonic() >= due and sys.stderr.isatty():
            due = time.monotonic() + PROGRESS_S
            outcome = replay.outcome
            sys.stderr.write(f"\r{outcome.observations:,} observations, {len(outcome.events):,} events …")
            sys.stderr.flush()


def _summary(outcome: Any, device_map: DeviceMap, *, seconds: float) -> Iterator[str]:
    zone = ZoneInfo(device_map.gateway.timezone)
    if outcome.begin is None or outcome.end is None:
        yield "the log holds no readings"
        return
    hours = (outcome.end - outcome.begin).total_seconds() / 3600
    yield (
        f"{outcome.begin.astimezone(zone):%Y-%m-%d %H:%M:%S} to {outcome.end.astimezone(zone):%Y-%m-%d %H:%M:%S} "
        f"({hours:.1f} h): {outcome.observations:,} observations in {seconds:.1f} s"
    )
    if outcome.missing:
        yield f"{outcome.missing} batches are missing: the disk was too slow when the log was written"
    for failure in outcome.failures:
        yield f"not derived: {failure.what} ({type(failure.error).__name__}: {failure.error})"
    for (station, result), pieces in sorted(outcome.counts().items()):
        yield f"station {station}: {pieces} {result}"
    claims = outcome.completions()
    for claim in claims:
        yield f"completed {_claim(claim, zone)}"
    yield f"{len(outcome.events)} events, {len(claims)} completions"


def _claim(claim: Any, zone: tzinfo) -> str:
    doubt = "" if claim.confidence == "certain" else f", {claim.confidence}"
    return (
        f"{claim.work_order} {claim.node} at {claim.at.astimezone(zone):%m-%d %H:%M:%S} ({claim.pieces} pieces{doubt})"
    )


def _differences(difference: Any, name: str, other: str, zone: tzinfo) -> Iterator[str]:
    yield f"{name} against {other}:"
    yield from (f"  + {_claim(claim, zone)}" for claim in difference.added)
    yield from (f"  - {_claim(claim, zone)}" for claim in difference.lost)
    yield from (f"  ~ {_claim(was, zone)} → {_claim(now, zone)}" for was, now in difference.changed)
    yield from (
        f"  station {station}: {new} {result} instead of {old}" for station, result, new, old in difference.counts
    )
    if difference.is_none:
        yield "  no difference in counts and completions"


def _write_events(path: Path, outcome: Any) -> None:
    from genba_shared.events import to_line

    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(f"{to_line(event)}\n" for event in outcome.events)
    except OSError as exc:
        raise UsageError(f"--events {path}: {exc.strerror}") from exc


def _sample_line(sample: Sample) -> str:
    told = {
        "device": sample.device,
        "point": sample.point,
        "value": sample.value,
        "quality": str(sample.quality),
        "at": format_time(sample.at),
    }
    return json.dumps(told, ensure_ascii=False) + "\n"


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
