"""A gateway whose machines are a list: commits a stream of events to a real outbox, and a real uplink delivers it.

``python -m tests.chaos.producer`` may be killed at any moment; started again, it goes on behind its last commit. The
stream is committed by the time that has passed since the campaign began, so that a gateway that was away has a backlog.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from genba_edge.outbox import SqliteOutbox
from genba_edge.uplink import Uplink
from genba_shared.clock import ProductionClock
from genba_shared.errors import OutboxFull, UsageError
from genba_shared.events import Event, read_lines
from genba_shared.process import obey_parent_variable
from genba_shared.supervisor import supervise
from tests.chaos.stream import NO_EPOCH

COMMIT_EVERY_S: Final = 0.05
MOST_AT_ONCE: Final = 500
_FED: Final = "fed"

logger = logging.getLogger(__name__)


class Producer:
    """Commits what is due of the stream, and says where it stands in a file."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._outbox = SqliteOutbox(arguments.state, gateway=arguments.gateway)
        self._status: Path = arguments.status
        self._since_s: float = arguments.since
        self._rate: float = arguments.rate
        self._fed = json.loads(self._outbox.load_state().get(_FED, "0"))
        mark = self._outbox.mark()
        if mark.next_seq != self._fed + 1:
            raise UsageError(f"the outbox gave out {mark.next_seq - 1} seqs for {self._fed} events of the stream")
        self._stream = _with_epoch(arguments.stream, mark.epoch)
        self._uplink = Uplink(
            outbox=self._outbox,
            gateway=arguments.gateway,
            broker=arguments.broker,
            state=self._describe,
            on_dispatch=lambda document: None,
            clock=ProductionClock(),
            state_dir=arguments.state,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Commit and deliver until told to stop."""
        uplink = asyncio.create_task(supervise("uplink", self._uplink.run))
        while not stop.is_set():
            await asyncio.to_thread(self._commit_due)
            self._write_status()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMMIT_EVERY_S):
                    await stop.wait()
        uplink.cancel()
        await asyncio.gather(uplink, return_exceptions=True)
        self._outbox.close()

    def _commit_due(self) -> None:
        due = min(len(self._stream), int((time.monotonic() - self._since_s) * self._rate))
        events = self._stream[self._fed : min(due, self._fed + MOST_AT_ONCE)]
        if not events:
            return
        fed = self._fed + len(events)
        try:
            self._outbox.append(events, {_FED: json.dumps(fed)})
        except OutboxFull as exc:
            logger.warning("outbox refuses reason=%s", exc)
            return
        self._fed = fed
        self._uplink.wake(events)

    def _describe(self) -> dict[str, Any]:
        mark = self._outbox.mark()
        return {
            "online": True,
            "epoch": mark.epoch,
            "next_seq": {"facts": mark.next_seq},
            "outbox": {"depth": mark.depth, "oldest": None},
        }

    def _write_status(self) -> None:
        mark = self._outbox.mark()
        status = {
            "epoch": mark.epoch,
            "fed": self._fed,
            "acknowledged": mark.acknowledged,
            "is_over": self._fed == len(self._stream) and mark.acknowledged == self._fed,
        }
        draft = self._status.with_suffix(".new")
        draft.write_text(json.dumps(status))
        draft.replace(self._status)


def _with_epoch(stream: Path, epoch: str) -> Sequence[Event]:
    return list(read_lines(stream.read_text().replace(NO_EPOCH, epoch).splitlines()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.producer", description=__doc__)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder of the outbox")
    parser.add_argument("--stream", type=Path, required=True, help="JSON lines")
    parser.add_argument("--status", type=Path, required=True, help="file that says where it stands")
    parser.add_argument("--broker", required=True)
    parser.add_argument("--rate", type=float, required=True, help="events per second")
    parser.add_argument("--since", type=float, required=True, help="when it began, on the monotonic clock")
    return parser.parse_args()


async def _main(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await Producer(arguments).run(stop)


if __name__ == "__main__":
    obey_parent_variable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(_main(_arguments()))
    except (UsageError, OutboxFull) as exc:
        sys.exit(f"producer: {exc}")
