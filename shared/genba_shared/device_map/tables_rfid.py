"""The settings of RFID readers."""

from __future__ import annotations

import re
from typing import Final

from genba_shared.device_map.kinds import (
    NAME,
    by_number,
    group,
    integer,
    optional_group,
    quantity,
    text,
)
from genba_shared.device_map.model import (
    Antenna,
    LlrpDevice,
    PresenceSettings,
)
from genba_shared.device_map.phrases import meant, write, write_like
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.device_map.spec import Key, ObjectSpec, keys
from genba_shared.device_map.tables_devices import common_device_keys, default_of, host_key
from genba_shared.device_map.units import DURATION, POWER, RATIO
from genba_shared.texts import say

ANTENNA: Final = ObjectSpec(
    name=say("group-antenna", "an antenna"),
    model=Antenna,
    keys=keys(
        Key(
            name="read_point",
            kind=NAME,
            meaning="the place where it reads; several antennas may share one",
            example="read_point: sewing-in",
            required=True,
        ),
        Key(
            name="power",
            kind=quantity(POWER, "0dBm", "36dBm", "24dBm"),
            attribute="power_dbm",
            meaning="transmit power",
            example="power: 24dBm",
            default_text="as the reader is set",
        ),
        Key(
            name="min_rssi",
            kind=quantity(POWER, "-120dBm", "0dBm", "-62dBm"),
            attribute="min_rssi_dbm",
            meaning="weaker reads do not count",
            example="min_rssi: -62dBm",
            default_text="every read counts",
        ),
    ),
)


_CAPITAL: Final = re.compile(r"(?<!\\)[A-F]")


def _pattern_of(written: str) -> str:
    try:
        re.compile(written)
    except (re.error, OverflowError, RecursionError) as exc:
        raise Wrong(
            say(
                "not-a-regular-expression",
                "'{word}' is not a regular expression: {parser_says}.",
                word=shorten(written),
                parser_says=exc,
            ),
            write_like('"^3034"'),
        ) from exc
    if _CAPITAL.search(written):
        lower = _CAPITAL.sub(lambda found: found[0].lower(), written)
        raise Wrong(
            say(
                "capital-letters",
                "'{word}' has capital letters: EPCs are compared as lower-case hex.",
                word=shorten(written),
            ),
            meant(f'"{shorten(lower)}"'),
        )
    return written


TAGS: Final = ObjectSpec(
    name=say("group-tags", "the choice of tags"),
    keys=keys(
        Key(
            name="accept",
            kind=text(say("a-regular-expression", "a regular expression"), '"^3034"', check=_pattern_of),
            default=default_of(LlrpDevice, "accept"),
            meaning="a regular expression that finds our EPCs (lower-case hex); others are strays",
            example='accept: "^3034"',
            default_text="every tag",
        )
    ),
)
PRESENCE: Final = ObjectSpec(
    name=say("group-presence", "the presence of a tag"),
    model=PresenceSettings,
    keys=keys(
        Key(
            name="min_reads",
            kind=integer(1, 1000, "2"),
            meaning="reads that make a passage",
            example="min_reads: 2",
        ),
        Key(
            name="depart_after",
            kind=quantity(DURATION, "100ms", "1d", "45s"),
            attribute="depart_after_s",
            meaning="silence that ends a passage",
            example="depart_after: 45s",
        ),
        Key(
            name="move_margin",
            kind=quantity(RATIO, "0dB", "40dB", "6dB"),
            attribute="move_margin_db",
            meaning="how much stronger another read point must hear the tag before it counts as moved",
            example="move_margin: 6dB",
        ),
    ),
)
LLRP_DEVICE: Final = ObjectSpec(
    name=say("group-llrp-reader", "an LLRP reader"),
    model=LlrpDevice,
    keys=keys(
        *common_device_keys(),
        host_key(5084, "10.1.2.40"),
        Key(
            name="antennas",
            kind=by_number(
                optional_group(ANTENNA, lambda values: values.build(Antenna)),
                low=1,
                high=255,
                what=say("group-of-antennas", "a group of antennas by port number"),
                example="{1: {read_point: sewing-in}}",
            ),
            meaning="antennas by port number",
            example="antennas: {1: {read_point: sewing-in}}",
            required=True,
        ),
        Key(
            name="tags",
            kind=group(TAGS, lambda values: values.build(lambda accept="": accept)),
            attribute="accept",
            meaning="which tags are ours",
            example='tags: {accept: "^3034"}',
        ),
        Key(
            name="presence",
            kind=group(PRESENCE, lambda values: values.build(PresenceSettings)),
            meaning="when reads become a passage",
            example="presence: {min_reads: 2, depart_after: 45s}",
        ),
        Key(
            name="report",
            kind=quantity(DURATION, "50ms", "1min", "500ms"),
            attribute="report_s",
            meaning="how often the reader reports what it read",
            example="report: 500ms",
        ),
    ),
    elsewhere={
        "time": say("llrp-has-time", "Leave it out: reads carry the reader's own UTC time."),
        "url": write("host: 10.1.2.40:5084"),
        "port": write("host: 10.1.2.40:5084"),
    },
    replaced_by={"host": ("url",)},
)
