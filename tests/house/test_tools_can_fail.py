"""The house tools are clean on the repository (`make check`), and each of them fails on a planted violation."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PACKAGES = ("edge", "cloud", "shared", "firmware-sim")

# Where each import contract is broken on purpose: contract id → file and the import that may not stand there.
PLANTED_IMPORTS = {
    "edge-layers": ("edge/genba_edge/core/planted_layers.py", "import genba_edge.ports"),
    "cloud-layers": ("cloud/genba_cloud/core/planted_layers.py", "import genba_cloud.store.read"),
    "programs": ("edge/genba_edge/app/planted_programs.py", "import genba_cloud"),
    "shared": ("shared/genba_shared/planted_shared.py", "import genba_edge"),
    "drivers": ("edge/genba_edge/drivers/modbus.py", "import genba_edge.drivers.opcua"),
    "pure-cores": ("edge/genba_edge/core/planted_clock.py", "import time"),
    "home-of-paho": ("edge/genba_edge/app/planted_paho.py", "import paho.mqtt.client"),
    "home-of-asyncua": ("edge/genba_edge/app/planted_asyncua.py", "import asyncua"),
    "home-of-pymodbus": ("edge/genba_edge/app/planted_pymodbus.py", "import pymodbus"),
    "home-of-llrpkit": ("edge/genba_edge/app/planted_llrpkit.py", "import llrpkit"),
    "home-of-openpyxl": ("edge/genba_edge/app/planted_openpyxl.py", "import openpyxl"),
    "home-of-httpx": ("edge/genba_edge/app/planted_httpx.py", "import httpx"),
    "home-of-segno": ("cloud/genba_cloud/api/planted_segno.py", "import segno"),
    "home-of-fastapi": ("cloud/genba_cloud/ingest/planted_fastapi.py", "import fastapi"),
    "home-of-sql": ("cloud/genba_cloud/ledger/planted_sql.py", "import sqlalchemy"),
    "home-of-prometheus": ("edge/genba_edge/app/planted_prometheus.py", "import prometheus_client"),
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources that a test may spoil."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = ":".join(str(cwd / package) for package in PACKAGES)
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
    )


def contracts_by_verdict(output: str) -> dict[str, str]:
    """Contract name → KEPT or BROKEN, as lint-imports prints them."""
    found = re.findall(r"^(.+) (KEPT|BROKEN)(?: \(.*\))?$", output, re.MULTILINE)
    return {name.strip(): verdict for name, verdict in found}


def test_every_import_contract_breaks_on_a_planted_import(copy: Path) -> None:
    names = contract_names()
    assert set(PLANTED_IMPORTS) == set(names)
    for file, statement in PLANTED_IMPORTS.values():
        path = copy / file
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        path.write_text(f"{before}\n{statement}\n")
    done = run("lint-imports", "--no-cache", cwd=copy)
    verdicts = contracts_by_verdict(done.stdout)
    assert done.returncode != 0, done.stdout + done.stderr
    assert {name: verdicts.get(name) for name in names.values()} == dict.fromkeys(names.values(), "BROKEN")


def contract_names() -> dict[str, str]:
    """Contract id → name, from the project's settings."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {contract["id"]: contract["name"] for contract in settings["tool"]["importlinter"]["contracts"]}


def test_ruff_fails_on_a_planted_violation(copy: Path) -> None:
    planted = copy / "edge" / "genba_edge" / "planted_ruff.py"
    planted.write_text(
        "import os\n\n\ndef swallow() -> None:\n    try:\n        pass\n    except Exception:\n        pass\n"
    )
    done = run("ruff", "check", "--no-cache", str(planted), cwd=copy)
    assert done.returncode == 1
    assert "F401" in done.stdout
    assert "BLE001" in done.stdout


def test_ruff_format_fails_on_a_planted_violation(copy: Path) -> None:
    planted = copy / "edge" / "genba_edge" / "planted_format.py"
    planted.write_text("x   =  {'a':1}\n")
    assert run("ruff", "format", "--no-cache", "--check", str(planted), cwd=copy).returncode == 1


def test_mypy_fails_on_planted_violations(copy: Path) -> None:
    planted = copy / "edge" / "genba_edge" / "planted_mypy.py"
    planted.write_text("def untyped(x):\n    return x\n\n\ncount: int = 'five'\n")
    done = run("mypy", "--config-file", "pyproject.toml", str(planted), cwd=copy)
    assert done.returncode == 1
    assert "no-untyped-def" in done.stdout
    assert "assignment" in done.stdout
