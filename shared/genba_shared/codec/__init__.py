"""The wire: envelopes of production events, compact and checked, as they cross the broker."""

from genba_shared.codec.body_reader import Rejected
from genba_shared.codec.compression import Codec, best_codec
from genba_shared.codec.envelope import Envelope, decode, encode
from genba_shared.codec.header import (
    MAX_ENVELOPE,
    Header,
    Lane,
    Sign,
    SignedHeader,
    decode_header,
    decode_signed_header,
)
from genba_shared.codec.layout import MAX_EVENTS

__all__ = [
    "MAX_ENVELOPE",
    "MAX_EVENTS",
    "Codec",
    "Envelope",
    "Header",
    "Lane",
    "Rejected",
    "Sign",
    "SignedHeader",
    "best_codec",
    "decode",
    "decode_header",
    "decode_signed_header",
    "encode",
]
