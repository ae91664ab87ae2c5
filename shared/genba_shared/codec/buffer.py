"""Bytes of an envelope: a writer, and a reader that never reads past the end."""

from __future__ import annotations

from typing import Final

from genba_shared.errors import ContractError

_VARINT_BYTES: Final = 10  # 70 bits: room for every unsigned 64-bit number


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
        """An unsigned number of at most 64 bits, 7 bits a byte, low bits first (LEB128).

        Raises:
            ContractError: negative, or more than 64 bits.
        """
        if value < 0 or value >> 64:
            raise ContractError(f"{value} does not fit the wire: 0 to 2^64 - 1 do")
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def signed(self, value: int) -> None:
        """A signed number of at most 64 bits, small absolute values short (zigzag, then `varint`)."""
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
        self._data = data
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self.position

    def raw(self, count: int) -> bytes:
        """The next `count` bytes."""
        if not 0 <= count <= self.left:
            raise ContractError(f"{count} bytes wanted at byte {self.position}, {self.left} left")
        start = self.position
        self.position = start + count
        return self._data[start : self.position]

    def u8(self) -> int:
        """One unsigned byte."""
        return self.raw(1)[0]

    def varint(self, *, most: int = 2**64 - 1) -> int:
        """An unsigned number, at most `most`."""
        value = 0
        for shift in range(0, 7 * _VARINT_BYTES, 7):
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > most:
                    raise ContractError(f"{value} at byte {self.position} is above the bound of {most}")
                return value
        raise ContractError(f"number at byte {self.position} has no end")

    def signed(self) -> int:
        """A signed number of at most 64 bits."""
        value = self.varint()
        return value >> 1 if not value & 1 else -(value >> 1) - 1

    def blob(self, *, most: int) -> bytes:
        """Bytes with their length in front, at most `most`."""
        return self.raw(self.varint(most=most))

    def end(self) -> None:
        """Everything must have been read by now."""
        if self.left:
            raise ContractError(f"{self.left} bytes too many at byte {self.position}")
