"""`genba cloud import` and `export` as processes: from a spreadsheet of orders to progress on the board."""

from __future__ import annotations

import asyncio
import contextlib
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
import openpyxl
import pytest

from genba_cloud.core.master.kinds import read_file
from genba_cloud.ingest.broker import find_server
from genba_cloud.store import open_reader
from genba_shared.cli import main
from genba_shared.errors import UsageError

GENBA = [sys.executable, "-c", "import sys; from genba_shared.cli import main; sys.exit(main())", "cloud"]
ROOT = Path(__file__).parents[2]
HEADINGS = {
    "en": ("Order", "Customer", "Item", "Quantity", "Promised", "Routing"),
    "zh": ("订单号", "客户", "品号", "数量", "交期", "工艺路线"),
    "ja": ("受注番号", "得意先", "品目", "数量", "納期", "工程表"),
}


def workbook(path: Path, language: str, rows: Sequence[Sequence[object]]) -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(HEADINGS[language]))
    for row in rows:
        sheet.append(list(row))
    packed = io.BytesIO()
    book.save(packed)
    path.write_bytes(packed.getvalue())
    return path


def cloud(*words: object) -> int:
    """The command in this process: what it prints is captured by the test."""
    return main(["cloud", *map(str, words)])


def numbers_in(folder: Path) -> list[str]:
    with closing(open_reader(folder)) as store:
        return sorted(record.plan.order for record in store.reads().list_orders().items)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[str]:
    """A collector as a process; its URL."""
    process = await asyncio.create_subprocess_exec(
        *GENBA, "serve", "--data", str(folder), "--listen", "127.0.0.1:0", stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(120):
            while True:
                words = (await process.stdout.readline()).decode().split()
                assert words, "the collector ended before it was ready"
                if words[0] == "ready":
                    break
        yield dict(word.split("=", 1) for word in words[1:])["url"]
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


async def command(*words: object) -> str:
    process = await asyncio.create_subprocess_exec(
        *GENBA, *map(str, words), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_from_a_spreadsheet_to_progress_on_the_board_in_three_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find_server()
    except UsageError as exc:
        pytest.skip(str(exc))
    rows = [
        ("A-1", "Blue Shirt", "SHIRT", 120, "2031-02-20", "garment"),
        ("A-2", "蓝衫", "SHELF", 8, "2031-02-21", "wood"),
    ]
    file = workbook(tmp_path / "orders.xlsx", "zh", rows)
    data = tmp_path / "data"
    async with serving(data) as url:  # 1: genba cloud serve --data data
        told = await command("import", "orders", file, "--data", data)  # 2
        assert told.startswith("imported orders file=orders.xlsx rows=2 created=2 changed=0 unchanged=0 problems=0")
        link = (await command("board-link", "--data", data)).strip()  # 3: the page to open
        async with httpx.AsyncClient(base_url=url, follow_redirects=True) as browser:
            await browser.get(link)
            board = (await browser.get("/board", params={"lang": "zh"})).text
            for shown in ("A-1", "A-2", "核心工序", "0/120"):
                assert shown in board, shown
            assert "Blue Shirt" not in board
        out = tmp_path / "out.xlsx"
        for words in (("import", "orders", file), ("export", "orders", out), ("import", "orders", out)):
            assert await asyncio.to_thread(cloud, *words, "--data", data) == 0
        assert capsys.readouterr().out.count("created=0 changed=0 unchanged=2") == 2
        scopes = ("--scopes", "read,orders:write")
        assert await asyncio.to_thread(cloud, "key", "create", "erp", *scopes, "--data", data) == 0
        monkeypatch.setenv("GENBA_KEY", capsys.readouterr().out.strip())
        assert await asyncio.to_thread(cloud, "import", "orders", file, "--url", url) == 0
        assert "created=0 changed=0 unchanged=2" in capsys.readouterr().out
        assert await asyncio.to_thread(cloud, "import", "items", file, "--url", url) == 2
        assert "this needs the right to put master data" in capsys.readouterr().err


@pytest.mark.parametrize("language", HEADINGS)
def test_orders_go_in_without_a_collector_that_runs(
    tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("A-1", "B", "SHIRT", 1, "2031-02-20", "starter"), ("A-2", "B", "SHIRT", "x", "2031-02-20", "starter")]
    file = workbook(tmp_path / "orders.xlsx", language, rows)
    assert cloud("import", "orders", file, "--data", tmp_path / "data") == 1
    said = capsys.readouterr()
    assert "rows=2 created=1 changed=0 unchanged=0 problems=1" in said.out
    assert said.err.startswith(f"  sheet 'Sheet' row 3 column D ({HEADINGS[language][3]}): 'x' is not a whole number")
    assert numbers_in(tmp_path / "data") == ["A-1"]


def test_templates_and_documents_go_in_from_yaml(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    mine = tmp_path / "mine.yaml"
    mine.write_text("routing: mine\nnodes: [{node: a, label: A, criterion: report, setup_s: 60, piece_s: 0}]\n")
    assert cloud("import", "templates", mine, "--data", data) == 0
    assert cloud("import", "documents", ROOT / "examples/master/factory.yaml", "--data", data) == 0
    assert capsys.readouterr().out.count("problems=0") == 2
    out = tmp_path / "routings.yaml"
    assert cloud("export", "templates", out, "--data", data) == 0
    assert [one.id for one in read_file(out.read_text(encoding="utf-8"), file="out")] == [
        "garment", "mine", "print-3d", "sheet-metal", "shirt", "standard", "starter", "wood",
    ]  # fmt: skip
    assert cloud("import", "templates", out, "--data", data) == 0
    assert "created=6 changed=0 unchanged=2 problems=0" in capsys.readouterr().out
    assert cloud("import", "templates", ROOT / "examples/master/factory.yaml", "--data", data) == 2
    assert "import it as documents" in capsys.readouterr().err
    mine.write_text("routing: mine\nnodes: [{node: a, label: A, criterion: report, piece_s: 0}]\n")
    assert cloud("import", "templates", mine, "--data", data) == 2
    assert f"{mine}:2:9  nodes.0" in capsys.readouterr().err


def test_what_cannot_be_done_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "orders.csv"
    table.write_text("a,b\n1,2\n")
    data = ("--data", tmp_path / "data")
    for words, said in (
        (("import", "orders", tmp_path / "none.csv", *data), "cannot be read"),
        (("import", "orders", table, *data), "there is no row of headings"),
        (("import", "documents", table, *data), "documents come as YAML"),
        (("import", "orders", table, "--zone", "Mars", *data), "write a time zone"),
        (("import", "orders", table, "--url", "http://factory.example"), "variable GENBA_KEY"),
        (("export", "items", tmp_path / "x.pdf", *data), "write .xlsx or .csv at its end"),
    ):
        assert cloud(*words) == 2, words
        assert said in capsys.readouterr().err, words


def test_a_key_is_not_sent_over_a_line_that_others_can_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENBA_KEY", "genba_x_y")
    table = tmp_path / "orders.csv"
    table.write_text("order,item,quantity,promised\nA,X,1,2031-01-01\n")
    assert cloud("import", "orders", table, "--url", "http://factory.example") == 2
    assert "write https://HOST" in capsys.readouterr().err
