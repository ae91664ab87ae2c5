"""`make compat`: imports and unit tests of edge and shared on each Python, in environments with the edge extra only.

Each environment is made under build/compat and kept. A Python that is not here is named and left out. The last row is
the first Python again, without the packages that have no wheel on 32-bit ARM.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "compat"
VERSIONS = ("3.11", "3.12", "3.13")
NO_WHEEL_ON_ARMV7 = ("numpy", "zstandard", "msgspec")
TOOLS = ("pytest", "pytest-asyncio", "pytest-timeout", "hypothesis", "jsonschema")
TESTS = ("tests/unit/edge", "tests/unit/shared", "tests/house/test_edge_without.py")


def find_python(version: str) -> str | None:
    """An interpreter of this version that starts: on the path, or among those that pyenv holds."""
    candidates = [f"python{version}"]
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
        candidates += [str(path) for path in sorted(Path(root).glob(f"versions/{version}.*/bin/python"))]
    for candidate in candidates:
        if shutil.which(candidate) is None:
            continue
        asked = subprocess.run([candidate, "-c", "import sys; print(sys.version)"], capture_output=True, text=True)
        if asked.returncode == 0 and asked.stdout.startswith(f"{version}."):
            return candidate
    return None


def environment(name: str, python: str) -> Path:
    """The interpreter of a clean environment with the edge extra, at the locked versions, and the test tools."""
    folder = WORK / name
    inside = folder / "bin" / "python"
    done = folder / "done"
    lock = ROOT / "requirements" / "dev.txt"
    wanted = "".join((*TOOLS, lock.read_text(), (ROOT / "pyproject.toml").read_text()))
    if done.exists() and done.read_text() == wanted:
        return inside
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pins = folder / "pins.txt"
    pins.write_text("\n".join(line.split(" \\")[0] for line in lock.read_text().splitlines() if "==" in line) + "\n")
    install = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-c", str(pins)]
    subprocess.run([*install, *TOOLS, "-e", f"{ROOT}[edge]"], check=True)
    done.write_text(wanted)
    return inside


def check(inside: Path) -> str:
    """Run imports and unit tests there; the last line of what they say."""
    command = [str(inside), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or ["nothing was said"]
    if done.returncode != 0:
        print("\n".join(lines[-40:]))
    return ("ok      " if done.returncode == 0 else "FAILED  ") + lines[-1]


def main() -> int:
    """Check every version, print a table."""
    rows: list[tuple[str, str]] = []
    first: str | None = None
    for version in VERSIONS:
        python = find_python(version)
        if python is None:
            rows.append((version, f"skipped: no Python {version} here"))
            continue
        first = first or python
        rows.append((version, check(environment(version, python))))
    if first is not None:
        inside = environment("bare", first)
        uninstall = [str(inside), "-m", "pip", "uninstall", "--quiet", "--yes", *NO_WHEEL_ON_ARMV7]
        subprocess.run(uninstall, check=True, capture_output=True)
        rows.append((f"without {', '.join(NO_WHEEL_ON_ARMV7)}", check(inside)))
    for name, said in rows:
        print(f"{name:36} {said}")
    return 1 if any("FAILED" in said for _, said in rows) else 0


sys.exit(main())
