"""A dump is made with everything that the URL says, and its password stands where nobody else can read it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from genba_cloud.store.backup import dump_postgres


def test_the_password_is_no_argument_and_what_the_url_says_of_tls_is_obeyed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$PGPASSWORD" "$@" > {tmp_path}/said\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    dump_postgres("postgresql://backup:s%3Acret@db.example:5433/genba?sslmode=verify-full", tmp_path / "dump")
    password, *arguments = (tmp_path / "said").read_text().splitlines()
    assert password == "s:cret"
    assert [word for word in arguments if "cret" in word] == []
    assert sorted(arguments[-1].removeprefix("--dbname=").split()) == [
        "dbname=genba",
        "host=db.example",
        "port=5433",
        "sslmode=verify-full",
        "user=backup",
    ]
