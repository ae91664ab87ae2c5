"""MQTT topics of genba, version 1, and the rule for identifiers that travel in them."""

from __future__ import annotations

import re
import zlib
from typing import Final

PARTITIONS: Final = 64
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

UP_FILTER: Final = "genba/1/up/+/+"
STATE_FILTER: Final = "genba/1/state/+"


def is_identifier(text: str) -> bool:
    """Whether `text` may stand in a topic: 1 to 40 of a-z, 0-9 and '-', not starting with '-'."""
    return _IDENTIFIER.fullmatch(text) is not None


def partition_of(gateway: str) -> int:
    """Partition 0..63 that a gateway's envelopes belong to: crc32 of its id, modulo 64."""
    return zlib.crc32(gateway.encode()) % PARTITIONS


def up(gateway: str) -> str:
    """Envelopes from the gateway."""
    return f"genba/1/up/{partition_of(gateway):02d}/{gateway}"


def up_filter(partition: int) -> str:
    """Envelopes from every gateway of a partition."""
    return f"genba/1/up/{partition:02d}/+"


def ack(gateway: str) -> str:
    """The collector's acknowledgements to the gateway."""
    return f"genba/1/ack/{gateway}"


def state(gateway: str) -> str:
    """The gateway's retained state and last will."""
    return f"genba/1/state/{gateway}"


def dispatch(gateway: str) -> str:
    """What the gateway's stations work on: `{version, parts, sha256}`."""
    return f"genba/1/dispatch/{gateway}"


def dispatch_part(gateway: str, number: int) -> str:
    """Part `number` (from 0) of the dispatch document."""
    return f"genba/1/dispatch/{gateway}/{number}"


def dispatch_filter(gateway: str) -> str:
    """Everything below the gateway's dispatch topic, itself included."""
    return f"genba/1/dispatch/{gateway}/#"


def gateway_of(topic: str) -> str | None:
    """The gateway that a topic names; None where the topic is not one of genba's."""
    match topic.split("/"):
        case ["genba", "1", "up", partition, gateway] if is_identifier(gateway):
            return gateway if partition == f"{partition_of(gateway):02d}" else None
        case ["genba", "1", "state" | "ack" | "dispatch", gateway, *_] if is_identifier(gateway):
            return gateway
        case _:
            return None
