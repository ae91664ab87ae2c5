"""`genba tap BROKER|FILE…`: production events as they pass a broker, or of envelopes that were kept, as JSON lines."""

from __future__ import annotations

import argparse
import asyncio
import difflib
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from genba_shared import topics
from genba_shared.cli.command import Command
from genba_shared.cli.tap_show import SUFFIX, Shower, Wanted, What, tell
from genba_shared.clock import parse_time
from genba_shared.codec import MAX_ENVELOPE
from genba_shared.errors import UsageError
from genba_shared.events import KINDS
from genba_shared.mqtt import MqttLink

_RATE_S: Final = 1.0
_EXAMPLES: Final = f"""\
examples:
  genba tap mqtt://127.0.0.1:1883
  genba tap broker.factory --gateway line-1 | jq 'select(.kind == "node_completed")'
  genba tap broker.factory --kind node_completed --work-order WO-1001 --since now
  genba tap 'mqtts://broker.factory?ca=ca.pem' > events.jsonl
  genba tap broker.factory --raw report/      (keeps the envelopes; add the folder to a bug report)
  genba tap report/*{SUFFIX} --everything        (shows what is in them)

Events go to stdout, one JSON object a line; what cannot be read, dropped seqs and who sends are named on stderr, or
with --everything are objects between the events: {{"envelope": …}}, {{"rejected": …}}, {{"damaged": …}}.
Ctrl-C ends."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EXAMPLES
    add = parser.add_argument
    add(
        "sources",
        metavar="BROKER|FILE",
        nargs="+",
        help="mqtt://HOST:PORT, mqtts://HOST:PORT?ca=FILE, or just HOST; or files that --raw kept",
    )
    add("--gateway", metavar="G", help="only this gateway's events")
    add("--kind", metavar="K", action="append", default=[], help="only events of this kind (may be given again)")
    add("--work-order", metavar="W", action="append", default=[], help="only of this work order (may be given again)")
    add("--station", metavar="S", action="append", default=[], help="only of this station (may be given again)")
    add("--since", metavar="TIME", help="only what happened from then on: now, or 2026-01-05T07:00:00Z")
    add("--count", metavar="N", type=int, help="end after N events")
    add("--raw", metavar="DIR", type=Path, help="keep every envelope in this folder, as it came")
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--everything", action="store_true", help="envelopes, refused and damaged ones as objects, too")
    shown.add_argument("--rate", action="store_true", help="instead of events: each second how many came, and bytes")


def _run(args: argparse.Namespace) -> int:
    if args.gateway is not None and not topics.is_identifier(args.gateway):
        raise UsageError(f"'{args.gateway}' is not a gateway id: 1 to 40 of a-z, 0-9 and '-'")
    if args.count is not None and args.count < 1:
        raise UsageError(f"--count {args.count}: write 1 or more, or leave it out")
    if args.raw is not None:
        _prepare(args.raw)
    what = What.EVERYTHING if args.everything else What.RATES if args.rate else What.EVENTS
    shower = Shower(_wanted(args), what, left=args.count, raw=args.raw)
    files = [Path(source) for source in args.sources if Path(source).is_file()]
    if len(files) == len(args.sources):
        _show_files(files, shower)
    elif len(args.sources) > 1:
        missing = next(source for source in args.sources if not Path(source).is_file())
        raise UsageError(f"{missing} is not a file. Write one broker, or files only")
    else:
        url = args.sources[0] if "://" in args.sources[0] else f"mqtt://{args.sources[0]}"
        asyncio.run(_tap(url, shower, gateway=args.gateway))
    return 0


def _wanted(args: argparse.Namespace) -> Wanted:
    for kind in args.kind:
        if kind not in KINDS:
            near = difflib.get_close_matches(kind, list(KINDS), n=1)
            raise UsageError(f"--kind {kind} is not known" + (f". Did you mean {near[0]}?" if near else ""))
    return Wanted(
        gateway=args.gateway,
        kinds=frozenset(args.kind),
        work_orders=frozenset(args.work_order),
        stations=frozenset(args.station),
        since=None if args.since is None else _since(args.since),
    )


def _since(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC)
    try:
        return parse_time(text)
    except ValueError as exc:
        raise UsageError(f"--since {text}: write now, or a time such as 2026-01-05T07:00:00Z") from exc


def _prepare(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(f"--raw {folder}: {exc.strerror}") from exc


def _show_files(files: list[Path], shower: Shower) -> None:
    for path in files:
        if shower.is_done:
            break
        with path.open("rb") as file:
            shower.show(str(path), file.read(MAX_ENVELOPE + 1))
    shower.show_rates(datetime.now(UTC))


async def _tap(url: str, shower: Shower, *, gateway: str | None) -> None:
    messages: asyncio.Queue[tuple[str, bytes] | UsageError] = asyncio.Queue()
    topic_filter = topics.UP_FILTER if gateway is None else topics.up(gateway)
    was_connected = False

    def connected() -> None:
        nonlocal was_connected
        was_connected = True
        tell(f"listening on {link.address} to {topic_filter}; Ctrl-C ends")

    def disconnected(reason: str) -> None:
        if was_connected:
            tell(f"connection to {link.address} lost ({reason}); trying again")
        else:
            messages.put_nowait(
                UsageError(
                    f"cannot connect to {link.address}: {reason}\n  Is the broker running, and is the port right?"
                )
            )

    link = MqttLink(
        url,
        f"genba-tap-{secrets.token_hex(8)}",
        on_message=lambda topic, payload, _: messages.put_nowait((topic, payload)),
        on_connect=connected,
        on_disconnect=disconnected,
    )
    link.subscribe(topic_filter)
    async with link:
        await _show_messages(messages, shower)


async def _show_messages(messages: asyncio.Queue[tuple[str, bytes] | UsageError], shower: Shower) -> None:
    loop = asyncio.get_running_loop()
    rates_at = loop.time() + _RATE_S
    while not shower.is_done:
        try:
            async with asyncio.timeout_at(rates_at):
                message = await messages.get()
        except TimeoutError:
            rates_at += _RATE_S
            shower.show_rates(datetime.now(UTC))
            continue
        if isinstance(message, UsageError):
            raise message
        shower.show(*message)
    shower.show_rates(datetime.now(UTC))


COMMAND = Command(
    name="tap",
    summary="watch production events as they pass a broker",
    add_arguments=_add_arguments,
    run=_run,
)
