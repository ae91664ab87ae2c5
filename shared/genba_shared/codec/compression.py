"""Compression of envelope bodies: zstd where the library is installed, zlib anywhere; the collector reads both."""

from __future__ import annotations

import threading
import zlib
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from genba_shared.errors import ContractError, UsageError

if TYPE_CHECKING:
    from zstandard import ZstdCompressor, ZstdDecompressor

try:
    import zstandard
except ImportError:  # no wheel on armv7
    _HAS_ZSTD = False
else:
    _HAS_ZSTD = True

MAX_BODY: Final = 4 * 1024 * 1024  # bytes after decompression; an envelope that wants more is a bomb
_MAX_WINDOW: Final = 8 * 1024 * 1024
ZSTD_LEVEL: Final = 3  # of columns, level 9 makes 2 % less and takes three times as long
MANY: Final = 32  # events, from which on zstd is as small as zlib, and twice as quick
_SMALLEST_BITS: Final = 12  # of the sizes for which there are compressors
_MINE: Final = threading.local()  # compressors must not be used by two threads at a time
_RAW_DEFLATE: Final = -15  # zlib without header and check sum; the envelope header carries a hash


class Codec(IntEnum):
    """How a body is compressed; the number is on the wire."""

    STORED = 0
    ZLIB = 1
    ZSTD = 2


def best_codec(*, events: int = MANY) -> Codec:
    """The best codec of this machine for so many events: of a few, zlib makes fewer bytes than zstd."""
    return Codec.ZSTD if _HAS_ZSTD and events >= MANY else Codec.ZLIB


def compress(body: bytes | bytearray, codec: Codec) -> bytes:
    """Compress a body.

    Raises:
        UsageError: zstd is asked for and not installed.
    """
    match codec:
        case Codec.STORED:
            return bytes(body)
        case Codec.ZLIB:
            packer = zlib.compressobj(level=9, wbits=_RAW_DEFLATE)
            return packer.compress(body) + packer.flush()
        case Codec.ZSTD:
            _require_zstandard()
            return _packer(max(_SMALLEST_BITS, len(body).bit_length())).compress(bytes(body))


def decompress(data: bytes, codec: Codec, *, size: int) -> bytes:
    """Decompress a body whose header says that it has `size` bytes; never takes more memory than that says.

    Raises:
        ContractError: not compressed data, or not of exactly `size` bytes.
        UsageError: zstd is needed and not installed.
    """
    if size > MAX_BODY:
        raise ContractError(f"body of {size} bytes is above {MAX_BODY}")
    match codec:
        case Codec.STORED:
            body = data
        case Codec.ZLIB:
            body = _inflate(data, size)
        case Codec.ZSTD:
            body = _unzstd(data, size)
    if len(body) != size:
        raise ContractError(f"body does not have the {size} bytes that its header says")
    return body


def _inflate(data: bytes, size: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=_RAW_DEFLATE)
    try:
        body = unpacker.decompress(data, size + 1)
    except zlib.error as exc:
        raise ContractError(f"body is not zlib data: {exc}") from exc
    if len(body) <= size and not unpacker.eof:
        raise ContractError("body ends within its zlib data")
    return body


def _unzstd(data: bytes, size: int) -> bytes:
    _require_zstandard()
    try:
        with _unpacker().stream_reader(data) as reader:
            return reader.read(size + 1)
    except (zstandard.ZstdError, MemoryError) as exc:
        raise ContractError(f"body is not zstd data: {exc}") from exc


def _packer(bits: int) -> ZstdCompressor:
    """This thread's compressor for bodies below 2^`bits` bytes: to make one takes as long as to use it."""
    packers = _MINE.__dict__.setdefault("packers", {})
    if bits not in packers:
        parameters = zstandard.ZstdCompressionParameters.from_level(
            ZSTD_LEVEL, source_size=1 << bits, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=False
        )
        packers[bits] = zstandard.ZstdCompressor(compression_params=parameters)
    packer: ZstdCompressor = packers[bits]
    return packer


def _unpacker() -> ZstdDecompressor:
    """This thread's decompressor."""
    unpacker: ZstdDecompressor | None = _MINE.__dict__.get("unpacker")
    if unpacker is None:
        unpacker = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW, format=zstandard.FORMAT_ZSTD1_MAGICLESS)
        _MINE.unpacker = unpacker
    return unpacker


def _require_zstandard() -> None:
    if not _HAS_ZSTD:
        raise UsageError("this envelope needs zstd: pip install zstandard")
