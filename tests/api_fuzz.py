"""Invented requests for every route of the API, by schemathesis: ``python -m tests.api_fuzz --cases 2000``.

A real collector on a real socket, with the state that the examples need. What is invented follows the served document
and breaks it in every place; whatever comes back must be what the document says, and never a fault of the server.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from tests.api_examples import TOKEN, prepare
from tests.browser.support import bench, served

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "use_after_free",
    "ensure_resource_availability",
)
EVERYTHING: Final = "examples,coverage,fuzzing,stateful"
EXAMPLES: Final = 15
"""Requests for each operation and phase of a run."""
MISSING: Final = "schemathesis is not installed here: it comes with `make test` (pip install -e .[dev])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuzzed:
    """What became of a run."""

    cases: int
    failures: int
    said: str
    operations: int = 0


def is_there() -> bool:
    """Whether schemathesis is installed."""
    return find_spec("schemathesis") is not None


async def fuzz(folder: Path, *, phases: str, examples: int, seed: int) -> Fuzzed:
    """One run of schemathesis against a collector of its own."""
    async with bench(folder) as running:
        await prepare(running)
        running.collector.live.end()  # a stream says hello and ends: invented requests do not wait for news
        async with served(running) as url:
            return await _run(url, folder, phases=phases, examples=examples, seed=seed)


async def _run(url: str, folder: Path, *, phases: str, examples: int, seed: int) -> Fuzzed:
    report = folder / "fuzz.json"
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", f"{url}/api/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {TOKEN}", "--checks", ",".join(CHECKS), "--phases", phases),
        *("--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure", "--no-color"),
        *("--suppress-health-check", "all", "--warnings", "off", "--report", "json"),
        *("--report-json-path", str(report)),
    ]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    if not report.exists():
        return Fuzzed(cases=0, failures=1, said=said.decode())
    found: Any = json.loads(report.read_text())
    failures = found["test_cases"]["unique_failures"] + len(found["errors"])
    return Fuzzed(
        cases=found["test_cases"]["generated"],
        failures=failures or process.returncode or 0,
        said=said.decode(),
        operations=found["operations"]["tested"],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until there were enough cases; 1 where anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.api_fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000, help="at least so many requests; default 2000")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    args = parser.parse_args(arguments)
    if not is_there():
        print(MISSING)
        return 2
    cases, failures, seed = 0, 0, args.seed
    while cases < args.cases and not failures:
        with tempfile.TemporaryDirectory() as folder:
            done = asyncio.run(fuzz(Path(folder), phases=EVERYTHING, examples=EXAMPLES, seed=seed))
        print(done.said if done.failures else f"seed {seed}: {done.cases} cases, {done.operations} operations")
        cases, failures, seed = cases + done.cases, failures + done.failures, seed + 1
    print(f"api_fuzz: cases={cases} failures={failures}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
