"""`genba edge replay RAW --map MAP`: run a raw log through a map, and compare with what another map makes of it."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from genba_edge.core.observations import Sample
from genba_shared.clock import format_time
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.errors import UsageError

if TYPE_CHECKING:
    from genba_edge.app.replaying import Run

PROGRESS_S: Final = 2.0
DIFFERENT: Final = 1


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge replay`."""
    parser.description = (
        "Derive a raw log (from genba edge record, or run --record) once more: no device is asked, time is the log's. "
        "Says what MAP makes of it otherwise than the map that was recorded (it stands in the log), or than another "
        "one: completions, pieces, WIP, states of stations, questions, gaps, and the settings that may be why."
    )
    parser.epilog = (
        "Exit code 0: done, no difference. 1: the maps differ, or something could not be derived. 2: wrong use."
    )
    parser.add_argument("raw", type=Path, metavar="RAW", help="the raw log")
    parser.add_argument("--map", type=Path, required=True, metavar="MAP", help="the map to derive it with")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="OTHER_MAP",
        help="compare with what this map makes of it (default: the map that was recorded)",
    )
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
    from genba_edge.app.raw_file import read_raw
    from genba_edge.app.replaying import prepare
    from genba_edge.app.second_replay import GARBAGE_AFTER, second_outcome
    from genba_edge.core.raw_log import RawBatch
    from genba_edge.core.replay import derive_again
    from genba_edge.core.replay_difference import Causes, compare_outcomes
    from genba_edge.core.reporting import Reporter

    gc.set_threshold(GARBAGE_AFTER)
    new = load_device_map(args.map)
    other = None if args.against is None else load_device_map(args.against)
    run = prepare(args.raw, new, against=other)
    reporter, review = Reporter(new), MapReview(new, run.header)
    started = time.monotonic()
    with contextlib.ExitStack() as files:
        changes = None if args.changes is None else files.enter_context(args.changes.open("w", encoding="utf-8"))
        second = None
        if run.against:
            second = files.enter_context(second_outcome(run, args.raw, args.map, args.against))
        for entry in _with_progress(derive_again(read_raw(args.raw), run.replays), run.replays[0]):
            if isinstance(entry, RawBatch):
                review.take(entry)
            if changes is not None and isinstance(entry, RawBatch):
                for observation in entry.observations:
                    changes.writelines(_sample_line(sample) for sample in reporter.take(observation))
        outcome = run.replays[0].finish()
        before = None if second is None else second()
    if args.events is not None:
        _write_events(args.events, outcome)
    _print(_summary(outcome, new, seconds=time.monotonic() - started))
    _print(f"{args.map.name} is doubtful: {finding.note}" for finding in review.findings)
    _print(f"note: {note}" for note in run.notes())
    if before is None:
        return DIFFERENT if outcome.failures else 0
    name = args.against.name if args.against is not None else _recorded_name(run)
    difference = compare_outcomes(outcome, before, saved=run.header.state)
    _print((f"{args.map.name} against {name}:",))
    _print(difference_lines(difference, Causes.between(run.against, new), ZoneInfo(new.gateway.timezone)))
    return 0 if difference.is_none and not outcome.failures and not before.failures else DIFFERENT


def _recorded_name(run: Run) -> str:
    hashes = ", ".join(each.sha256[:12] for each in run.against)
    return f"the recorded map ({hashes})" if len(run.against) == 1 else f"the recorded maps ({hashes})"


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


def difference_lines(difference: Any, causes: Any, zone: tzinfo) -> Iterator[str]:
    """One line for each figure that differs, the numbers of the settings that may be why, and these settings."""
    if difference.is_none:
        yield "  no difference"
        return
    for sign, claims in (("+", difference.added), ("-", difference.lost)):
        yield from (f"  {sign} {_claim(claim, zone)}{_why(causes.of_node(claim.node))}" for claim in claims)
    for was, now in difference.changed:
        yield f"  ~ {_claim(was, zone)} → {_claim(now, zone)}{_why(causes.of_node(now.node))}"
    for station, result, new, old in difference.counts:
        yield f"  station {station}: {new} {result} instead of {old}{_why(causes.of_station(station))}"
    for (work_order, node, result), new, old in difference.work:
        whose = f"{work_order} {node}" if work_order else "no work order"
        why = causes.of_node(node) if node else []
        yield f"  {whose}: {new} {result} instead of {old}{_why(why)}"
    for (name,), new, old in difference.wip:
        yield f"  zone {name}: {new} pieces at the end instead of {old}{_why(causes.of_zone(name))}"
    for (station, state), new, old in difference.states_s:
        told = f"{_span(new)} instead of {_span(old)}"
        yield f"  station {station}: {state} for {told}{_why(causes.of_state(station))}"
    for (point, cause), new, old in difference.questions:
        about = point if point.startswith("zone ") else f"point {point}"
        questions = f"{new} question{'' if new == 1 else 's'} ({cause})"
        yield f"  {about}: {questions} instead of {old}{_why(causes.of_subject(point))}"
    for (point,), new, old in difference.in_doubt:
        counts = f"{new} count{'' if new == 1 else 's'} in doubt"
        yield f"  point {point}: {counts} instead of {old}{_why(causes.of_subject(point))}"
    for (subject, cause), new, old in difference.gaps_s:
        told = f"{_span(new)} instead of {_span(old)}"
        yield f"  {subject}: not observed ({cause}) for {told}{_why(causes.of_subject(subject))}"
    yield from (f"  {kind}: {new} events instead of {old}" for (kind,), new, old in difference.other)
    yield from _settings(causes)


def _settings(causes: Any) -> Iterator[str]:
    if causes.named:
        yield "settings that may be why:"
        yield from (f"  [{number}] {change}" for number, change in enumerate(causes.named, start=1))
    others = [change for change in causes.changes if change not in causes.named]
    if others:
        yield "other settings that differ:"
        yield from (f"  {change}" for change in others)


def _why(numbers: Sequence[int]) -> str:
    return f"  [{' '.join(map(str, numbers))}]" if numbers else ""


def _span(seconds: int) -> str:
    from genba_edge.core.sentences import span_text

    return span_text(timedelta(seconds=seconds))


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
