"""Raw logs as files: written beside the work by a thread of their own, read again even when they were cut off."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import logging
import queue
import shutil
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

from genba_edge.core.journal import Moment
from genba_edge.core.raw_log import (
    RawBatch,
    RawDecoder,
    RawDispatch,
    RawEncoder,
    RawEntry,
    RawHeader,
    RawMap,
    RawMissing,
    batch,
)
from genba_edge.ports import Observation
from genba_shared.clock import ProductionClock
from genba_shared.device_map import DeviceMap, recorded_text
from genba_shared.dispatch_document import DispatchDocument
from genba_shared.errors import ContractError, UsageError
from genba_shared.version import VERSION

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 200_000  # observations, about 60 MB; more are let go, and the log says so
FLUSH_S: Final = 1.0  # how much a kill may take
LEAST_FREE: Final = 200_000_000  # bytes that a recording leaves on the disk: the outbox comes first
_LEVEL: Final = 6
_MAP_LINE: Final = b'{"map":'


class _Stream(Protocol):
    def write(self, data: bytes, /) -> Any: ...

    def flush(self) -> Any: ...

    def close(self) -> None: ...


class RawWriter:
    """Writes a raw log. Its methods never wait for the disk, and a disk that fails never stops the work.

    When it has to end before `close`, `ended` says why, and `on_end` is called from the writing thread.

    The form follows the name: ``.gz``, ``.zst``, or plain lines. A name that is taken gets a number, so that a gateway
    that is started again records on.

    Raises:
        UsageError: the file cannot be made, or ``.zst`` without the zstandard library.
    """

    def __init__(self, path: Path, *, on_end: Callable[[], object] = lambda: None) -> None:
        self.ended = ""
        self._on_end = on_end
        self.path = _free_name(path)
        try:
            self._stream = _open_to_write(self.path)
        except OSError as exc:
            raise UsageError(f"{path}: {exc.strerror}. Name a file in a folder that you may write to.") from exc
        self._waiting: queue.SimpleQueue[RawEntry | None] = queue.SimpleQueue()
        self._missing = 0
        self._given = self._taken = 0  # observations: one counted by who writes here, one by the thread
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="raw-log", daemon=True)
        self._thread.start()

    def begin(self, device_map: DeviceMap, *, boot: str, clock: ProductionClock, state: Mapping[str, str]) -> None:
        """Write the header; once, before everything else."""
        header = RawHeader(
            gateway=device_map.gateway.id,
            map_sha256=device_map.sha256,
            version=VERSION,
            boot=boot,
            speed=clock.speed,
            state=state,
            map_text=recorded_text(device_map),
        )
        self._waiting.put(header)

    def write(self, observations: Sequence[Observation], moment: Moment) -> None:
        """The derivation takes this batch."""
        if self.ended:
            return
        if self._given - self._taken >= MOST_WAITING:
            if not self._missing:
                logger.warning("raw log cannot follow file=%s: batches are left out", self.path)
            self._missing += 1
            return
        if self._missing:
            self._waiting.put(RawMissing(batches=self._missing))
            self._missing = 0
        self._given += len(observations)
        self._waiting.put(batch(observations, moment))

    def dispatch(self, document: DispatchDocument, moment: Moment) -> None:
        """The derivation takes this document."""
        self._waiting.put(RawDispatch(moment=moment, document=document))

    def note_map(self, device_map: DeviceMap, *, text: str) -> None:
        """The gateway goes on with another map, whose recorded text this is."""
        self._waiting.put(RawMap(map_sha256=device_map.sha256, map_text=text))

    def close(self) -> None:
        """Write what waits and close the file."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        try:
            with contextlib.closing(self._stream):
                self._write_all()
        except OSError as exc:
            logger.error("raw log ends file=%s reason=%s", self.path, exc.strerror)  # noqa: TRY400 - the reason says it
            self._end(exc.strerror or str(exc))
        except (TypeError, ValueError, OverflowError) as exc:  # a driver said what no raw log can hold
            logger.exception("raw log ends file=%s", self.path)
            self._end(f"fault in the gateway itself ({type(exc).__name__}), see its log")

    def _end(self, reason: str) -> None:
        self.ended = reason
        self._on_end()
        while not self._is_closed:
            self._is_closed = self._waiting.get() is None

    def _write_all(self) -> None:
        encoder = RawEncoder()
        flush_at: float | None = None
        while True:
            entry: RawEntry | None = _NOTHING
            with contextlib.suppress(queue.Empty):
                entry = self._waiting.get(timeout=None if flush_at is None else max(0.0, flush_at - time.monotonic()))
            if entry is None:
                self._is_closed = True
                return
            if isinstance(entry, RawBatch):
                self._taken += len(entry.observations)
            if entry is not _NOTHING:
                self._stream.write(encoder.line(entry).encode() + b"\n")
                flush_at = flush_at or time.monotonic() + FLUSH_S
            if flush_at is not None and time.monotonic() >= flush_at:
                flush_at = None
                self._flush()

    def _flush(self) -> None:
        self._stream.flush()
        if shutil.disk_usage(self.path.parent).free < LEAST_FREE:
            reason = f"less than {LEAST_FREE // 1_000_000} MB free, which the outbox may need"
            raise OSError(errno.ENOSPC, reason)


_NOTHING: Final = RawMissing(batches=0)  # what the queue gives when it is time to flush


def read_raw(path: Path) -> Iterator[RawEntry]:
    """The entries of a raw log, the header first. A file that was cut off ends with its last whole line.

    Raises:
        UsageError: the file cannot be read, or does not begin like a raw log.
        ContractError: a line in its middle is damaged.
    """
    decoder, number = RawDecoder(), 0
    try:
        with contextlib.closing(_open_to_read(path)) as file:
            for number, line in enumerate(_whole_lines(file), start=1):
                entry = decoder.entry(line)
                if number == 1 and not isinstance(entry, RawHeader):
                    raise ContractError("the first line is not the header of a raw log")
                yield entry
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror or exc}") from exc
    except ContractError as exc:
        raise UsageError(f"{path}, line {number}: {exc}") from exc
    if number == 0:
        raise UsageError(f"{path} is not a raw log: it has no line. `genba edge record MAP --output FILE` writes one.")


def later_maps(path: Path) -> list[RawMap]:
    """The maps with which the gateway went on while it recorded; a quick look, nothing else is decoded.

    Raises:
        UsageError: the file cannot be read, or one of these lines is damaged.
    """
    try:
        with contextlib.closing(_open_to_read(path)) as file:
            found = [RawDecoder().entry(line) for line in _whole_lines(file) if line.startswith(_MAP_LINE)]
    except OSError as exc:
        raise UsageError(f"{path}: {exc.strerror or exc}") from exc
    except ContractError as exc:
        raise UsageError(f"{path}: {exc}") from exc
    return [each for each in found if isinstance(each, RawMap)]


def _whole_lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines that end in a line break; what a kill left behind the last one is not looked at."""
    while True:
        try:
            line = file.readline()
        except (EOFError, zlib.error):
            return
        if not line.endswith(b"\n"):
            return
        yield line


def _free_name(path: Path) -> Path:
    base, dot, ending = path.name.partition(".")
    number = 1
    free = path
    while free.exists():
        number += 1
        free = path.with_name(f"{base}-{number}{dot}{ending}")
    return free


def _open_to_write(path: Path) -> _Stream:
    match path.suffix:
        case ".gz":
            return gzip.open(path, "xb", compresslevel=_LEVEL)
        case ".zst":
            return _zstandard().ZstdCompressor().stream_writer(path.open("xb"))  # type: ignore[no-any-return] # optional
        case _:
            return path.open("xb")


def _open_to_read(path: Path) -> IO[bytes]:
    match path.suffix:
        case ".gz":
            return gzip.open(path, "rb")  # type: ignore[return-value] # a GzipFile reads like any other file
        case ".zst":
            reader = _zstandard().ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True)
            return io.BufferedReader(reader)
        case _:
            return path.open("rb")


def _zstandard() -> Any:
    try:
        import zstandard
    except ImportError as exc:
        raise UsageError("a raw log in .zst needs the zstandard library: name it .jsonl.gz instead") from exc
    return zstandard


__all__ = ["RawBatch", "RawWriter", "read_raw"]
