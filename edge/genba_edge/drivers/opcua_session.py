"""One session with an OPC UA server: connects, reads, subscribes, and knows when the server has gone silent."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError

from genba_edge.drivers.link import reason_of
from genba_shared.device_map.model import OpcUaDevice
from genba_shared.errors import DeviceRefused, DeviceUnreachable

T = TypeVar("T")
Request = TypeVar("Request")

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
LARGEST_CALL = 500
"""Nodes in one request, unless the server says that it takes fewer."""
TOO_LARGE = frozenset(
    {
        StatusCodes.BadTooManyOperations,
        StatusCodes.BadEncodingLimitsExceeded,
        StatusCodes.BadRequestTooLarge,
        StatusCodes.BadResponseTooLarge,
        StatusCodes.BadTcpMessageTooLarge,
    }
)


class OpcUaRefused(DeviceRefused):
    """The server answered a request as a whole with a bad status `code`."""

    def __init__(self, *, device: str, reason: str, code: int) -> None:
        super().__init__(device=device, reason=reason)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A notification of one monitored item. `wall_s` is when it arrived."""

    handle: int
    data: ua.DataValue
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRequest:
    """An item to monitor; its notifications carry `handle`."""

    handle: int
    node: ua.NodeId
    sampling_s: float
    queue: int


class OpcUaSession:
    """Wraps asyncua's client for one connection; a session that failed is closed and never used again.

    The library can reconnect by itself, but it does not resolve namespaces again and does not say when it was away,
    so that part is ours.
    """

    def __init__(self, device: OpcUaDevice) -> None:
        self._device = device
        self._client = Client(device.url, timeout=device.timeout_s, watchdog_intervall=LIFETIME_S)
        self._client.name = self._client.description = "genba edge"
        self._client.application_uri = "urn:genba:edge"
        self._client.session_timeout = int(LIFETIME_S * 1000)
        self._client.connection_lost_callback = self._connection_lost
        url = self._client.server_url
        self._where = f"{url.hostname}:{url.port}"
        self._subscription: int | None = None
        self._silent_s = SILENT_S
        self._heard_s = 0.0
        self._changes: deque[Change] = deque()
        self._news = asyncio.Event()
        self._fault = ""
        self._largest_read = self._largest_monitor = LARGEST_CALL

    async def open(self) -> None:
        """Connect, open a session and ask how much the server takes in one request.

        Raises:
            DeviceUnreachable: no connection, no answer in time, or only encrypted endpoints.
            OpcUaRefused: the server does not open a session for us.
        """
        try:
            await self._call(self._client.connect(), timeout_s=self._device.timeout_s * 2)
        except (DeviceRefused, DeviceUnreachable) as exc:
            if not isinstance(exc.__cause__, OSError):
                await self._raise_if_only_secure()
            raise
        limits = await self.read(
            [
                standard_node(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead),
                standard_node(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall),
            ]
        )
        self._largest_read, self._largest_monitor = (_limit(limit) for limit in limits)

    async def close(self) -> None:
        """Say goodbye if the server still listens, and close the socket in any case."""
        with suppress(TimeoutError, OSError, UaError):
            async with asyncio.timeout(GOODBYE_S):
                await self._client.disconnect()
        self._client.disconnect_socket()
        await asyncio.sleep(0)  # the tasks that the library cancelled end in this turn of the loop

    async def namespaces(self) -> Sequence[str]:
        """The server's namespace URIs; the place in this list is the index, which differs by server and restart."""
        (array,) = await self.read([standard_node(ObjectIds.Server_NamespaceArray)])
        value = array.Value.Value if array.Value is not None else None
        return [str(uri) for uri in value] if isinstance(value, list) else []

    async def read(self, nodes: Sequence[ua.NodeId]) -> list[ua.DataValue]:
        """Present values with both timestamps, in the order asked. A node that cannot be read has a bad status.

        Raises:
            DeviceUnreachable, OpcUaRefused: the request as a whole failed.
        """

        async def ask(part: Sequence[ua.NodeId]) -> list[ua.DataValue]:
            wanted = [ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value) for node in part]
            parameters = ua.ReadParameters(MaxAge=0, TimestampsToReturn=ua.TimestampsToReturn.Both, NodesToRead=wanted)
            return await self._call(self._client.uaclient.session.read(parameters), timeout_s=self._device.timeout_s)

        return await _in_parts(nodes, ask, largest=self._largest_read)

    async def browse(self, nodes: Sequence[ua.NodeId]) -> list[list[ua.ReferenceDescription]]:
        """What hangs below each node: objects and variables, in the server's order; nothing where it may not be seen.

        Raises:
            DeviceUnreachable, OpcUaRefused: the request as a whole failed.
        """
        wanted = [
            ua.BrowseDescription(
                NodeId=node,
                BrowseDirection=ua.BrowseDirection.Forward,
                ReferenceTypeId=standard_node(ObjectIds.HierarchicalReferences),
                IncludeSubtypes=True,
                NodeClassMask=ua.NodeClass.Object | ua.NodeClass.Variable,
                ResultMask=ua.BrowseResultMask.All,
            )
            for node in nodes
        ]

        async def ask(part: Sequence[ua.BrowseDescription]) -> list[ua.BrowseResult]:
            parameters = ua.BrowseParameters(NodesToBrowse=list(part))
            return await self._call(self._client.uaclient.session.browse(parameters), timeout_s=self._device.timeout_s)

        results = await _in_parts(wanted, ask, largest=self._largest_read)
        return [list(result.References or ()) + await self._browse_on(result) for result in results]

    async def _browse_on(self, result: ua.BrowseResult) -> list[ua.ReferenceDescription]:
        """The rest of a long answer, which the server gives in pieces."""
        found: list[ua.ReferenceDescription] = []
        while result.ContinuationPoint:
            parameters = ua.BrowseNextParameters(
                ReleaseContinuationPoints=False, ContinuationPoints=[result.ContinuationPoint]
            )
            (result,) = await self._call(
                self._client.uaclient.session.browse_next(parameters), timeout_s=self._device.timeout_s
            )
            found.extend(result.References or ())
        return found

    async def subscribe(self, publishing_s: float) -> None:
        """Create the session's subscription; what it tells is collected for `take`.

        Raises:
            DeviceUnreachable, OpcUaRefused
        """
        interval_s = max(SHORTEST_PUBLISHING_S, publishing_s)
        keep_alive = max(1, round(KEEP_ALIVE_S / interval_s))
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=interval_s * 1000,
            RequestedMaxKeepAliveCount=keep_alive,
            RequestedLifetimeCount=max(3 * keep_alive, round(LIFETIME_S / interval_s)),
            MaxNotificationsPerPublish=10_000,
            PublishingEnabled=True,
            Priority=0,
        )
        self._heard_s = time.monotonic()
        revised = await self._call(
            self._client.uaclient.session.create_subscription(parameters, self._published),
            timeout_s=self._device.timeout_s,
        )
        self._subscription = revised.SubscriptionId
        keep_alive_s = revised.RevisedPublishingInterval * revised.RevisedMaxKeepAliveCount / 1000
        self._silent_s = max(SILENT_S, 2 * keep_alive_s)

    async def monitor(self, items: Sequence[ItemRequest]) -> list[ua.MonitoredItemCreateResult]:
        """Ask the subscription to watch items; each result tells whether it does, and at which rate.

        Raises:
            DeviceUnreachable, OpcUaRefused
        """

        async def ask(part: Sequence[ItemRequest]) -> list[ua.MonitoredItemCreateResult]:
            parameters = ua.CreateMonitoredItemsParameters(
                SubscriptionId=self._subscription,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[_item_request(item) for item in part],
            )
            answer = self._client.uaclient.session.create_monitored_items(parameters)
            return await self._call(answer, timeout_s=self._device.timeout_s)

        return await _in_parts(items, ask, largest=self._largest_monitor)

    async def forget(self, items: Sequence[int]) -> None:
        """Stop watching items by the server's ids; a server that has forgotten them too is fine."""
        parameters = ua.DeleteMonitoredItemsParameters(SubscriptionId=self._subscription, MonitoredItemIds=list(items))
        with suppress(OpcUaRefused):
            await self._call(
                self._client.uaclient.session.delete_monitored_items(parameters), timeout_s=self._device.timeout_s
            )

    async def check(self) -> None:
        """Make sure that the server answers and that the subscription lives.

        Raises:
            DeviceUnreachable: it does not; close the session.
        """
        self.raise_if_broken()
        node = ua.ReadValueId(
            NodeId=standard_node(ObjectIds.Server_ServerStatus_CurrentTime), AttributeId=AttributeIds.Value
        )
        parameters = ua.ReadParameters(NodesToRead=[node])
        timeout_s = min(ANSWER_S, self._device.timeout_s)
        await self._call(self._client.uaclient.session.read(parameters), timeout_s=timeout_s)
        silent_s = time.monotonic() - self._heard_s
        if self._subscription is not None and silent_s > self._silent_s:
            reason = f"the subscription of {self._where} is silent since {silent_s:.1f} s"
            raise DeviceUnreachable(device=self._device.id, reason=reason)

    def raise_if_broken(self) -> None:
        """Raise `DeviceUnreachable` if the connection or the subscription has ended."""
        if self._fault:
            raise DeviceUnreachable(device=self._device.id, reason=self._fault)

    async def wait(self, timeout_s: float) -> None:
        """Wait this long, or until there are changes to take or the session broke."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        self._news.clear()

    def take(self) -> list[Change]:
        """The changes that arrived since the last call, in the order in which the server sent them."""
        changes = list(self._changes)
        self._changes.clear()
        return changes

    def _published(self, result: ua.PublishResult) -> None:
        """Take what the subscription tells; an empty answer is its keep-alive."""
        self._heard_s = time.monotonic()
        wall_s = time.time()
        for notification in result.NotificationMessage.NotificationData or ():
            if isinstance(notification, ua.DataChangeNotification):
                for item in notification.MonitoredItems:
                    self._changes.append(Change(handle=item.ClientHandle, data=item.Value, wall_s=wall_s))
            elif isinstance(notification, ua.StatusChangeNotification):
                self._break(f"{self._where} ended the subscription: {notification.Status.name}")
        if self._changes:
            self._news.set()

    async def _connection_lost(self, exc: Exception) -> None:
        self._break(f"{self._where} closed the connection")

    def _break(self, reason: str) -> None:
        self._fault = self._fault or reason
        self._news.set()

    async def _call(self, answer: Awaitable[T], *, timeout_s: float) -> T:
        """Wait for an answer of the library and turn its errors into ours."""
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except OSError as exc:
            reason = self._fault or reason_of(exc, where=self._where, timeout_s=timeout_s)
            raise DeviceUnreachable(device=self._device.id, reason=reason) from exc
        except UaStatusCodeError as exc:
            reason = f"{self._where} answers {ua.StatusCode(exc.code).name}"
            raise OpcUaRefused(device=self._device.id, reason=reason, code=exc.code) from exc
        except UaError as exc:
            raise DeviceUnreachable(device=self._device.id, reason=f"{self._where}: {exc}") from exc

    async def _raise_if_only_secure(self) -> None:
        """Say so if the reason for a refusal is that the server wants encryption, and name what it offers."""
        client = Client(self._device.url, timeout=self._device.timeout_s)
        try:
            async with asyncio.timeout(self._device.timeout_s):
                endpoints = await client.connect_and_get_server_endpoints()
        except (OSError, UaError):
            return
        finally:
            client.disconnect_socket()
        if any(endpoint.SecurityMode == ua.MessageSecurityMode.None_ for endpoint in endpoints):
            return
        offers = {f"{e.SecurityPolicyUri.rpartition('#')[2]}/{e.SecurityMode.name}" for e in endpoints}
        reason = (
            f"{self._where} offers no endpoint without security, and this version has no other; it offers "
            f"{', '.join(sorted(offers)) or 'none at all'}"
        )
        raise DeviceUnreachable(device=self._device.id, reason=reason)


async def _in_parts(
    requests: Sequence[Request], ask: Callable[[Sequence[Request]], Awaitable[list[T]]], *, largest: int
) -> list[T]:
    """Ask in requests of at most `largest`, and of half the size as long as the server finds them too large."""
    results: list[T] = []
    while len(results) < len(requests):
        part = requests[len(results) : len(results) + largest]
        try:
            results.extend(await ask(part))
        except OpcUaRefused as exc:
            if exc.code not in TOO_LARGE or len(part) < 2:
                raise
            largest = len(part) // 2
    return results


def standard_node(number: int) -> ua.NodeId:
    """A node that every server has under the same number."""
    return ua.NodeId(ua.Int32(number))


def _limit(answer: ua.DataValue) -> int:
    """A server's limit; 0, nothing and nonsense mean that it has none."""
    value = answer.Value.Value if answer.Value is not None else None
    return min(value, LARGEST_CALL) if isinstance(value, int) and value > 0 else LARGEST_CALL


def _item_request(item: ItemRequest) -> ua.MonitoredItemCreateRequest:
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(NodeId=item.node, AttributeId=AttributeIds.Value),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=item.handle,
            SamplingInterval=item.sampling_s * 1000,
            QueueSize=item.queue,
            DiscardOldest=True,
        ),
    )
