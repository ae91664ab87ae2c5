"""Whether the name of a device is known and its port takes a connection; all at once, each within a few seconds."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never
from urllib.parse import urlsplit

from genba_shared.device_map import (
    Device,
    DeviceMap,
    ImpinjDevice,
    LlrpDevice,
    ModbusDevice,
    MqttInDevice,
    OpcUaDevice,
)

TIMEOUT_S: Final = 4.0
_PORTS: Final = {"opc.tcp": 4840, "http": 80, "https": 443}
AT_ONCE: Final = 16  # a plant network is not scanned


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that listens on a port; `device`: its id in the map, if it is one."""

    what: str
    host: str
    port: int
    device: str = ""

    @property
    def place(self) -> tuple[str, int]:
        """Its host and port; several devices may be behind one."""
        return self.host, self.port


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How it went: the time that name and connection took, or what was in the way and what to do."""

    target: Target
    seconds: float = 0.0
    trouble: str = ""
    fix: str = ""


def targets_of(device_map: DeviceMap) -> Iterator[Target]:
    """Every device that is reached over the network."""
    for device in device_map.devices.values():
        place = _place_of(device)
        if place is not None:
            yield Target(what=f"device {device.id}", host=place[0], port=place[1], device=device.id)


def _place_of(device: Device) -> tuple[str, int] | None:
    """Host and port, of a device that publishes those of its broker; None for one on a serial line."""
    match device:
        case OpcUaDevice(url=written) | ImpinjDevice(url=written):
            url = urlsplit(written)
            return url.hostname or "", url.port or _PORTS[url.scheme]
        case ModbusDevice():
            return None if device.serial is not None else (device.host, device.port)
        case LlrpDevice():
            return device.host, device.port
        case MqttInDevice():
            return device.broker.host, device.broker.port
        case _:
            assert_never(device)


def reach_all(targets: Sequence[Target]) -> Sequence[Reached]:
    """Connect once to each host and port and close again; in the order of the targets."""
    return asyncio.run(_reach_all(targets))


async def _reach_all(targets: Sequence[Target]) -> list[Reached]:
    places = asyncio.Semaphore(AT_ONCE)

    async def reach(target: Target) -> Reached:
        async with places:
            return await _reach(target)

    first = {target.place: target for target in targets}
    reached = dict(zip(first, await asyncio.gather(*(reach(target) for target in first.values())), strict=True))
    return [replace(reached[target.place], target=target) for target in targets]


async def _reach(target: Target) -> Reached:
    started = time.monotonic()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(target.host, target.port)
    except OSError as exc:
        trouble, fix = _explained(exc, target)
        return Reached(target=target, trouble=trouble, fix=fix)
    seconds = time.monotonic() - started
    writer.close()
    return Reached(target=target, seconds=seconds)


def _explained(exc: OSError, target: Target) -> tuple[str, str]:
    match exc:
        case TimeoutError():
            return (
                f"no answer within {TIMEOUT_S:g} s",
                "is it switched on? wrong address, other network, or a firewall that drops",
            )
        case socket.gaierror():
            return (
                f"the name {target.host} is not known",
                "write its IP address, or add it to the plant's DNS or /etc/hosts",
            )
        case ConnectionRefusedError():
            return (
                "connection refused: the machine is there and nothing listens on this port",
                "is the server on the device switched on? is the port right?",
            )
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
            return "no way to it", "check cable, address and gateway of this machine: ip route"
        case _:
            return os.strerror(exc.errno) if exc.errno else str(exc), "see the message"
