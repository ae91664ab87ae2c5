"""A zone between two lines that a camera watches: its counts come over a real broker, and it restarts in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from genba_shared.events import DataQuestioned, PiecesCounted, SourceType, WipChanged
from tests.e2e.demo_run import wait_for
from tests.e2e.installation import Installation
from tests.integration.gateway_run import Running, map_of, running_gateway
from tests.integration.mqtt_peers import eventually
from tests.peers.publisher import Publisher

TOPIC = "camera/store"
MAP = """
version: 1
gateway: {{id: gw-camera, site: plant-a, timezone: UTC}}
devices:
  - id: camera
    protocol: mqtt_in
    broker: {broker}
    topics: camera/store
    source: vision
    points:
      in: {{field: lines.in, type: uint32, counter: {{max_rate: 6000/min}}}}
      out: {{field: lines.out, type: uint32, counter: {{max_rate: 6000/min}}}}
zones:
  store: {{in: camera/in, out: camera/out, stocktake: allowed}}
"""


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[Publisher]:
    with Publisher(tmp_path, topic=TOPIC) as device:
        device.publish({"lines": {"in": 100, "out": 90}})
        yield device


def wip(gateway: Running) -> list[tuple[int, int]]:
    return [(event.count, event.error_estimate) for event in gateway.events if isinstance(event, WipChanged)]


async def until_wip(gateway: Running, count: int) -> None:
    await eventually(lambda: wip(gateway)[-1:] == [(count, 0)], within_s=40)


@pytest.mark.requirement("R23", part="cameras count by the same contract", needs="mosquitto")
async def test_a_camera_that_starts_again_from_0_loses_nothing(camera: Publisher, tmp_path: Path) -> None:
    async with running_gateway(tmp_path, map_of(MAP.format(broker=camera.url))) as gateway:
        await eventually(lambda: gateway.gateway.describe()["devices"]["camera"]["status"] == "online")
        camera.publish({"lines": {"in": 105, "out": 92}})
        await until_wip(gateway, 3)
        camera.publish({"lines": {"in": 0, "out": 0}})
        camera.say('{"lines": {"in": 0, "out": 0}}')
        camera.publish({"lines": {"in": 4, "out": 1}})
        await until_wip(gateway, 6)
        counts = [event for event in gateway.events if isinstance(event, PiecesCounted)]
        assert {(event.source.type, event.station, event.work_order) for event in counts} == {
            (SourceType.VISION, None, None)
        }
        assert sum(event.delta for event in counts if event.point == "camera/in") == 9
        assert sum(event.delta for event in counts if event.point == "camera/out") == 3
        assert not [event for event in gateway.events if isinstance(event, DataQuestioned)]


def test_somebody_counts_what_is_in_the_zone_and_the_gateway_goes_on_from_there(
    camera: Publisher, tmp_path: Path
) -> None:
    with Installation(tmp_path) as plant:
        plant.start_gateway(MAP.format(broker=camera.url))

        def zone() -> dict[str, object]:
            zones: list[dict[str, object]] = plant.get("/wip")["items"]
            return zones[0] if zones else {}

        camera.publish({"lines": {"in": 105, "out": 92}})
        wait_for("3 pieces are inside", lambda: zone().get("count") == 3 or None, deadline_s=60)
        taken = plant.post("/zones/store/stocktake", {"count": 20})
        assert (taken["zone"], taken["count"]) == ("store", 20)
        wait_for("20 pieces are inside", lambda: zone().get("count") == 20 or None, deadline_s=60)
        assert zone()["stock_take"] == {"count": 20, "at": taken["at"], "event": taken["event"]}
        (told,) = [
            event
            for event in plant.get("/events?kind=wip_changed&limit=1000")["items"]
            if event.get("because") == [taken["event"]]
        ]
        assert (told["zone"], told["count"], told["by"]) == ("store", 20, 17)
