"""The gateway's own derivation over what the readers tell, and beside it the rule "the first read wins"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from benchmarks.tags.plant import GATES, ZONES, Plant
from benchmarks.tags.readers import READER_OF_GATE, Hall, Told, reports
from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, TagRead
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.dispatch_document import DispatchDocument, TagBinding
from genba_shared.events import Direction, TagPassed, WipChanged

T0: Final = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
DISPATCH_EVERY_S: Final = 900.0
FINISHED_AFTER_S: Final = 1800.0
"""How long after its last tag is out the order's completion is known from elsewhere (a packing list, a person)."""
DRAIN_S: Final = 3 * 3600.0
KEEP_ALIVE_S: Final = 10.0


def device_map() -> str:
    """The map of the gateway: two readers with three gates each, and a chain of zones between the gates."""
    lines = ["version: 1", "gateway: {id: gw-1, site: plant-a, timezone: UTC}", "devices:"]
    for reader in sorted(set(READER_OF_GATE.values())):
        gates = [gate for gate in READER_OF_GATE if READER_OF_GATE[gate] == reader]
        antennas = ", ".join(f"{gate}: {{read_point: g{gate}, min_rssi: -72dBm}}" for gate in gates)
        lines += [
            f"  - id: {reader}",
            "    protocol: llrp",
            "    host: 127.0.0.1:5084",
            f"    antennas: {{{antennas}}}",
            '    tags: {accept: "^3034"}',
        ]
    lines.append("zones:")
    for gate, zone in enumerate(ZONES, start=1):
        enter, leave = f"{READER_OF_GATE[gate]}/g{gate}", f"{READER_OF_GATE[gate + 1]}/g{gate + 1}"
        lines.append(f"  {zone}: {{enter: [{enter}], leave: [{leave}], close_after: 90min}}")
    lines += ["nodes:", f"  LAST: {{work_order: {{from: tags}}, done_when: {{all_left: {ZONES[-1]}}}}}"]
    return "\n".join(lines) + "\n"


class SecondSource(StrEnum):
    """Whether the gateway is told which work orders are finished."""

    COMPLETIONS = "completions"
    NONE = "none"


@dataclass(slots=True, kw_only=True)
class Account:
    """What somebody says happened.

    `wip`: by zone, (at, pieces) in the order of the times; `live`: the same by when it was said. `passed`: by tag, the
    gates in the order of the times.
    """

    wip: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    live: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    passed: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))


def true_account(plant: Plant) -> Account:
    """What truly happened."""
    account = Account()
    inside = dict.fromkeys(ZONES, 0)
    for crossing in plant.crossings:
        account.passed[crossing.tag].append((crossing.end_s, crossing.gate))
        for zone, change in ((crossing.gate - 2, -1), (crossing.gate - 1, 1)):
            if 0 <= zone < len(ZONES):
                inside[ZONES[zone]] += change * plant.pieces[crossing.tag]
                account.wip[ZONES[zone]].append((crossing.end_s, inside[ZONES[zone]]))
    return account


def first_read_wins(plant: Plant, hall: Hall) -> Account:
    """The naive rule: a tag is where it was read last, from the first read on, whatever read it."""
    account = Account()
    inside, at_gate = dict.fromkeys(ZONES, 0), dict[str, int]()
    for _, _, told in reports(hall):
        for read in sorted(told, key=lambda each: each.first_s):
            before = at_gate.get(read.tag)
            if before == read.gate:
                continue
            at_gate[read.tag] = read.gate
            account.passed[read.tag].append((read.first_s, read.gate))
            for gate, change in ((before, -1), (read.gate, 1)):
                if gate is not None and gate < GATES:
                    zone = ZONES[gate - 1]
                    inside[zone] += change * plant.pieces[read.tag]
                    account.wip[zone].append((read.first_s, inside[zone]))
    for changes in account.wip.values():
        changes.sort(key=lambda change: change[0])
    return account


def derived(plant: Plant, hall: Hall, source: SecondSource) -> Account:
    """What the gateway's derivation says."""
    gateway = _Gateway(plant, source)
    for at_s, reader, told in _with_silence(hall):
        gateway.take(at_s, reader, told, hall)
    return gateway.finish()


def _with_silence(hall: Hall) -> Iterator[tuple[float, str, list[Told]]]:
    """Reports, and the keep-alives of readers that have nothing to say; until nothing more can follow."""
    heard = dict.fromkeys(sorted(hall.ahead_s), 0.0)
    end_s = 0.0
    for at_s, reader, told in reports(hall):
        for other in heard:
            while heard[other] + KEEP_ALIVE_S < at_s:
                heard[other] += KEEP_ALIVE_S
                yield heard[other], other, []
        heard[reader] = end_s = at_s
        yield at_s, reader, told
    while end_s < max(heard.values()) + KEEP_ALIVE_S and max(heard.values()) - end_s < DRAIN_S:
        for other in heard:
            heard[other] += KEEP_ALIVE_S
            yield heard[other], other, []


class _Gateway:
    def __init__(self, plant: Plant, source: SecondSource) -> None:
        self._plant, self._source = plant, source
        self._account = Account()
        self._now_s = self._passed_s = self._dispatched_s = 0.0
        self._version = 0
        self._up: set[str] = set()
        self._deriver = Deriver(
            load_device_map(Path("plant.yaml"), text=device_map()),
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=1,
            saved={},
            pace=Pace(report_delay_s=dict.fromkeys(READER_OF_GATE.values(), 2.0)),
            moment=self._moment(),
        )
        self._dispatch()

    def take(self, at_s: float, reader: str, told: Sequence[Told], hall: Hall) -> None:
        """One report of a reader, or its keep-alive."""
        is_away = any(name == reader and begin <= at_s < end for name, begin, end in hall.away)
        self._pass_time(at_s)
        reads = [_tag_read(reader, each) for each in told]
        if is_away:
            if reader in self._up:
                self._up.discard(reader)
                self._deriver.observe([DeviceLost(device=reader, at=_time(at_s), reason="no answer")], self._moment())
            return
        if reader not in self._up:
            self._up.add(reader)
            self._deriver.observe(reads, self._moment())  # what it held comes before it is back
            reads = []
            self._deriver.observe([DeviceBack(device=reader, at=_time(at_s))], self._moment())
        self._deriver.observe([*reads, DeviceAlive(device=reader, at=_time(at_s))], self._moment())

    def finish(self) -> Account:
        """The end of the day."""
        self._commit()
        for failure in self._deriver.take_failures():
            raise failure.error
        for by_tag in (self._account.passed, self._account.wip, self._account.live):
            for changes in by_tag.values():
                changes.sort(key=lambda change: change[0])
        return self._account

    def _pass_time(self, at_s: float) -> None:
        self._now_s = max(self._now_s, at_s)
        if self._now_s - self._dispatched_s >= DISPATCH_EVERY_S and self._source is SecondSource.COMPLETIONS:
            self._dispatch()
        if self._now_s - self._passed_s >= 1.0:
            self._passed_s = self._now_s
            self._deriver.pass_time(self._moment())
            self._commit()

    def _dispatch(self) -> None:
        self._version += 1
        self._dispatched_s = self._now_s
        over = {
            order
            for order, finished_s in self._plant.finished_s.items()
            if self._source is SecondSource.COMPLETIONS and finished_s + FINISHED_AFTER_S <= self._now_s
        }
        tags = [(tag, order) for tag, order in self._plant.work_order.items() if order not in over]
        wanted: dict[str, int] = defaultdict(int)
        for tag, order in tags:
            wanted[order] += self._plant.pieces[tag]
        document = DispatchDocument(
            version=self._version,
            stations={},
            work_orders={order: {"LAST": pieces} for order, pieces in wanted.items()},
            tags=tuple(
                TagBinding(tag=tag, work_order=order, pieces=self._plant.pieces[tag], since=T0 - timedelta(hours=1))
                for tag, order in tags
            ),
        )
        self._deriver.take_dispatch(document, self._moment())

    def _moment(self) -> Moment:
        return Moment(now=_time(self._now_s), mono_ms=int(self._now_s * 1000))

    def _commit(self) -> None:
        commit = self._deriver.take_commit()
        for event in commit.events if commit is not None else ():
            at_s = (event.at - T0).total_seconds()
            match event:
                case WipChanged():
                    self._account.wip[event.zone].append((at_s, event.count))
                    self._account.live[event.zone].append((self._now_s, event.count))
                case TagPassed(direction=Direction.ENTER | Direction.LEAVE):
                    self._account.passed[event.tag].append((at_s, int(event.read_point.removeprefix("g"))))
                case _:
                    pass


def _tag_read(reader: str, told: Told) -> TagRead:
    return TagRead(
        device=reader,
        antenna=told.gate,
        tag=told.tag,
        first_seen=_time(told.first_s),
        last_seen=_time(told.last_s),
        seen_at=_time(told.sent_s),
        reads=told.reads,
        rssi_dbm=round(told.rssi_dbm, 1),
    )


def _time(second: float) -> datetime:
    return T0 + timedelta(seconds=second)
