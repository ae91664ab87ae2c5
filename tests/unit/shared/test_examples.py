"""The maps that people start from: each can be checked, and each page shows maps that load."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from genba_edge.app.check import add_check_arguments, run_check
from genba_shared.device_map import load_device_map

ROOT = Path(__file__).parents[3]
MAPS = sorted(path for path in ROOT.joinpath("examples").glob("*.yaml") if "\ngateway:" in path.read_text("utf-8"))
PAGES = sorted(ROOT.joinpath("docs", "howto").glob("*.md"))
WHOLE_MAP = re.compile(r"```yaml\n(?P<text> *version: 1\n.*?)```", re.DOTALL)


@pytest.mark.parametrize("path", MAPS, ids=lambda path: path.name)
def test_every_example_passes_the_check_without_a_warning(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_check_arguments(parser)
    assert run_check(parser.parse_args([str(path)])) == 0
    assert "; 0 warnings\n" in capsys.readouterr().out


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_whole_map_of_a_page_loads(path: Path) -> None:
    maps = [found["text"] for found in WHOLE_MAP.finditer(path.read_text(encoding="utf-8"))]
    for text in maps:
        indent = len(text) - len(text.lstrip(" "))
        assert load_device_map(Path(path.name), text="\n".join(line[indent:] for line in text.splitlines())).devices


def test_there_are_examples_for_each_kind_of_modbus_line() -> None:
    names = {path.name for path in MAPS}
    assert {"modbus-word-swapped.yaml", "modbus-rtu-meter.yaml", "modbus-shared-gateway.yaml"} <= names
