"""Strategies for production events of every kind, drawn from the field tables of the classes themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from genba_shared.codec import Codec, Envelope, Header, Lane
from genba_shared.events import KINDS, Event, Source, SourceType
from genba_shared.events.schema import Field, FieldType, fields_of

EPOCH = "0123456789abcdef0123456789abcdef"
TEXTS = st.one_of(
    st.sampled_from(["CUT-1", "WO-1001", "裁剪", "cutter1/parts", "3034f9a1b2c3d4e5f6000001"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=30),
)
INTEGERS = st.one_of(st.integers(0, 300), st.integers(-(2**63), 2**63 - 1))
_START = datetime(1, 1, 2, tzinfo=UTC)
_SPAN_MS = int((datetime(9999, 12, 30, tzinfo=UTC) - _START) / timedelta(milliseconds=1))
_ANY_TIMES = st.integers(0, _SPAN_MS).map(lambda ms: _START + timedelta(milliseconds=ms))
_SHIFT_TIMES = st.integers(0, 8 * 3600 * 1000).map(
    lambda ms: datetime(2026, 1, 5, tzinfo=UTC) + timedelta(milliseconds=ms)
)
TIMES = st.one_of(_SHIFT_TIMES, _ANY_TIMES)
_IDS = st.one_of(
    st.integers(0, 2**40).map(lambda seq: f"line-1:{EPOCH}:{seq}"),
    st.sampled_from([f"line-1:{EPOCH}:007", f"line-2:{EPOCH}:7", "c9e8a2f4-0f5e-4a39-9a4f-2f6f0c7f2f10", "line-1:x:1"]),
)


def _values(field: Field) -> st.SearchStrategy[Any]:
    match field.type:
        case FieldType.TEXT:
            return TEXTS
        case FieldType.CHOICE if field.choice is not None:
            return st.sampled_from(list(field.choice))
        case FieldType.INTEGER:
            return INTEGERS
        case FieldType.NUMBER:
            return st.floats(allow_nan=False, allow_infinity=False)
        case FieldType.FLAG:
            return st.booleans()
        case FieldType.TIME:
            return TIMES
        case FieldType.SOURCE:
            return st.builds(Source, type=st.sampled_from(list(SourceType)), ref=TEXTS)
        case _:
            return st.lists(_IDS, max_size=4).map(tuple)


def events_of(kind: type[Event], identity: str) -> st.SearchStrategy[Event]:
    """Any event of one kind with the given id."""
    required = {f.name: _values(f) for f in fields_of(kind)[1:] if f.required}
    optional = {f.name: _values(f) for f in fields_of(kind)[1:] if not f.required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: kind(id=identity, **values))


def _dropped(first: int, gaps: list[int]) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Seqs from `first` on with `gaps[i]` seqs missing before the i-th, and the missing ranges."""
    seqs, ranges, seq = [], [], first
    for gap in gaps:
        if gap:
            ranges.append((seq, seq + gap - 1))
        seqs.append(seq + gap)
        seq += gap + 1
    return seqs, tuple(ranges)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    """Any valid envelope of 1 to 5 events of any kinds."""
    first = draw(st.one_of(st.integers(1, 500), st.integers(1, 2**62)))
    seqs, dropped = _dropped(first, draw(st.lists(st.sampled_from([0, 0, 0, 1, 70_000]), min_size=1, max_size=5)))
    kinds = draw(st.lists(st.sampled_from(list(KINDS.values())), min_size=len(seqs), max_size=len(seqs)))
    events = tuple(draw(events_of(kind, f"line-1:{EPOCH}:{seq}")) for kind, seq in zip(kinds, seqs, strict=True))
    header = Header(
        codec=draw(st.sampled_from(list(Codec))),
        gateway="line-1",
        lane=draw(st.sampled_from(list(Lane))),
        epoch=EPOCH,
        first=first,
        last=seqs[-1],
        dropped=dropped,
        prev=draw(st.integers(0, first - 1)),
        acked=draw(st.integers(0, 2**63 - 1)),
        wall=draw(TIMES),
        mono_ms=draw(st.integers(0, 2**50)),
        clock_offset_ms=draw(st.none() | st.integers(-(10**9), 10**9)),
        signature=draw(st.sampled_from([b"", bytes(range(64))])),
    )
    return Envelope(header=header, events=events)
