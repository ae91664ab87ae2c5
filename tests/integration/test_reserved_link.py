"""The gateway's two connections to a cluster: two nodes are played by two ways to one broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from genba_edge.uplink import reserved_link
from genba_edge.uplink.reserved_link import ReservedLink
from genba_shared.mqtt import MqttLink, Will
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.peers.proxy import Mode, Proxy

TOLD = "to/gateway"
STATE = "of/gateway"


@dataclass(slots=True)
class Site:
    """Two nodes, and a gateway's link with what it was told."""

    broker: Mosquitto
    nodes: tuple[Proxy, Proxy]
    told: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def link(self, *, with_reserve: bool = True, nodes: int = 2) -> ReservedLink:
        return ReservedLink(
            ",".join(f"mqtt://127.0.0.1:{node.port}" for node in self.nodes[:nodes]),
            "gateway",
            with_reserve=with_reserve,
            filters=(TOLD,),
            will=Will(topic=STATE, payload="gone"),
            on_message=lambda _, payload, __: self.heard.append(payload.decode()),
            on_connect=lambda: self.told.append("connected"),
            on_disconnect=lambda _: self.told.append("lost"),
        )

    def carrying(self, link: ReservedLink) -> Proxy:
        return next(node for node in self.nodes if node.port == link.address.port)

    def other(self, link: ReservedLink) -> Proxy:
        return next(node for node in self.nodes if node.port != link.address.port)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    broker = Mosquitto(tmp_path)
    broker.start()
    with ExitStack() as stack:
        stack.callback(broker.kill)
        yield Site(broker, (stack.enter_context(Proxy(broker.port)), stack.enter_context(Proxy(broker.port))))


@asynccontextmanager
async def both_ready(site: Site) -> AsyncIterator[ReservedLink]:
    async with site.link() as link:
        await eventually(lambda: link.connected and link._is_ready(0) and link._is_ready(1))
        yield link


@asynccontextmanager
async def listening(site: Site) -> AsyncIterator[list[tuple[str, bool]]]:
    """What a client gets that subscribes now: payloads, and whether the broker had kept them."""
    got: list[tuple[str, bool]] = []
    ready: list[bool] = []
    async with MqttLink(
        site.broker.url,
        "listener",
        on_message=lambda _, payload, retained: got.append((payload.decode(), retained)),
        on_subscribed=lambda: ready.append(True),
    ) as link:
        link.subscribe(STATE)
        link.subscribe("marker")
        await eventually(lambda: len(ready) == 2)
        yield got


async def say(site: Site, *payloads: str) -> None:
    async with MqttLink(site.broker.url, "collector") as link:
        await eventually(lambda: link.connected)
        for payload in payloads:
            link.publish(TOLD, payload)


async def test_the_reserve_takes_over_at_once_and_gives_back_when_the_first_is_there_again(site: Site) -> None:
    async with both_ready(site) as link:
        first, second = site.carrying(link), site.other(link)
        await say(site, "a")
        await eventually(lambda: site.heard == ["a"])
        first.switch(Mode.REFUSE)
        await eventually(lambda: site.carrying(link) is second)
        assert link.connected
        assert site.told == ["connected", "connected"]
        await say(site, "b")
        await eventually(lambda: site.heard[-1] == "b")
        first.switch(Mode.PASS)
        await eventually(lambda: site.carrying(link) is first)
        await say(site, "c")
        await eventually(lambda: site.heard[-1] == "c")
    assert site.told == ["connected"] * 3


async def test_the_loss_of_the_reserve_is_no_outage(site: Site) -> None:
    async with both_ready(site) as link:
        first, second = site.carrying(link), site.other(link)
        second.switch(Mode.REFUSE)
        await eventually(lambda: not link._links[1].connected)
        await say(site, "a")
        await eventually(lambda: site.heard == ["a"])
        second.switch(Mode.PASS)
        await eventually(lambda: link._is_ready(1))
        assert site.carrying(link) is first
    assert site.told == ["connected"]


async def test_when_both_are_lost_it_is_told_once_and_whichever_comes_first_carries(site: Site) -> None:
    async with both_ready(site) as link:
        first, second = site.carrying(link), site.other(link)
        second.switch(Mode.REFUSE)
        await eventually(lambda: not link._links[1].connected)
        first.switch(Mode.REFUSE)
        await eventually(lambda: site.told == ["connected", "lost"])
        second.switch(Mode.PASS)
        await eventually(lambda: link.connected)
        assert site.carrying(link) is second
        await say(site, "a")
        await eventually(lambda: site.heard == ["a"])
    assert site.told == ["connected", "lost", "connected"]


async def test_a_first_node_that_cannot_be_reached_at_the_start_is_no_hindrance(site: Site) -> None:
    link = site.link()
    first, second = site.carrying(link), site.other(link)
    first.switch(Mode.REFUSE)
    async with link:
        await eventually(lambda: link.connected)
        assert site.carrying(link) is second
        await say(site, "a")
        await eventually(lambda: site.heard == ["a"])


async def test_what_shall_be_kept_is_heard_now_and_kept_once(site: Site) -> None:
    async with listening(site) as now, both_ready(site) as link:
        link.publish_retained(STATE, "on")
        await eventually(lambda: len(now) == 2)
        assert now == [("on", False), ("on", False)]
        async with listening(site) as later:
            await eventually(lambda: later)
            assert later == [("on", True)]


async def test_right_after_the_loss_of_a_node_nothing_is_kept_that_would_hold_up_the_rest(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with both_ready(site) as link:
        site.other(link).switch(Mode.REFUSE)
        await eventually(lambda: not link._links[1].connected)
        async with listening(site) as now:
            link.publish_retained(STATE, "in the election")
            link.publish("marker", "after")
            await eventually(lambda: len(now) == 2)
        async with listening(site) as later:
            link.publish("marker", "after")
            await eventually(lambda: later)
            assert later == [("after", False)]
        monkeypatch.setattr(reserved_link, "ELECTION_S", 0.0)
        link.publish_retained(STATE, "long after")
        link.publish("marker", "after")
        async with listening(site) as later:
            await eventually(lambda: later)
            assert later == [("long after", True)]


@pytest.mark.parametrize(("with_reserve", "nodes"), [(False, 2), (True, 1)])
async def test_without_a_reserve_there_is_one_connection(site: Site, with_reserve: bool, nodes: int) -> None:
    async with site.link(with_reserve=with_reserve, nodes=nodes) as link:
        await eventually(lambda: link.connected)
        link.publish_retained(STATE, "on")
        await say(site, "a")
        await eventually(lambda: site.heard == ["a"])
        async with listening(site) as later:
            await eventually(lambda: later)
            assert later == [("on", True)]
        assert sum(node.connections for node in site.nodes) == 1


async def test_of_three_nodes_the_two_connections_are_never_on_the_same() -> None:
    seen = set()
    for number in range(40):
        link = ReservedLink(
            "mqtt://a.example,mqtt://b.example,mqtt://c.example",
            f"gateway-{number}",
            with_reserve=True,
            filters=(),
            will=Will(topic=STATE, payload=""),
            on_message=lambda *_: None,
            on_connect=lambda: None,
            on_disconnect=lambda _: None,
        )
        first, reserve = ({node.host for node in one.broker.nodes} for one in link._links)
        assert (len(first), len(reserve), first & reserve) == (2, 1, set())
        seen.add(link.address.host)
    assert seen == {"a.example", "b.example", "c.example"}
