"""The rules of brokers: the same for a gateway on every kind of broker, and the examples that are shown of them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from genba_cloud.ingest.broker_config import mosquitto_files, nats_files
from genba_cloud.ingest.nats_access import authorization
from genba_cloud.store.read import GatewayIdentity

EXAMPLES = Path(__file__).parents[3] / "deploy" / "nats"
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MAY_PUBLISH = ["genba.1.up.38.gw-1", "genba.1.state.gw-1", "genba.1.reported.gw-1"]
MAY_READ = ["genba.1.ack.gw-1", "genba.1.dispatch.gw-1", "genba.1.dispatch.gw-1.>", "genba.1.desired.gw-1"]


def test_the_embedded_broker_lets_an_enrolled_gateway_use_its_own_topics_only() -> None:
    enrolled = GatewayIdentity(gateway="gw-1", enterprise="default", added_at=NOW, public_key=bytes(32))
    removed = GatewayIdentity(gateway="gw-2", enterprise="default", added_at=NOW, public_key=bytes(32), removed_at=NOW)
    invited = GatewayIdentity(gateway="gw-3", enterprise="default", added_at=NOW)
    collector, gateway = authorization([enrolled, removed, invited])["users"]
    assert collector["user"] == "collector.genba"
    assert collector["permissions"] == {
        "publish": {"allow": ["genba.1", "genba.1.>"]},
        "subscribe": {"allow": ["genba.1", "genba.1.>"]},
    }
    assert gateway["user"] == "66687aadf862bd776c8fc18b8e9f8e20.gw-1.gateway.genba"
    assert gateway["permissions"] == {"publish": {"allow": MAY_PUBLISH}, "subscribe": {"allow": MAY_READ}}


def test_files_for_mosquitto_give_the_same_rights() -> None:
    assert mosquitto_files(["gw-1"], certificates="/tls")["genba.acl"].partition("\n\n")[2] == (
        "user genba-collector\ntopic write genba/1/#\ntopic read genba/1/#\n\n"
        "user gw-1\ntopic write genba/1/up/38/gw-1\ntopic write genba/1/state/gw-1\n"
        "topic write genba/1/reported/gw-1\ntopic read genba/1/ack/gw-1\n"
        "topic read genba/1/dispatch/gw-1/#\ntopic read genba/1/desired/gw-1\n\n"
    )


@pytest.mark.parametrize("name", ["genba-users.conf", "genba-node-1.conf"])
def test_the_example_of_a_cluster_is_what_the_command_makes(name: str) -> None:
    made = nats_files(
        {"press-line": None, "sewing-1": None},
        nodes=["a.example", "b.example", "c.example"],
        certificates="/etc/genba/tls",
    )
    assert (EXAMPLES / name).read_text() == made[name]
