"""The collector's acknowledgement: everything up to a sequence number is accounted for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from genba_shared.codec import Lane
from genba_shared.codec.header import MAX_SEQ
from genba_shared.errors import ContractError

_EPOCH: Final = re.compile("[0-9a-f]{32}")
_MAX_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Everything up to and including `upto` of this lane and epoch is committed, quarantined or declared dropped."""

    lane: Lane = Lane.FACTS
    epoch: str
    upto: int

    def to_json(self) -> str:
        """The MQTT payload: ``{"lane": …, "epoch": …, "upto": …}``."""
        return json.dumps({"lane": str(self.lane), "epoch": self.epoch, "upto": self.upto}, separators=(",", ":"))

    @classmethod
    def from_json(cls, payload: bytes | str) -> Acknowledgement:
        """Read an MQTT payload.

        Raises:
            ContractError: not JSON, or lane, epoch (32 hex digits) or upto (0 to 2^63 - 1) is missing or of wrong form.
        """
        if len(payload) > _MAX_BYTES:
            raise ContractError(f"acknowledgement of {len(payload)} bytes: at most {_MAX_BYTES}")
        try:
            obj = json.loads(payload)
        except (ValueError, RecursionError) as exc:
            raise ContractError(f"acknowledgement is not JSON: {exc}") from exc
        match obj:
            case {"lane": str(lane), "epoch": str(epoch), "upto": int(upto)} if (
                lane in list(Lane) and _EPOCH.fullmatch(epoch) and not isinstance(upto, bool) and 0 <= upto <= MAX_SEQ
            ):
                return cls(lane=Lane(lane), epoch=epoch, upto=upto)
            case _:
                raise ContractError(f"not an acknowledgement: {obj!r:.200}")
