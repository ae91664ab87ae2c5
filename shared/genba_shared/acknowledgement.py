"""The collector's acknowledgement: everything up to a sequence number is accounted for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from genba_shared import signing
from genba_shared.codec import Lane
from genba_shared.codec.header import MAX_SEQ
from genba_shared.errors import ContractError

_EPOCH: Final = re.compile("[0-9a-f]{32}")
_RUN: Final = re.compile("[0-9a-f]{8}")
_MAX_BYTES: Final = 1024
ANSWER_WAIT_S: Final = 5.0
"""How long the collector may wait with the answer to an envelope that says `patient`: one answer covers several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """Everything up to and including `upto` of this lane and epoch is committed, quarantined or declared dropped.

    It speaks to one `run` of the gateway (8 hex digits; None: to whoever listens), of whose own events it tells.
    `ahead`: for another run with the same name the collector has events up to here. `forked`: events of this run differ
    from those that another one sent with the same numbers. `signature`: of the collector (`genba_shared.signing`).
    """

    lane: Lane = Lane.FACTS
    epoch: str
    upto: int
    run: str | None = None
    ahead: int | None = None
    forked: bool = False
    signature: bytes = b""

    def covered(self, gateway: str) -> bytes:
        """What the collector signs, for a gateway."""
        more = f"{'' if self.ahead is None else self.ahead}\n{int(self.forked)}"
        return signing.acknowledgement_text(
            gateway, lane=str(self.lane), epoch=self.epoch, run=self.run, upto=self.upto, more=more
        )

    def signed(self, gateway: str, sign: signing.Sign) -> Acknowledgement:
        """The same with the collector's signature."""
        return replace(self, signature=sign(self.covered(gateway)))

    def to_json(self) -> str:
        """The MQTT payload: ``{"lane": …, "epoch": …, "upto": …}``, and what else is set."""
        obj: dict[str, Any] = {"lane": str(self.lane), "epoch": self.epoch, "upto": self.upto}
        if self.run is not None:
            obj["run"] = self.run
        if self.ahead is not None:
            obj["ahead"] = self.ahead
        if self.forked:
            obj["forked"] = True
        if self.signature:
            obj["sig"] = signing.to_base64(self.signature)
        return json.dumps(obj, separators=(",", ":"))

    @classmethod
    def from_json(cls, payload: bytes | str) -> Acknowledgement:
        """Read an MQTT payload.

        Raises:
            ContractError: not JSON, or a field is missing or of wrong form: lane, epoch and run (32 and 8 hex digits),
                upto and ahead (0 to 2^63 - 1), sig (base64).
        """
        if len(payload) > _MAX_BYTES:
            raise ContractError(f"acknowledgement of {len(payload)} bytes: at most {_MAX_BYTES}")
        try:
            obj = json.loads(payload)
        except (ValueError, RecursionError) as exc:
            raise ContractError(f"acknowledgement is not JSON: {exc}") from exc
        match obj:
            case {"lane": str(lane), "epoch": str(epoch), "upto": int(upto)} if (
                lane in list(Lane)
                and _EPOCH.fullmatch(epoch)
                and _is_seq(upto)
                and _is_run(obj.get("run"))
                and (obj.get("ahead") is None or _is_seq(obj["ahead"]))
                and isinstance(obj.get("sig", ""), str)
            ):
                return cls(
                    lane=Lane(lane),
                    epoch=epoch,
                    upto=upto,
                    run=obj.get("run"),
                    ahead=obj.get("ahead"),
                    forked=obj.get("forked") is True,
                    signature=signing.from_base64(obj.get("sig", "")),
                )
            case _:
                raise ContractError(f"not an acknowledgement: {obj!r:.200}")


def _is_seq(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_SEQ


def _is_run(value: object) -> bool:
    return value is None or (isinstance(value, str) and _RUN.fullmatch(value) is not None)
