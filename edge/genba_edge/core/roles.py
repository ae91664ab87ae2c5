"""Which points mean something for production. Most points of a plant do not, and cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from genba_edge.core.observations import Sample
from genba_shared.device_map.model import PointRef


@dataclass(slots=True, kw_only=True)
class Role:
    """A point that is a counter, a station's state or environment, a job number, a sign of resets; its last sample.

    `name` is ``device/point``. `is_settled`: one more sample of the same value would tell nothing but that the value
    still holds. `guard` keeps what goes wrong with it from the others.
    """

    ref: PointRef
    name: str
    is_counter: bool
    is_state: bool
    speaks_always: bool
    is_measured: bool = False
    last: Sample | None = None
    is_settled: bool = False
    guard: AbstractContextManager[None] | None = None


_NONE: dict[str, Role] = {}


class Roles:
    """The points of a map that have a role.

    Args:
        counters: counters that a station counts by.
        states: points that a station's state follows from.
        measured: points of a station's environment.
        speaking: points whose every sample is to be looked at, the same value or not: job numbers, reset evidence.
    """

    def __init__(
        self,
        *,
        counters: Iterable[PointRef],
        states: Iterable[PointRef],
        measured: Iterable[PointRef],
        speaking: Iterable[PointRef],
    ) -> None:
        counted, telling, spoken, around = (frozenset(refs) for refs in (counters, states, speaking, measured))
        self._by_device: dict[str, dict[str, Role]] = {}
        for ref in {*counted, *telling, *spoken, *around}:
            self._by_device.setdefault(ref.device, {})[ref.point] = Role(
                ref=ref,
                name=str(ref),
                is_counter=ref in counted,
                is_state=ref in telling,
                is_measured=ref in around,
                speaks_always=ref in spoken,
            )

    def of(self, sample: Sample) -> Role | None:
        """The role of a sample's point; None: it has none."""
        return self.of_device(sample.device).get(sample.point)

    def of_device(self, device: str) -> dict[str, Role]:
        """Roles by point; empty for a device none of whose points has one."""
        return self._by_device.get(device, _NONE)

    def unsettle(self, device: str) -> None:
        """The device was lost or came back: every next sample counts."""
        for role in self.of_device(device).values():
            role.is_settled = False
