"""The devices of the fault scenarios: libmodbus, node-opcua, and an LLRP reader."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from genba_edge.ports import Observation, Sample, TagRead
from tests.integration.fault_scenario import POLL_S, TIMEOUT_S, Bench
from tests.peers.process import ModbusPeer, OpcUaPeer
from tests.peers.reader import FieldReader

FIRST = 65_500
"""The counters soon pass 65,536, where a value that is torn between two registers is far off."""
MARK = 305_419_896
"""A constant in registers far from the counter: whoever takes the answer to another request shows something else."""
SETTINGS = f"timeout: {TIMEOUT_S}s, reconnect: {{max: 1s}}"


class ModbusBench(Bench):
    """Faulty devices share one server; the healthy one has its own, since libmodbus waits for half a request."""

    period_s = POLL_S

    def __init__(self, stack: ExitStack, program: str) -> None:
        self._faulty = stack.enter_context(ModbusPeer(program))
        self._healthy = stack.enter_context(ModbusPeer(program))
        self._made: list[int] = []
        for peer in (self._faulty, self._healthy):
            peer.tell(f"set32 holding 150 {MARK}")
        self.step()

    def port(self, name: str) -> int:
        return (self._healthy if name in ("well", "other") else self._faulty).port

    def device(self, name: str, port: int) -> str:
        return f"""\
  - {{id: {name}, protocol: modbus, host: "127.0.0.1:{port}", {SETTINGS}, byte_order: CDAB,
     poll: {{fast: {POLL_S * 1000:.0f}ms}}, points: {{
       good: {{at: {{holding: 0}}, type: uint32, counter: {{max_rate: 6000/min}}}},
       mark: {{at: {{holding: 150}}, type: uint32}}}}}}
"""

    def step(self) -> None:
        self._made.append(FIRST + len(self._made))
        for peer in (self._faulty, self._healthy):
            peer.tell(f"set32 holding 0 {self._made[-1]}")

    def made(self) -> list[int]:
        return self._made

    def seen(self, observation: Observation) -> Any:
        return observation.value if isinstance(observation, Sample) and observation.point == "good" else None

    def is_told(self, values: Sequence[Any]) -> bool:
        return bool(values) and values[-1] == self._made[-1]


class OpcUaBench(Bench):
    """Every device is a session of its own with one server."""

    period_s = 1.0  # of its watchdog

    def __init__(self, stack: ExitStack, script: str, folder: Path) -> None:
        self._peer = stack.enter_context(OpcUaPeer(script, str(folder)))
        self._made: list[int] = []
        self._peer.tell(f"set scrap {MARK}")
        self.step()

    def port(self, name: str) -> int:
        return int(self._peer.url.rpartition(":")[2])

    def device(self, name: str, port: int) -> str:
        return f"""\
  - {{id: {name}, protocol: opcua, url: "opc.tcp://127.0.0.1:{port}", security: {{policy: none}}, {SETTINGS},
     points: {{
       good: {{node: "nsu=urn:genba:peer;s=parts", type: uint32, sampling: 100ms, counter: {{max_rate: 6000/min}}}},
       mark: {{node: "nsu=urn:genba:peer;s=scrap", type: int32}}}}}}
"""

    def step(self) -> None:
        self._made.append(FIRST + len(self._made))
        self._peer.tell(f"set parts {self._made[-1]}")

    def made(self) -> list[int]:
        return self._made

    def seen(self, observation: Observation) -> Any:
        return observation.value if isinstance(observation, Sample) and observation.point == "good" else None

    def is_told(self, values: Sequence[Any]) -> bool:
        return bool(values) and values[-1] == self._made[-1]


class ReaderBench(Bench):
    """A reader serves one client, so every device has its own. What is made are tags that come into the field."""

    period_s = TIMEOUT_S / 3  # of keepalives; reports come more often

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._readers: dict[str, FieldReader] = {}
        self._made: list[str] = []
        self._steps = 0

    def port(self, name: str) -> int:
        self._readers[name] = self._stack.enter_context(FieldReader())
        return self._readers[name].port

    def device(self, name: str, port: int) -> str:
        return f"""\
  - {{id: {name}, protocol: llrp, host: "127.0.0.1:{port}", {SETTINGS}, report: 200ms,
     antennas: {{1: {{read_point: in-{name}}}}}}}
"""

    def station(self, name: str) -> str:
        return f"  S-{name}: {{device: {name}}}\n"

    def step(self) -> None:
        self._steps += 1
        if self._steps % 10 == 1:
            self._made.append(f"3034257bf7194e40{len(self._made):08x}")
            for reader in self._readers.values():
                reader.bring(self._made[-1])

    def made(self) -> list[str]:
        return self._made

    def seen(self, observation: Observation) -> Any:
        return observation.tag if isinstance(observation, TagRead) else None

    def is_told(self, values: Sequence[Any]) -> bool:
        return set(values) == set(self._made)
