"""The gateway in Prometheus' words; every name here is listed in docs/howto/diagnosis.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from genba_edge.app.snapshot import DeviceView, Snapshot
from genba_edge.core.diagnosis import FindingCode
from genba_edge.core.present import DeviceStatus
from genba_edge.ports import Failure

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

_GAUGES: Final[tuple[tuple[str, str, Callable[[DeviceView], float | None]], ...]] = (
    ("device_up", "1: the device answers", lambda device: float(device.status is DeviceStatus.ONLINE)),
    ("device_data_age_seconds", "time since the device's last sign of life", lambda device: device.age_s),
    ("device_points", "points that the map reads", lambda device: float(len(device.points))),
    ("device_bad_points", "points that cannot be read now", lambda device: float(len(device.meter.bad_points))),
    ("device_poll_seconds", "how long the last poll took", lambda device: device.meter.last_poll_s),
    ("device_late_seconds", "how much later than its period the last poll ended", lambda device: device.meter.late_s),
)
_COUNTERS: Final[tuple[tuple[str, str, Callable[[DeviceView], int]], ...]] = (
    ("device_connects", "connections that came about", lambda device: device.meter.connects),
    ("device_requests", "requests sent", lambda device: device.meter.requests),
    ("device_polls", "rounds of reading", lambda device: device.meter.polls),
    ("device_late_polls", "rounds that took longer than their period", lambda device: device.meter.late_polls),
    ("device_samples", "readings taken", lambda device: device.meter.samples),
)


def exposition(snapshot: Snapshot) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gateway(snapshot))
    return generate_latest(registry)


class _Gateway(Collector):
    """Gives out one snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        """Every metric of the gateway."""
        yield from _of_devices(self._snapshot.devices)
        yield from _of_gateway(self._snapshot)


def _of_devices(devices: Iterable[DeviceView]) -> Iterator[Metric]:
    for name, meaning, value_of in _GAUGES:
        gauge = GaugeMetricFamily(f"genba_{name}", meaning, labels=["device", "protocol"])
        for device in devices:
            value = value_of(device)
            if value is not None:
                gauge.add_metric([device.id, device.protocol], value)
        yield gauge
    for name, meaning, count_of in _COUNTERS:
        counter = CounterMetricFamily(f"genba_{name}", meaning, labels=["device", "protocol"])
        for device in devices:
            counter.add_metric([device.id, device.protocol], count_of(device))
        yield counter
    failures = CounterMetricFamily(
        "genba_device_failures", "failures by reason", labels=["device", "protocol", "reason"]
    )
    for device in devices:
        for reason in Failure:
            failures.add_metric([device.id, device.protocol, str(reason)], device.meter.failures[reason])
    yield failures


def _of_gateway(snapshot: Snapshot) -> Iterator[Metric]:
    mark, clock = snapshot.mark, snapshot.clock
    info = GaugeMetricFamily("genba_gateway_info", "1; who it is", labels=["gateway", "site", "version", "map"])
    info.add_metric([snapshot.gateway, snapshot.site, snapshot.version, snapshot.map_sha256[:12]], 1)
    yield info
    yield _gauge("outbox_events", "events that the collector has not acknowledged", mark.depth)
    oldest = 0.0 if mark.oldest_at is None else max(0.0, (snapshot.at - mark.oldest_at).total_seconds())
    yield _gauge("outbox_oldest_seconds", "age of the oldest of them", oldest)
    yield _gauge("outbox_bytes", "what they take in the store", mark.size)
    yield _gauge("outbox_limit_bytes", "what they and their history may take (store.max); 0: the disk", mark.limit or 0)
    yield _gauge(
        "outbox_full", "1: the disk takes no commit; devices are read on", float(snapshot.full_since is not None)
    )
    yield _counter("outbox_dropped_events", "events that a full store dropped since the start, declared", mark.dropped)
    yield _gauge("uplink_connected", "1: connected to the broker", float(snapshot.is_connected))
    yield _gauge("dispatch_version", "version of the dispatch document in force", snapshot.dispatch_version)
    yield _counter("events", "events made in this epoch", mark.next_seq - 1)
    yield _counter("commits", "commits since the start", snapshot.commits)
    yield _counter("derive_failures", "points, tags or documents that could not be derived", snapshot.derive_failures)
    doubts = GaugeMetricFamily("genba_map_findings", "points that the map seems to be wrong about", labels=["code"])
    for code in FindingCode:
        doubts.add_metric([str(code)], sum(finding.sign.code is code for finding in snapshot.findings))
    yield doubts
    yield _gauge("uptime_seconds", "since the start", max(0.0, (snapshot.at - snapshot.started_at).total_seconds()))
    if clock.is_synchronised is not None:
        yield _gauge("clock_synchronised", "1: something keeps the clock right", float(clock.is_synchronised))
    if clock.error_s is not None:
        yield _gauge("clock_error_seconds", "how far off the clock may be", clock.error_s)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"genba_{name}", meaning, value=value)


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"genba_{name}", meaning, value=value)
