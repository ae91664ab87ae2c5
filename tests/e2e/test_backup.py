"""The database is destroyed and a backup put back: nothing is pretended, and what gateways deliver goes on."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from genba_cloud.store.lock import DataLock
from genba_cloud.store.pki import Pki
from tests.integration.identity_bench import GOOD, Plant
from tests.integration.log_history import Database, command, folder_with_log, write_log
from tests.integration.mqtt_peers import Mosquitto, eventually
from tests.integration.test_api_command import Running, serving
from tests.integration.test_uplink import Gateway
from tests.peers.postgres import USER, WATCHER, PostgresServer


@asynccontextmanager
async def reading(running: Running, key: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=f"{running.url}/api/v1", headers=headers) as client:
        yield client


async def stopped(running: Running) -> None:
    running.process.terminate()
    assert await running.process.wait() == 0


async def events_of(running: Running, key: str) -> list[dict[str, Any]]:
    async with reading(running, key) as client:
        found: list[dict[str, Any]] = (await client.get("/events")).json()["items"]
        return found


async def deliver(gateway: Gateway, pieces: int, upto: int) -> None:
    gateway.count(pieces)
    await eventually(lambda: gateway.outbox.mark().acknowledged == upto, within_s=60)


async def the_story(
    data: Path, backup: Path, places: list[str], destroy: Any, *, reader: list[str] | None = None
) -> None:
    """Deliver 5, back up, deliver 5 more, destroy the database, restore, deliver 2 more.

    `reader` says with which role the backup is made, where it is not that of the collector.
    """
    folder = data.parent / "gateway"
    folder.mkdir()
    where = ["--data", str(data), *places]
    copied = where if reader is None else ["--data", str(data), *reader]
    async with serving(data, *places) as running:
        key = (await command("key", "create", "erp", "--scopes", "read", "--data", str(data)))[1].split()[-1]
        async with Gateway(folder, running.mqtt).running() as gateway:
            await deliver(gateway, 5, 5)
            code, _, problem = await command("backup", str(backup), *copied)
            assert code == 0, problem
            await deliver(gateway, 5, 10)
            code, _, problem = await command("restore", str(backup), *where, "--replace")
            assert code == 2
            assert "in use" in problem
        await stopped(running)
    await destroy()
    code, said, problem = await command("restore", str(backup), *where, "--replace")
    assert (code, said.splitlines()[-1:]) == (0, ["restored events=5 differences=0"]), problem
    async with serving(data, *places) as running:
        async with Gateway(folder, running.mqtt).running() as gateway:
            await deliver(gateway, 2, 12)
        events = await events_of(running, key)
        await stopped(running)
    made = [event["id"].split(":")[-1] for event in events if event["kind"] == "pieces_counted"]
    assert made == ["1", "2", "3", "4", "5", "11", "12"]
    [gap] = [event for event in events if event["kind"] == "data_gap_seen"]
    assert (gap["cause"], gap["subject"], " 6..10 " in gap["reason"]) == ("restore", "line-1", True)
    assert (await command("verify", *where))[0] == 0


@pytest.mark.requirement("R90", part="a destroyed collector is restored from its backup and delivery goes on")
async def test_sqlite_is_destroyed_and_restored_and_delivery_goes_on(tmp_path: Path) -> None:
    data = tmp_path / "data"

    async def destroy() -> None:
        (data / "genba.db").write_bytes(b"garbage" * 5000)

    await the_story(data, tmp_path / "backup", [], destroy)
    [aside] = data.glob("replaced_*")
    assert (aside / "genba.db").read_bytes()[:7] == b"garbage"


async def test_a_dropped_postgresql_database_is_restored_and_delivery_goes_on(
    tmp_path: Path, shared_postgres: PostgresServer
) -> None:
    url = shared_postgres.database()

    async def destroy() -> None:
        name = url.rpartition("/")[2]
        with psycopg.connect(shared_postgres.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name}")
            connection.execute(f"CREATE DATABASE {name} OWNER {USER}")

    reader = ["--db", as_role(url, WATCHER)]
    await the_story(tmp_path / "data", tmp_path / "backup", ["--db", url], destroy, reader=reader)


def as_role(url: str, role: str) -> str:
    return url.replace(f"//{USER}@", f"//{role}@")


@pytest.fixture
async def region(tmp_path: Path, shared_postgres: PostgresServer) -> Database:
    """A log on PostgreSQL."""
    database = Database(data_dir=tmp_path / "data", url=shared_postgres.database())
    database.data_dir.mkdir()
    store = database.store()
    await write_log(store, database.data_dir)
    store.close()
    return database


async def test_the_collectors_own_role_makes_no_half_backup_and_is_told_how_to_make_another(
    tmp_path: Path, region: Database
) -> None:
    where = ["--data", str(region.data_dir), "--db", str(region.url)]
    code, _, problem = await command("backup", str(tmp_path / "backup"), *where)
    assert code == 2
    assert "the role genba sees the rows of one enterprise only" in problem
    line = "CREATE ROLE genba_backup LOGIN BYPASSRLS PASSWORD '…'; GRANT pg_read_all_data TO genba_backup;"
    assert line in problem
    assert not (tmp_path / "backup").exists()


async def test_a_postgresql_database_that_is_not_empty_is_set_aside(tmp_path: Path, region: Database) -> None:
    where = ["--data", str(region.data_dir), "--db", str(region.url)]
    reader = ["--data", str(region.data_dir), "--db", as_role(str(region.url), WATCHER)]
    assert (await command("backup", str(tmp_path / "backup"), *reader))[0] == 0
    region.cut(2)
    assert (await command("restore", str(tmp_path / "backup"), *where))[0] == 2
    code, said, _ = await command("restore", str(tmp_path / "backup"), *where, "--replace")
    assert (code, said.splitlines()[-1]) == (0, "restored events=9 differences=0")
    assert region.run("SELECT count(*) FROM log") == [(9,)]
    [(schema,)] = region.run("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'replaced_')")
    assert region.run(f"SELECT count(*) FROM {schema}.log") == [(1,)]


FORM = """
SELECT relname, relkind, pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity, relacl::text,
       pg_get_expr(relpartbound, pg_class.oid), pg_get_partkeydef(pg_class.oid),
       (SELECT array_agg(row(polname, pg_get_expr(polqual, polrelid))::text)
        FROM pg_policy WHERE polrelid = pg_class.oid)
FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY relname"""
"""Tables, parts and indexes; whose they are, what stands on them, and who may read them."""


async def test_what_a_superuser_restores_belongs_to_the_collectors_role_as_before(
    tmp_path: Path, region: Database
) -> None:
    role = f"looker_{os.getpid()}_{region.url.rpartition('_')[2]}" if region.url else ""
    superuser = Database(data_dir=region.data_dir, url=as_role(str(region.url), "owner"))
    superuser.run(f"CREATE ROLE {role}")
    region.run(f"GRANT SELECT ON log TO {role}")
    before = region.run(FORM)
    where = ["--data", str(region.data_dir), "--db", str(superuser.url)]
    assert (await command("backup", str(tmp_path / "backup"), *where))[0] == 0
    region.cut(2)
    code, said, problem = await command("restore", str(tmp_path / "backup"), *where, "--replace")
    assert (code, said.splitlines()[-1]) == (0, "restored events=9 differences=0"), problem
    assert region.run(FORM) == before
    assert [row[2:5] for row in before if row[0] == "log"] == [(USER, True, True)]
    assert [row[5] for row in before if row[0] == "log"] == [f"{{{USER}=arwdDxt/{USER},{role}=r/{USER}}}"]
    store = region.store()  # with the collector's role: it goes on, and may add parts to its log
    await write_log(store, region.data_dir, commits=((10,), (11,)))
    store.close()
    region.run("CREATE TABLE log_from_9000001 (LIKE log)")
    assert (await command("verify", "--data", str(region.data_dir), "--db", str(region.url)))[0] == 0


async def test_a_restore_that_the_server_refuses_leaves_what_was_there(tmp_path: Path, region: Database) -> None:
    role = f"gone_{os.getpid()}"
    superuser = Database(data_dir=region.data_dir, url=as_role(str(region.url), "owner"))
    superuser.run(f"CREATE ROLE {role}")
    region.run(f"GRANT SELECT ON log TO {role}")
    where = ["--data", str(region.data_dir), "--db", str(superuser.url)]
    assert (await command("backup", str(tmp_path / "backup"), *where))[0] == 0
    region.run(f"REVOKE SELECT ON log FROM {role}")
    superuser.run(f"DROP ROLE {role}")
    code, _, problem = await command("restore", str(tmp_path / "backup"), *where, "--replace")
    assert (code, "Roles are no part of a backup" in problem) == (1, True)
    assert region.run("SELECT count(*) FROM log") == [(9,)]
    assert region.run("SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, 'replaced_')") == [(0,)]
    assert list(region.data_dir.glob("replaced_*")) == []


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    return await folder_with_log(tmp_path / "data")


async def test_a_backup_overwrites_nothing_and_keeps_keys_private(data: Path, tmp_path: Path) -> None:
    code, said, _ = await command("backup", str(tmp_path / "backup"), "--data", str(data))
    assert (code, said.split(maxsplit=1)[1]) == (0, "files=4 events=9 differences=0\n")
    code, _, problem = await command("backup", str(tmp_path / "backup"), "--data", str(data))
    assert (code, "is there already" in problem) == (2, True)
    assert stat.S_IMODE((tmp_path / "backup" / "head-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700


async def the_archives(data: Path, tmp_path: Path, *urls: str) -> None:
    """Archive, back up, lose everything, restore elsewhere: what was archived is read from there."""
    where = ["--data", str(data), *urls]
    elsewhere = tmp_path / "elsewhere"
    lock = DataLock(data) if urls else None  # as a running collector holds it: on PostgreSQL that is no obstacle
    assert (await command("archive", "--upto", "8", "--to", str(elsewhere), *where))[0] == 0
    if lock is not None:
        lock.release()
    code, said, _ = await command("backup", str(tmp_path / "backup"), *where)
    assert code == 0, said
    shutil.rmtree(elsewhere)
    shutil.rmtree(data)
    new = ["--data", str(tmp_path / "new"), *urls]
    code, said, problem = await command("restore", str(tmp_path / "backup"), *new, *(["--replace"] if urls else []))
    assert (code, said.splitlines()[-1:]) == (0, ["restored events=9 differences=0"]), problem
    [file] = (tmp_path / "new" / "archive").glob("*.jsonl.gz")
    assert (await command("rebuild", *new))[:2] == (0, "views=2\n")
    file.unlink()
    code, said, _ = await command("backup", str(tmp_path / "half"), *new)
    assert (code, said.splitlines()[0]) == (
        1,
        f"not in the backup: archive {file} is missing: positions 1 to 8 cannot be read until it is back",
    )
    code, _, problem = await command("rebuild", *new)
    assert (code, f"archive {file} is missing" in problem) == (1, True)


async def test_archives_are_in_the_backup_and_read_from_where_they_are_put_back(data: Path, tmp_path: Path) -> None:
    await the_archives(data, tmp_path)


async def test_archives_are_in_a_backup_of_postgresql_too(region: Database, tmp_path: Path) -> None:
    await the_archives(region.data_dir, tmp_path, "--db", as_role(str(region.url), "owner"))


async def test_a_restored_installation_speaks_with_the_gateways_that_were_enrolled(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    try:
        plant = Plant(tmp_path, broker)
        async with plant.collector() as collector:
            await plant.enrol(collector, GOOD)
            gateway = plant.gateway(GOOD)
            made = gateway.count(3)
            await eventually(lambda: gateway.outbox.mark().acknowledged == 3)
        assert (await command("backup", str(tmp_path / "backup"), "--data", str(plant.data)))[0] == 0
        shutil.rmtree(plant.data)
        assert (await command("restore", str(tmp_path / "backup"), "--data", str(plant.data)))[0] == 0
        keys = [plant.data / "identity" / name for name in ("ca.key", "signing.key")]
        assert [stat.S_IMODE(path.stat().st_mode) for path in (*keys, keys[0].parent)] == [0o600, 0o600, 0o700]
        (plant.data / "identity").rename(tmp_path / "away")
        code, _, problem = await command("serve", "--data", str(plant.data), "--listen", "127.0.0.1:0")
        assert (code, "1 enrolled gateways believe only" in problem, (plant.data / "identity").exists()) == (
            2,
            True,
            False,
        )
        (tmp_path / "away").rename(plant.data / "identity")
        plant.pki = Pki(plant.data)
        async with plant.collector() as collector:
            made += gateway.count(2)
            await eventually(lambda: gateway.outbox.mark().acknowledged == 5)
            assert (collector.ids(GOOD), dict(collector.refused)) == (made, {})
        await plant.stop()
    finally:
        broker.kill()


async def test_a_damaged_backup_is_refused_and_changes_nothing(data: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    assert (await command("backup", str(backup), "--data", str(data)))[0] == 0
    content = bytearray((backup / "genba.db").read_bytes())
    content[len(content) // 2] ^= 1
    (backup / "genba.db").write_bytes(content)
    code, _, problem = await command("restore", str(backup), "--data", str(tmp_path / "new"))
    assert (code, "genba.db is not what was written" in problem) == (1, True)
    assert not (tmp_path / "new").exists()
    manifest = json.loads((backup / "backup.json").read_text())
    manifest["files"]["../data/genba.db"] = manifest["files"].pop("genba.db")
    (backup / "backup.json").write_text(json.dumps(manifest))
    code, _, problem = await command("restore", str(backup), "--data", str(tmp_path / "new"))
    assert (code, "lies outside of the backup" in problem) == (1, True)


async def test_a_log_that_was_tampered_with_is_copied_and_said(data: Path, tmp_path: Path) -> None:
    await asyncio.to_thread(Database(data_dir=data).change_body, 5, leaf=False)
    code, said, _ = await command("backup", str(tmp_path / "backup"), "--data", str(data))
    assert (code, said.splitlines()[-1].split()[-1]) == (1, "first_bad=5")
    assert (tmp_path / "backup" / "backup.json").exists()
