"""What the blocks of a Modbus device said last: most answers of a plant say what the one before said."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import compress, pairwise
from operator import itemgetter, ne, not_
from typing import Any

from genba_edge.core.observations import Observation, Sample, Unchanged
from genba_edge.core.register_values import Decoder, PointReader, readers_of
from genba_edge.core.registers import Block
from genba_shared.errors import BadReading

Answer = tuple[str, Decoder | None, Any]
"""A point's name, what its bytes mean, and its bytes; or None, and the number itself."""
Bad = Callable[[str, str], Iterable[Sample]]
"""Called with a point and why it cannot be read; gives the sample that tells the core, if that is news."""
Good = Callable[[str], None]
"""Called with a point that was read."""


class BlockMemory:
    """Turns the answers to one block into observations, and decodes only what differs from the answer before.

    Points whose bytes are the same are told by one `Unchanged`; a point that cannot be decoded was told to be bad and
    stays so until its bytes change.
    """

    def __init__(self, block: Block, *, device: str, bad: Bad, good: Good) -> None:
        self.block = block
        self._device = device
        self._bad = bad
        self._good = good
        readers = readers_of(block, device=device)
        self._names = [reader.name for reader in readers]
        self._decoders: list[Decoder | None] = [reader.decode for reader in readers]
        self._cut: Callable[[bytes], tuple[Any, ...]] = itemgetter(*(reader.where for reader in readers))
        if not any(after.where.start < before.where.stop for before, after in pairwise(readers)):
            self._decoders = [None if reader.code else reader.decode for reader in readers]
            self._cut = struct.Struct(_form_of(readers)).unpack_from
        self._pieces: tuple[Any, ...] = ()
        self._undecodable: set[str] = set()
        self._told = tuple(self._names)
        self._last: bytes | None = None

    def take(self, data: bytes, at: datetime) -> list[Observation]:
        """What an answer says: samples of the points that changed, and the names of those that did not."""
        last, self._last = self._last, data
        if data == last:
            return [Unchanged(device=self._device, points=self._told, at=at)] if self._told else []
        before, self._pieces = self._pieces, self._cut(data)
        answers = zip(self._names, self._decoders, self._pieces, strict=True)
        if last is None:
            samples = self._samples(answers, at)
            for name in self._told:
                self._good(name)
            return samples
        changed = list(map(ne, self._pieces, before))
        observations = self._samples(compress(answers, changed), at)
        same = tuple(compress(self._names, map(not_, changed)))
        if self._undecodable:
            same = tuple(name for name in same if name not in self._undecodable)
        if same:
            observations.append(Unchanged(device=self._device, points=same, at=at))
        return observations

    def _samples(self, answers: Iterable[Answer], at: datetime) -> list[Observation]:
        samples: list[Observation] = []
        device, undecodable = self._device, self._undecodable
        for name, decode, piece in answers:
            if decode is None:
                samples.append(Sample(device, name, piece, at, at))
                continue
            try:
                value = decode(piece)
            except BadReading as exc:
                self._note_undecodable(name)
                samples.extend(self._bad(name, exc.reason))
                continue
            if name in undecodable:
                self._note_decodable(name)
                self._good(name)
            samples.append(Sample(device, name, value, at, at))
        return samples

    def _note_undecodable(self, name: str) -> None:
        self._undecodable.add(name)
        self._told = tuple(each for each in self._names if each not in self._undecodable)

    def _note_decodable(self, name: str) -> None:
        self._undecodable.discard(name)
        self._told = tuple(each for each in self._names if each not in self._undecodable)


def _form_of(readers: Iterable[PointReader]) -> str:
    """How `struct` cuts the answer for points that do not overlap: one number or string of bytes for each."""
    form, at = ">", 0
    for reader in readers:
        start, stop = reader.where.start, reader.where.stop
        form += f"{start - at}x{reader.code or f'{stop - start}s'}"
        at = stop
    return form
