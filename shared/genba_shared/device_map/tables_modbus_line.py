"""The table of a serial line of Modbus units, and of what some units need that the protocol does not ask for."""

from __future__ import annotations

from typing import Final

import yaml

from genba_shared.device_map.kinds import choice, flag, integer, quantity, text
from genba_shared.device_map.model import Parity, SerialPort, Workarounds
from genba_shared.device_map.phrases import meant, one_of
from genba_shared.device_map.problems import Wrong, shorten
from genba_shared.device_map.scalars import integer_of
from genba_shared.device_map.spec import Key, Kind, ObjectSpec, Scope, keys
from genba_shared.device_map.units import DURATION
from genba_shared.texts import say

BAUD_RATES: Final = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)


def _read_baud(node: yaml.Node, _scope: Scope) -> int:
    allowed = one_of([str(rate) for rate in BAUD_RATES])
    rate = integer_of(node, low=1, high=10_000_000, allowed=allowed, example="9600")
    if rate not in BAUD_RATES:
        near = min(BAUD_RATES, key=lambda known: abs(known - rate))
        raise Wrong(
            say("not-a-baud-rate", "{word} is not a usual baud rate: {allowed}.", word=rate, allowed=allowed),
            meant(str(near)),
        )
    return rate


def _port_of(word: str) -> str:
    if not word.startswith("/"):
        raise Wrong(
            say(
                "not-a-serial-port",
                "'{word}' is not a serial port: the device file that Linux gives it.",
                word=shorten(word),
            ),
            meant(f"/dev/{shorten(word.removeprefix('dev/'))}"),
        )
    return word


SERIAL: Final = ObjectSpec(
    name=say("group-serial", "a serial port"),
    model=SerialPort,
    keys=keys(
        Key(
            name="port",
            kind=text(say("a-device-file", "the device file of a serial port"), "/dev/ttyUSB0", check=_port_of),
            meaning="the port; its name under /dev/serial/by-id stays the same when adapters are plugged in anew",
            example="port: /dev/ttyUSB0",
            required=True,
        ),
        Key(
            name="baud",
            kind=Kind(
                allowed=say("a-baud-rate", "a usual baud rate"), read=_read_baud, schema={"enum": list(BAUD_RATES)}
            ),
            meaning="bits per second, as set at every unit of the line",
            example="baud: 9600",
        ),
        Key(
            name="parity",
            kind=choice(Parity),
            meaning="the parity bit: none (`N`), even (`E`) or odd (`O`)",
            example="parity: N",
        ),
        Key(
            name="stop_bits",
            kind=integer(1, 2, "1"),
            meaning="stop bits; the standard asks for 2 where there is no parity, most devices use 1",
            example="stop_bits: 1",
        ),
    ),
    elsewhere={
        "unit": say("write-at-device", "Write `{key}` at the device.", key="unit"),
        "host": say("serial-or-host", "Write either `serial` or `host` at the device."),
    },
)
WORKAROUNDS: Final = ObjectSpec(
    name=say("group-workarounds", "the workarounds of a device"),
    model=Workarounds,
    keys=keys(
        Key(
            name="pause_between",
            kind=quantity(DURATION, "0ms", "10s", "20ms"),
            attribute="pause_between_s",
            meaning="silence between an answer and the next request, for controllers that miss fast ones",
            example="pause_between: 20ms",
        ),
        Key(
            name="pause_after_connect",
            kind=quantity(DURATION, "0ms", "1min", "500ms"),
            attribute="pause_after_connect_s",
            meaning="wait between connecting and the first request, for devices that are not ready at once",
            example="pause_after_connect: 500ms",
        ),
        Key(
            name="one_request_per_point",
            kind=flag(),
            meaning="read each point alone, for devices that refuse blocks; points that share a register stay together",
            example="one_request_per_point: true",
        ),
        Key(
            name="address_base",
            kind=integer(0, 1, "1"),
            meaning="what the manual calls the first register: 1 (40001), or 0 (40000); {holding: 0} is it always",
            example="address_base: 0",
        ),
    ),
    elsewhere={
        name: say("write-snippet-at-device", "Write {snippet} at the device.", snippet=f"poll: {{{name}: …}}")
        for name in ("max_gap", "max_registers", "max_coils")
    },
)
