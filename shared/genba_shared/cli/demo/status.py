"""The demo's status line: where the factory stands, once a second."""

from __future__ import annotations

import asyncio
import shutil
import sys
from typing import Any

from genba_shared.cli.demo.api_client import ApiClient, ApiUnreachable
from genba_shared.cli.demo.children import Children
from genba_shared.clock import ProductionClock

EVERY_S = 1.0
PLAIN_EVERY = 10  # without a terminal, one line in ten seconds


class StatusLine:
    """Prints how many orders, completions and pieces the collector knows, and how the gateway is."""

    def __init__(self, client: ApiClient, children: Children, clock: ProductionClock) -> None:
        self._client, self._children, self._clock = client, children, clock

    async def run(self) -> None:
        """Print until cancelled: on a terminal over the same line, else a line now and then."""
        on_terminal = sys.stdout.isatty()
        count = 0
        while True:
            await asyncio.sleep(EVERY_S)
            count += 1
            if not on_terminal and count % PLAIN_EVERY:
                continue
            try:
                text = await asyncio.to_thread(self._text)
            except ApiUnreachable:
                text = "the collector is starting again"
            clock = self._clock.now().astimezone().strftime("%H:%M:%S")
            line = f"plant time {clock}  {text}"
            if self._children.restarts:
                line += f"  restarts {self._children.restarts}"
            if on_terminal:
                width = shutil.get_terminal_size().columns - 1
                print("\r" + line[:width].ljust(width), end="", flush=True)
            else:
                print(line, flush=True)

    def _text(self) -> str:
        orders = list(self._client.pages("/orders", cursor="cursor", limit=100))
        nodes = [node for order in orders for work_order in order["work_orders"] for node in work_order["nodes"]]
        done = sum(node["lifecycle"] == "done" for node in nodes)
        late = sum(order["level"] in {"orange", "red"} for order in orders)
        return (
            f"orders {len(orders)} ({late} late by 10 % or more)  nodes done {done} of {len(nodes)}  "
            f"gateway {self._gateway()}"
        )

    def _gateway(self) -> str:
        gateways: list[dict[str, Any]] = self._client.get("/gateways")["items"]
        if not gateways:
            return "not seen yet"
        first = gateways[0]
        return f"{'online' if first['online'] else 'OFFLINE'}, outbox {first['outbox_depth']}"
