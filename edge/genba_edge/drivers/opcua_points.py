"""The points of one OPC UA session: which are watched, read, or refused, and when to try the refused ones again."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from genba_edge.drivers.backoff import Backoff, backoff_of_point
from genba_edge.drivers.link import BadPoints
from genba_edge.drivers.opcua_session import Change, ItemRequest, OpcUaRefused, OpcUaSession
from genba_edge.drivers.opcua_values import NodeUnknown, reading_of, resolve, time_of
from genba_edge.ports import Quality, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import OpcUaDevice, OpcUaPoint, ReadMode

logger = logging.getLogger(__name__)

NODE_FAULTS = frozenset(
    {
        StatusCodes.BadNodeIdUnknown,
        StatusCodes.BadNodeIdInvalid,
        StatusCodes.BadAttributeIdInvalid,
        StatusCodes.BadNotReadable,
        StatusCodes.BadUserAccessDenied,
    }
)
"""The node is not there or not for us (yet): reading it instead of watching it would not help, trying later may."""


class PointSet:
    """Attaches the points of the map to one session and turns what the server says of them into samples."""

    def __init__(
        self, device: OpcUaDevice, *, session: OpcUaSession, bad_points: BadPoints, clock: ProductionClock
    ) -> None:
        self._device = device
        self._session = session
        self._bad_points = bad_points
        self._clock = clock
        self._nodes: dict[str, ua.NodeId] = {}
        self._next_handle = 1
        self._handles: dict[int, OpcUaPoint] = {}
        self._items: dict[str, int] = {}
        self._read: dict[str, OpcUaPoint] = {}
        self._retries: dict[str, tuple[Backoff, float]] = {}
        self._last_read: dict[str, object] = {}
        self._is_subscribed: bool | None = None

    @property
    def periods(self) -> Mapping[str, float]:
        """How often which points are read that are not watched: period by name."""
        return {f"{point.sampling_s:g} s": point.sampling_s for point in self._read.values()}

    async def attach(self, points: Iterable[OpcUaPoint]) -> list[Sample]:
        """Find the nodes of points and watch them, or read them where that is asked for or watching is refused.

        Returns:
            A bad sample for each point that the server does not have.

        Raises:
            DeviceError: the session cannot be used any more.
        """
        namespaces = await self._session.namespaces()
        samples: list[Sample] = []
        to_watch: list[OpcUaPoint] = []
        for point in points:
            try:
                self._nodes[point.name] = resolve(point.node, namespaces)
            except NodeUnknown as exc:
                samples.extend(self._refuse(point, str(exc)))
                continue
            if point.mode is ReadMode.SUBSCRIBE:
                to_watch.append(point)
            else:
                self._read[point.name] = point
        samples.extend(await self._watch(to_watch))
        return samples

    async def retry(self, *, now: float) -> list[Sample]:
        """Attach again what was refused and is due. `now` is in loop seconds."""
        names = [name for name, (_, at) in self._retries.items() if at <= now]
        if not names:
            return []
        for name in names:
            self._retries[name] = (self._retries[name][0], math.inf)
        old_items = [self._items.pop(name) for name in names if name in self._items]
        if old_items:
            self._handles = {handle: point for handle, point in self._handles.items() if point.name not in names}
            await self._session.forget(old_items)
        return await self.attach(self._device.points[name] for name in names)

    def schedule_retries(self, *, now: float) -> None:
        """Give every newly refused point its next try."""
        for name, (backoff, at) in self._retries.items():
            if at < 0:
                self._retries[name] = (backoff, now + backoff.next_s())

    def samples(self, changes: Iterable[Change]) -> list[Sample]:
        """Samples of the notifications that came; those of items that we gave up are passed over."""
        return [
            sample
            for change in changes
            if (point := self._handles.get(change.handle)) is not None
            for sample in self._sample(point, change.data, change.wall_s)
        ]

    async def read(self, period: str) -> list[Sample]:
        """Read the points of one period; a point whose value, status and source time are the same says nothing."""
        points = [point for point in self._read.values() if f"{point.sampling_s:g} s" == period]
        answers = await self._session.read([self._nodes[point.name] for point in points])
        wall_s = time.time()
        samples: list[Sample] = []
        for point, data in zip(points, answers, strict=True):
            said = (data.Value, data.StatusCode, data.SourceTimestamp)
            if self._last_read.get(point.name) == said:
                continue
            self._last_read[point.name] = said
            samples.extend(self._sample(point, data, wall_s))
        return samples

    async def _watch(self, points: Sequence[OpcUaPoint]) -> list[Sample]:
        """Create monitored items; points whose item is refused are read in their sampling period instead."""
        if not points or not await self._subscribe(points):
            return []
        requests = []
        for point in points:
            node = self._nodes[point.name]
            requests.append(
                ItemRequest(handle=self._next_handle, node=node, sampling_s=point.sampling_s, queue=point.queue)
            )
            self._handles[self._next_handle] = point
            self._next_handle += 1
        try:
            results = await self._session.monitor(requests)
        except OpcUaRefused as exc:
            self._read_instead(points, exc.reason)
            return []
        samples: list[Sample] = []
        for point, result in zip(points, results, strict=True):
            samples.extend(self._watched(point, result))
        return samples

    def _watched(self, point: OpcUaPoint, result: ua.MonitoredItemCreateResult) -> Sequence[Sample]:
        status = result.StatusCode
        if status.is_bad():
            if status.value in NODE_FAULTS:
                return self._refuse(point, status.name)
            self._read_instead([point], status.name)
            return ()
        self._items[point.name] = result.MonitoredItemId
        revised_s = result.RevisedSamplingInterval / 1000
        if revised_s > point.sampling_s:
            logger.info(
                "sampling revised device=%s point=%s wanted_s=%.3f got_s=%.3f",
                self._device.id,
                point.name,
                point.sampling_s,
                revised_s,
            )
        return ()

    async def _subscribe(self, points: Sequence[OpcUaPoint]) -> bool:
        """The session's one subscription, made with the first points; false if the server refuses subscriptions."""
        if self._is_subscribed is None:
            fastest = min(point.sampling_s for point in self._device.points.values())
            try:
                await self._session.subscribe(fastest)
                self._is_subscribed = True
            except OpcUaRefused as exc:
                self._is_subscribed = False
                logger.info("no subscription device=%s reason=%s", self._device.id, exc.reason)
        if not self._is_subscribed:
            self._read.update((point.name, point) for point in points)
        return self._is_subscribed

    def _read_instead(self, points: Iterable[OpcUaPoint], reason: str) -> None:
        for point in points:
            logger.info("point read instead device=%s point=%s reason=%s", self._device.id, point.name, reason)
            self._read[point.name] = point

    def _refuse(self, point: OpcUaPoint, reason: str) -> Sequence[Sample]:
        """The server does not have the point now: bad, and tried again later."""
        self._read.pop(point.name, None)
        self._last_read.pop(point.name, None)
        backoff, _ = self._retries.get(point.name) or (backoff_of_point(), 0.0)
        self._retries[point.name] = (backoff, -1.0)
        return self._bad_points.bad(point.name, reason)

    def _sample(self, point: OpcUaPoint, data: ua.DataValue, wall_s: float) -> Sequence[Sample]:
        reading = reading_of(data, point)
        if reading.quality is Quality.BAD:
            if data.StatusCode is not None and data.StatusCode.value in NODE_FAULTS:
                return self._refuse(point, reading.reason)
            seen_at = self._clock.at_wall(wall_s)
            return self._bad_points.bad(
                point.name, reading.reason, at=time_of(data, self._device.time, seen_at=seen_at)
            )
        self._bad_points.good(point.name)
        self._retries.pop(point.name, None)
        seen_at = self._clock.at_wall(wall_s)
        return (
            Sample(
                device=self._device.id,
                point=point.name,
                value=reading.value,
                at=time_of(data, self._device.time, seen_at=seen_at),
                seen_at=seen_at,
                quality=reading.quality,
            ),
        )
