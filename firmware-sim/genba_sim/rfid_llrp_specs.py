"""The ROSpecs of a simulated reader and their life-cycle: disabled, inactive, active (LLRP 1.0.1, 10.2.1)."""

from __future__ import annotations

from dataclasses import dataclass

from genba_sim.llrp_codec import MessageType
from genba_sim.llrp_codec_reader import RoSpec, SpecState, Status

ALL = 0  # in a command this ROSpec id means: all of them


class RefusedError(Exception):
    """A well-formed message that this reader will not do; `code` and the text go back to the client."""

    def __init__(self, code: Status, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(slots=True)
class _Known:
    spec: RoSpec
    state: SpecState = SpecState.DISABLED


class RoSpecs:
    """ROSpecs by id; at most one is active. They belong to the reader, not to the connection."""

    def __init__(self, *, antennas: int) -> None:
        self._antennas = antennas
        self._known: dict[int, _Known] = {}

    def active(self) -> RoSpec | None:
        """The one that runs."""
        return next((known.spec for known in self._known.values() if known.state is SpecState.ACTIVE), None)

    def encoded(self) -> bytes:
        """All of them with their states, as GET_ROSPECS_RESPONSE lists them."""
        return b"".join(known.spec.in_state(known.state) for known in self._known.values())

    def clear(self) -> None:
        """Factory default: none."""
        self._known.clear()

    def add(self, spec: RoSpec) -> None:
        """Take a ROSpec, disabled.

        Raises:
            RefusedError: the id is 0 or taken, or an antenna does not exist.
        """
        if spec.id == ALL or spec.id in self._known:
            raise RefusedError(Status.FIELD_ERROR, f"ROSpec id {spec.id} is taken or not allowed")
        if any(antenna > self._antennas for antenna in spec.antennas):
            raise RefusedError(Status.FIELD_ERROR, f"this reader has {self._antennas} antennas")
        self._known[spec.id] = _Known(spec)

    def command(self, command: MessageType, spec_id: int) -> None:
        """Enable, disable, start, stop or delete one ROSpec, or all of them with id 0.

        Raises:
            RefusedError: there is no such ROSpec, or its state does not allow it.
        """
        chosen = [known for known in self._known.values() if spec_id in (ALL, known.spec.id)]
        if not chosen and spec_id != ALL:
            raise RefusedError(Status.FIELD_ERROR, f"there is no ROSpec {spec_id}")
        for known in chosen:
            self._change(command, known)

    def _change(self, command: MessageType, known: _Known) -> None:
        idle = self.active() is None
        match command, known.state:
            case MessageType.ENABLE_ROSPEC, SpecState.DISABLED:
                known.state = SpecState.ACTIVE if known.spec.starts_at_once and idle else SpecState.INACTIVE
            case MessageType.START_ROSPEC, SpecState.INACTIVE if idle:
                known.state = SpecState.ACTIVE
            case MessageType.STOP_ROSPEC, SpecState.ACTIVE:
                known.state = SpecState.INACTIVE
            case MessageType.DISABLE_ROSPEC, _:
                known.state = SpecState.DISABLED
            case MessageType.DELETE_ROSPEC, _:
                del self._known[known.spec.id]
            case _:
                raise RefusedError(Status.PARAMETER_ERROR, f"ROSpec {known.spec.id} is {known.state.name.lower()}")
