"""Configuration of a broker whose rules bind every gateway to its own topics; only text is made here.

A gateway shows the client certificate that it was enrolled with, and the broker takes its name from it. The rules name
each registered gateway: a certificate alone opens nothing, so that revoking a gateway is taking its rules away.
Sources: mosquitto.conf(5); NATS documentation, "TLS Authentication" and "MQTT".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from genba_cloud.ingest.broker_rights import nats_users, rights_by_name
from genba_cloud.store.pki import COLLECTOR_NAME

MQTT_PORT: Final = 8883
ROUTE_PORT: Final = 6222
MESSAGE_LIMIT: Final = 262_144  # an envelope has at most 128 kB, a state 256 kB
_HEAD: Final = (
    "# Made by `genba cloud broker-config`: make it again after gateways were added or removed, then reload.\n"
)


def mosquitto_files(gateways: Iterable[str], *, certificates: str) -> Mapping[str, str]:
    """Files for mosquitto 2: settings to include, and the list of who may do what. `certificates`: their folder."""
    settings = f"""{_HEAD}
per_listener_settings false
listener {MQTT_PORT}
cafile {certificates}/ca.pem
certfile {certificates}/broker.pem
keyfile {certificates}/broker.key
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file /etc/mosquitto/genba.acl
message_size_limit {MESSAGE_LIMIT}
persistence false
"""
    users = "\n".join(_mosquitto_users(gateways))
    return {"genba.conf": settings, "genba.acl": f"{_HEAD}\n{users}\n"}


def _mosquitto_users(gateways: Iterable[str]) -> Iterator[str]:
    for name, rights in rights_by_name(COLLECTOR_NAME, {gateway: gateway for gateway in gateways}).items():
        lines = [f"user {name}"]
        lines += [f"topic write {topic}" for topic in rights.publish]
        lines += [f"topic read {topic}" for topic in rights.read]
        yield "\n".join(lines) + "\n"


def nats_files(gateways: Mapping[str, str | None], *, nodes: Sequence[str], certificates: str) -> Mapping[str, str]:
    """Files for nats-server 2.15 or later: one with settings per node, and the users, which all nodes include.

    Args:
        gateways: those that are registered, each with the serial number in its certificate's subject (None: there is
            none). NATS compares the whole subject: of a gateway that was enrolled again the old key stays outside.
        nodes: host names; one is a broker alone, three are a cluster that survives the loss of one.
        certificates: the folder with ``ca.pem``, ``broker.pem`` and ``broker.key`` on each node.
    """
    # in JSON, which NATS reads as its own format; a user a line
    users = ",\n".join(f"    {json.dumps(user)}" for user in _nats_users(gateways))
    files = {"genba-users.conf": f"{_HEAD}\nauthorization {{\n  users = [\n{users}\n  ]\n}}\n"}
    for number, node in enumerate(nodes, start=1):
        files[f"genba-node-{number}.conf"] = _nats_node(number, node, nodes, certificates)
    return files


def _nats_node(number: int, node: str, nodes: Sequence[str], certificates: str) -> str:
    files = {"cert_file": "broker.pem", "key_file": "broker.key", "ca_file": "ca.pem"}
    tls = ", ".join(f'{key}: "{certificates}/{name}"' for key, name in files.items())
    replicas = min(3, len(nodes))
    parts = [
        _HEAD,
        f'server_name: "genba-{number}"  # on {node}',
        'listen: "127.0.0.1:4222"  # NATS itself is not spoken with anybody',
        'jetstream { store_dir: "/var/lib/nats/jetstream" }  # for retained messages and sessions only',
        "",
        "# js_api_timeout: so long a retained message holds its connection up while there is no leader.",
        f'mqtt {{\n  listen: "0.0.0.0:{MQTT_PORT}"\n  stream_replicas: {replicas}\n  js_api_timeout: "500ms"',
        f"  tls {{ {tls}, verify_and_map: true }}\n}}",
    ]
    if len(nodes) > 1:
        routes = ", ".join(f'"nats://{other}:{ROUTE_PORT}"' for other in nodes if other != node)
        parts += [
            f'cluster {{\n  name: genba\n  listen: "0.0.0.0:{ROUTE_PORT}"\n  routes: [{routes}]',
            f"  tls {{ {tls}, verify: true }}\n}}",
        ]
    return "\n".join((*parts, "", 'include "genba-users.conf"', ""))


def _nats_users(gateways: Mapping[str, str | None]) -> list[dict[str, Any]]:
    subjects = {
        f"CN={gateway}" if serial is None else f"SERIALNUMBER={serial},CN={gateway}": gateway  # as RFC 2253 has it
        for gateway, serial in gateways.items()
    }
    return nats_users(rights_by_name(f"CN={COLLECTOR_NAME}", subjects))
