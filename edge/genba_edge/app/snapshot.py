"""What a gateway is doing, at one moment: copied on the loop in little time, shown by others at leisure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self, assert_never

from genba_edge.app.history import History
from genba_edge.core.diagnosis import Finding
from genba_edge.core.journal import load
from genba_edge.core.present import DeviceNow, DeviceStatus, PointNow, Present
from genba_edge.core.reporting import Reporter
from genba_edge.ports import Failure, Meter, OutboxMark, Sample, TagRead
from genba_shared.broker import BrokerAddress
from genba_shared.clock import format_time, parse_time
from genba_shared.clock_health import ClockHealth, clock_health
from genba_shared.device_map import (
    Device,
    DeviceMap,
    ImpinjDevice,
    LlrpDevice,
    ModbusDevice,
    MqttInDevice,
    OpcUaDevice,
    PointRef,
)
from genba_shared.events import Event, StationState, event_to_json
from genba_shared.version import VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class PointView:
    """One point. `reported`: the reading reported last, of a point with a deadband or an interval."""

    name: str
    now: PointNow | None
    read_at: datetime | None
    bad_reason: str
    reported: Sample | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceView:
    """One device. `age_s`: seconds since its last sign of life; `poll_s`: how long polls took, oldest first."""

    id: str
    label: str
    protocol: str
    address: str
    status: DeviceStatus
    since: datetime
    reason: str
    age_s: float | None
    meter: Meter
    points: tuple[PointView, ...]
    reads: Mapping[int, TagRead]
    poll_s: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """The raw log that is written; `ended`: why it is not any more."""

    path: Path
    ended: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of a gateway."""

    gateway: str
    site: str
    timezone: str
    map_sha256: str
    at: datetime
    started_at: datetime
    clock: ClockHealth
    mark: OutboxMark
    broker: str | None
    is_connected: bool
    dispatch_version: int
    commits: int
    derive_failures: int
    devices: tuple[DeviceView, ...]
    stations: Mapping[str, tuple[StationState, datetime] | None]
    events: tuple[Event, ...]
    record: RecordView | None
    full_since: datetime | None = None
    findings: tuple[Finding, ...] = ()
    version: str = VERSION

    @classmethod
    def of(
        cls,
        device_map: DeviceMap,
        *,
        now: datetime,
        started_at: datetime,
        mark: OutboxMark,
        broker: BrokerAddress | None,
        is_connected: bool,
        dispatch_version: int,
        commits: int,
        failures: int,
        present: Present,
        meters: Mapping[str, Meter],
        reporter: Reporter,
        history: History,
        stations: Mapping[str, tuple[StationState, datetime]],
        events: Sequence[Event],
        findings: Sequence[Finding],
        record: RecordView | None,
        full_since: datetime | None,
    ) -> Self:
        """Copy what moves."""
        return cls(
            gateway=device_map.gateway.id,
            site=device_map.gateway.site,
            timezone=device_map.gateway.timezone,
            map_sha256=device_map.sha256,
            at=now,
            started_at=started_at,
            clock=clock_health(),
            mark=mark,
            broker=None if broker is None else str(broker),
            is_connected=is_connected,
            dispatch_version=dispatch_version,
            commits=commits,
            derive_failures=failures,
            devices=tuple(
                _device_view(device, present.devices[device.id], meters.get(device.id), reporter, history, now)
                for device in device_map.devices.values()
            ),
            stations={station: stations.get(station) for station in device_map.stations},
            events=tuple(events),
            record=record,
            full_since=full_since,
            findings=tuple(findings),
        )

    @property
    def is_ready(self) -> bool:
        """Whether it is known of every device if it answers."""
        return all(device.status is not DeviceStatus.CONNECTING for device in self.devices)

    def to_json(self) -> dict[str, Any]:
        """The whole as JSON: what the page shows, for programs."""
        return {
            "gateway": self.gateway,
            "site": self.site,
            "version": self.version,
            "map": self.map_sha256,
            "at": format_time(self.at),
            "started_at": format_time(self.started_at),
            "clock": {"synchronised": self.clock.is_synchronised, "error_s": self.clock.error_s},
            "outbox": {
                "epoch": self.mark.epoch,
                "next_seq": self.mark.next_seq,
                "acknowledged": self.mark.acknowledged,
                "depth": self.mark.depth,
                "oldest": _time(self.mark.oldest_at),
                "bytes": self.mark.size,
                "limit": self.mark.limit,
                "dropped": self.mark.dropped,
                "full_since": _time(self.full_since),
            },
            "uplink": {
                "broker": self.broker,
                "connected": self.is_connected,
                "dispatch_version": self.dispatch_version,
            },
            "commits": self.commits,
            "derive_failures": self.derive_failures,
            "record": None if self.record is None else str(self.record.path),
            "record_ended": "" if self.record is None else self.record.ended,
            "findings": [_finding_json(finding) for finding in self.findings],
            "devices": {device.id: _device_json(device) for device in self.devices},
            "stations": {
                name: None if state is None else {"state": str(state[0]), "since": format_time(state[1])}
                for name, state in self.stations.items()
            },
            "events": [event_to_json(event) for event in self.events],
        }


def station_states(saved: Mapping[str, str]) -> dict[str, tuple[StationState, datetime]]:
    """The state of each station as of the last commit."""
    return {
        station: (StationState(value["state"]), parse_time(value["since"]))
        for station, value in load(saved, "state/").items()
    }


def device_now(device: DeviceNow, meter: Meter | None) -> dict[str, Any]:
    """A device as the gateway's state tells it to the collector."""
    told: dict[str, Any] = {"status": str(device.status), "since": format_time(device.since)}
    if device.reason:
        told["reason"] = device.reason
    if meter is not None and meter.bad_points:
        told["bad_points"] = len(meter.bad_points)
    return told


def _device_view(
    device: Device, now: DeviceNow, meter: Meter | None, reporter: Reporter, history: History, at: datetime
) -> DeviceView:
    meter = meter or Meter(device=device.id)
    return DeviceView(
        id=device.id,
        label=device.label,
        protocol=_protocol(device),
        address=address_of(device),
        status=now.status,
        since=now.since,
        reason=now.reason,
        age_s=None if now.heard_at is None else max(0.0, (at - now.heard_at).total_seconds()),
        meter=_copy(meter),
        points=tuple(_points(device, now, meter, reporter)),
        reads=dict(now.reads),
        poll_s=history.of(device.id),
    )


def _points(device: Device, now: DeviceNow, meter: Meter, reporter: Reporter) -> Iterator[PointView]:
    for name in device.points:
        last = now.points.get(name)
        yield PointView(
            name=name,
            now=None if last is None else PointNow(sample=last.sample, changed_at=last.changed_at),
            read_at=now.read_at.get(name),
            bad_reason=meter.bad_points.get(name, ""),
            reported=reporter.reported(PointRef(device.id, name)),
        )


def _copy(meter: Meter) -> Meter:
    return Meter(
        device=meter.device,
        connects=meter.connects,
        requests=meter.requests,
        polls=meter.polls,
        late_polls=meter.late_polls,
        samples=meter.samples,
        last_poll_s=meter.last_poll_s,
        late_s=meter.late_s,
        failures=meter.failures.copy(),
        bad_points=dict(meter.bad_points),
        details=dict(meter.details),
        sampled_s=dict(meter.sampled_s),
    )


def _protocol(device: Device) -> str:
    match device:
        case OpcUaDevice():
            return "OPC UA"
        case ModbusDevice():
            return "Modbus"
        case LlrpDevice():
            return "LLRP"
        case ImpinjDevice():
            return "Impinj HTTP"
        case MqttInDevice():
            return "MQTT"
        case _:
            assert_never(device)


def address_of(device: Device) -> str:
    """Where a device is reached, as it is shown."""
    match device:
        case OpcUaDevice():
            return device.url
        case ModbusDevice():
            return f"{device.line} unit {device.unit}"
        case LlrpDevice():
            return f"{device.host}:{device.port}"
        case ImpinjDevice():
            return device.url
        case MqttInDevice():
            return str(device.broker)
        case _:
            assert_never(device)


def _device_json(device: DeviceView) -> dict[str, Any]:
    meter = device.meter
    return {
        "protocol": device.protocol,
        "address": device.address,
        "status": str(device.status),
        "since": format_time(device.since),
        "reason": device.reason,
        "age_s": device.age_s,
        "connects": meter.connects,
        "requests": meter.requests,
        "polls": meter.polls,
        "late_polls": meter.late_polls,
        "samples": meter.samples,
        "last_poll_s": meter.last_poll_s,
        "late_s": meter.late_s,
        "failures": {str(reason): meter.failures[reason] for reason in Failure if meter.failures[reason]},
        "details": meter.details,
        "points": {point.name: _point_json(point) for point in device.points},
        "reads": {
            str(antenna): {"tag": read.tag, "last_seen": format_time(read.last_seen), "rssi_dbm": read.rssi_dbm}
            for antenna, read in device.reads.items()
        },
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    sign = finding.sign
    return {
        "code": str(sign.code),
        "point": str(sign.ref),
        "station": finding.station,
        "found": str(sign.what),
        "fix": str(sign.fix),
        "path": sign.path,
        "write": sign.write,
        "sureness": str(sign.sureness),
        "first_seen": format_time(finding.first_seen),
        "last_seen": format_time(finding.last_seen),
    }


def _point_json(point: PointView) -> dict[str, Any]:
    now = point.now
    return {
        "value": None if now is None else now.sample.value,
        "quality": None if now is None else str(now.sample.quality),
        "status": "" if now is None else now.sample.status,
        "changed_at": None if now is None else format_time(now.changed_at),
        "read_at": _time(point.read_at),
        "reason": point.bad_reason,
        "reported": None
        if point.reported is None
        else {"value": point.reported.value, "at": format_time(point.reported.at)},
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
