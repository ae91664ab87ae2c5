"""`genba tap BROKER`: production events as they pass a broker, as JSON lines."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections import deque
from typing import Final

from genba_shared import topics
from genba_shared.cli.command import Command
from genba_shared.codec import Envelope, decode
from genba_shared.errors import ContractError, UsageError
from genba_shared.events import to_line
from genba_shared.mqtt import MqttLink

_REMEMBERED: Final = 20_000  # ids of events shown: an envelope that is sent again is not shown again
_EXAMPLES: Final = """\
examples:
  genba tap mqtt://127.0.0.1:1883
  genba tap broker.factory --gateway line-1 | jq 'select(.kind == "node_completed")'
  genba tap 'mqtts://broker.factory?ca=ca.pem' > events.jsonl

Events go to stdout, one JSON object a line; what cannot be read is named on stderr. Ctrl-C ends."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EXAMPLES
    parser.add_argument("broker", metavar="BROKER", help="mqtt://HOST:PORT, mqtts://HOST:PORT?ca=FILE, or just HOST")
    parser.add_argument("--gateway", metavar="G", help="only this gateway's events")
    parser.add_argument("--count", metavar="N", type=int, help="end after N events")


def _run(args: argparse.Namespace) -> int:
    if args.gateway is not None and not topics.is_identifier(args.gateway):
        raise UsageError(f"'{args.gateway}' is not a gateway id: 1 to 40 of a-z, 0-9 and '-'")
    if args.count is not None and args.count < 1:
        raise UsageError(f"--count {args.count}: write 1 or more, or leave it out")
    url = args.broker if "://" in args.broker else f"mqtt://{args.broker}"
    asyncio.run(_tap(url, gateway=args.gateway, count=args.count))
    return 0


async def _tap(url: str, *, gateway: str | None, count: int | None) -> None:
    messages: asyncio.Queue[tuple[str, bytes] | UsageError] = asyncio.Queue()
    topic_filter = topics.UP_FILTER if gateway is None else topics.up(gateway)
    was_connected = False

    def connected() -> None:
        nonlocal was_connected
        was_connected = True
        _say(f"listening on {link.address} to {topic_filter}; Ctrl-C ends")

    def disconnected(reason: str) -> None:
        if was_connected:
            _say(f"connection to {link.address} lost ({reason}); trying again")
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
    printer = _Printer(count)
    async with link:
        while not printer.is_done:
            message = await messages.get()
            if isinstance(message, UsageError):
                raise message
            printer.show(*message)


class _Printer:
    """Writes the events of envelopes to stdout, each once."""

    def __init__(self, count: int | None) -> None:
        self._left = count
        self._order: deque[str] = deque()
        self._shown: set[str] = set()

    @property
    def is_done(self) -> bool:
        """Whether as many events were shown as were asked for."""
        return self._left == 0

    def show(self, topic: str, payload: bytes) -> None:
        """Show one envelope."""
        try:
            envelope = decode(payload)
        except ContractError as exc:
            _say(f"{topic}: envelope of {len(payload)} bytes cannot be read: {exc}")
            return
        self._show_events(envelope)
        for rejected in envelope.rejected:
            _say(f"{topic}: event seq {rejected.seq} breaks the contract: {rejected.reason}")
        sys.stdout.flush()

    def _show_events(self, envelope: Envelope) -> None:
        for event in envelope.events:
            if event.id in self._shown or self.is_done:
                continue
            self._shown.add(event.id)
            self._order.append(event.id)
            if len(self._order) > _REMEMBERED:
                self._shown.discard(self._order.popleft())
            print(to_line(event))
            if self._left is not None:
                self._left -= 1


def _say(text: str) -> None:
    print(f"genba tap: {text}", file=sys.stderr, flush=True)


COMMAND = Command(
    name="tap",
    summary="watch production events as they pass a broker",
    add_arguments=_add_arguments,
    run=_run,
)
