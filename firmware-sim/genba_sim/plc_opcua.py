"""The PLC of the automatic cutter as an OPC UA server (the only home of asyncua here).

Namespace ``urn:genba:sim:cutter``: ``s=PartCount`` (UInt16, 65535 is followed by 0), ``s=Reset`` (Boolean),
``s=OrderNo`` (String, changes when the set-up begins), ``s=State`` (Int32: 0 idle, 1 running, 2 set-up, 3 down).
Source timestamps are exact plant times.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, cast

from asyncua import ua
from asyncua.server.server import Server

from genba_sim.happenings import Happening, PieceMade, SetUpBegan, State, StateChanged
from genba_sim.settings import CounterStart, Station

NAMESPACE: Final = "urn:genba:sim:cutter"
PART_COUNT, RESET, ORDER_NO, STATE = "PartCount", "Reset", "OrderNo", "State"
STATE_NUMBERS: Final = {State.IDLE: 0, State.RUNNING: 1, State.SETUP: 2, State.DOWN: 3}
_LIMIT: Final = 65_535
_CLOSE_S: Final = 1.0


class CutterPlc:
    """Variables of the cutter and the server that shows them, without security, on one host only."""

    def __init__(self, start: CounterStart, host: str = "127.0.0.1", port: int = 0) -> None:
        self._host = host
        self.port = port
        self._parts = start.cutter
        self._server: Server | None = None
        self._index = 0
        self._changes: list[tuple[str, ua.Variant, datetime]] = []

    @property
    def url(self) -> str:
        """Endpoint of the running server."""
        return f"opc.tcp://{self._host}:{self.port}/cutter"

    async def start(self, at: datetime) -> None:
        """Build the variables as of `at` (plant time) and listen; `port` is then the one that was bound.

        Raises:
            OSError: the port is taken.
        """
        server = Server()
        await server.init()
        server.set_endpoint(self.url)
        server.set_server_name("Automatic cutter (simulated)")
        await server.set_application_uri("urn:genba:sim:cutter:server")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        server.set_identity_tokens([ua.AnonymousIdentityToken])
        self._index = await server.register_namespace(NAMESPACE)
        folder = await server.nodes.objects.add_object(self._node("Cutter"), f"{self._index}:Cutter")
        variables: Sequence[tuple[str, ua.Variant]] = (
            (PART_COUNT, ua.Variant(self._parts, ua.VariantType.UInt16)),
            (RESET, ua.Variant(False, ua.VariantType.Boolean)),
            (ORDER_NO, ua.Variant("", ua.VariantType.String)),
            (STATE, ua.Variant(STATE_NUMBERS[State.IDLE], ua.VariantType.Int32)),
        )
        for name, value in variables:
            await folder.add_variable(self._node(name), f"{self._index}:{name}", value)
        self._server = server
        self._changes = [(name, value, at) for name, value in variables]
        await self.flush()
        await server.start()
        self.port = server.bserver.port if server.bserver is not None else self.port

    async def stop(self) -> None:
        """Close the server; whatever it cannot close within a second is left to the end of the process."""
        if self._server is None:
            return
        server, self._server = self._server, None
        try:
            async with asyncio.timeout(_CLOSE_S):
                await server.stop()
        except TimeoutError:
            pass

    def apply(self, happening: Happening) -> None:
        """Note the changes that the PLC would show; `flush` shows them."""
        match happening:
            case PieceMade(station=Station.CUT, at=at):
                self._parts = 0 if self._parts == _LIMIT else self._parts + 1
                self._changes.append((PART_COUNT, ua.Variant(self._parts, ua.VariantType.UInt16), at))
            case SetUpBegan(station=Station.CUT, at=at, work_order=work_order):
                self._changes.append((ORDER_NO, ua.Variant(work_order, ua.VariantType.String), at))
            case StateChanged(station=Station.CUT, at=at, state=state):
                self._changes.append((STATE, ua.Variant(STATE_NUMBERS[state], ua.VariantType.Int32), at))
            case _:
                pass

    def _node(self, name: str) -> ua.NodeId:
        return ua.NodeId.from_string(f"ns={self._index};s={name}")

    async def flush(self) -> None:
        """Write the noted changes in their order, each with its own source timestamp."""
        if self._server is None:
            return
        changes, self._changes = self._changes, []
        for name, value, at in changes:
            stamp = cast("ua.DateTime", at.astimezone(UTC).replace(tzinfo=None))  # asyncua keeps naive UTC
            reading = ua.DataValue(value, SourceTimestamp=stamp)
            await self._server.write_attribute_value(self._node(name), reading)
