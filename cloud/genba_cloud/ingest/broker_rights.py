"""Who may speak and listen where on a broker: each gateway on its own topics, the collector on all of genba's.

Sources: NATS documentation, "Authorization", and for topics as subjects "MQTT", where ``/`` becomes ``.`` and a filter
that ends with ``/#`` also covers the level above.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from genba_shared import topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a client may do: publish to these topics and read from these filters, exactly."""

    publish: tuple[str, ...]
    read: tuple[str, ...]


COLLECTOR_RIGHTS: Final = Rights(publish=("genba/1/#",), read=("genba/1/#",))
"""The rights of the collector and its workers: all topics of genba, and nothing else that a broker carries."""


def rights_of(gateway: str) -> Rights:
    """The rights of a gateway: its own topics and nobody else's."""
    return Rights(
        publish=(topics.up(gateway), topics.state(gateway), f"genba/1/reported/{gateway}"),
        read=(topics.ack(gateway), topics.dispatch_filter(gateway), f"genba/1/desired/{gateway}"),
    )


def rights_by_name(collector: str, gateways: Mapping[str, str]) -> dict[str, Rights]:
    """Everybody's rights, by the name that the broker reads in a certificate: the collector's, and each gateway's.

    `gateways`: by name the gateway. The names differ from broker to broker.
    """
    return {collector: COLLECTOR_RIGHTS} | {name: rights_of(gateway) for name, gateway in gateways.items()}


def nats_users(rights: Mapping[str, Rights]) -> list[dict[str, Any]]:
    """The users of a NATS server's `authorization`; NATS reads them as JSON."""
    return [
        {
            "user": name,
            "permissions": {
                "publish": {"allow": list(_subjects(its.publish))},
                "subscribe": {"allow": list(_subjects(its.read))},
            },
        }
        for name, its in rights.items()
    ]


def _subjects(filters: Iterable[str]) -> Iterator[str]:
    """NATS subjects of MQTT topics and filters. Identifiers hold no dots, so that a level is a level."""
    for topic in filters:
        subject = topic.replace("/", ".")
        if subject.endswith(".#"):
            yield subject.removesuffix(".#")
            yield f"{subject.removesuffix('#')}>"
        else:
            yield subject
