"""Heads, proofs of single events and what the commands say, on a real store and beside a running collector."""

from __future__ import annotations

import asyncio
import json
import stat
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from genba_cloud.ledger import Ledger
from genba_cloud.ledger.heads import LogDamagedError, make_head, publish_heads, read_heads
from genba_cloud.ledger.signing import KEY_FILE, PUBLIC_FILE, HeadSigner
from genba_cloud.store import DEFAULT_ENTERPRISE, SqliteStore
from tests.e2e.installation import order_body
from tests.integration.log_history import EPOCH, START, Database, command, envelope, folder_with_log
from tests.integration.test_api_command import serving


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    return await folder_with_log(tmp_path / "data")


async def test_a_proof_of_one_event_is_checked_with_the_public_key_alone(data: Path, tmp_path: Path) -> None:
    code, proof, _ = await command("prove", f"gw:{EPOCH}:5", "--data", str(data))
    assert code == 0
    file, public = tmp_path / "proof.json", tmp_path / "collector.pem"
    file.write_text(proof)
    public.write_bytes((data / PUBLIC_FILE).read_bytes())
    (data / "genba.db").unlink()
    code, said, _ = await command("check-proof", str(file), "--public-key", str(public))
    assert (code, said.splitlines()[0]) == (0, "proven: position 5 of 5, signed 2026-01-05 12:00:00 UTC")
    changed = json.loads(proof)
    changed["position"] = 4
    file.write_text(json.dumps(changed))
    code, said, _ = await command("check-proof", str(file), "--public-key", str(public))
    assert (code, said.startswith("not proven: the path does not lead from this event at position 4")) == (1, True)


async def test_a_proof_signed_with_another_key_proves_nothing(data: Path, tmp_path: Path) -> None:
    file, other = tmp_path / "proof.json", tmp_path / "other"
    other.mkdir()
    HeadSigner.of_folder(other)
    file.write_text((await command("prove", f"gw:{EPOCH}:9", "--data", str(data)))[1])
    code, said, _ = await command("check-proof", str(file), "--public-key", str(other / PUBLIC_FILE))
    assert (code, said.startswith("not proven: the head is not signed with the key")) == (1, True)


async def test_verify_says_the_first_bad_position_in_its_last_line(data: Path) -> None:
    code, said, _ = await command("verify", "--data", str(data), "--heads", str(data / "heads.jsonl"))
    assert (code, said) == (0, "events=9 links=5 heads=10 views=2 differences=0\n")
    Database(data_dir=data).change_body(7, leaf=False)
    code, said, _ = await command("verify", "--data", str(data))
    assert (code, said.splitlines()[-1].split()[-1]) == (1, "first_bad=7")


async def test_a_running_collector_signs_on_demand_and_when_it_stops(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    async with Ledger(store, now=lambda: START) as ledger:
        await ledger.append(envelope([1, 2]))
    store.close()
    async with serving(tmp_path) as running:
        code, said, _ = await command("head", "--data", str(tmp_path))
        assert (code, json.loads(said)["size"]) == (0, 2)
        running.process.terminate()
        assert await running.process.wait() == 0
    assert [head.size for head in read_heads(tmp_path / "heads.jsonl", DEFAULT_ENTERPRISE)] == [2]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert (await command("verify", "--data", str(tmp_path), "--heads", str(tmp_path / "heads.jsonl")))[0] == 0


async def test_a_clean_stop_signs_what_came_since_the_last_head(tmp_path: Path) -> None:
    async with serving(tmp_path) as running:
        key = (await command("key", "create", "erp", "--scopes", "read,orders:write", "--data", str(tmp_path)))[1]
        async with httpx.AsyncClient(base_url=running.url, headers={"Authorization": f"Bearer {key.strip()}"}) as api:
            body = order_body("A-1", ["CUT"], quantity=8)
            assert (await api.post("/api/v1/orders", json=body)).status_code == 201
        running.process.terminate()
        assert await running.process.wait() == 0
    assert [head.size for head in read_heads(tmp_path / "heads.jsonl", DEFAULT_ENTERPRISE)] == [4]


async def test_nothing_is_signed_over_a_log_with_a_hole(data: Path) -> None:
    database = Database(data_dir=data)
    store = database.store()
    async with Ledger(store, now=lambda: START) as ledger:
        await ledger.append(envelope([10, 11, 12]))
    database.run("DELETE FROM log WHERE position = 11")
    with pytest.raises(LogDamagedError, match="position 11 is missing"):
        make_head(store, DEFAULT_ENTERPRISE, HeadSigner.of_folder(data), now=START)
    database.run("UPDATE merkle_head SET root = substr(peaks, 2) WHERE size = 9")
    with pytest.raises(LogDamagedError, match="position 9 is not what was signed"):
        make_head(store, DEFAULT_ENTERPRISE, HeadSigner.of_folder(data), now=START)
    store.close()


async def test_a_line_that_a_power_cut_left_half_written_is_written_again(data: Path) -> None:
    file = data / "heads.jsonl"
    file.write_text(file.read_text()[:-40])
    store = SqliteStore(data)
    await asyncio.to_thread(publish_heads, store, DEFAULT_ENTERPRISE, data)
    store.close()
    assert [head.size for head in read_heads(file, DEFAULT_ENTERPRISE)] == [1, 4, 5, 8, 9]


async def test_a_new_head_needs_only_what_came_since_the_last_one(data: Path) -> None:
    store = SqliteStore(data)
    async with Ledger(store, now=lambda: START) as ledger:
        await ledger.append(envelope([10]))
    Database(data_dir=data).run("UPDATE log SET leaf = x'00' WHERE position < 10")
    head = make_head(store, DEFAULT_ENTERPRISE, HeadSigner.of_folder(data), now=START + timedelta(days=1))
    assert head is not None
    assert head.size == 10
    store.close()
