"""The embedded broker where other machines reach it: its TLS, and whom it knows by which certificate.

A client is known by its certificate alone. The name in it holds the fingerprint of the gateway's present key, so that
the certificate of an old card is nobody's. Source: NATS server documentation, "TLS authentication" (verify_and_map
looks at the DNS names of a certificate first).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from genba_cloud.ingest.broker_rights import nats_users, rights_by_name
from genba_cloud.store.pki import mapped_name
from genba_cloud.store.read import GatewayIdentity

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
    enrolled = {
        mapped_name(one.gateway, one.public_key): one.gateway
        for one in identities
        if one.public_key is not None and one.removed_at is None
    }
    return {"users": nats_users(rights_by_name(COLLECTOR, enrolled))}
