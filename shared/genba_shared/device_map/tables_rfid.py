"""The settings of RFID readers."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from genba_shared.device_map.addresses import READER_URL, http_url_of
from genba_shared.device_map.fingerprints import EXAMPLE_FINGERPRINT, FINGERPRINT, sha256_of
from genba_shared.device_map.kinds import (
    NAME,
    by_number,
    choice,
    file_path,
    group,
    integer,
    optional_group,
    quantity,
    secret_text,
    text,
)
from genba_shared.device_map.model import (
    Antenna,
    ImpinjDevice,
    InventorySession,
    LlrpDevice,
    PresenceSettings,
    RfidReader,
)
from genba_shared.device_map.phrases import meant, write, write_like
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.device_map.spec import Key, ObjectSpec, keys
from genba_shared.device_map.tables_devices import common_device_keys, default_of, host_key
from genba_shared.device_map.units import DURATION, POWER, RATIO, STRENGTH
from genba_shared.texts import say

_READ_POINT: Final = Key(
    name="read_point",
    kind=NAME,
    meaning="the place where it reads; several antennas may share one",
    example="read_point: sewing-in",
    required=True,
)
_MIN_RSSI: Final = Key(
    name="min_rssi",
    kind=quantity(STRENGTH, "-120dBm", "0dBm", "-62dBm"),
    attribute="min_rssi_dbm",
    meaning="weaker reads do not count",
    example="min_rssi: -62dBm",
    default_text="every read counts",
)
ANTENNA: Final = ObjectSpec(
    name=say("group-antenna", "an antenna"),
    model=Antenna,
    keys=keys(
        _READ_POINT,
        Key(
            name="power",
            kind=quantity(POWER, "0dBm", "36dBm", "24dBm"),
            attribute="power_dbm",
            meaning="transmit power",
            example="power: 24dBm",
            default_text="as the reader is set",
        ),
        _MIN_RSSI,
    ),
)
SELF_SET_ANTENNA: Final = ObjectSpec(
    name=say("group-self-set-antenna", "an antenna of a reader that is set up by itself"),
    model=Antenna,
    keys=keys(_READ_POINT, _MIN_RSSI),
    elsewhere={"power": say("power-at-reader", "Set the power at the reader: this protocol only listens.")},
)


class Required(StrEnum):
    """Whether a group of keys has to be written."""

    YES = "yes"
    NO = "no"


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
            default=default_of(RfidReader, "accept"),
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


def reader_keys(antenna: ObjectSpec, *, required: Required) -> tuple[Key, ...]:
    """What every source of tag reads has: antennas, which tags are ours, and when reads are a passage."""
    return (
        Key(
            name="antennas",
            kind=by_number(
                optional_group(antenna, lambda values: values.build(Antenna)),
                low=1,
                high=255,
                what=say("group-of-antennas", "a group of antennas by port number"),
                example="{1: {read_point: sewing-in}}",
            ),
            meaning="antennas by port number",
            example="antennas: {1: {read_point: sewing-in}}",
            required=required is Required.YES,
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
    )


def alive_within_key(default_s: float, meaning: str) -> Key:
    """How long a device that speaks by itself may be silent."""
    return Key(
        name="alive_within",
        kind=quantity(DURATION, "1s", "1d", DURATION.show(default_s)),
        attribute="alive_within_s",
        meaning=meaning,
        example=f"alive_within: {DURATION.show(default_s)}",
    )


READER_TIME: Final = say("llrp-has-time", "Leave it out: reads carry the reader's own UTC time.")
LLRP_DEVICE: Final = ObjectSpec(
    name=say("group-llrp-reader", "an LLRP reader"),
    model=LlrpDevice,
    keys=keys(
        *common_device_keys(),
        host_key(5084, "10.1.2.40"),
        *reader_keys(ANTENNA, required=Required.YES),
        Key(
            name="report",
            kind=quantity(DURATION, "50ms", "1min", "500ms"),
            attribute="report_s",
            meaning="how often the reader reports what it read",
            example="report: 500ms",
        ),
        Key(
            name="session",
            kind=choice(InventorySession),
            meaning="the Gen2 session: in `s0` a tag that stays is read again and again, in the others it falls silent",
            example="session: s0",
        ),
        Key(
            name="mode",
            kind=integer(0, 65535, "1002"),
            meaning="the number of one of the reader's own modes (Impinj: 1002 is AutoSet Dense Reader Deep Scan)",
            example="mode: 1002",
            default_text="the reader's choice",
        ),
    ),
    elsewhere={
        "time": READER_TIME,
        "url": write("host: 10.1.2.40:5084"),
        "port": write("host: 10.1.2.40:5084"),
    },
    replaced_by={"host": ("url",)},
)


def _fingerprint_of(written: str) -> str:
    fix = say(
        "write-as-printed",
        "Write it like {example}, as `{snippet}` prints it.",
        example=EXAMPLE_FINGERPRINT,
        snippet="openssl x509 -fingerprint -sha256",
    )
    return sha256_of(written, fix=fix)


_PRESET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")


def _preset_of(written: str) -> str:
    if not _PRESET.fullmatch(written):
        raise Wrong(
            say("not-a-preset", "'{word}' is not the id of a preset.", word=shorten(written)),
            say("write-as-reader-shows", "Write it as the reader's own page shows it."),
        )
    return written


IMPINJ_DEVICE: Final = ObjectSpec(
    name=say("group-impinj-reader", "an Impinj reader"),
    model=ImpinjDevice,
    keys=keys(
        *common_device_keys(),
        Key(
            name="url",
            kind=text(READER_URL, "https://10.1.2.41", check=http_url_of),
            meaning="where the reader is; firmware from 7.4 on wants https",
            example="url: https://10.1.2.41",
            required=True,
        ),
        Key(
            name="user",
            kind=text(say("a-user-name", "a user name"), "root"),
            meaning="the reader's user",
            example="user: root",
        ),
        Key(
            name="password",
            kind=secret_text(),
            meaning="the user's password",
            example="password: !secret gate_pw",
        ),
        Key(
            name="ca",
            kind=file_path(say("certificate-of-authority", "the certificate of an authority (PEM)"), "certs/ca.pem"),
            meaning="the authority that signed the reader's certificate",
            example="ca: !file certs/ca.pem",
            default_text="those that the system trusts",
        ),
        Key(
            name="server_fingerprint",
            kind=text(FINGERPRINT, EXAMPLE_FINGERPRINT, check=_fingerprint_of),
            attribute="fingerprint",
            meaning="the one certificate that the reader may show; for those that sign their own",
            example='server_fingerprint: "sha256:ab12…"',
        ),
        Key(
            name="preset",
            kind=text(say("id-of-preset", "the id of a preset"), "default", check=_preset_of),
            meaning="the reader's preset that we start; without it somebody else starts one",
            example="preset: default",
        ),
        alive_within_key(60.0, "the longest silence: the reader sends an empty line every 30 s"),
        *reader_keys(SELF_SET_ANTENNA, required=Required.YES),
    ),
    elsewhere={
        "time": READER_TIME,
        "host": write("url: https://10.1.2.41"),
        "port": write("url: https://10.1.2.41:443"),
        "report": say("sends-at-once", "Leave it out: this reader sends each read at once."),
        "session": say("set-in-preset", "Set the {key} in the reader's preset.", key="session"),
        "mode": say("set-in-preset", "Set the {key} in the reader's preset.", key="mode"),
    },
    replaced_by={"url": ("host",)},
)
