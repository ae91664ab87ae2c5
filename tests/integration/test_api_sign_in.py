"""Signing in: the one-time password, choosing one's own, sessions that end, guessing that is slowed down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest_asyncio

from genba_cloud.store.accounts import SESSION_IDLE_S, SESSION_LONGEST_S, open_accounts
from tests.browser.support import BASE, PASSWORD, Bench, bench, served

HTML = {"Accept": "text/html"}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as running:
        yield running


async def sign_in(client: httpx.AsyncClient, password: str, name: str = "admin") -> httpx.Response:
    return await client.post("/login", data={"name": name, "password": password})


async def choose(client: httpx.AsyncClient, old: str, new: str, again: str | None = None) -> httpx.Response:
    return await client.post("/password", data={"old": old, "new": new, "again": new if again is None else again})


async def test_a_one_time_password_opens_nothing_but_the_choice_of_ones_own(desk: Bench) -> None:
    one_time, client = desk.collector.one_time_password, desk["nobody"]
    assert one_time is not None
    reset = (await desk["admin"].post("/api/v1/users/admin/reset")).json()["one_time_password"]
    assert (await sign_in(client, one_time)).status_code == 401
    assert (await sign_in(client, reset)).status_code == 303
    board = await client.get("/board", headers=HTML)
    assert (board.status_code, board.headers["location"]) == (303, "/password")
    assert (await client.get("/api/v1/orders")).status_code == 403
    assert (await choose(client, reset, "a new password")).headers["location"] == "/board"
    assert (await client.get("/board", headers=HTML)).status_code == 200
    assert (await sign_in(desk["reader"], reset)).status_code == 401


async def test_a_person_who_is_not_signed_in_is_sent_to_the_page_for_it(desk: Bench) -> None:
    answer = await desk["nobody"].get("/board", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


async def test_a_password_that_does_not_fit_is_explained_and_changes_nothing(desk: Bench) -> None:
    client = desk["nobody"]
    await sign_in(client, PASSWORD)
    for new, again, said in (
        ("short", None, "too short"),
        ("x" * 201, None, "too long"),
        (PASSWORD, None, "must differ"),
        ("a new password", "another password", "not the same"),
    ):
        answer = await choose(client, PASSWORD, new, again)
        assert answer.status_code == 422
        assert said in answer.text
    assert "current password is wrong" in (await choose(client, "wrong", "a new password")).text
    assert (await sign_in(client, PASSWORD)).status_code == 303


async def test_a_new_password_ends_the_other_sessions(desk: Bench) -> None:
    client = desk["nobody"]
    await sign_in(client, PASSWORD)
    assert (await desk["admin"].get("/api/v1/orders")).status_code == 200
    await choose(client, PASSWORD, "a new password")
    assert (await client.get("/api/v1/orders")).status_code == 200
    assert (await desk["admin"].get("/api/v1/orders")).status_code == 401


async def test_signing_out_ends_the_session_on_the_server(desk: Bench) -> None:
    client = desk["nobody"]
    await sign_in(client, PASSWORD)
    token = client.cookies["genba_session"]
    assert (await client.post("/logout")).status_code == 303
    client.cookies.set("genba_session", token)
    assert (await client.get("/api/v1/orders")).status_code == 401


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(desk: Bench) -> None:
    cookie = (await sign_in(desk["nobody"], PASSWORD)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_guessing_is_slowed_down_and_names_are_not_told_apart(desk: Bench) -> None:
    client = desk["nobody"]
    wrong = [await sign_in(client, "wrong", name) for name in ("admin", "nobody", "admin", "x", "admin")]
    assert {answer.status_code for answer in wrong} == {401}
    assert wrong[0].text == wrong[2].text.replace('value="nobody"', 'value="admin"')
    slowed = await sign_in(client, PASSWORD)
    assert slowed.status_code == 429
    assert 0 < int(slowed.headers["Retry-After"]) <= 61


async def test_guesses_at_the_same_time_count_as_guesses_one_after_the_other(desk: Bench) -> None:
    tries = await asyncio.gather(*(sign_in(desk["nobody"], "wrong") for _ in range(20)))
    assert sorted(answer.status_code for answer in tries) == [401] * 5 + [429] * 15


async def test_who_guesses_cannot_pretend_to_be_somebody_else_each_time(desk: Bench) -> None:
    async with served(desk) as url, httpx.AsyncClient(base_url=url, headers={"Origin": url}) as client:
        tries = []
        for number in range(6):
            client.headers["X-Forwarded-For"] = f"10.0.0.{number}"
            tries.append((await sign_in(client, "wrong")).status_code)
    assert tries == [401] * 5 + [429]


def test_a_secret_that_many_ask_for_at_once_is_one_secret(tmp_path: Path) -> None:
    accounts = open_accounts(tmp_path / "accounts.db")
    with ThreadPoolExecutor(8) as many:
        for name in map(str, range(10)):
            assert len(set(many.map(accounts.secret, [name] * 8))) == 1
    accounts.close()


async def test_no_secret_is_kept_in_the_clear(desk: Bench, tmp_path: Path) -> None:
    await sign_in(desk["nobody"], PASSWORD)
    key = desk["reader"].headers["Authorization"].rsplit("_", 1)[1]
    kept = _everything_in(tmp_path)
    assert b"newcomer" in kept
    for secret in (PASSWORD, desk["nobody"].cookies["genba_session"], key):
        assert secret.encode() not in kept


async def test_the_accounts_file_is_its_owners_alone(desk: Bench, tmp_path: Path) -> None:
    assert (tmp_path / "accounts.db").stat().st_mode & 0o077 == 0
    assert desk.collector.one_time_password is not None


async def test_the_one_time_password_is_made_at_the_first_start_only(tmp_path: Path) -> None:
    async with bench(tmp_path) as first:
        assert first.collector.one_time_password is not None
    async with bench(tmp_path) as second:
        assert second.collector.one_time_password is None


def test_a_session_ends_when_it_idles_and_when_it_is_old(tmp_path: Path) -> None:
    now = [1_000_000.0]
    accounts = open_accounts(tmp_path / "accounts.db", wall=lambda: now[0])
    try:
        accounts.set_password("admin", "hash", must_choose=False)
        token = accounts.open_session("admin")
        now[0] += SESSION_IDLE_S - 1
        assert accounts.session_account(token) is not None
        now[0] += SESSION_IDLE_S - 1
        assert accounts.session_account(token) is not None  # its use was noted
        now[0] += SESSION_IDLE_S
        assert accounts.session_account(token) is None
        old = accounts.open_session("admin")
        for _ in range(SESSION_LONGEST_S // (SESSION_IDLE_S // 2)):
            accounts.session_account(old)
            now[0] += SESSION_IDLE_S // 2
        assert accounts.session_account(old) is None
    finally:
        accounts.close()


async def test_forms_say_their_words_in_three_languages(desk: Bench) -> None:
    for language, word in (("zh", "登录"), ("ja", "ログイン"), ("en", "Sign in")):
        page = await desk["nobody"].get("/login", params={"lang": language})
        assert word in page.text
        assert f'<html lang="{language}">' in page.text
    assert BASE not in (await desk["nobody"].get("/login")).text


def _everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("accounts.db*"))
