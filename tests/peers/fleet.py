"""Simulated gateways: the gateway's own uplink over an outbox in memory; and a judge of what the database holds."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg

from genba_edge.ports import Outbox, OutboxMark
from genba_shared.events import Event, PiecesCounted, Result, Source, SourceType
from tests.peers.gateway import UplinkGateway

START = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)


class LightOutbox:
    """An outbox that forgets everything with its process; the disk is not what is measured here."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(16)
        self._events: list[Event] = []
        self._acknowledged = 0

    def mark(self) -> OutboxMark:
        next_seq = len(self._events) + 1
        return OutboxMark(
            epoch=self.epoch,
            next_seq=next_seq,
            acknowledged=self._acknowledged,
            depth=next_seq - 1 - self._acknowledged,
            oldest_at=None,
        )

    def load_state(self) -> Mapping[str, str]:
        return {}

    def append(
        self, events: Sequence[Event], state: Mapping[str, str | None], trails: Mapping[str, str] | None = None
    ) -> None:
        self._events += events

    def pending(self, *, after: int, limit: int) -> Sequence[Event]:
        return self._events[after : after + limit]

    def acknowledge(self, upto: int) -> None:
        self._acknowledged = upto

    def note_map(self, *, sha256: str, text: str) -> None:
        pass

    def close(self) -> None:
        pass


class FleetGateway(UplinkGateway[Outbox]):
    """A gateway with one station, whose counter moves when `count` is called."""

    def __init__(self, name: str, broker: str, folder: Path, *, outbox: Outbox | None = None) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(name, broker, folder, outbox=outbox or LightOutbox())
        self.made = 0

    @property
    def acknowledged(self) -> int:
        """Everything up to here is accounted for, as the uplink was told."""
        return self.uplink._delivery.acked

    @property
    def node(self) -> str:
        """The node of the broker that it is connected to, or tries to reach."""
        return self.uplink._broker

    def count(self, events: int) -> None:
        """Make events of the counter."""
        self.make(events, self._event)
        self.made = self.outbox.mark().next_seq - 1

    def describe(self) -> dict[str, Any]:
        more = {"stations": [f"CUT-{self.name}"], "dispatch_version": self.dispatch_version}
        return super().describe() | more

    def _event(self, epoch: str, seq: int) -> PiecesCounted:
        return PiecesCounted(
            id=f"{self.name}:{epoch}:{seq}",
            at=START + timedelta(seconds=seq),
            source=Source(type=SourceType.PLC, ref="cutter/good"),
            station=f"CUT-{self.name}",
            work_order=f"WO-{self.name}",
            node="CUT",
            point="cutter/good",
            result=Result.GOOD,
            delta=1,
            total=seq,
            counter_epoch=0,
            since=START,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How the log compares with what the gateways made."""

    events: int
    lost: int
    twice: int
    disordered: int


def judge(database: str, made: Mapping[str, int]) -> Verdict:
    """Compare the log with what each gateway made; `made`: by ``gateway:epoch``, the last seq. Plain SQL, no genba."""
    with psycopg.connect(database, options="-c genba.enterprise=default") as connection:
        rows = connection.execute("SELECT id FROM log WHERE gateway IS NOT NULL ORDER BY position").fetchall()
    seen: dict[str, list[int]] = {key: [] for key in made}
    for (name,) in rows:
        key, _, seq = name.rpartition(":")
        seen.setdefault(key, []).append(int(seq))
    return Verdict(
        events=len(rows),
        lost=sum(len(set(range(1, last + 1)) - set(seen[key])) for key, last in made.items()),
        twice=sum(len(seqs) - len(set(seqs)) for seqs in seen.values()),
        disordered=sum(second <= first for seqs in seen.values() for first, second in pairwise(seqs)),
    )
