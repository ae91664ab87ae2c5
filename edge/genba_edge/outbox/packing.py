"""The stored form of an event: its JSON line, deflated with a dictionary of what stands in nearly every line.

A line of 400 bytes becomes about 90, each row by itself: one damaged row takes no other with it. `genba edge explain`
reads both this and the plain lines of earlier formats.
"""

from __future__ import annotations

import zlib
from typing import Final

_USUAL: Final = (
    '"kind":"data_questioned","at":"2026-01-05T00:00:00.000Z","point":"","note":"","cause":"step","result":"good",'
    '"since":"2026-01-05T00:00:00.000Z","least":0,"most":1,"options":["normal:1","wrap:1","reset:1"]}'
    '"kind":"data_gap_seen","from":"2026-01-05T00:00:00.000Z","to":"2026-01-05T00:00:00.000Z","cause":"connectivity",'
    '"subject":""}'
    '"kind":"tag_passed","source":{"type":"rfid","ref":"/"},"read_point":"","reader":"","tag":"3034","direction":"enter",'
    '"first_seen":"2026-01-05T00:00:00.000Z","last_seen":"2026-01-05T00:00:00.000Z","reads":1,"zone":"","antenna":1,'
    '"pieces":1}'
    '"kind":"wip_changed","zone":"","count":1,"by":-1,"error_estimate":1}'
    '"kind":"station_changed_over","from":"2026-01-05T00:00:00.000Z","to":"2026-01-05T00:00:00.000Z",'
    '"before_work_order":"WO-","before_node":""}'
    '"kind":"station_state_changed","source":{"type":"plc","ref":"/"},"state":"running","since":"2026-01-05T00:00:00.000Z"}'
    '"state":"idle","since":"'
    '"kind":"dispatch_closed","station":"","work_order":"WO-","node":""}'
    '"kind":"dispatch_opened","source":{"type":"system","ref":"dispatch/"},"station":"","work_order":"WO-","node":"",'
    '"pieces":20}'
    '"kind":"environment_summarised","source":{"type":"sensor","ref":"/"},"station":"","work_order":"WO-","node":"",'
    '"because":[""],"point":"/","from":"2026-01-05T00:00:00.000Z","to":"2026-01-05T00:00:00.000Z","min":20.0,"mean":21.5,'
    '"max":22.5,"samples":40,"uom":"°C"}'
    '"kind":"node_started","station":"","work_order":"WO-","node":"","because":[""]}'
    '"kind":"node_completed","station":"","work_order":"WO-","node":"","because":[""],"pieces":20,"basis":"count",'
    '"confidence":"ambiguous"}'
    '{"id":"","kind":"pieces_counted","at":"2026-01-05T00:00:00.000Z","source":{"type":"plc","ref":"/"},'
    '"seen_at":"2026-01-05T00:00:00.000Z","boot":"","mono_ms":0,"site":"","station":"","work_order":"WO-","node":"",'
    '"point":"/","result":"good","delta":1,"total":1,"counter_epoch":0,"since":"2026-01-05T00:00:00.000Z"}'
)
_FORM: Final = b"\x01"
_DICTIONARY: Final = _USUAL.encode()
"""Rows of this form can only be read with exactly these bytes: never change them, begin another form."""


def packed(line: str) -> bytes:
    """The stored form of a JSON line."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, -13, 5, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
    return _FORM + deflate.compress(line.encode()) + deflate.flush()


def unpacked(stored: object) -> str:
    """The JSON line of a stored row.

    Raises:
        ValueError: it is damaged.
    """
    if isinstance(stored, str):
        return stored
    if not isinstance(stored, bytes) or not stored.startswith(_FORM):
        raise ValueError("it is no event")
    try:
        return zlib.decompressobj(-13, _DICTIONARY).decompress(stored[1:]).decode()
    except zlib.error as exc:
        raise ValueError(str(exc)) from exc
