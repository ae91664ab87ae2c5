"""Events to columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from genba_shared.codec.buffer import Writer
from genba_shared.codec.columns import write_integers, write_numbers, write_presence
from genba_shared.codec.layout import COMMON, FAR, MAX_IDS, MAX_STRINGS, SCHEMA, kind_fields, members
from genba_shared.errors import ContractError
from genba_shared.events.model import Event, EventId, Source, SourceType
from genba_shared.events.schema import Field, FieldType

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)


def write_body(events: Sequence[Event], *, seqs: Sequence[int], gateway: str, epoch: str) -> bytearray:
    """The uncompressed body of at least one event; `seqs` are the events' own.

    Raises:
        ContractError: a number of more than 64 bits, too many different texts or too many `because` ids.
    """
    body = _BodyWriter(gateway=gateway, epoch=epoch)
    blocks = Writer()
    codes = bytes(event.code for event in events)
    blocks.raw(codes)
    ats = [_to_ms(event.at) for event in events]
    body.write_columns(blocks, COMMON, events, ats=ats, seqs=seqs)
    for code in sorted(set(codes)):
        rows = [row for row, other in enumerate(codes) if other == code]
        chosen = [events[row] for row in rows]
        block = Writer()
        body.write_columns(
            block,
            kind_fields(type(chosen[0])),
            chosen,
            ats=[ats[row] for row in rows],
            seqs=[seqs[row] for row in rows],
        )
        blocks.blob(block.data)
    head = Writer()
    head.u8(SCHEMA)
    body.write_strings(head)
    return head.data + blocks.data


class _BodyWriter:
    """Writes columns and collects the texts that they point to."""

    def __init__(self, *, gateway: str, epoch: str) -> None:
        self._strings: dict[str, int] = {}
        self._gateway = gateway
        self._epoch = epoch

    def write_columns(
        self,
        writer: Writer,
        fields: Sequence[Field],
        events: Sequence[Event],
        *,
        ats: Sequence[int],
        seqs: Sequence[int],
    ) -> None:
        mask = 0
        columns = Writer()
        for position, field in enumerate(fields):
            name, default = field.name, field.default
            values = [getattr(event, name) for event in events]
            present = [value is not None and value != default for value in values]
            if not any(present):
                continue
            mask |= 1 << position
            if all(present):
                columns.u8(0)
                self._write_values(columns, field, values, ats=ats, seqs=seqs)
                continue
            columns.u8(1)
            write_presence(columns, present)
            rows = [row for row, is_there in enumerate(present) if is_there]
            self._write_values(
                columns,
                field,
                [values[row] for row in rows],
                ats=[ats[row] for row in rows],
                seqs=[seqs[row] for row in rows],
            )
        writer.varint(mask)
        writer.raw(columns.data)

    def _write_values(
        self, writer: Writer, field: Field, values: list[Any], *, ats: Sequence[int], seqs: Sequence[int]
    ) -> None:
        match field.type:
            case FieldType.TEXT:
                write_integers(writer, [self._index(text) for text in values])
            case FieldType.CHOICE:
                write_integers(writer, _positions(field.choice, values))
            case FieldType.INTEGER | FieldType.FLAG:
                write_integers(writer, [int(value) for value in values])
            case FieldType.NUMBER:
                write_numbers(writer, values)
            case FieldType.TIME if field.name == "at":
                write_integers(writer, ats)
            case FieldType.TIME:
                write_integers(writer, [_to_ms(time) - at for time, at in zip(values, ats, strict=True)])
            case FieldType.SOURCE:
                sources: list[Source] = values
                write_integers(writer, _positions(SourceType, [source.type for source in sources]))
                write_integers(writer, [self._index(source.ref) for source in sources])
            case FieldType.IDS:
                self._write_ids(writer, values, seqs)

    def _write_ids(self, writer: Writer, lists: Sequence[Sequence[str]], seqs: Sequence[int]) -> None:
        numbers = [self._id_number(text, seq) for ids, seq in zip(lists, seqs, strict=True) for text in ids]
        if len(numbers) > MAX_IDS:
            raise ContractError(f"{len(numbers)} 'because' ids in one envelope: at most {MAX_IDS}")
        write_integers(writer, [len(ids) for ids in lists])
        write_integers(writer, numbers)

    def _id_number(self, text: str, seq: int) -> int:
        made = EventId.parse(text)
        if made is not None and made.gateway == self._gateway and made.epoch == self._epoch and str(made) == text:
            distance = seq - made.seq
            if abs(distance) < FAR:
                return distance * 2
        return self._index(text) * 2 + 1

    def _index(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))

    def write_strings(self, writer: Writer) -> None:
        """The string table; only complete when all columns are written.

        A text that is not valid Unicode goes on the wire as it is: the reader refuses that one event, not the envelope.
        """
        if len(self._strings) > MAX_STRINGS:
            raise ContractError(f"{len(self._strings)} different texts in one envelope: at most {MAX_STRINGS}")
        writer.varint(len(self._strings))
        if not self._strings:
            return
        texts = [text.encode("utf-8", errors="surrogatepass") for text in self._strings]
        write_integers(writer, [len(text) for text in texts])
        writer.raw(b"".join(texts))


def _positions(choice: type[StrEnum] | None, values: Sequence[StrEnum]) -> list[int]:
    if choice is None:
        raise TypeError("a choice field without its enumeration")
    positions = {member: position for position, member in enumerate(members(choice))}
    return [positions[value] for value in values]


def _to_ms(at: datetime) -> int:
    return (at - _UNIX) // _MS
