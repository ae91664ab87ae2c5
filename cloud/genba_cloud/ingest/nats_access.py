"""Who may do what on a NATS broker that other machines reach: each gateway its own topics, the collector all of them.

A client is known by its certificate alone. The name in it holds the fingerprint of the gateway's present key, so that
the certificate of an old card is nobody's. Source: NATS server documentation, "TLS authentication" (verify_and_map
looks at the DNS names of a certificate first) and "MQTT" (a topic's `/` is a subject's `.`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from genba_cloud.store.pki import mapped_name
from genba_cloud.store.read import GatewayIdentity
from genba_shared import topics

COLLECTOR: Final = "collector.genba"
"""Name in the collector's own certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicListener:
    """Where other machines reach the broker, and the files of its TLS. `client`: the collector's own."""

    host: str
    port: int
    certificate: Path
    key: Path
    ca: Path
    client: tuple[Path, Path]

    @property
    def url(self) -> str:
        """Where the collector itself connects."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 (compared, not bound)
        shown = f"[{host}]" if ":" in host else host
        return f"mqtts://{shown}:{self.port}?ca={self.ca}&cert={self.client[0]}&key={self.client[1]}"

    @property
    def address(self) -> str:
        """Where gateways connect; a host of `*` is the name by which they reach the collector's API."""
        host = "*" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 (compared, not bound)
        return f"mqtts://{f'[{host}]' if ':' in host else host}:{self.port}"

    def tls(self) -> dict[str, Any]:
        """The listener's settings: a client without a certificate of our authority is not let in."""
        return {
            "cert_file": str(self.certificate),
            "key_file": str(self.key),
            "ca_file": str(self.ca),
            "verify_and_map": True,
            "timeout": 5,
        }


def authorization(identities: Iterable[GatewayIdentity]) -> dict[str, Any]:
    """The users of the broker: the collector, and every enrolled gateway."""
    gateways = [one for one in identities if one.public_key is not None and one.removed_at is None]
    return {
        "users": [
            {"user": COLLECTOR, "permissions": {"publish": ">", "subscribe": ">"}},
            *(
                {
                    "user": mapped_name(one.gateway, one.public_key or b""),
                    "permissions": {
                        "publish": {"allow": [_subject(topic) for topic in _speaks_on(one.gateway)]},
                        "subscribe": {"allow": [_subject(topic) for topic in _listens_to(one.gateway)]},
                    },
                }
                for one in gateways
            ),
        ]
    }


def _speaks_on(gateway: str) -> tuple[str, ...]:
    return topics.up(gateway), topics.state(gateway)


def _listens_to(gateway: str) -> tuple[str, ...]:
    return topics.ack(gateway), topics.dispatch(gateway), f"{topics.dispatch(gateway)}/>"


def _subject(topic: str) -> str:
    return topic.replace("/", ".")
