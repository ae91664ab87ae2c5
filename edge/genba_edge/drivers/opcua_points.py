"""The points of one OPC UA session: which are watched, read, or refused, and when to try the refused ones again."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from genba_edge.drivers.backoff import Backoff, backoff_of_point
from genba_edge.drivers.link import BadPoints
from genba_edge.drivers.opcua_datawatch import DataWatch
from genba_edge.drivers.opcua_faults import NODE_FAULTS, OpcUaRefused, name_of_status
from genba_edge.drivers.opcua_items import ItemRequest
from genba_edge.drivers.opcua_nodes import NodeUnknown, browse_path, resolve, show_path
from genba_edge.drivers.opcua_publishing import Subscription
from genba_edge.drivers.opcua_samples import Sampler, Tracked
from genba_edge.drivers.opcua_session import Arrival, OpcUaSession
from genba_edge.drivers.opcua_structures import Structures
from genba_edge.drivers.opcua_values import converter_of
from genba_edge.ports import Meter, Sample
from genba_shared.device_map.model import NodeAddress, OpcUaDevice, OpcUaPoint, ReadMode

logger = logging.getLogger(__name__)

SHOWN: Final = 5
"""Points that a line names; a server that treats one point so mostly treats all of them so."""


class PointSet:
    """Attaches the points of the map to one session and turns what the server says of them into samples."""

    def __init__(
        self,
        device: OpcUaDevice,
        *,
        session: OpcUaSession,
        sampler: Sampler,
        bad_points: BadPoints,
        data_watch: DataWatch,
        meter: Meter,
    ) -> None:
        self._device = device
        self._meter = meter
        self._session = session
        self._sampler = sampler
        self._bad_points = bad_points
        self._data_watch = data_watch
        data_watch.begin(now=asyncio.get_running_loop().time())
        self._structures = Structures(session.read_attribute, session.parents_of_type)
        self._next_handle = 1
        self._watched: dict[int, Tracked] = {}
        self._read: dict[str, Tracked] = {}
        self._last_read: dict[str, object] = {}
        self._retries: dict[str, tuple[Backoff, float]] = {}
        self._subscription: Subscription | None = None
        self._no_subscription = ""
        self._slowed: list[Tracked] = []
        self._read_because: dict[str, list[str]] = {}

    @property
    def periods(self) -> Mapping[str, float]:
        """How often which points are read that are not watched: period by name."""
        return {_period_of(tracked): tracked.point.sampling_s for tracked in self._read.values()}

    async def attach(self, points: Iterable[OpcUaPoint]) -> list[Sample]:
        """Find the nodes of points and watch them, or read them where that is asked for or watching is refused.

        Returns:
            A bad sample for each point that the server does not have.

        Raises:
            DeviceError: the session cannot be used any more.
        """
        samples: list[Sample] = []
        to_watch: list[Tracked] = []
        for point, node in await self._find(points, samples):
            tracked = await self._track(point, node)
            if point.mode is ReadMode.READ:
                self._read[point.name] = tracked
            elif point.name in self._data_watch.unwatchable:
                self._read_instead([tracked], "its subscription was dead twice")
            else:
                to_watch.append(tracked)
        samples.extend(await self._watch(to_watch))
        self._tell_what_differs()
        return samples

    async def retry(self, *, now: float) -> list[Sample]:
        """Attach again what was refused and is due. `now` is in loop seconds."""
        names = {name for name, (_, at) in self._retries.items() if at <= now}
        if not names:
            return []
        for name in names:
            self._retries[name] = (self._retries[name][0], math.inf)
        for tracked in [tracked for tracked in self._watched.values() if tracked.point.name in names]:
            self._unwatch(tracked)
            if tracked.subscription is not None and tracked.item:
                await self._session.forget(tracked.subscription, [tracked.item])
        return await self.attach(self._device.points[name] for name in names)

    def schedule_retries(self, *, now: float) -> None:
        """Give every newly refused point its next try."""
        for name, (backoff, at) in self._retries.items():
            if at < 0:
                self._retries[name] = (backoff, now + backoff.next_s())

    def samples(self, arrivals: Iterable[Arrival]) -> list[Sample]:
        """Samples of the notifications that came; those of items that we gave up are passed over."""
        return [
            sample
            for arrival in arrivals
            for sample in self._sampler.samples(
                self._watched, arrival.items, wall_s=arrival.wall_s, gone=self._refuse_tracked
            )
        ]

    async def read(self, period: str) -> list[Sample]:
        """Read the points of one period; a point whose value, status and source time are the same says nothing."""
        points = [tracked for tracked in self._read.values() if _period_of(tracked) == period]
        answers = await self._session.read([tracked.node for tracked in points])
        wall_s = time.time()
        news = []
        for number, (tracked, (_, value, status, source, server)) in enumerate(zip(points, answers, strict=True)):
            said = (value, status, source)
            if self._last_read.get(tracked.point.name) != said:
                self._last_read[tracked.point.name] = said
                news.append((number, value, status, source, server))
        return self._sampler.samples(dict(enumerate(points)), news, wall_s=wall_s, gone=self._refuse_tracked)

    async def check_data(self, *, now: float) -> None:
        """Make sure that what was told of watched points is what they are; the others are looked at in turn.

        Raises:
            OpcUaLost: a subscription is dead for data.
        """
        self._sampler.describe()
        reason = await self._data_watch.check(self._watched, self._session.read, now=now)
        if reason is not None:
            raise self._session.data_dead(reason)

    async def _find(self, points: Iterable[OpcUaPoint], refused: list[Sample]) -> list[tuple[OpcUaPoint, ua.NodeId]]:
        """The nodes of points on this server now; what it does not have is added to `refused`."""
        namespaces = await self._session.namespaces()
        found: list[tuple[OpcUaPoint, ua.NodeId]] = []
        paths: list[tuple[OpcUaPoint, NodeAddress, ua.BrowsePath]] = []
        for point in points:
            try:
                if point.path is not None:
                    paths.append((point, point.path, browse_path(point.path, namespaces)))
                else:
                    found.append((point, resolve(point.node, namespaces)))
            except NodeUnknown as exc:
                refused.extend(self._refuse(point, str(exc)))
        if not paths:
            return found
        try:
            results = await self._session.translate([path for _, _, path in paths])
        except OpcUaRefused as exc:
            for point, _, _ in paths:
                refused.extend(self._refuse(point, f"the server does not look up browse paths: {exc.reason}"))
            return found
        for (point, address, _), result in zip(paths, results, strict=True):
            if result.StatusCode.is_bad() or not result.Targets:
                reason = f"the server has nothing at {show_path(address)} ({name_of_status(result.StatusCode.value)})"
                refused.extend(self._refuse(point, reason))
                continue
            target = result.Targets[0].TargetId
            found.append((point, ua.NodeId(target.Identifier, target.NamespaceIndex, target.NodeIdType)))
        return found

    async def _track(self, point: OpcUaPoint, node: ua.NodeId) -> Tracked:
        decode = None
        if point.member or isinstance(point.element, str):
            with suppress(OpcUaRefused):  # then its values are bad, with the reason
                decode = await self._structures.decoder_of(node)
        return Tracked(
            point=point, node=node, convert=converter_of(point, decode), time=point.time or self._device.time
        )

    async def _watch(self, points: Sequence[Tracked]) -> list[Sample]:
        """Create monitored items, in as many subscriptions as that takes; the rest is read in its sampling period."""
        samples: list[Sample] = []
        waiting = list(points)
        while waiting:
            is_new = self._subscription is None
            subscription = await self._subscribed()
            if subscription is None:
                self._read_instead(waiting, self._no_subscription)
                break
            requests = [self._request(tracked) for tracked in waiting]
            try:
                results = await self._session.monitor(subscription, requests)
            except OpcUaRefused as exc:
                self._read_instead(waiting, exc.reason)
                break
            full: list[Tracked] = []
            for tracked, result in zip(waiting, results, strict=True):
                if result.StatusCode.value == StatusCodes.BadTooManyMonitoredItems:
                    full.append(tracked)
                else:
                    samples.extend(self._take_result(tracked, subscription, result))
            if full and is_new and len(full) == len(waiting):
                self._read_instead(full, name_of_status(StatusCodes.BadTooManyMonitoredItems))
                break
            if full:
                self._subscription = None
                for tracked in full:
                    self._unwatch(tracked)
            waiting = full
        return samples

    def _request(self, tracked: Tracked) -> ItemRequest:
        tracked.handle = handle = self._next_handle
        self._next_handle += 1
        self._watched[handle] = tracked
        return ItemRequest(
            handle=handle, node=tracked.node, sampling_s=tracked.point.sampling_s, queue=tracked.point.queue
        )

    def _take_result(
        self, tracked: Tracked, subscription: Subscription, result: ua.MonitoredItemCreateResult
    ) -> Sequence[Sample]:
        status = result.StatusCode
        if status.is_bad():
            if status.value in NODE_FAULTS:
                return self._refuse_tracked(tracked, status.name)
            self._read_instead([tracked], status.name)
            return ()
        tracked.subscription, tracked.item = subscription, result.MonitoredItemId
        tracked.revised_s = result.RevisedSamplingInterval / 1000
        self._meter.sampled_s.pop(tracked.point.name, None)
        if tracked.revised_s > tracked.point.sampling_s:
            self._slowed.append(tracked)
            self._meter.sampled_s[tracked.point.name] = tracked.revised_s
        return ()

    async def _subscribed(self) -> Subscription | None:
        """The subscription that takes items now, made if there is none; None if the server gives no (more) ones."""
        if self._subscription is None and not self._no_subscription:
            fastest = min(point.sampling_s for point in self._device.points.values())
            try:
                self._subscription = await self._session.subscribe(fastest)
            except OpcUaRefused as exc:
                self._no_subscription = f"no more subscription: {name_of_status(exc.code)}"
        return self._subscription

    def _read_instead(self, points: Iterable[Tracked], reason: str) -> None:
        for tracked in points:
            self._unwatch(tracked)
            self._read[tracked.point.name] = tracked
            self._read_because.setdefault(reason, []).append(tracked.point.name)

    def _tell_what_differs(self) -> None:
        """Say in one line each what the server gives other than it was asked for."""
        for reason, names in self._read_because.items():
            logger.info("points read instead device=%s points=%s reason=%s", self._device.id, _some(names), reason)
        if self._slowed:
            slowest = max(self._slowed, key=lambda tracked: tracked.revised_s)
            asked_s, got_s = slowest.point.sampling_s, slowest.revised_s
            points = _some([tracked.point.name for tracked in self._slowed])
            logger.info(
                "points sampled slower device=%s points=%s asked_s=%g got_s=%g", self._device.id, points, asked_s, got_s
            )
            self._meter.details["sampled_slower"] = f"{points}: {got_s:g} s instead of {asked_s:g} s"
        if self._read:
            self._meter.details["read_in_polls"] = _some(list(self._read))
        self._read_because.clear()
        self._slowed.clear()

    def _unwatch(self, tracked: Tracked) -> None:
        self._watched.pop(tracked.handle, None)

    def _refuse_tracked(self, tracked: Tracked, reason: str) -> Sequence[Sample]:
        tracked.is_bad = True
        return self._refuse(tracked.point, reason)

    def _refuse(self, point: OpcUaPoint, reason: str) -> Sequence[Sample]:
        """The server does not have the point now: bad, and tried again later."""
        self._read.pop(point.name, None)
        self._last_read.pop(point.name, None)
        backoff, _ = self._retries.get(point.name) or (backoff_of_point(), 0.0)
        self._retries[point.name] = (backoff, -1.0)
        return self._bad_points.bad(point.name, reason)


def _some(names: Sequence[str]) -> str:
    """The first names of a list, and how many more there are."""
    shown, more = ",".join(names[:SHOWN]), len(names) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _period_of(tracked: Tracked) -> str:
    return f"{tracked.point.sampling_s:g}s"
