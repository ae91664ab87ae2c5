"""The table of `genba edge …`: every command is there, and asking for help loads no protocol library."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genba_edge.app.cli import COMMANDS
from genba_shared.cli import main

HEAVY = ("pymodbus", "asyncua", "llrpkit", "prometheus_client", "paho", "cryptography", "genba_edge.app.gateway")


@pytest.mark.parametrize("name", [name for name, _, _ in COMMANDS])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edge", name, "--help"]) == 0
    assert f"usage: genba edge {name}" in capsys.readouterr().out


def test_help_comes_with_examples_and_loads_nothing_heavy() -> None:
    program = (
        "import sys; from genba_shared.cli import main; main(['edge', '--help']);"
        f"print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "genba edge check plant.yaml" in done.stdout
    assert done.stdout.endswith("loaded []\n")
