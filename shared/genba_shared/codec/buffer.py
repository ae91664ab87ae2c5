"""Bytes of an envelope: a writer, and a reader that never reads past the end."""

from __future__ import annotations

from typing import Final

from genba_shared.errors import ContractError

_VARINT_BYTES: Final = 10  # 70 bits: room for every 64-bit number, and for the distance between two of them


class Writer:
    """Collects the bytes of one block."""

    def __init__(self) -> None:
        self.data = bytearray()

    def u8(self, value: int) -> None:
        """One unsigned byte."""
        self.data.append(value)

    def raw(self, data: bytes | bytearray) -> None:
        """Bytes as they are; the reader must know how many."""
        self.data += data

    def varint(self, value: int) -> None:
        """An unsigned number of at most 70 bits, 7 bits a byte, low bits first (LEB128).

        Raises:
            ContractError: negative, or more than 70 bits.
        """
        if 0 <= value <= 0x7F:
            self.data.append(value)
            return
        if value < 0 or value >> 7 * _VARINT_BYTES:
            raise ContractError(f"{value} does not fit the wire: 0 to 2^70 - 1 do")
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def signed(self, value: int) -> None:
        """A signed number, small absolute values short (zigzag, then `varint`)."""
        self.varint(value << 1 if value >= 0 else (-value << 1) - 1)

    def blob(self, data: bytes | bytearray) -> None:
        """Bytes with their length in front."""
        self.varint(len(data))
        self.data += data


class Reader:
    """Reads what `Writer` wrote.

    Every method raises ContractError where the bytes end too soon or break a bound; nothing is allocated before the
    bytes for it have been seen.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._size = len(data)
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return self._size - self.position

    def raw(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self.position
        end = start + count
        if count < 0 or end > self._size:
            raise ContractError(f"{count} bytes wanted at byte {start}, {self.left} left")
        self.position = end
        return self.data[start:end]

    def u8(self) -> int:
        """One unsigned byte."""
        position = self.position
        if position >= self._size:
            raise ContractError(f"a byte wanted at byte {position}, none left")
        self.position = position + 1
        return self.data[position]

    def varint(self, *, most: int = 2**64 - 1) -> int:
        """An unsigned number, at most `most`."""
        value = self._varint()
        if value > most:
            raise ContractError(f"{value} at byte {self.position} is above the bound of {most}")
        return value

    def _varint(self) -> int:
        data, start = self.data, self.position
        value = shift = 0
        for byte in data[start : start + _VARINT_BYTES]:
            if byte < 0x80:
                self.position = start + shift // 7 + 1
                return value | byte << shift
            value |= (byte & 0x7F) << shift
            shift += 7
        raise ContractError(f"number at byte {start} has no end")

    def signed(self) -> int:
        """A signed number of at most 70 bits."""
        value = self._varint()
        return -(value >> 1) - 1 if value & 1 else value >> 1

    def blob(self, *, most: int) -> bytes:
        """Bytes with their length in front, at most `most`."""
        return self.raw(self.varint(most=most))

    def end(self) -> None:
        """Everything must have been read by now."""
        if self.left:
            raise ContractError(f"{self.left} bytes too many at byte {self.position}")
