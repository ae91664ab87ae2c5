"""The OPC UA driver against the server of opcua-asyncio, which encodes other things than node-opcua does."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from asyncua import Server, ua
from asyncua.common.node import Node
from asyncua.common.structures104 import new_struct, new_struct_field
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager

from genba_edge.drivers.link import quieten
from genba_edge.drivers.opcua import OpcUaDriver
from genba_edge.drivers.opcua_keys import Keys
from genba_edge.ports import DeviceLost, Sample
from genba_shared.clock import ProductionClock
from genba_shared.device_map.model import OpcUaDevice, OpcUaPoint, PointType, SecurityPolicy, SecuritySettings
from genba_shared.secret import Secret
from tests.peers.recorder import running

URI = "urn:genba:second"
WITHIN_S = 30.0
SECURITY = SecuritySettings(policy=SecurityPolicy.AES256_SHA256, user="edge", password=Secret("sesame"))


class OnlyEdge(UserManager):
    """Lets in the user edge."""

    def get_user(
        self, iserver: object, username: str | None = None, password: str | None = None, certificate: object = None
    ) -> User | None:
        return User(role=UserRole.User) if (username, password) == ("edge", "sesame") else None


class SecondServer:
    """A server in a thread of its own that offers Aes256_Sha256_RsaPss alone, with structures of its own making."""

    def __init__(self, folder: Path) -> None:
        self._own = Keys(folder).own()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.url = f"opc.tcp://127.0.0.1:{probe.getsockname()[1]}/"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="second server", daemon=True)
        self._server: Server | None = None
        self._parts: Node | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._run(self._server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN_S)
        self._loop.close()

    def set_parts(self, value: int) -> None:
        """Another count."""
        assert self._parts is not None
        self._run(self._parts.write_value(ua.Variant(value, ua.VariantType.Int32)))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN_S)

    async def _start(self) -> None:
        self._server = server = Server(user_manager=OnlyEdge())
        await server.init()
        server.set_endpoint(self.url)
        await server.set_application_uri(self._own.uri)
        server.set_security_policy([ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt])
        server.set_identity_tokens([ua.UserNameIdentityToken])
        await server.load_certificate(str(self._own.certificate))
        await server.load_private_key(str(self._own.key))
        index = await server.register_namespace(URI)
        fields = [
            new_struct_field("Name", ua.VariantType.String),
            new_struct_field("Note", ua.VariantType.LocalizedText, optional=True),
            new_struct_field("Rates", ua.VariantType.Double, array=True),
            new_struct_field("Count", ua.VariantType.Int32),
        ]
        await new_struct(server, index, "SecondCounts", fields)
        await server.load_data_type_definitions()
        counts = [
            ua.SecondCounts(Name="Jar", Note=None, Rates=[1.5, 2.5], Count=7),  # type: ignore[attr-defined]  # just made
            ua.SecondCounts(  # type: ignore[attr-defined]  # just made
                Name="Can", Note=ua.LocalizedText("x"), Rates=[], Count=9
            ),
        ]
        add = server.nodes.objects.add_variable
        self._parts = await add(ua.NodeId("parts", index), "parts", ua.Variant(-12, ua.VariantType.Int32))
        await add(ua.NodeId("order", index), "order", "0815")
        await add(ua.NodeId("counts", index), "counts", counts)
        await server.start()


@pytest.fixture
def second_server(tmp_path: Path) -> Iterator[SecondServer]:
    """A running server."""
    quieten("asyncua")
    with SecondServer(tmp_path / "server") as server:
        yield server


def driver_of(server: SecondServer, state: Path, security: SecuritySettings) -> OpcUaDriver:
    def point(name: str, kind: PointType, node: str, **more: Any) -> OpcUaPoint:
        return OpcUaPoint(name=name, type=kind, node=f"nsu={URI};s={node}", sampling_s=0.05, **more)

    points = (
        point("parts", PointType.INT32, "parts"),
        point("order", PointType.STRING, "order"),
        point("jars", PointType.INT32, "counts", element="Jar", member="Count"),
        point("cans", PointType.INT32, "counts", element=1, member="Count"),
        point("missing", PointType.INT32, "missing"),
    )
    device = OpcUaDevice(
        id="b", url=server.url, security=security, points={point.name: point for point in points}, reconnect_max_s=0.3
    )
    return OpcUaDriver(device, ProductionClock(), state_dir=state)


async def test_values_and_structures_come_over_the_strongest_policy(
    second_server: SecondServer, tmp_path: Path
) -> None:
    driver = driver_of(second_server, tmp_path / "state", SECURITY)
    async with running(driver) as recorder:
        await recorder.until(lambda: len({sample.point for sample in recorder.of(Sample)}) == 5)
        second_server.set_parts(-13)
        await recorder.until(lambda: recorder.latest("parts") == -13)
    assert recorder.values("parts") == [-12, -13]
    assert (recorder.latest("order"), recorder.latest("jars"), recorder.latest("cans")) == ("0815", 7, 9)
    assert driver.meter.bad_points == {"missing": "BadNodeIdUnknown"}
    assert driver.meter.details["security"] == "Aes256_Sha256_RsaPss/SignAndEncrypt"


async def test_a_wrong_password_is_said(second_server: SecondServer, tmp_path: Path) -> None:
    wrong = SecuritySettings(policy=SecurityPolicy.AES256_SHA256, user="edge", password=Secret("barley"))
    async with running(driver_of(second_server, tmp_path / "state", wrong)) as recorder:
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
    assert "refuses the user edge" in recorder.of(DeviceLost)[0].reason
