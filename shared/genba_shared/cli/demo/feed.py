"""The office of the demo: follows the plant's plan file and posts orders, dispatch lists and tags through the API."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genba_shared.cli.demo.api_client import ApiClient, ApiUnreachable

logger = logging.getLogger(__name__)

FOLLOW_S = 0.1
RETRY_S = 0.3


class Feed:
    """Posts every line of the plan, in order, each until the collector has taken it."""

    def __init__(self, plan: Path, client: Callable[[], ApiClient]) -> None:
        self._plan, self._client = plan, client
        self.posted = 0

    async def run(self) -> None:
        """Follow the file until cancelled."""
        position = 0
        while True:
            with self._plan.open("rb") as file:
                file.seek(position)
                text = file.read()
            complete = text[: text.rfind(b"\n") + 1]
            for line in complete.splitlines():
                await self._post(json.loads(line))
            position += len(complete)
            await asyncio.sleep(FOLLOW_S)

    async def _post(self, line: dict[str, Any]) -> None:
        await self._until_taken("/orders", line["order"])
        if line["tags"]:
            await self._until_taken("/tags", {"bind": line["tags"]})
        for row in line["queue"]:
            rows = [{name: value for name, value in row.items() if name != "station"}]
            await self._until_taken(f"/stations/{row['station']}/queue", {"rows": rows})
        self.posted += 1

    async def _until_taken(self, path: str, body: dict[str, Any]) -> None:
        while True:
            try:
                await asyncio.to_thread(self._client().post, path, body)
                return
            except ApiUnreachable as exc:
                logger.debug("collector away path=%s reason=%s", path, exc)
                await asyncio.sleep(RETRY_S)
