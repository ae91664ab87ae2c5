"""The lines of `docs/api.md`, run as they stand against a running collector."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.demo_run import wait_for

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"
GENBA = [sys.executable, "-m", "genba_shared.cli", "cloud"]
SCOPES = re.search(r"--scopes (\S+)", DOCS.read_text())

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed (apt-get install curl)")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Address and key of a collector, started by the commands of the page."""
    folder = tmp_path_factory.mktemp("docs")
    command = [*GENBA, "serve", "--data", str(folder), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield _ready(process, folder)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _ready(process: subprocess.Popen[str], folder: Path) -> dict[str, str]:
    assert process.stdout is not None
    ready = next(line for line in process.stdout if line.startswith("ready url="))
    url = ready.split()[1].removeprefix("url=")
    wait_for("the broker is connected", lambda: _answers(f"{url}/readyz"))
    assert SCOPES is not None
    create = [*GENBA, "key", "create", "erp", "--data", str(folder), "--scopes", SCOPES[1]]
    made = subprocess.run(create, check=True, capture_output=True, text=True)
    key = re.search(r"genba_\w+", made.stdout)
    assert key is not None, made.stdout
    return {"GENBA": url, "KEY": key[0]}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as exc:
        with exc:
            return False


@pytest.mark.requirement("R91", needs="curl")
def test_every_line_of_the_page_works(installation: dict[str, str], tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL)
    script = "".join(blocks).replace("curl -sS", "curl -sS --fail-with-body -w '\\n'")
    assert script.count("curl ") > 12
    done = subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=tmp_path,
        env={**os.environ, **installation},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    outcomes = [answer["outcome"] for answer in answers if "outcome" in answer]
    assert outcomes == ["created", "unchanged"]
    lists = [
        [order["order"] for order in one["items"]] for one in answers if "work_orders" in str(one) and "items" in one
    ]
    assert ["A-1001"] in lists
    assert any(answer.get("secret", "").startswith("whsec_") for answer in answers)
    assert [one["JobState"] for answer in answers for one in answer.get("JobResponse", ())] == ["Ready"]
