"""What is found to be wrong in a device map by what its points read: codes, evidence, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from genba_shared.device_map.model import PointRef

__all__ = ["Finding", "FindingCode", "Sign", "Sureness"]


class FindingCode(StrEnum):
    """The usual ways in which a map is wrong; the label of a metric, so the list is closed (docs/map-findings.md)."""

    BYTE_ORDER = "byte-order"
    """The registers or bytes of a number are joined in the wrong order."""
    ADDRESS_ONE_OFF = "address-one-off"
    """The registers are those of the neighbour: the address is one too low or too high."""
    COUNTER_FROZEN = "counter-frozen"
    """A counter of good pieces never moves although its station works."""
    PULSE_TOO_SHORT = "pulse-too-short"
    """A signal is there for about one poll only: others come and go between two polls."""
    WRAP_WITHIN_OUTAGE = "wrap-within-outage"
    """An outage was so long that the counter can have gone through its whole range meanwhile."""
    MAX_RATE_TOO_LOW = "max-rate-too-low"
    """The machine is faster than the map says: its pieces are held back and questioned."""
    MAX_RATE_TOO_HIGH = "max-rate-too-high"
    """The map allows so much that a misread value passes for pieces."""
    LIMIT_TOO_SMALL = "limit-too-small"
    """The counter reads values that it cannot have."""
    NOT_A_COUNTER = "not-a-counter"
    """The value goes up and down like something that is measured."""
    DIRECTION_REVERSED = "direction-reversed"
    """The counter counts the other way."""
    JOB_NOT_STEADY = "job-not-steady"
    """The job number changes with every reading."""
    VALUE_WITHOUT_LABEL = "value-without-label"
    """A state is read that no label names."""


class Sureness(StrEnum):
    """How much the evidence allows: nothing else explains it, or something else would be a surprise."""

    CERTAIN = "certain"
    LIKELY = "likely"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """What a rule sees now. `what` and `fix` are texts with a code.

    `write` is the YAML that mends it, as lines to be put (or to take the place of those with the same keys) at `path`
    of the map; empty where the map cannot mend it. `seen_at`: when its latest evidence was read.
    """

    code: FindingCode
    ref: PointRef
    what: str
    fix: str
    path: str
    write: str
    sureness: Sureness
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A sign, since when it was first and until when it was last seen, and the station that the point belongs to."""

    sign: Sign
    station: str | None
    first_seen: datetime
    last_seen: datetime

    @property
    def key(self) -> str:
        """Names the finding among those of a gateway: ``byte-order/cell/good``."""
        return f"{self.sign.code}/{self.sign.ref}"

    @property
    def note(self) -> str:
        """The whole in English, as one line."""
        write = self.sign.write.replace("\n", "; ")
        advice = f"{self.sign.fix} {self.sign.path}: {write}" if write else self.sign.fix
        return f"[{self.sign.code}] {self.sign.what} {advice}"
