"""A small factory for tests of the derivation: one map, a clock that the test moves, short words for readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from genba_edge.core.deriver import Deriver
from genba_edge.core.journal import Commit, Identity, Moment
from genba_edge.core.observations import DeviceAlive, DeviceBack, DeviceLost, Observation, Sample, TagRead, Value
from genba_edge.core.supervisor import Failure
from genba_edge.core.watch import Pace
from genba_shared.device_map import load_device_map
from genba_shared.dispatch_document import DispatchDocument, DispatchRow, StationDispatch, TagBinding
from genba_shared.events import Event

T0 = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)

MAP = """
version: 1
gateway: {id: gw-1, site: plant-a, timezone: UTC}
devices:
  - id: cutter1
    protocol: opcua
    url: opc.tcp://127.0.0.1:4840
    points:
      parts: {node: "ns=2;s=Parts", type: uint16, counter: {max_rate: 60/min, reset_by: {point: reset}}}
      reset: {node: "ns=2;s=Reset", type: bool}
      order: {node: "ns=2;s=Order", type: string}
  - id: sewing
    protocol: modbus
    host: 127.0.0.1:5020
    poll: {fast: 1s, slow: 10s}
    points:
      good1: {at: 40001, type: uint32, group: fast, counter: {max_rate: 60/min}}
      good2: {at: 40003, type: uint32, group: fast, counter: {max_rate: 60/min}}
      state: {at: 40011, type: uint16, group: fast, labels: {0: idle, 1: running, 2: setup}}
  - id: gate
    protocol: llrp
    host: 127.0.0.1:5084
    antennas: {1: {read_point: in}, 2: {read_point: out}}
    tags: {accept: "^3034"}
    presence: {min_reads: 2, depart_after: 30s, move_margin: 6dB}
stations:
  CUT-1: {device: cutter1, counts: {good: parts}, state: {from: parts, idle_after: 3min}}
  SEW-1: {device: sewing, counts: {good: good1}, state: state}
  SEW-2: {device: sewing, counts: {good: good2}}
zones:
  packing: {enter: [gate/in], leave: [gate/out]}
  buffer: {in: CUT-1/good, out: [SEW-1/good, SEW-2/good]}
nodes:
  CUT: {stations: [CUT-1], work_order: {from: cutter1/order}, done_when: {good: node.quantity}}
  SEW: {stations: [SEW-1, SEW-2], work_order: {from: dispatch}, done_when: {good: node.quantity}}
  PACK: {work_order: {from: tags}, done_when: {all_left: packing}}
"""


def _changed_map(change: tuple[str, str]) -> str:
    old, new = change
    if old not in MAP:
        raise ValueError(f"{old!r} is not in the map")
    return MAP.replace(old, new) if old else MAP


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def document(
    *,
    version: int = 1,
    lists: Mapping[str, Sequence[tuple[str, str, int]]] | None = None,
    wanted: Mapping[str, Mapping[str, int]] | None = None,
    tags: Sequence[tuple[str, str, int]] = (),
) -> DispatchDocument:
    return DispatchDocument(
        version=version,
        stations={
            station: StationDispatch(
                next=tuple(DispatchRow(work_order=order, node=node, quantity=count) for order, node, count in rows)
            )
            for station, rows in (lists or {}).items()
        },
        work_orders=wanted or {},
        tags=tuple(TagBinding(tag=tag, work_order=order, pieces=count, since=T0) for tag, order, count in tags),
    )


class World:
    """A gateway whose commits are kept, so that it can be killed and started again from the last one."""

    def __init__(self, *, replace_in_map: tuple[str, str] = ("", "")) -> None:
        self.map = load_device_map(Path("plant.yaml"), text=_changed_map(replace_in_map))
        self.saved: dict[str, str] = {}
        self.events: list[Event] = []
        self.failures: list[Failure] = []
        self.now = T0
        self.deriver = self._start()

    def _start(self) -> Deriver:
        return Deriver(
            self.map,
            identity=Identity(gateway="gw-1", epoch="e" * 32, site="plant-a", boot="b" * 32),
            next_seq=len(self.events) + 1,
            saved=self.saved,
            pace=Pace(poll_s={"sewing": 1.0}, report_delay_s={"gate": 1.0}),
            moment=self._moment(),
        )

    def _moment(self) -> Moment:
        return Moment(now=self.now, mono_ms=0)

    def kill_and_restart(self) -> None:
        """Everything that was not committed is gone."""
        self.deriver = self._start()

    def restart_with_map(self, replace_in_map: tuple[str, str]) -> None:
        """Killed, and started again with another map."""
        self.map = load_device_map(Path("plant.yaml"), text=_changed_map(replace_in_map))
        self.deriver = self._start()

    def commit(self) -> list[Event]:
        """Commit what is due; returns the new events."""
        commit = self.deriver.take_commit()
        return [] if commit is None else self._keep(commit)

    def commit_all(self) -> list[Event]:
        """Commit what can wait, too."""
        return self._keep(self.deriver.take_checkpoint())

    def _keep(self, commit: Commit) -> list[Event]:
        for key, value in commit.state.items():
            if value is None:
                self.saved.pop(key, None)
            else:
                self.saved[key] = value
        self.events.extend(commit.events)
        return list(commit.events)

    def dispatch(self, document: DispatchDocument) -> list[Event]:
        self.deriver.take_dispatch(document, self._moment())
        return self.commit()

    def see(self, *observations: Observation) -> list[Event]:
        """The driver emitted these together; time goes on to the latest of them."""
        for observation in observations:
            moment = observation.last_seen if isinstance(observation, TagRead) else observation.at
            self.now = max(self.now, moment)
        self.deriver.observe(observations, self._moment())
        self.failures += self.deriver.take_failures()
        return self.commit()

    def wait_until(self, second: float) -> list[Event]:
        self.now = at(second)
        self.deriver.pass_time(self._moment())
        return self.commit()

    def stop(self) -> list[Event]:
        self.deriver.shut_down(self._moment())
        return self.commit()


def sample(device: str, point: str, value: Value, second: float) -> Sample:
    return Sample(device=device, point=point, value=value, at=at(second), seen_at=at(second))


def tag_read(tag: str, antenna: int, first: float, last: float, *, reads: int = 4) -> TagRead:
    return TagRead(
        device="gate", antenna=antenna, tag=tag, first_seen=at(first), last_seen=at(last), seen_at=at(last), reads=reads
    )


def alive(device: str, second: float) -> DeviceAlive:
    return DeviceAlive(device=device, at=at(second))


def back(device: str, second: float) -> DeviceBack:
    return DeviceBack(device=device, at=at(second))


def lost(device: str, second: float) -> DeviceLost:
    return DeviceLost(device=device, at=at(second), reason="no answer")
