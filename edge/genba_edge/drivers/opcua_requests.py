"""What can be asked of an OPC UA server in one session, in requests of a size that it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import TypeVar

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from genba_edge.drivers.link import reason_of
from genba_edge.drivers.opcua_client import OpcUaClient
from genba_edge.drivers.opcua_decode import Item, decode_read
from genba_edge.drivers.opcua_faults import BAD_SIGNATURE, UNDECODABLE, OpcUaLost, OpcUaRefused, name_of_status
from genba_edge.drivers.opcua_limits import Call, CallSizes
from genba_edge.drivers.opcua_nodes import standard_node
from genba_edge.ports import Failure, Meter
from genba_shared.device_map.model import OpcUaDevice

T = TypeVar("T")


class OpcUaRequests:
    """Asks one server; errors of the library become ours. `_fault` is why the session ended, None while it lives."""

    def __init__(self, device: OpcUaDevice, client: OpcUaClient, *, sizes: CallSizes, meter: Meter) -> None:
        self._device = device
        self._client = client
        self._sizes = sizes
        self._meter = meter
        url = client.server_url
        self._where = f"{url.hostname}:{url.port}"
        self._closed = f"{self._where} closed the connection"
        self._fault: OpcUaLost | None = None

    async def namespaces(self) -> Sequence[str]:
        """The server's namespace URIs; the place in this list is the index, which differs by server and restart."""
        (item,) = await self.read([standard_node(ObjectIds.Server_NamespaceArray)])
        return [str(uri) for uri in item[1]] if isinstance(item[1], list) else []

    async def server_time(self, *, timeout_s: float) -> datetime | None:
        """The server's clock; None where it tells none."""
        (item,) = await self._read([standard_node(ObjectIds.Server_ServerStatus_CurrentTime)], timeout_s=timeout_s)
        return item[1] if isinstance(item[1], datetime) else None

    async def read(self, nodes: Sequence[ua.NodeId]) -> list[Item]:
        """Present values with both timestamps, in the order asked. A node that cannot be read has a bad status.

        Raises:
            OpcUaLost, OpcUaRefused: the request as a whole failed.
        """
        return await self._sizes.in_parts(Call.READ, nodes, self._read)

    async def _read(self, nodes: Sequence[ua.NodeId], *, timeout_s: float | None = None) -> list[Item]:
        request = ua.ReadRequest()
        request.Parameters = _parameters(nodes)
        body = await self._call(self._send(request), timeout_s=timeout_s or self._device.timeout_s)
        try:
            items = decode_read(body)
        except UNDECODABLE as exc:
            raise self._lost(f"an answer of {self._where} cannot be decoded: {exc}", Failure.OUT_OF_STEP) from exc
        return self._complete(items, len(nodes))

    async def read_data_values(self, nodes: Sequence[ua.NodeId]) -> list[ua.DataValue]:
        """The same as `read`, with the server's own types, for people who look around.

        Raises:
            OpcUaLost, OpcUaRefused: the request as a whole failed.
        """

        async def ask(part: Sequence[ua.NodeId]) -> list[ua.DataValue]:
            answer = self._client.uaclient.session.read(_parameters(part))
            return await self._results(answer, len(part))

        return await self._sizes.in_parts(Call.READ, nodes, ask)

    async def read_attribute(self, node: ua.NodeId, attribute: AttributeIds) -> object:
        """Another attribute of a node than its value; None where it has none."""
        parameters = ua.ReadParameters(NodesToRead=[ua.ReadValueId(NodeId=node, AttributeId=attribute)])
        answer = self._client.uaclient.session.read(parameters)
        (data,) = await self._results(answer, 1)
        return data.Value.Value if data.Value is not None else None

    async def parents_of_type(self, data_type: ua.NodeId) -> list[ua.NodeId]:
        """The types that a type is derived from directly."""
        description = ua.BrowseDescription(
            NodeId=data_type,
            BrowseDirection=ua.BrowseDirection.Inverse,
            ReferenceTypeId=standard_node(ObjectIds.HasSubtype),
            IncludeSubtypes=True,
            NodeClassMask=ua.NodeClass.Unspecified,
            ResultMask=ua.UInt32(0),
        )
        parameters = ua.BrowseParameters(NodesToBrowse=[description], RequestedMaxReferencesPerNode=10)
        answer = self._client.uaclient.session.browse(parameters)
        (result,) = await self._results(answer, 1)
        return [reference.NodeId for reference in result.References or ()]

    async def translate(self, paths: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """The nodes at the end of browse paths, in the order asked.

        Raises:
            OpcUaLost, OpcUaRefused: the request as a whole failed.
        """

        async def ask(part: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
            answer = self._client.uaclient.session.translate_browsepaths_to_nodeids(list(part))
            return await self._results(answer, len(part))

        return await self._sizes.in_parts(Call.TRANSLATE, paths, ask)

    async def browse(self, nodes: Sequence[ua.NodeId]) -> list[list[ua.ReferenceDescription]]:
        """What hangs below each node: objects and variables, in the server's order; nothing where it may not be seen.

        Raises:
            OpcUaLost, OpcUaRefused: the request as a whole failed.
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
            answer = self._client.uaclient.session.browse(parameters)
            return await self._results(answer, len(part))

        results = await self._sizes.in_parts(Call.BROWSE, wanted, ask)
        return [list(result.References or ()) + await self._browse_on(result) for result in results]

    async def _browse_on(self, result: ua.BrowseResult) -> list[ua.ReferenceDescription]:
        """The rest of a long answer, which the server gives in pieces."""
        found: list[ua.ReferenceDescription] = []
        while result.ContinuationPoint:
            parameters = ua.BrowseNextParameters(
                ReleaseContinuationPoints=False, ContinuationPoints=[result.ContinuationPoint]
            )
            answer = self._client.uaclient.session.browse_next(parameters)
            (result,) = await self._results(answer, 1)
            found.extend(result.References or ())
        return found

    def _lost(self, reason: str, failure: Failure) -> OpcUaLost:
        return OpcUaLost(device=self._device.id, reason=reason, failure=failure)

    async def _send(self, request: object, *, timeout_s: float | None = None) -> bytes:
        """The bytes of an answer; `timeout_s` 0 leaves the time open."""
        protocol = self._client.uaclient.protocol
        if protocol is None:
            raise ConnectionError
        return bytes(await protocol.send_request(request, timeout_s))

    async def _results(self, answer: Awaitable[Sequence[T] | None], asked: int) -> list[T]:
        """The results of a request with `asked` parts."""
        return self._complete(await self._call(answer, timeout_s=self._device.timeout_s), asked)

    def _complete(self, results: Sequence[T] | None, asked: int) -> list[T]:
        """Results belong to what was asked by their place alone: another number of them means nothing."""
        told = list(results or ())
        if len(told) != asked:
            reason = f"{self._where} answers {len(told)} results to a request for {asked}"
            raise self._lost(reason, Failure.OUT_OF_STEP)
        return told

    async def _call(self, answer: Awaitable[T], *, timeout_s: float | None) -> T:
        """Wait for an answer of the library and turn its errors into ours."""
        self._meter.requests += 1
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except OSError as exc:
            if self._fault is not None:
                raise self._fault from exc
            failure = _kind_of(exc)
            reason = reason_of(exc, where=self._where, timeout_s=timeout_s or self._device.timeout_s)
            if failure is Failure.CLOSED:
                reason = self._closed
            raise self._lost(reason, failure) from exc
        except UaStatusCodeError as exc:
            reason = f"{self._where} answers {name_of_status(exc.code)}"
            raise OpcUaRefused(device=self._device.id, reason=reason, code=exc.code) from exc
        except BAD_SIGNATURE as exc:
            reason = f"{self._where} did not prove that the certificate is its own: another machine may answer there"
            raise self._lost(reason, Failure.SECURITY) from exc
        except UNDECODABLE as exc:
            reason = f"an answer of {self._where} cannot be used: {str(exc) or type(exc).__name__}"
            raise self._lost(reason, Failure.OUT_OF_STEP) from exc


def _parameters(nodes: Sequence[ua.NodeId]) -> ua.ReadParameters:
    return ua.ReadParameters(
        MaxAge=0,
        TimestampsToReturn=ua.TimestampsToReturn.Both,
        NodesToRead=[ua.ReadValueId(NodeId=node, AttributeId=AttributeIds.Value) for node in nodes],
    )


def _kind_of(exc: OSError) -> Failure:
    match exc:
        case TimeoutError():
            return Failure.TIMEOUT
        case ConnectionRefusedError():
            return Failure.CONNECT
        case ConnectionError():
            return Failure.CLOSED
        case _:
            return Failure.CONNECT
