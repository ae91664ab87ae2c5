"""A collector whose disk is full acknowledges nothing, shows on what it knows, and takes on when there is room."""

from __future__ import annotations

import asyncio
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.disk import SmallDisk
from tests.chaos.gateway import StreamGateway
from tests.e2e.installation import Installation, order_body
from tests.integration.mqtt_peers import eventually


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "collector", megabytes=64) as disk:
        if not disk.is_mounted:
            pytest.skip("needs the right to mount a file system in memory")
        yield disk


def said(folder: Path, words: str) -> int:
    """How often the collector's log has these words."""
    return (folder / "collector.log").read_text().count(words)


@pytest.mark.timeout(240)
async def test_a_collector_with_a_full_disk_shows_on_and_takes_on_when_there_is_room(
    tmp_path: Path, disk: SmallDisk
) -> None:
    with Installation(tmp_path) as site:
        await asyncio.to_thread(site.post, "/orders", order_body("A-1", ["N1"], quantity=5))
        async with StreamGateway(tmp_path / "gateway", site.mqtt, events=60).running() as gateway:
            await gateway.deliver_upto(20)
            disk.fill(None)
            gateway.commit_upto(40)
            await eventually(lambda: said(tmp_path, "disk refuses data"), within_s=60)
            assert not await gateway.is_acknowledged(within_s=0.5)
            orders = await asyncio.to_thread(site.get, "/orders")
            assert [order["order"] for order in orders["items"]] == ["A-1"]
            with pytest.raises(urllib.error.HTTPError) as refused:
                await asyncio.to_thread(site.post, "/orders", order_body("A-2", ["N1"], quantity=5))
            assert refused.value.code == 503
            refused.value.close()
            assert said(tmp_path, "disk refuses data") == 1
            disk.free(None)
            await gateway.deliver_upto(60)
        upto = (await asyncio.to_thread(site.get, "/gateways"))["items"][0]["upto"]
    assert upto == 60
    assert said(tmp_path, "disk takes data again") == 1
