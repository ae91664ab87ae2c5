"""The demo's factory: starts plant, gateway and collector on one scaled clock, shows where they stand, ends them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genba_shared.cli.demo import DEFAULT_PORT
from genba_shared.cli.demo.api_client import ApiClient
from genba_shared.cli.demo.children import Child, ChildFailed, Children
from genba_shared.cli.demo.feed import Feed
from genba_shared.cli.demo.status import StatusLine
from genba_shared.cli.demo.verdict import ANSWERS, MAP, TRUTH, drain, fetch_answers, judge, report
from genba_shared.clock import CLOCK_VARIABLE, ProductionClock, format_time
from genba_shared.device_map import load_device_map
from genba_shared.errors import UsageError
from genba_shared.process import end_with_parent

SCOPES = "read,orders:write,dispatch:write"


async def run_demo(args: Namespace) -> int:
    """Run the demo; 0 when it was stopped or its check found nothing, 1 when the check failed."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(name, stop.set)
    end_with_parent(signal.SIGTERM)
    with _data_folder(args.data) as data:
        clock = ProductionClock(origin=datetime.now(UTC), wall_origin_s=time.time(), speed=args.speed)
        children = Children(data, {**os.environ, CLOCK_VARIABLE: clock.to_variable()})
        try:
            return await Factory(args, data, clock, children).run(stop)
        except ChildFailed as exc:
            print(f"\ngenba demo: {exc}\nall logs: {data}", file=sys.stderr)
            return 1
        finally:
            children.stop()
            print("stopped: gateway, plant and collector have ended", flush=True)


class Factory:
    """One run of the demo."""

    def __init__(self, args: Namespace, data: Path, clock: ProductionClock, children: Children) -> None:
        self._args, self._data, self._clock, self._children = args, data, clock, children
        self._truth, self._plan, self._map = data / TRUTH, data / "plan.jsonl", data / MAP

    async def run(self, stop: asyncio.Event) -> int:
        """Start everything, feed it until it is time, and judge it if that was asked for."""
        client, mqtt = await self._start_collector()
        stop_at = await self._start_plant()
        self._start_gateway(mqtt)
        feed = Feed(self._plan, lambda: client)
        async with _background(
            self._children.watch(), feed.run(), StatusLine(client, self._children, self._clock).run()
        ) as tasks:
            await _first(asyncio.create_task(self._until_over(stop, stop_at)), *tasks)
            if not self._args.check or stop.is_set():
                return 0
            print("\nthe line has stopped; waiting until everything that happened has arrived", flush=True)
            await _first(asyncio.create_task(drain(client, self._truth, speed=self._clock.speed)), *tasks)
            answers = await asyncio.to_thread(fetch_answers, client, self._truth, speed=self._clock.speed)
        (self._data / ANSWERS).write_text(json.dumps(answers))
        verdict = judge(answers, self._truth, load_device_map(self._map))
        return report(verdict, restarts=self._children.restarts)

    async def _start_collector(self) -> tuple[ApiClient, str]:
        store = self._data / "collector"
        key = await asyncio.to_thread(self._cloud, store, "key", "create", "demo", "--scopes", SCOPES)
        port = self._args.port or _free_port(DEFAULT_PORT if self._args.port is None else 0)
        arguments = ["cloud", "serve", "--data", str(store), "--listen", f"127.0.0.1:{port}"]
        if self._args.broker:
            arguments += ["--broker", self._args.broker]
        collector = self._children.start(
            Child(name="collector", arguments=arguments, log=self._data / "collector.log", ready_word="ready ")
        )
        words = dict(word.split("=", 1) for word in (await collector.ready_line()).split() if "=" in word)
        found = re.search(r"one-time-password=(\S+)", collector.log.read_text())
        password = found.group(1) if found else ""
        link = await asyncio.to_thread(self._cloud, store, "board-link")
        print(f"board  {words['url']}{link}", flush=True)
        if password:
            print(f"login  {words['url']}/login   as admin, with the one-time password {password}", flush=True)
        return ApiClient(words["url"], key), words["mqtt"]

    @staticmethod
    def _cloud(store: Path, *arguments: str) -> str:
        """The last line that `genba cloud …` prints."""
        command = [sys.executable, "-m", "genba_shared.cli", "cloud", *arguments, "--data", str(store)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ChildFailed(f"genba cloud {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip().splitlines()[-1]

    async def _start_plant(self) -> datetime | None:
        arguments = ["sim", "run", "--seed", str(self._args.seed), "--truth", str(self._truth)]
        arguments += [
            "--plan",
            str(self._plan),
            "--map",
            str(self._map),
            "--endpoints",
            str(self._data / "endpoints.json"),
        ]
        stop_at = None
        if self._args.for_s is not None:
            stop_at = self._clock.at_wall(time.time() + self._args.for_s)
            arguments += ["--stop-at", format_time(stop_at)]
        plant = self._children.start(
            Child(name="plant", arguments=arguments, log=self._data / "plant.log", ready_word="ready", restarts=False)
        )
        await plant.ready_line()
        endpoints = json.loads((self._data / "endpoints.json").read_text())
        print("plant  " + "   ".join(f"{name} {url}" for name, url in endpoints.items()), flush=True)
        return stop_at

    def _start_gateway(self, mqtt: str) -> None:
        arguments = ["edge", "run", str(self._map), "--broker", mqtt, "--state", str(self._data / "gateway")]
        status = f"127.0.0.1:{_free_port(0)}"
        arguments += ["--sink", str(self._data / "events.jsonl"), "--status", status]
        print(f"gateway http://{status}/   its own status page", flush=True)
        self._children.start(Child(name="gateway", arguments=arguments, log=self._data / "gateway.log"))
        print(f"map    {self._map}   events {self._data / 'events.jsonl'}", flush=True)
        print("Ctrl-C ends the demo", flush=True)

    async def _until_over(self, stop: asyncio.Event, stop_at: datetime | None) -> None:
        if stop_at is None:
            await stop.wait()
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._clock.wall_at(stop_at) - time.time())):
                await stop.wait()


@contextlib.contextmanager
def _data_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="genba-demo-") as name:
            yield Path(name)
        return
    if wanted.exists() and any(wanted.iterdir()):
        raise UsageError(f"--data {wanted}: the folder is not empty. Name a new one, or remove it first.")
    wanted.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield wanted.resolve()


@contextlib.asynccontextmanager
async def _background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(wanted: asyncio.Task[None], *watched: asyncio.Task[None]) -> None:
    """Wait for `wanted`; a watched task that fails meanwhile raises its error here."""
    try:
        done, _ = await asyncio.wait({wanted, *watched}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        wanted.cancel()


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise UsageError("no free port on 127.0.0.1 for the web pages")
