"""What the README says works, works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
GENBA = [sys.executable, "-m", "genba_shared.cli"]
WORDS = "check|run|browse|probe|scan|doctor|import-tags|serve|key create"
COMMANDS = sorted(set(re.findall(rf"genba ((?:edge|cloud|sim|demo|tap)(?: (?:{WORDS}))?)", README)))


def test_map_of_the_readme_passes_the_check(tmp_path: Path) -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "plant.yaml"
    path.write_text(block)
    done = subprocess.run([*GENBA, "edge", "check", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 device" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_readme_exists(command: str) -> None:
    done = subprocess.run([*GENBA, *command.split(), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_that_the_readme_names_exist() -> None:
    named = re.findall(r"\]\(((?!http)[^)#]+)\)", README) + re.findall(r"`((?:examples|docs)/[\w./-]+)`", README)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_two_commands_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"^    make (\w+)", README, re.MULTILINE)) <= targets
