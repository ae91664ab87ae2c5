"""One session with an OPC UA server: connects, reads, subscribes, and knows when the server has gone silent."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_from_binary

from genba_edge.drivers.opcua_client import OpcUaClient
from genba_edge.drivers.opcua_decode import Item, Published, published_of
from genba_edge.drivers.opcua_faults import UNDECODABLE, OpcUaLost, OpcUaRefused, name_of_status
from genba_edge.drivers.opcua_items import ItemRequest, until_full
from genba_edge.drivers.opcua_keys import Keys
from genba_edge.drivers.opcua_limits import Call, CallSizes
from genba_edge.drivers.opcua_nodes import standard_node
from genba_edge.drivers.opcua_publishing import MessageNumbers, Publishing, Subscription
from genba_edge.drivers.opcua_requests import OpcUaRequests
from genba_edge.drivers.opcua_security import Security, offers_of
from genba_edge.ports import Failure, Meter
from genba_shared.device_map.model import OpcUaDevice, SecuritySettings

logger = logging.getLogger(__name__)

ANSWER_S = 2.0
"""The watchdog's read must be answered within this, or within the device's timeout if that is shorter."""
KEEP_ALIVE_S = 1.0
"""How often a subscription with nothing to say must show that it lives."""
SILENT_S = 2.5
"""A subscription that said nothing for this long, or for two of its revised keep-alives, is dead."""
LIFETIME_S = 30.0
"""After this long without us the server may forget the subscription and the session."""
SHORTEST_PUBLISHING_S = 0.05
GOODBYE_S = 1.0
_LIMITS = {
    Call.READ: ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    Call.MONITOR: ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    Call.BROWSE: ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    Call.TRANSLATE: ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
}

_BUILD = (
    ObjectIds.Server_ServerStatus_BuildInfo_ManufacturerName,
    ObjectIds.Server_ServerStatus_BuildInfo_ProductName,
    ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The items of one message, and when it arrived."""

    items: list[Item]
    wall_s: float


class OpcUaSession(OpcUaRequests):
    """Wraps asyncua's client for one connection; a session that failed is closed and never used again.

    The library can reconnect and publish by itself, but it does not resolve namespaces again, does not say when it was
    away and does not notice a missing message, so that part is ours.
    """

    def __init__(self, device: OpcUaDevice, *, keys: Keys, sizes: CallSizes, meter: Meter) -> None:
        super().__init__(device, OpcUaClient(device, lifetime_s=LIFETIME_S), sizes=sizes, meter=meter)
        self._client.connection_lost_callback = self._connection_lost
        self._security = Security(device, keys, where=self._where, details=meter.details)
        self._publishing = Publishing(
            send=self._ask_publish, republish=self._republish, take=self._published, broken=self._break
        )
        self._arrivals: deque[Arrival] = deque()
        self._news = asyncio.Event()

    @classmethod
    def alone(cls, device: OpcUaDevice, *, state_dir: Path) -> OpcUaSession:
        """A session for a command that looks at a server once; with the same certificates as the gateway's driver."""
        return cls(device, keys=Keys(state_dir / "opcua"), sizes=CallSizes(), meter=Meter(device=device.id))

    @property
    def details(self) -> Mapping[str, str]:
        """What was found out about the connection: make of the server, certificates, sizes."""
        return self._meter.details

    async def offers(self) -> list[SecuritySettings]:
        """How the server lets itself be reached; asked without opening a session.

        Raises:
            OpcUaLost, OpcUaRefused: it does not answer.
        """
        return offers_of(await self._endpoints())

    async def open(self) -> None:
        """Connect, open a session and ask how much the server takes in one request.

        Raises:
            OpcUaLost: no connection, no answer in time, or not with the security of the map.
            OpcUaRefused: the server does not open a session for us.
        """
        if not self._security.is_open:
            endpoints = await self._endpoints()
            await self._security.prepare(self._client, endpoints)
        else:
            await self._security.prepare(self._client, ())
        try:
            await self._call(self._client.connect(), timeout_s=self._device.timeout_s * 2)
        except OpcUaRefused as exc:
            reason = self._security.reason_of_refusal(exc.code) or await self._only_secure()
            raise exc if reason is None else self._lost(reason, Failure.SECURITY) from exc
        except OpcUaLost as exc:
            reason = self._security.reason_of_close() if exc.failure is Failure.CLOSED else None
            if reason is None and not isinstance(exc.__cause__, OSError):
                reason = await self._only_secure()
            raise exc if reason is None else self._lost(reason, Failure.SECURITY) from exc
        pinned = await self._security.trust()
        if pinned is not None:
            logger.info("server certificate pinned device=%s fingerprint=%s", self._device.id, pinned)
        await self._get_to_know()

    async def _get_to_know(self) -> None:
        """Ask how much the server takes in one request, and what it is."""
        told = await self.read([standard_node(number) for number in (*_LIMITS.values(), *_BUILD)])
        for call, item in zip(_LIMITS, told, strict=False):
            self._sizes.server_names(call, item[1] if item[2] == 0 else None)
        details = self._meter.details
        details["server"] = " ".join(str(item[1]) for item in told[len(_LIMITS) :] if item[1])
        details["nodes_per_request"] = str(self._sizes)
        details["session_timeout_s"] = f"{self._client.session_timeout / 1000:g}"

    async def close(self) -> None:
        """Say goodbye if the server still listens, and close the socket in any case."""
        await self._publishing.close()
        with suppress(TimeoutError, OSError, *UNDECODABLE):
            async with asyncio.timeout(GOODBYE_S):
                await self._client.disconnect()
        self._client.disconnect_socket()
        await asyncio.sleep(0)  # the tasks that the library cancelled end in this turn of the loop

    async def subscribe(self, publishing_s: float) -> Subscription:
        """Create a subscription; what it tells is collected for `take`.

        Raises:
            OpcUaLost, OpcUaRefused
        """
        interval_s = max(SHORTEST_PUBLISHING_S, publishing_s)
        keep_alive = max(1, round(KEEP_ALIVE_S / interval_s))
        request = ua.CreateSubscriptionRequest()
        request.Parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=interval_s * 1000,
            RequestedMaxKeepAliveCount=keep_alive,
            RequestedLifetimeCount=max(3 * keep_alive, round(LIFETIME_S / interval_s)),
            MaxNotificationsPerPublish=10_000,
            PublishingEnabled=True,
            Priority=0,
        )
        revised = await self._call(self._subscribe(request), timeout_s=self._device.timeout_s)
        publishing_s = revised.RevisedPublishingInterval / 1000
        subscription = Subscription(
            id=revised.SubscriptionId,
            publishing_s=publishing_s,
            silent_s=max(SILENT_S, 2 * publishing_s * revised.RevisedMaxKeepAliveCount),
            heard_s=time.monotonic(),
            numbers=MessageNumbers(),
        )
        self._publishing.add(subscription)
        self._meter.details["publishing_s"] = f"{publishing_s:g}"
        self._meter.details["subscriptions"] = str(len(self._publishing.subscriptions))
        return subscription

    async def _subscribe(self, request: ua.CreateSubscriptionRequest) -> ua.CreateSubscriptionResult:
        """The library's own way keeps asking for notifications by itself, so the request is made here."""
        body = await self._send(request)
        response = struct_from_binary(ua.CreateSubscriptionResponse, Buffer(body))
        response.ResponseHeader.ServiceResult.check()
        result: ua.CreateSubscriptionResult = response.Parameters
        return result

    async def monitor(
        self, subscription: Subscription, items: Sequence[ItemRequest]
    ) -> list[ua.MonitoredItemCreateResult]:
        """Ask a subscription to watch items; each result tells whether it does, and at which rate.

        Raises:
            OpcUaLost, OpcUaRefused
        """

        async def ask(part: Sequence[ItemRequest]) -> list[ua.MonitoredItemCreateResult]:
            parameters = ua.CreateMonitoredItemsParameters(
                SubscriptionId=subscription.id,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[item.to_ua() for item in part],
            )
            answer = self._client.uaclient.session.create_monitored_items(parameters)
            return await self._results(answer, len(part))

        return await self._sizes.in_parts(Call.MONITOR, items, until_full(ask))

    async def forget(self, subscription: Subscription, items: Sequence[int]) -> None:
        """Stop watching items by the server's ids; a server that has forgotten them too is fine."""
        parameters = ua.DeleteMonitoredItemsParameters(SubscriptionId=subscription.id, MonitoredItemIds=list(items))
        with suppress(OpcUaRefused):
            await self._call(
                self._client.uaclient.session.delete_monitored_items(parameters), timeout_s=self._device.timeout_s
            )

    async def check(self) -> None:
        """Make sure that the server answers and that the subscriptions live; note how far its clock is from ours.

        Raises:
            OpcUaLost, OpcUaRefused: it does not; close the session.
        """
        self.raise_if_broken()
        asked_s = time.time()
        server = await self.server_time(timeout_s=min(ANSWER_S, self._device.timeout_s))
        if server is not None:
            offset_s = server.timestamp() - (asked_s + time.time()) / 2
            self._meter.details["clock_offset_s"] = f"{offset_s:+.1f}"
        for subscription in self._publishing.subscriptions:
            silent_s = time.monotonic() - subscription.heard_s
            if silent_s > subscription.silent_s:
                raise self._lost(f"the subscription of {self._where} is silent since {silent_s:.1f} s", Failure.SILENT)

    def raise_if_broken(self) -> None:
        """Raise `OpcUaLost` if the connection or a subscription has ended."""
        if self._fault is not None:
            raise self._fault

    async def wait(self, timeout_s: float) -> None:
        """Wait this long, or until there are items to take or the session broke."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        self._news.clear()

    def take(self) -> list[Arrival]:
        """What arrived since the last call, in the order in which the server sent it."""
        arrivals = list(self._arrivals)
        self._arrivals.clear()
        return arrivals

    def data_dead(self, reason: str) -> OpcUaLost:
        """The fault of subscriptions that live and tell nothing."""
        return self._lost(f"the subscription of {self._where} is dead for data: {reason}", Failure.SILENT)

    def _published(self, published: Published) -> None:
        if published.items:
            self._arrivals.append(Arrival(items=published.items, wall_s=time.time()))
            self._news.set()
        if published.ended:
            self._break(f"{self._where} ended the subscription: {name_of_status(published.ended)}", Failure.CLOSED)

    async def _connection_lost(self, exc: Exception) -> None:
        self._break(self._closed, Failure.CLOSED)

    def _break(self, reason: str, failure: Failure) -> None:
        self._fault = self._fault or self._lost(reason, failure)
        self._news.set()

    async def _ask_publish(self, request: object) -> bytes:
        """Wait for the next notification, for as long as that takes; the watchdog sees whether the server lives."""
        return await self._call(self._send(request, timeout_s=0), timeout_s=None)

    async def _republish(self, subscription: int, number: int) -> Published:
        answer = self._client.uaclient.session.republish(subscription, number)
        message = await self._call(answer, timeout_s=self._device.timeout_s)
        return published_of(subscription, message)

    async def _endpoints(self) -> list[ua.EndpointDescription]:
        """What the server offers; every server tells it without security. Source: OPC 10000-4, 5.5.4."""
        client = OpcUaClient(self._device, lifetime_s=LIFETIME_S)
        try:
            answer = client.connect_and_get_server_endpoints()
            return await self._call(answer, timeout_s=self._device.timeout_s * 2) or []
        finally:
            client.disconnect_socket()

    async def _only_secure(self) -> str | None:
        """Say so if the reason for a refusal is that the server wants encryption."""
        if not self._security.is_open:
            return None
        with suppress(OpcUaLost, OpcUaRefused):
            return self._security.explain_only_secure(await self._endpoints())
        return None
