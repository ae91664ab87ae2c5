"""The peer: thingsboard-gateway in an environment of its own, configured as its documentation shows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.edge.processes import CannotMeasure

ROOT: Final = Path(__file__).resolve().parents[2]
REQUIREMENTS: Final = ROOT / "benchmarks" / "peers" / "thingsboard.txt"
ENVIRONMENT: Final = ROOT / "build" / "peers" / "thingsboard"
MEMORY_STORAGE: Final = {"type": "memory", "read_records_count": 100, "max_records_count": 100000}
_MARK: Final = "installed.txt"
_INSTALL_S: Final = 600


def installed_python() -> Path:
    """The Python of the peer's environment, which is made once, in the ignored folder `build`.

    Raises:
        CannotMeasure: it cannot be installed (no network, another architecture).
    """
    python = ENVIRONMENT / "bin" / "python"
    mark = ENVIRONMENT / _MARK
    wanted = REQUIREMENTS.read_text()
    if mark.exists() and mark.read_text() == wanted:
        return python
    print(f"installing the peer into {ENVIRONMENT} (once, half a minute)", flush=True)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(ENVIRONMENT)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S)
        except subprocess.TimeoutExpired as exc:
            raise CannotMeasure(f"the peer was not installed within {_INSTALL_S} s") from exc
        if done.returncode != 0:
            raise CannotMeasure(f"the peer cannot be installed: {done.stderr.strip()[-500:]}")
    mark.write_text(wanted)
    return python


def configure_modbus(
    folder: Path, *ports: int, mqtt: int, points: int, storage: Mapping[str, Any] = MEMORY_STORAGE
) -> None:
    """One slave a port, each point a time series of one register, polled once a second."""
    series = [
        {"tag": f"t{i}", "type": "16uint", "functionCode": 3, "objectsCount": 1, "address": i} for i in range(points)
    ]
    slaves = [_slave(device, port, series) for device, port in enumerate(ports)]
    _write(folder, "modbus", {"master": {"slaves": slaves}}, mqtt=mqtt, storage=storage)


def _slave(device: int, port: int, series: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "type": "tcp",
        "method": "socket",
        "unitId": device + 1,
        "deviceName": f"d{device}",
        "deviceType": "default",
        "timeout": 5,
        "byteOrder": "BIG",
        "wordOrder": "LITTLE",
        "retries": 3,
        "retryOnEmpty": True,
        "retryOnInvalid": True,
        "pollPeriod": 1000,
        "connectAttemptTimeMs": 5000,
        "connectAttemptCount": 5,
        "waitAfterFailedAttemptsMs": 300000,
        "attributes": [],
        "attributeUpdates": [],
        "rpc": [],
        "timeseries": series,
    }


def configure_opcua(folder: Path, *, url: str, mqtt: int, points: int) -> None:
    """One device, each variable a time series that is subscribed to, published twice a second."""
    mapping = {
        "deviceNodePattern": "Root\\.Objects\\.Machine",
        "deviceNodeSource": "path",
        "deviceInfo": {
            "deviceNameExpression": "machine",
            "deviceNameExpressionSource": "constant",
            "deviceProfileExpression": "default",
            "deviceProfileExpressionSource": "constant",
        },
        "attributes": [],
        "attributes_updates": [],
        "rpc_methods": [],
        "timeseries": [
            {"key": f"t{i}", "type": "identifier", "value": f"${{ns=2;i={1000 + i}}}"} for i in range(points)
        ],
    }
    server = {
        "url": url,
        "timeoutInMillis": 5000,
        "scanPeriodInMillis": 3600000,
        "pollPeriodInMillis": 1000,
        "enableSubscriptions": True,
        "subCheckPeriodInMillis": 500,
        "showMap": False,
        "security": "None",
        "identity": {"type": "anonymous"},
    }
    _write(folder, "opcua", {"server": server, "mapping": [mapping]}, mqtt=mqtt, storage=MEMORY_STORAGE)


def sqlite_storage(folder: Path) -> dict[str, Any]:
    """Its durable store in this folder, with the defaults of its documentation ("IoT Gateway, storage: SQLite")."""
    return {
        "type": "sqlite",
        "data_file_path": f"{folder}/",
        "messages_ttl_check_in_hours": 1,
        "messages_ttl_in_days": 7,
        "max_read_records_count": 1000,
        "writing_batch_size": 1000,
        "size_limit": 1024,
        "max_db_amount": 10,
        "oversize_check_period": 1,
    }


def _write(folder: Path, kind: str, connector: dict[str, Any], *, mqtt: int, storage: Mapping[str, Any]) -> None:
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    gateway = {
        "thingsboard": {
            "host": "127.0.0.1",
            "port": mqtt,
            "remoteShell": False,
            "remoteConfiguration": False,
            "latencyDebugMode": False,
            "statistics": {"enable": False, "statsSendPeriodInSeconds": 3600},
            "deviceFiltering": {"enable": False, "filterFile": "list.json"},
            "maxPayloadSizeBytes": 8196,
            "minPackSendDelayMS": 50,
            "minPackSizeToSend": 500,
            "checkConnectorsConfigurationInSeconds": 3600,
            "handleDeviceRenaming": False,
            "security": {"type": "accessToken", "accessToken": "bench"},
            "qos": 1,
            "reportStrategy": {"type": "ON_RECEIVED"},
            "checkingDeviceActivity": {"checkDeviceInactivity": False},
        },
        "storage": dict(storage),
        "grpc": {"enabled": False},
        "connectors": [{"type": kind, "name": kind, "configuration": f"{kind}.json"}],
    }
    (folder / "tb_gateway.json").write_text(json.dumps(gateway))
    (folder / f"{kind}.json").write_text(json.dumps(connector))
    (folder / "list.json").write_text("[]")
    (logs,) = ENVIRONMENT.glob("lib/python*/site-packages/thingsboard_gateway/config/logs.json")
    shutil.copy(logs, folder / "logs.json")
