"""How a running gateway takes another map: on the command of `genba edge reload`, or on SIGHUP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genba_edge.app.control import Answer
from genba_edge.app.gateway import Gateway
from genba_edge.app.reload import troubles
from genba_edge.core.map_change import MapChange, compare
from genba_shared.device_map import DeviceMap, load_device_map
from genba_shared.errors import ConfigError, GenbaError

logger = logging.getLogger(__name__)


class Reloads:
    """The gateway's side: loads the map that is named, and lets the gateway take it."""

    def __init__(self, gateway: Gateway, path: Path) -> None:
        self._gateway = gateway
        self._path = path

    async def reload(self, asked: Mapping[str, Any]) -> Answer:
        """Take the map, if there is nothing wrong with it."""
        path = Path(str(asked["map"]))
        try:
            device_map = await asyncio.to_thread(load_device_map, path)
        except ConfigError as exc:
            return {"problems": _errors(exc)}
        change = await self._gateway.reload(device_map)
        if not change.refusals:
            self._path = path
        return _answer(change, device_map)

    async def dry_run(self, asked: Mapping[str, Any]) -> Answer:
        """Say what the map would change."""
        try:
            device_map = await asyncio.to_thread(load_device_map, Path(str(asked["map"])))
        except ConfigError as exc:
            return {"problems": _errors(exc)}
        return _answer(compare(self._gateway.device_map, device_map), device_map)

    async def again(self) -> None:
        """Read the file in force once more (SIGHUP); the log says what came of it."""
        try:
            answer = await self.reload({"map": str(self._path)})
        except GenbaError as exc:
            answer = {"error": str(exc)}
        for trouble in troubles(answer):
            logger.error("map not taken file=%s: %s", self._path, " ".join(trouble.split()))


def _answer(change: MapChange, device_map: DeviceMap) -> Answer:
    return {
        "lines": list(change.lines()),
        "refusals": list(change.refusals),
        "kept": len(change.devices.same),
        "devices": len(device_map.devices),
    }


def _errors(exc: ConfigError) -> list[str]:
    return [str(problem) for problem in exc.problems if not problem.warning]
