"""Fixtures that build, start and stop the peers. A peer that this machine cannot run is a skip with its reason."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peers.impinj import ImpinjReader
from tests.peers.postgres import SURVIVES_KILLS, PostgresServer, find_programs
from tests.peers.process import ModbusPeer, ModbusRtuPeer, OpcUaPeer
from tests.peers.reader import FieldReader
from tests.peers.serial_bus import SerialBus

HERE = Path(__file__).parent
INSTALL_S = 300


@pytest.fixture(scope="session")
def modbus_peer_program(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The compiled Modbus peer."""
    for tool in ("gcc", "pkg-config"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} to build the libmodbus peer")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmodbus"], capture_output=True, text=True)
    if flags.returncode != 0:
        pytest.skip("needs libmodbus (Debian: libmodbus-dev)")
    program = tmp_path_factory.mktemp("peers") / "modbus_peer"
    subprocess.run(
        ["gcc", "-O2", "-Wall", "-Werror", "-o", program, HERE / "modbus_peer.c", *flags.stdout.split()], check=True
    )
    return str(program)


@pytest.fixture
def modbus_peer(modbus_peer_program: str) -> Iterator[ModbusPeer]:
    """A Modbus TCP server on libmodbus, listening on a free port."""
    with ModbusPeer(modbus_peer_program) as peer:
        yield peer


@pytest.fixture
def serial_bus(tmp_path: Path) -> Iterator[SerialBus]:
    """A serial line that nobody hangs on yet."""
    with SerialBus(tmp_path) as bus:
        yield bus


@pytest.fixture
def serial_unit(modbus_peer_program: str, serial_bus: SerialBus) -> Iterator[Callable[[int], ModbusRtuPeer]]:
    """Hangs Modbus units on libmodbus on the line, by number."""
    with ExitStack() as stack:

        def attach(unit: int) -> ModbusRtuPeer:
            return stack.enter_context(ModbusRtuPeer(modbus_peer_program, serial_bus.attach(unit), unit))

        yield attach


@pytest.fixture
def field_reader() -> Iterator[FieldReader]:
    """An LLRP reader on a free port, with an empty field."""
    with FieldReader() as reader:
        yield reader


@pytest.fixture
def impinj_reader() -> Iterator[ImpinjReader]:
    """An Impinj reader over HTTP on a free port, with an empty field."""
    with ImpinjReader() as reader:
        yield reader


@pytest.fixture(scope="session")
def opcua_peer_script() -> str:
    """The OPC UA peer's script, with its packages installed from package-lock.json into the ignored node_modules."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool} to run the node-opcua peer")
    lock_file = HERE / "package-lock.json"
    wanted = hashlib.sha256(lock_file.read_bytes()).hexdigest()
    installed = HERE / "node_modules" / ".genba-installed"
    name = hashlib.sha256(str(HERE).encode()).hexdigest()[:16]
    with (Path(tempfile.gettempdir()) / f"genba-peers-{name}.lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # two test runs may start in the same checkout
        if not installed.exists() or installed.read_text() != wanted:
            _install()
            installed.write_text(wanted)
    return str(HERE / "opcua_peer.js")


def _install() -> None:
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install the node-opcua peer within {INSTALL_S} s")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install the node-opcua peer: {done.stderr.strip()[-300:]}")


@pytest.fixture
def start_opcua_peer(opcua_peer_script: str, tmp_path: Path) -> Iterator[Callable[..., OpcUaPeer]]:
    """Starts OPC UA servers on node-opcua with options of the script (``secure``, ``few-items``, …)."""
    with ExitStack() as stack:

        def start(*options: str) -> OpcUaPeer:
            return stack.enter_context(OpcUaPeer(opcua_peer_script, str(tmp_path / "opcua_peer"), *options))

        yield start


@pytest.fixture(scope="session")
def shared_opcua_peer(opcua_peer_script: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcUaPeer]:
    """One OPC UA server for all tests that leave it as it is: node-opcua takes two seconds to start."""
    with OpcUaPeer(opcua_peer_script, str(tmp_path_factory.mktemp("opcua_peer"))) as peer:
        yield peer


@pytest.fixture
def opcua_peer(shared_opcua_peer: OpcUaPeer) -> OpcUaPeer:
    """An OPC UA server on node-opcua with its first values. A test may stop it; one that breaks it starts its own."""
    if not shared_opcua_peer.is_running:
        shared_opcua_peer.start()
    shared_opcua_peer.tell("reset")
    return shared_opcua_peer


def _postgres() -> PostgresServer:
    programs = find_programs()
    if programs is None:
        pytest.skip("needs PostgreSQL (Debian: postgresql)")
    return PostgresServer(programs, settings=SURVIVES_KILLS)


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL server for all tests that leave it running: a cluster takes a second or two to make."""
    with _postgres() as server:
        yield server


@pytest.fixture
def postgres_url(shared_postgres: PostgresServer) -> str:
    """The URL of an empty database of its own."""
    return shared_postgres.database()


@pytest.fixture(scope="module")
def mortal_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server that the tests of a module may stop and kill; they leave it running."""
    with _postgres() as server:
        yield server


@pytest.fixture
def mortal_url(mortal_postgres: PostgresServer) -> str:
    """The URL of an empty database on it."""
    return mortal_postgres.database()
