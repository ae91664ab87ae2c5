"""Monitored items: how they are asked for, and what servers do that have no room for all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from genba_edge.drivers.opcua_faults import OpcUaRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRequest:
    """An item to monitor; its notifications carry `handle`."""

    handle: int
    node: ua.NodeId
    sampling_s: float
    queue: int

    def to_ua(self) -> ua.MonitoredItemCreateRequest:
        """The request as OPC UA has it; a queue that is full loses its oldest sample."""
        return ua.MonitoredItemCreateRequest(
            ItemToMonitor=ua.ReadValueId(NodeId=self.node, AttributeId=AttributeIds.Value),
            MonitoringMode=ua.MonitoringMode.Reporting,
            RequestedParameters=ua.MonitoringParameters(
                ClientHandle=self.handle,
                SamplingInterval=self.sampling_s * 1000,
                QueueSize=self.queue,
                DiscardOldest=True,
            ),
        )


def until_full(
    ask: Callable[[Sequence[ItemRequest]], Awaitable[list[ua.MonitoredItemCreateResult]]],
) -> Callable[[Sequence[ItemRequest]], Awaitable[list[ua.MonitoredItemCreateResult]]]:
    """Servers that refuse a whole request for want of room: ask for halves of it until one item is too many."""
    refused = ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(StatusCodes.BadTooManyMonitoredItems)))
    is_full = False

    async def ask_part(part: Sequence[ItemRequest]) -> list[ua.MonitoredItemCreateResult]:
        nonlocal is_full
        if is_full:
            return [refused] * len(part)
        try:
            return await ask(part)
        except OpcUaRefused as exc:
            if exc.code != StatusCodes.BadTooManyMonitoredItems:
                raise
        if len(part) == 1:
            is_full = True
            return [refused]
        middle = len(part) // 2
        return [*await ask_part(part[:middle]), *await ask_part(part[middle:])]

    return ask_part
