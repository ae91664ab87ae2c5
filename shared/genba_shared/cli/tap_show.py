"""What `genba tap` shows of envelopes: events, each once, and what else there is to say of what came."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from genba_shared.clock import format_time
from genba_shared.codec import Envelope, Header, decode
from genba_shared.errors import ContractError, UsageError
from genba_shared.events import Event, to_line

SUFFIX: Final = ".gb"
_REMEMBERED: Final = 20_000  # ids of events shown: an envelope that is sent again is not shown again


class What(Enum):
    """What goes to standard output."""

    EVENTS = auto()
    EVERYTHING = auto()  # objects of envelopes, refused events and damaged envelopes between the events
    RATES = auto()  # an object a second, of how much came


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events are shown; an empty set means all. `gateway` is asked of whole envelopes."""

    gateway: str | None = None
    kinds: frozenset[str] = frozenset()
    work_orders: frozenset[str] = frozenset()
    stations: frozenset[str] = frozenset()
    since: datetime | None = None

    def has(self, event: Event) -> bool:
        """Whether the event is one of them."""
        return (
            (not self.kinds or event.kind in self.kinds)
            and (not self.work_orders or event.work_order in self.work_orders)
            and (not self.stations or event.station in self.stations)
            and (self.since is None or event.at >= self.since)
        )


@dataclass(slots=True)
class _Second:
    """What came in the present second."""

    envelopes: int = 0
    size: int = 0
    events: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)


class Shower:
    """Writes to standard output what is wanted of envelopes, and to standard error what is wrong with them.

    `left`: end after so many events (None: never). `raw`: a folder in which every envelope is kept as it came.
    """

    def __init__(self, wanted: Wanted, what: What, *, left: int | None = None, raw: Path | None = None) -> None:
        self._wanted, self._what, self._left, self._raw = wanted, what, left, raw
        self._order: deque[str] = deque()
        self._shown: set[str] = set()
        self._gateways: set[tuple[str, str, bool]] = set()
        self._second = _Second()

    @property
    def is_done(self) -> bool:
        """Whether as many events were shown as were asked for."""
        return self._left == 0

    def show(self, where: str, payload: bytes) -> None:
        """Show one envelope that came from `where`: a topic or a file."""
        self._second.envelopes += 1
        self._second.size += len(payload)
        try:
            envelope = decode(payload)
        except (ContractError, UsageError) as exc:
            self._keep("damaged", payload)
            self._remark(
                {"damaged": {"from": where, "bytes": len(payload), "reason": str(exc)}},
                f"{where}: envelope of {len(payload)} bytes cannot be read: {exc}",
            )
            return
        header = envelope.header
        if self._wanted.gateway not in (None, header.gateway):
            return
        self._keep(f"{header.gateway}-{header.first:012}", payload)
        self._show_header(where, header, len(payload))
        for event in envelope.events:
            self._show_event(event)
        self._show_rejected(where, envelope)
        sys.stdout.flush()

    def show_rates(self, at: datetime) -> None:
        """Write what came since this was called last."""
        second, self._second = self._second, _Second()
        if self._what is What.RATES:
            rates: Mapping[str, Any] = {
                "at": format_time(at),
                "events": second.events.total(),
                "envelopes": second.envelopes,
                "bytes": second.size,
                "gateways": dict(second.events.most_common()),
                "kinds": dict(second.kinds.most_common()),
            }
            print(_line(rates), flush=True)

    def _show_header(self, where: str, header: Header, size: int) -> None:
        signed = "signed" if header.signature else "not signed"
        if self._what is What.EVERYTHING:
            print(_line({"envelope": _header_object(header, size)}))
            return
        gateway = (header.gateway, header.epoch, bool(header.signature))
        if gateway not in self._gateways:
            self._gateways.add(gateway)
            tell(f"gateway {header.gateway}, epoch {header.epoch}, envelopes of version {header.version}, {signed}")
        if header.dropped:
            ranges = ", ".join(f"{low}..{high}" for low, high in header.dropped)
            tell(f"{where}: the gateway dropped seqs {ranges}")

    def _show_event(self, event: Event) -> None:
        if event.id in self._shown or self.is_done or not self._wanted.has(event):
            return
        self._shown.add(event.id)
        self._order.append(event.id)
        if len(self._order) > _REMEMBERED:
            self._shown.discard(self._order.popleft())
        self._second.events[event.id.partition(":")[0]] += 1
        self._second.kinds[event.kind] += 1
        if self._what is not What.RATES:
            print(to_line(event))
        if self._left is not None:
            self._left -= 1

    def _show_rejected(self, where: str, envelope: Envelope) -> None:
        for rejected in envelope.rejected:
            self._remark(
                {"rejected": {"seq": rejected.seq, "reason": rejected.reason, "raw": rejected.raw}},
                f"{where}: event seq {rejected.seq} breaks the contract: {rejected.reason}",
            )

    def _remark(self, obj: Mapping[str, Any], text: str) -> None:
        if self._what is What.EVERYTHING:
            print(_line(obj), flush=True)
        else:
            tell(text)

    def _keep(self, name: str, payload: bytes) -> None:
        if self._raw is not None:
            digest = hashlib.sha256(payload).hexdigest()[:8]
            try:
                (self._raw / f"{name}-{digest}{SUFFIX}").write_bytes(payload)
            except OSError as exc:
                raise UsageError(f"{self._raw} cannot be written: {exc.strerror}") from exc


def _header_object(header: Header, size: int) -> dict[str, Any]:
    obj: dict[str, Any] = {
        "gateway": header.gateway,
        "epoch": header.epoch,
        "lane": str(header.lane),
        "first": header.first,
        "last": header.last,
        "dropped": [list(pair) for pair in header.dropped],
        "prev": header.prev,
        "acked": header.acked,
        "wall": format_time(header.wall),
        "mono_ms": header.mono_ms,
        "clock_offset_ms": header.clock_offset_ms,
        "signed": bool(header.signature),
        "disputed": header.disputed,
        "patient": header.patient,
        "version": header.version,
        "codec": header.codec.name.lower(),
        "bytes": size,
    }
    return obj


def _line(obj: Mapping[str, Any]) -> str:
    return json.dumps(obj, ensure_ascii=False, separators=(",", ":"), default=str)


def tell(text: str) -> None:
    """A remark on standard error."""
    print(f"genba tap: {text}", file=sys.stderr, flush=True)
