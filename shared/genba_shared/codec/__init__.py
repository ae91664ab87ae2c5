"""The wire: envelopes of production events, compact and checked, as they cross the broker."""

from genba_shared.codec.compression import Codec, best_codec
from genba_shared.codec.envelope import Envelope, decode, decode_frame, encode
from genba_shared.codec.header import MAX_ENVELOPE, Framed, Header, Lane, decode_header, read_frame
from genba_shared.codec.layout import MAX_EVENTS
from genba_shared.codec.rejection import Rejected

__all__ = [
    "MAX_ENVELOPE",
    "MAX_EVENTS",
    "Codec",
    "Envelope",
    "Framed",
    "Header",
    "Lane",
    "Rejected",
    "best_codec",
    "decode",
    "decode_frame",
    "decode_header",
    "encode",
    "read_frame",
]
