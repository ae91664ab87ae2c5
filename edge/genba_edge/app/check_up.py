"""The checks of `genba edge doctor`, in the order in which one would look: map, folder, clock, network, gateway."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from genba_edge.app.control import Answer, NoAnswer, NoGateway, NotAllowed, ask
from genba_edge.app.identity import FILE_NAME as IDENTITY_FILE
from genba_edge.app.identity import certificate_of, load_identity
from genba_edge.app.reach import TIMEOUT_S, Target, reach_all, targets_of
from genba_edge.app.snapshot import address_of
from genba_edge.core.diagnosis import Sureness
from genba_edge.outbox import integrity
from genba_shared.broker import BrokerAddress
from genba_shared.certificates import validity
from genba_shared.clock_health import clock_health, has_clock_chip
from genba_shared.device_map import (
    DeviceMap,
    ImpinjDevice,
    LoadedMap,
    ModbusDevice,
    MqttInDevice,
    folder_of,
    load_with_settings,
)
from genba_shared.errors import ConfigError, UsageError

LITTLE_FREE: Final = 500_000_000  # bytes: a month without collector takes about as much
NO_FREE: Final = 50_000_000
ANSWER_S: Final = 5.0
SOON_DAYS: Final = 30
SECRETS_FILE: Final = "secrets.yaml"
AS_ITS_USER: Final = "run doctor as the user of the gateway"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Verdict(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckUp:
    """One check: what was looked at, what was found, and what to do about it."""

    verdict: Verdict
    what: str
    found: str
    fix: str = ""


def examine(map_path: Path, *, state_dir: Path | None, broker: str | None) -> Iterator[CheckUp]:
    """Every check, one after the other; without a usable map only those that need none."""
    loaded: LoadedMap | None = None
    try:
        loaded = load_with_settings(map_path)
    except ConfigError as exc:
        yield _fail("map", f"{len(exc.problems)} problems", f"genba edge check {map_path} lists them")
    else:
        yield _map(loaded, map_path)
    yield from _python()
    yield from _clock()
    yield from _secrets(folder_of(map_path) / SECRETS_FILE)
    if loaded is None:
        return
    folder = state_dir or folder_of(map_path) / loaded.map.store.path
    yield from _folder(folder)
    yield _identity(loaded.map, folder)
    yield from _certificates(loaded.map, folder, broker)
    yield from _serial_ports(loaded.map)
    status = _status(folder)
    yield from _network(loaded.map, broker, status)
    yield from _gateway(loaded.map, status)


def _map(loaded: LoadedMap, path: Path) -> CheckUp:
    if loaded.warnings:
        return _warn("map", f"can be used, {len(loaded.warnings)} warnings", f"genba edge check {path} lists them")
    return _ok("map", f"{len(loaded.map.devices)} devices, {len(loaded.map.stations)} stations")


def _python() -> Iterator[CheckUp]:
    missing = [name for name in ("zstandard",) if importlib.util.find_spec(name) is None]
    if missing:
        yield _warn(
            "python",
            f"without {', '.join(missing)}: envelopes are compressed less",
            "pip install zstandard, if it fits",
        )
    else:
        yield _ok("python", "every library that makes it faster is here")


def _clock() -> Iterator[CheckUp]:
    health = clock_health()
    if health.is_synchronised is None:
        yield _warn("clock", "the kernel does not say whether it is synchronised", "see: timedatectl")
    elif health.is_synchronised:
        error = "" if health.error_s is None else f", at most {health.error_s * 1000:.0f} ms off"
        yield _ok("clock", f"synchronised{error}")
    else:
        yield _warn(
            "clock",
            "nothing keeps it right: times of events drift, those of several gateways do not fit together",
            "timedatectl set-ntp true, or chrony with a time server of the plant",
        )
    if not has_clock_chip():
        yield _warn(
            "clock chip",
            "none: after a power cut the time is wrong until a time server answers",
            "fit a battery-backed clock, or let the gateway start after time synchronisation",
        )


def _secrets(path: Path) -> Iterator[CheckUp]:
    if not path.exists():
        return
    mode = path.stat().st_mode
    if mode & _OTHERS:
        yield _fail("secrets", f"{path.name} can be read by others ({stat.filemode(mode)})", f"chmod 600 {path}")
    else:
        yield _ok("secrets", f"{path.name} is its owner's alone")


def _folder(folder: Path) -> Iterator[CheckUp]:
    try:
        is_there = folder.is_dir()
    except PermissionError:
        yield _warn("state folder", f"{folder} cannot be looked at by this user", AS_ITS_USER)
        return
    if not is_there:
        parent = next(each for each in (folder, *folder.absolute().parents) if each.is_dir())
        if os.access(parent, os.W_OK | os.X_OK):
            yield _ok("state folder", f"{folder} is made at the first start")
        else:
            yield _fail(
                "state folder", f"{folder} cannot be made", f"make it, for the user that runs the gateway: {folder}"
            )
        return
    mode = folder.stat().st_mode
    if not os.access(folder, os.W_OK | os.X_OK):
        yield _fail("state folder", f"{folder} cannot be written by this user", f"chown it to {os.geteuid()}: {folder}")
    elif mode & stat.S_IWOTH:
        yield _fail("state folder", f"{folder} can be written by everybody", f"chmod 700 {folder}")
    else:
        yield _ok("state folder", str(folder))
    yield _disk(folder)
    yield _outbox(folder)


def _identity(device_map: DeviceMap, folder: Path) -> CheckUp:
    try:
        identity = load_identity(folder, gateway=device_map.gateway.id)
    except UsageError as exc:
        return _fail("identity", str(exc), f"{AS_ITS_USER}; else enrol again: genba edge enrol")
    if identity is None:
        return _ok("identity", "not enrolled: only a collector on this machine takes its events")
    if (folder / IDENTITY_FILE).stat().st_mode & _OTHERS:
        return _fail(
            "identity", "its key can be read by others", f"chmod 600 {folder / IDENTITY_FILE}, and enrol again"
        )
    return _ok(
        "identity",
        f"enrolled at {identity.collector}, key {identity.fingerprint[:16]}, certificate until "
        f"{certificate_of(identity)[1]:%Y-%m-%d}",
    )


def _disk(folder: Path) -> CheckUp:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free"
    fix = "make room: without it events wait in memory only"
    if free < NO_FREE:
        return _fail("disk", text, fix)
    return _warn("disk", text, fix) if free < LITTLE_FREE else _ok("disk", text)


def _outbox(folder: Path) -> CheckUp:
    try:
        findings = integrity(folder)
    except UsageError as exc:
        return _warn("outbox", f"cannot be looked at: {exc}", f"{AS_ITS_USER}, or once more if it is only busy")
    if findings is None:
        return _ok("outbox", "none yet: it is made at the first start")
    if findings:
        return _fail(
            "outbox",
            f"damaged: {findings[0]}",
            "the next start sets it aside and begins a new epoch; check the card or disk, it may be wearing out",
        )
    return _ok("outbox", "sound")


def _certificates(device_map: DeviceMap, folder: Path, broker: str | None) -> Iterator[CheckUp]:
    files: dict[str, Path] = {}
    with contextlib.suppress(PermissionError):  # said of the folder already
        files = {path.name: path for path in sorted(folder.glob("**/*")) if path.suffix in {".der", ".pem", ".crt"}}
    files.update({path.name: path for path in _certificates_of(device_map, broker) if path is not None})
    for name, path in files.items():
        found = validity(path)
        if found is None:
            continue
        what = f"certificate {name}"
        if found.days_left < 0:
            yield _fail(what, f"expired on {found.until:%Y-%m-%d}", "renew it; devices and broker refuse it")
        elif found.days_left < SOON_DAYS:
            yield _warn(what, f"expires on {found.until:%Y-%m-%d}", "renew it in time")
        elif found.is_future:
            yield _fail(what, f"valid only from {found.since:%Y-%m-%d} on", "is the clock of this machine right?")
        else:
            yield _ok(what, f"valid until {found.until:%Y-%m-%d}")


def _certificates_of(device_map: DeviceMap, broker: str | None) -> Iterator[Path | None]:
    """Certificates that the map names."""
    address = _broker(device_map, broker)
    for node in address.nodes if address is not None else ():
        yield from (node.ca, node.certificate)
    for device in device_map.devices.values():
        match device:
            case MqttInDevice():
                yield from (device.broker.ca, device.broker.certificate)
            case ImpinjDevice():
                yield device.ca
            case _:
                pass


def _serial_ports(device_map: DeviceMap) -> Iterator[CheckUp]:
    lines = [device.serial for device in device_map.devices.values() if isinstance(device, ModbusDevice)]
    for port in sorted({line.port for line in lines if line is not None}):
        what = f"serial port {port}"
        if not Path(port).exists():
            yield _fail(what, "is not there", "is the adapter plugged in? its name: ls /dev/serial/by-id")
        elif not os.access(port, os.R_OK | os.W_OK):
            yield _fail(what, "cannot be opened by this user", "add the user to its group: ls -l shows which")
        else:
            yield _ok(what, "is there")


def _status(folder: Path) -> Answer | NoAnswer:
    """What the gateway that runs on the folder tells of itself, or why it does not."""
    try:
        return ask(folder, {"do": "status"}, timeout_s=ANSWER_S)
    except NoAnswer as exc:
        return exc


def _network(device_map: DeviceMap, broker: str | None, status: Answer | NoAnswer) -> Iterator[CheckUp]:
    known, targets = _to_be_tried(device_map, status)
    yield from known
    address = _broker(device_map, broker)
    if address is None and broker:
        yield _fail("broker", "its address is not understood", "write mqtt://HOST:1883")
    elif address is None:
        yield _warn("broker", "none: events only go to --sink", "add `collector: {mqtt: mqtt://HOST:1883}` to the map")
    else:
        targets += [Target(what="broker", host=node.host, port=node.port) for node in address.nodes]
    for reached in reach_all(targets):
        target = reached.target
        where = f"{target.host}:{target.port}"
        if reached.trouble:
            yield _fail(target.what, f"{where}: {reached.trouble}", reached.fix)
        elif reached.seconds > TIMEOUT_S / 4:
            yield _warn(
                target.what, f"{where} answers slowly ({reached.seconds * 1000:.0f} ms)", "check cables and switches"
            )
        else:
            yield _ok(target.what, f"{where} answers ({reached.seconds * 1000:.0f} ms)")


def _to_be_tried(device_map: DeviceMap, status: Answer | NoAnswer) -> tuple[list[CheckUp], list[Target]]:
    """What is known of devices from a running gateway, and those left to connect to.

    Many devices serve one client, and who knocks would disturb it.
    """
    targets = list(targets_of(device_map))
    match status:
        case NoGateway():
            return [], targets
        case NoAnswer():
            told = _warn("devices", "not tried: a gateway may be talking to them", "see the line of the gateway")
            return [told] if targets else [], []
    answering = {device["address"] for device in status["devices"].values() if device["status"] == "online"}
    served = {each.device: each.place for each in targets if address_of(device_map.devices[each.device]) in answering}
    known = []
    for target in targets:
        if target.device in served:
            known.append(_ok(target.what, "answers the running gateway"))
        elif target.place in served.values():
            where = f"{target.host}:{target.port}"
            known.append(_ok(target.what, f"{where} answers the running gateway for another device"))
    return known, [each for each in targets if each.place not in served.values()]


def _gateway(device_map: DeviceMap, status: Answer | NoAnswer) -> Iterator[CheckUp]:
    match status:
        case NoGateway():
            yield _warn("gateway", str(status), "genba edge run MAP")
        case NotAllowed():
            yield _warn("gateway", str(status), AS_ITS_USER)
        case NoAnswer():
            yield _fail("gateway", str(status), "its log says what holds it up")
        case _:
            yield from _running(device_map, status)


def _running(device_map: DeviceMap, status: Answer) -> Iterator[CheckUp]:
    yield _ok("gateway", f"{status['gateway']} runs since {status['started_at']}, status page {status['url']}")
    if status["map"] != device_map.sha256:
        yield _warn("map in force", f"is another one ({status['map'][:12]})", "genba edge reload MAP, when it is meant")
    for name, device in status["devices"].items():
        if device["status"] == "online":
            bad = [point for point, told in device["points"].items() if told["reason"]]
            if bad:
                yield _warn(
                    f"points of {name}", f"{len(bad)} cannot be read: {', '.join(bad[:5])}", "see the status page"
                )
        else:
            yield _fail(
                f"device {name}", f"{device['status']}: {device['reason']}", "see the line of its address above"
            )
    yield from _findings(status)
    if status["derive_failures"]:
        yield _fail(
            "derivation", f"{status['derive_failures']} faults of the gateway itself", "send its log to the makers"
        )
    if status["uplink"]["broker"] and not status["uplink"]["connected"]:
        yield _fail("uplink", "not connected", "see the line of the broker above")


def _findings(status: Answer) -> Iterator[CheckUp]:
    """What the readings say about the map: a wrong number that somebody may believe is a failure."""
    for found in status.get("findings", ()):
        write = found["write"].replace("\n", "; ")
        fix = f"{found['fix']} {found['path']}: {write}" if write else found["fix"]
        tell = _fail if found["sureness"] == Sureness.CERTAIN else _warn
        yield tell(f"map {found['point']}", f"{found['found']} [{found['code']}]", fix)


def _broker(device_map: DeviceMap, url: str | None) -> BrokerAddress | None:
    """The broker of the command line, else the map's; None: there is none, or its address is not understood."""
    if not url:
        return device_map.collector.broker if device_map.collector else None
    try:
        return BrokerAddress.parse(url)
    except UsageError:
        return None


def _ok(what: str, found: str) -> CheckUp:
    return CheckUp(verdict=Verdict.OK, what=what, found=found)


def _warn(what: str, found: str, fix: str) -> CheckUp:
    return CheckUp(verdict=Verdict.WARN, what=what, found=found, fix=fix)


def _fail(what: str, found: str, fix: str) -> CheckUp:
    return CheckUp(verdict=Verdict.FAIL, what=what, found=found, fix=fix)
