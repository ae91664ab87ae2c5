"""Machines that follow a companion specification, browse paths, structures and arrays, against node-opcua."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from genba_edge.drivers.opcua_nodes import standard_node
from genba_edge.drivers.opcua_session import OpcUaSession
from genba_edge.ports import DeviceBack, DeviceLost, Quality, Sample
from genba_shared.device_map.model import OpcUaDevice, PointType
from tests.peers.opcua_devices import OPEN, driver_of, driver_of_map, point
from tests.peers.process import OpcUaPeer
from tests.peers.recorder import running

pytestmark = pytest.mark.peer("node-opcua")

PACKER = """
profile: packml
root: "nsu=urn:genba:peer;Packer1"
points:
  processed: {counter: {max_rate: 60/min}}
  defective: {counter: {max_rate: 60/min}}
  consumed: {counter: {max_rate: 60/min}}
  jars:
    {path: "nsu=http://opcfoundation.org/UA/PackML/;Admin/ProdProcessedCount", element: Jar, field: Count, type: int32}
"""
PRESS = """
profile: machinery
root: "nsu=http://opcfoundation.org/UA/Machinery/;Machines/nsu=urn:genba:peer;Press1"
"""


@pytest.fixture(scope="module")
def machines(opcua_peer_script: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcUaPeer]:
    """One server with both machines."""
    with OpcUaPeer(opcua_peer_script, str(tmp_path_factory.mktemp("machines")), "packml", "machinery") as peer:
        yield peer


async def test_a_packml_machine_tells_counts_state_mode_and_speed(machines: OpcUaPeer) -> None:
    machines.tell('counts processed [[17,"Bottle",5,105],[18,"Jar",7,207]]')
    machines.tell('counts defective [[17,"Bottle",1,11]]')
    machines.tell("execute Execute")
    async with running(driver_of_map(machines, PACKER)) as recorder:
        await recorder.until(lambda: len({sample.point for sample in recorder.of(Sample)}) == 7)
        machines.tell('counts processed [[17,"Bottle",6,106],[18,"Jar",7,207]]')
        await recorder.until(lambda: recorder.latest("processed") == 106)
        machines.tell("execute Held")
        await recorder.until(lambda: recorder.latest("state") == 11)
        machines.tell("execute -")
        await recorder.until(lambda: recorder.latest("state") == 0)
    assert recorder.values("processed") == [105, 106]
    assert recorder.latest("jars") == 7
    assert recorder.latest("defective") == 11
    assert recorder.latest("speed") == 12.5
    assert recorder.latest("mode") == 1
    assert recorder.values("state") == [6, 11, 0]
    assert recorder.samples("state")[-1].status == "BadStateNotActive"
    assert recorder.samples("consumed")[0].quality is Quality.BAD


async def test_a_machinery_machine_tells_state_and_mode(machines: OpcUaPeer) -> None:
    machines.tell("item Executing")
    machines.tell("mode Setup")
    async with running(driver_of_map(machines, PRESS)) as recorder:
        await recorder.until(lambda: recorder.latest("state") == 3 and recorder.latest("mode") == 2)
        machines.tell("item NotExecuting")
        await recorder.until(lambda: recorder.latest("state") == 2)


async def test_a_browse_path_is_found_and_one_that_leads_nowhere_is_said(opcua_peer: OpcUaPeer) -> None:
    opcua_peer.tell("set good 41")
    driver = driver_of_map(
        opcua_peer,
        """
points:
  good: {path: "nsu=urn:genba:peer;Line/Good", type: uint32}
  nowhere: {path: "nsu=urn:genba:peer;Line/Bad", type: uint32}
  elsewhere: {path: "nsu=urn:another;Line/Good", type: uint32}
""",
    )
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.latest("good") == 41 and len(recorder.of(Sample)) == 3)
    assert driver.meter.bad_points["nowhere"] == "the server has nothing at Objects/Line/Bad (BadNoMatch)"
    assert "no namespace urn:another" in driver.meter.bad_points["elsewhere"]


async def test_a_browse_path_is_looked_up_again_after_a_restart(start_opcua_peer: Callable[..., OpcUaPeer]) -> None:
    peer = start_opcua_peer()
    driver = driver_of_map(peer, 'root: "nsu=urn:genba:peer;s=Line"\npoints: {good: {path: Good, type: uint32}}')
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.values("good") == [0])
        peer.stop()
        await recorder.until(lambda: bool(recorder.of(DeviceLost)))
        peer.start_shifted()
        peer.tell("set good 12")
        await recorder.until(lambda: recorder.latest("good") == 12)
    assert len(recorder.of(DeviceBack)) == 2


async def test_one_element_of_an_array_is_a_point(opcua_peer: OpcUaPeer) -> None:
    opcua_peer.tell("set boxes [3,9]")
    driver = driver_of(
        opcua_peer,
        point("second", node="nsu=urn:genba:peer;s=boxes", element=1),
        point("tenth", node="nsu=urn:genba:peer;s=boxes", element=9),
        point("member", node="nsu=urn:genba:peer;s=parts", member="Count"),
        point("big", PointType.INT64),
    )
    async with running(driver) as recorder:
        await recorder.until(lambda: recorder.latest("second") == 9 and len(recorder.of(Sample)) >= 4)
    assert driver.meter.bad_points["tenth"] == "the array has 2 elements: there is no element 9"
    assert driver.meter.bad_points["member"] == "a int where the map says a structure"


async def test_a_command_looks_around_at_a_server(opcua_peer: OpcUaPeer, tmp_path: Path) -> None:
    opcua_peer.tell("set scrap -12")
    device = OpcUaDevice(id="any", url=opcua_peer.url, security=OPEN, points={})
    session = OpcUaSession.alone(device, state_dir=tmp_path)
    try:
        await session.open()
        (below,) = await session.browse([standard_node(ObjectIds.ObjectsFolder)])
        (scrap,) = [reference for reference in below if reference.BrowseName.Name == "scrap"]
        index = scrap.NodeId.NamespaceIndex
        (data,) = await session.read_data_values([ua.NodeId("scrap", index)])
    finally:
        await session.close()
    assert (data.Value.Value, data.Value.VariantType) == (-12, ua.VariantType.Int32)
