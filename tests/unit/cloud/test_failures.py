"""A fault that comes with every envelope is said in full once, then as one line with a count."""

from __future__ import annotations

import pytest

from genba_cloud.ingest.failures import Failures


def test_a_fault_is_said_in_full_once_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures()
    for now_s in (0.0, 1.0, 59.0, 61.0, 62.0):
        failures.note("gw-1", OSError("database or disk is full"), now_s=now_s)
    failures.note("gw-2", ValueError("something else"), now_s=62.0)
    said = [(record.message, record.exc_info is not None) for record in caplog.records]
    assert said == [
        ("not kept gateway=gw-1", True),
        ("not kept again gateway=gw-1 others=2 reason=OSError: database or disk is full", False),
        ("not kept gateway=gw-2", True),
    ]
