"""Gateways under measurement: ours and ThingsBoard's, started on the same devices and the same broker."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.edge import thingsboard
from benchmarks.edge.processes import drain, running

OURS: Final = "genba"
THEIRS: Final = "thingsboard"
LOG: Final = "gateway.log"


@contextlib.contextmanager
def genba(folder: Path, device_map: str, *, mqtt: int) -> Iterator[subprocess.Popen[str]]:
    """`genba edge run` with this map, as an installation runs it: outbox on the disk, synced at every commit."""
    path = folder / "plant.yaml"
    path.write_text(device_map)
    arguments = ["edge", "run", str(path), "--broker", f"mqtt://127.0.0.1:{mqtt}", "--state", str(folder / "state")]
    command = [sys.executable, "-m", "genba_shared.cli", *arguments]
    with running(command, log=folder / LOG, environment={"GENBA_PARENT": str(os.getpid())}) as process:
        drain(process)
        yield process


@contextlib.contextmanager
def thingsboard_gateway(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """thingsboard-gateway with the configuration in `folder`."""
    command = [str(thingsboard.installed_python()), "-m", "thingsboard_gateway.tb_gateway"]
    with running(
        command, log=folder / LOG, folder=folder, environment={"TB_GW_CONFIG_DIR": f"{folder}/", "PYTHONPATH": ""}
    ) as process:
        drain(process)
        yield process
