"""`genba edge check MAP`: what is wrong in a device map, and what reading it will cost. Touches no device."""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from genba_edge.core.line_load import LineLoad, line_loads, requests_by_period
from genba_edge.core.store_load import lasts_s
from genba_shared.device_map import (
    DURATION,
    Device,
    DeviceMap,
    ImpinjDevice,
    LlrpDevice,
    LoadedMap,
    ModbusDevice,
    MqttInDevice,
    OpcUaDevice,
    RfidReader,
    load_with_settings,
)
from genba_shared.errors import ConfigError, Problem
from genba_shared.texts import Count, Language, Text, language_of, listed, render, say
from genba_shared.texts.help_page import HELP_PAGE, MESSAGES, entry_of


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genba edge check`."""
    parser.description = "Check a device map offline: every problem with its line and what to write instead."
    parser.epilog = "Exit code 0: the map can be used (warnings included). 2: it cannot."
    parser.add_argument("map", type=Path, metavar="MAP", help="the device map: a YAML file, or a folder of them")
    parser.add_argument(
        "--explain", action="store_true", help="print every setting in force, and whether it is written or a default"
    )
    parser.add_argument(
        "--lang",
        choices=[str(language) for language in Language],
        help="language of the messages: en, zh or ja (otherwise GENBA_LANG, the locale, English)",
    )
    parser.add_argument(
        "--help-code",
        action=_HelpCode,
        metavar="CODE",
        help="explain the code that a message shows in brackets, and end",
    )


class _HelpCode(argparse.Action):
    """Print the entry of the help page, as `--version` prints a version."""

    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: object, values: object, _option: str | None = None
    ) -> None:
        """Print and exit with 0, or say which code was probably meant and exit with 2."""
        code = str(values).strip("[]")
        if code not in MESSAGES:
            near = difflib.get_close_matches(code, MESSAGES, n=1)
            offer = f"Did you mean '{near[0]}'?" if near else f"All codes are listed in {HELP_PAGE}."
            parser.error(f"no message has the code '{code}'. {offer}")
        sys.stdout.write(entry_of(code))
        parser.exit()


def run_check(args: argparse.Namespace) -> int:
    """Print what was found on stdout. Returns 0 if the map can be used, else 2."""
    language = Language(args.lang) if args.lang else language_of(os.environ)
    try:
        loaded = load_with_settings(args.map)
    except ConfigError as exc:
        _print((problem.render(language) for problem in exc.problems), language)
        _print([_count(exc.problems), *_help(exc.problems)], language)
        return 2
    _print((problem.render(language) for problem in loaded.warnings), language)
    if args.explain:
        _print(_explained(loaded, language), language)
    _print([*_summary(loaded, language), *_help(loaded.warnings)], language)
    return 0


def _print(lines: Iterable[str], language: Language) -> None:
    sys.stdout.writelines(f"{render(line, language)}\n" for line in lines)


def _count(problems: tuple[Problem, ...]) -> Text:
    warnings = sum(problem.warning for problem in problems)
    return say(
        "check-unusable",
        "{errors} {errors:error|errors}, {warnings} {warnings:warning|warnings}: the map cannot be used",
        errors=Count(len(problems) - warnings),
        warnings=Count(warnings),
    )


def _help(problems: tuple[Problem, ...]) -> Iterable[str]:
    if problems:
        yield say(
            "check-help",
            "What a code in brackets means: {page}, or genba edge check --help-code CODE",
            page=HELP_PAGE,
        )


def _explained(loaded: LoadedMap, language: Language) -> Iterable[str]:
    width = min(max(len(setting.path) for setting in loaded.settings), 60)
    for setting in loaded.settings:
        yield f"{setting.path:{width}}  {setting.value}  ({render(setting.origin, language)})"


def _summary(loaded: LoadedMap, language: Language) -> Iterable[str]:
    device_map = loaded.map
    width = max(len(device) for device in device_map.devices)
    for device in device_map.devices.values():
        yield f"{device.id:{width}}  {render(_device_line(device), language)}"
    points = sum(len(device.points) for device in device_map.devices.values())
    yield say(
        "check-totals",
        "{devices} {devices:device|devices}, {points} {points:point|points}, {stations} {stations:station|stations}, "
        "{zones} {zones:zone|zones}, {nodes} {nodes:node|nodes}; {warnings} {warnings:warning|warnings}",
        devices=Count(len(device_map.devices)),
        points=Count(points),
        stations=Count(len(device_map.stations)),
        zones=Count(len(device_map.zones)),
        nodes=Count(len(device_map.nodes)),
        warnings=Count(len(loaded.warnings)),
    )
    yield from _lines(device_map)
    yield from _store(device_map)


def _store(device_map: DeviceMap) -> Iterable[Text]:
    """A store that drops events before the time is over for which the map wants to keep them."""
    lasts, keep_s = lasts_s(device_map), device_map.store.keep_s
    if lasts is not None and keep_s is not None and lasts < keep_s:
        yield say(
            "check-store-small",
            "store.max is full after about {lasts} without the collector, before store.keep ({keep}) is over: what is "
            "dropped then is in docs/outbox.md; give it more, or keep less long",
            lasts=say("about-days", "{days} {days:day|days}", days=Count(max(1, int(lasts // 86_400)))),
            keep=DURATION.show(keep_s),
        )


def _device_line(device: Device) -> Text:
    match device:
        case OpcUaDevice():
            return say(
                "check-opcua-device",
                "OPC UA {url}: {items} {items:item|items}",
                url=device.url,
                items=Count(len(device.points)),
            )
        case ModbusDevice():
            return say(
                "check-modbus-device",
                "Modbus {line} unit {unit}: {points} {points:point|points} in {requests}",
                line=_where(device),
                unit=device.unit,
                points=Count(len(device.points)),
                requests=listed([_requests_each(*each) for each in requests_by_period(device).items()]),
            )
        case LlrpDevice():
            return say(
                "check-llrp-device",
                "LLRP {host}:{port}: {antennas}",
                host=device.host,
                port=device.port,
                antennas=_antennas(device),
            )
        case ImpinjDevice():
            return say("check-impinj-device", "Impinj {url}: {antennas}", url=device.url, antennas=_antennas(device))
        case MqttInDevice():
            parts = [_antennas(device)] if device.antennas else []
            if device.points:
                parts.append(
                    say("number-of-points", "{points} {points:point|points}", points=Count(len(device.points)))
                )
            return say("check-mqtt-device", "MQTT {broker}: {parts}", broker=repr(device.broker), parts=listed(parts))
        case _:
            assert_never(device)


def _antennas(reader: RfidReader) -> Text:
    return say(
        "antennas-at-read-points",
        "{antennas} {antennas:antenna|antennas} at {read_points} {read_points:read point|read points}",
        antennas=Count(len(reader.antennas)),
        read_points=Count(len({antenna.read_point for antenna in reader.antennas.values()})),
    )


def _requests_each(period_s: float, count: int) -> Text:
    period = DURATION.show(period_s)
    return say("requests-each", "{count} {count:request|requests} each {period}", count=Count(count), period=period)


def _where(device: ModbusDevice) -> str:
    port = device.serial
    return device.line if port is None else f"{port.port} {port.baud} 8{port.parity}{port.stop_bits}"


def _lines(device_map: DeviceMap) -> Iterable[Text]:
    """The busiest Modbus line, and every line that cannot keep up."""
    loads = line_loads(device for device in device_map.devices.values() if isinstance(device, ModbusDevice))
    for load in loads:
        if load.busy > 1:
            yield _overloaded(load)
    if loads and loads[0].busy <= 1:
        yield say(
            "check-busiest",
            "busiest Modbus line: {devices}, {share} of its time at {assumed} a request",
            devices=_names(loads[0]),
            share=f"{loads[0].busy:.0%}",
            assumed=_ms(loads[0].request_s),
        )


def _overloaded(load: LineLoad) -> Text:
    if len(load.devices) == 1:
        return say(
            "check-overloaded",
            "{device} cannot keep up: its requests take {times} times the poll period at {assumed} each; "
            "poll slower, or read fewer points",
            device=load.devices[0],
            times=f"{load.busy:.1f}",
            assumed=_ms(load.request_s),
        )
    return say(
        "check-line-overloaded",
        "{devices} cannot keep up: their requests take {times} times the poll period at {assumed} each; "
        "poll slower, or read fewer points",
        devices=_names(load),
        times=f"{load.busy:.1f}",
        assumed=_ms(load.request_s),
    )


def _names(load: LineLoad) -> str:
    names = ", ".join(load.devices)
    if len(load.devices) == 1:
        return names
    return say("devices-on-line", "{devices} on {line}", devices=names, line=load.line)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"
