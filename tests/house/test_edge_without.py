"""The gateway runs where numpy, zstandard and msgspec have no wheel: 32-bit ARM, and Pythons that are too new."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("gateway_in_small.py")


@pytest.mark.requirement("R105", part="kills, torn writes and packages that are not on every machine")
def test_edge_and_shared_count_and_encode_without_packages_that_have_no_wheel_everywhere() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, str(PROGRAM)], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    modules, pieces, blocked = done.stdout.splitlines()
    assert int(modules.split()[1]) > 100
    assert pieces == "pieces 3"
    assert blocked == "blocked []"
