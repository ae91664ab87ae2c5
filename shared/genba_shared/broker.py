"""Where an MQTT broker is, how to enter, and what may be subscribed to there; knows no MQTT library."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from genba_shared.errors import UsageError
from genba_shared.secret import Secret

MAX_TOPIC_BYTES: Final = 65_535


class MqttVersion(StrEnum):
    """Which MQTT is spoken with a broker; every broker knows 3.1.1."""

    V3 = "3.1.1"
    V5 = "5"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where a broker is and how to enter; with TLS its certificate and its name are checked, always.

    `ca` holds the authority that signed it (None: those that the system trusts). `certificate` and `key` are ours, for
    a broker that wants one. Passwords and key files are not part of `repr`.

    `qos` is that of publishing and subscribing. 0 is the way of this product, whose ends acknowledge and send again by
    themselves: a cluster that changes its leader holds messages of QoS 1 back for seconds. `others` are the other nodes
    of a cluster, tried in turn when this one is away.
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: Secret | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    version: MqttVersion = MqttVersion.V3
    qos: int = 0
    others: tuple[BrokerAddress, ...] = ()

    def __repr__(self) -> str:
        return ",".join(f"{'mqtts' if node.tls else 'mqtt'}://{node.host}:{node.port}" for node in self.nodes)

    @property
    def nodes(self) -> tuple[BrokerAddress, ...]:
        """Every node of the cluster by itself, in the order in which they were written; one for a broker alone."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @classmethod
    def parse(cls, url: str) -> BrokerAddress:
        """Read ``mqtt[s]://[user[:password]@]host[:port][?ca=FILE&cert=FILE&key=FILE&version=5&qos=1]``.

        Ports are 1883 and 8883 unless one is written; the files are for mqtts only. The nodes of a cluster are written
        one behind the other, with commas between them.

        Raises:
            UsageError: any other form; the message shows the right one.
        """
        first, *others = (cls._parse_one(part) for part in BETWEEN_NODES.split(url))
        if len({(node.host, node.port) for node in (first, *others)}) <= len(others):
            raise UsageError(f"broker address {_without_password(url)!r} names a node twice; {_CLUSTER_HINT}")
        return replace(first, others=tuple(others))

    @classmethod
    def _parse_one(cls, url: str) -> BrokerAddress:
        try:
            parts = urlsplit(url)
            port, options = parts.port, dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        except ValueError as exc:
            raise UsageError(f"broker address {_without_password(url)!r} is not understood; {_ADDRESS_HINT}") from exc
        tls = parts.scheme == "mqtts"
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
            raise UsageError(f"broker address {_without_password(url)!r} is not understood; {_ADDRESS_HINT}")
        version, qos = options.pop("version", MqttVersion.V3), options.pop("qos", "0")
        unknown = options.keys() - {"ca", "cert", "key"} or version not in list(MqttVersion) or qos not in ("0", "1")
        if unknown or (options and not tls) or ("key" in options) != ("cert" in options):
            raise UsageError(f"broker address {_without_password(url)!r}: {_OPTIONS_HINT}")
        return cls(
            host=parts.hostname,
            port=port or (8883 if tls else 1883),
            tls=tls,
            username=unquote(parts.username) if parts.username else None,
            password=Secret(unquote(parts.password)) if parts.password else None,
            ca=_path(options.get("ca")),
            certificate=_path(options.get("cert")),
            key=_path(options.get("key")),
            version=MqttVersion(version),
            qos=int(qos),
        )


_ADDRESS_HINT: Final = "write mqtt://HOST:1883, or mqtts://HOST:8883?ca=FILE for TLS"
_OPTIONS_HINT: Final = "options are version=5, qos=1, and for mqtts only ca=FILE, and cert=FILE together with key=FILE"
BETWEEN_NODES: Final = re.compile(r",\s*(?=mqtts?://)")  # a password may hold a comma
_CLUSTER_HINT: Final = "write each node of a cluster once: mqtt://HOST1:1883,mqtt://HOST2:1883"


def is_topic_filter(text: str) -> bool:
    """Whether the text can be subscribed to: ``+`` stands for one level, ``#`` at the end for all that follow."""
    levels = text.split("/")
    return (
        0 < len(text.encode(errors="replace")) <= MAX_TOPIC_BYTES
        and "\0" not in text
        and all("+" not in level or level == "+" for level in levels)
        and all("#" not in level for level in levels[:-1])
        and ("#" not in levels[-1] or levels[-1] == "#")
    )


def topic_matches(topic_filter: str, topic: str) -> bool:
    """Whether a topic falls under a filter (MQTT 3.1.1, 4.7); a leading wildcard does not reach into ``$SYS``.

    >>> topic_matches("line/+/count", "line/3/count"), topic_matches("line/#", "line"), topic_matches("#", "$SYS/a")
    (True, True, False)
    """
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(levels) or level not in ("+", levels[number]):
            return False
    return len(wanted) == len(levels)


def without_covered(topic_filters: Iterable[str]) -> list[str]:
    """The filters without those that another one covers: a broker may send a message once for each filter it meets.

    >>> without_covered(["line/+/count", "line/#", "line/3/count", "reader/+"])
    ['line/#', 'reader/+']
    """
    different = list(dict.fromkeys(topic_filters))
    return [one for one in different if not any(one != other and _covers(other, one) for other in different)]


def _covers(wide: str, narrow: str) -> bool:
    """Whether every topic that falls under `narrow` falls under `wide`, too."""
    wanted, levels = wide.split("/"), narrow.split("/")
    if narrow.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(levels) or levels[number] == "#" or level not in ("+", levels[number]):
            return False
    return len(wanted) == len(levels)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)


def _without_password(url: str) -> str:
    head, at, tail = url.rpartition("@")
    return f"…@{tail}" if at else head + tail
