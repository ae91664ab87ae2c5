"""`make mutants`: take out each guard in a copy of the sources, run its test, and expect that it fails.

`python -m tests.mutations WORD` takes only guards with this word in their name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutations.guards import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("edge", "cloud", "shared", "firmware-sim")
COPIED = (
    *PACKAGES,
    "tests",
    "examples",
    "docs",
    "benchmarks",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "Makefile",
)
INSTALLED = Path("tests/peers/node_modules")
PYTEST_FAILED = 1
"""Exit code of pytest when tests failed; others mean that it could not run them."""


def copy_sources(folder: Path) -> None:
    """A copy that may be spoilt; what npm installed is linked."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(source, folder / name, ignore=ignore)
        elif source.exists():
            shutil.copy(source, folder / name)
    if (ROOT / INSTALLED).is_dir():
        (folder / INSTALLED).symlink_to(ROOT / INSTALLED)


def run(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests on the sources of `folder`."""
    path = os.pathsep.join([str(folder), *(str(folder / package) for package in PACKAGES)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *tests]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def verdict(folder: Path, guard: Guard) -> str:
    """What becomes of the guard's test without the guard."""
    found = guard.found_in(folder)
    if len(found) != 1:
        return f"FOUND {len(found)} times in {guard.files}"
    (path,) = found
    whole = path.read_text()
    path.write_text(whole.replace(guard.text, guard.without))
    try:
        done = run(folder, guard.test)
    finally:
        path.write_text(whole)
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
    if done.returncode == PYTEST_FAILED:
        return "noticed"
    return f"SURVIVED: {last}" if done.returncode == 0 else f"CANNOT RUN: {last}"


def main() -> int:
    """Print a table; 1 if a guard can be taken out without a test that fails."""
    wanted = [guard for guard in GUARDS if not sys.argv[1:] or sys.argv[1] in guard.name]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="genba-mutants-") as name:
        folder = Path(name)
        copy_sources(folder)
        whole = run(folder, *sorted({guard.test for guard in wanted}))
        if whole.returncode != 0:
            print(f"{whole.stdout[-3000:]}{whole.stderr[-1000:]}\nthe tests do not pass with every guard in place")
            return 1
        for guard in wanted:
            began_s = time.monotonic()
            said = verdict(folder, guard)
            failed += said != "noticed"
            print(f"{said:9} {time.monotonic() - began_s:5.1f} s  {guard.name}", flush=True)
    print(f"{len(wanted) - failed} of {len(wanted)} guards are noticed when they are missing")
    return 1 if failed else 0


sys.exit(main())
