"""Invented requests for every route, a few of each; `make fuzz-api` sends thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from genba_cloud.api.description import examples
from tests.api_fuzz import MISSING, fuzz, is_there


@pytest.mark.skipif(not is_there(), reason=MISSING)
async def test_no_invented_request_finds_a_fault_or_an_answer_that_is_not_described(tmp_path: Path) -> None:
    done = await fuzz(tmp_path, phases="examples,fuzzing,stateful", examples=2, seed=7)
    assert done.failures == 0, done.said
    assert done.operations == len(examples())
    assert done.cases > len(examples())
