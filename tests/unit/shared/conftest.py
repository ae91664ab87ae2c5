"""What the tests of the device map share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from genba_shared.device_map.secrets import variable_of

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def _secrets_of_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples name secrets and hold none: here the environment has them."""
    for path in EXAMPLES.rglob("*.yaml"):
        for name in re.findall(r"!secret ([A-Za-z0-9_-]+)", path.read_text(encoding="utf-8")):
            monkeypatch.setenv(variable_of(name), "a secret of the tests")
