"""What the repository itself must hold: it speaks of the product alone, and stays readable."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400
CODE = ("edge/", "cloud/", "shared/", "firmware-sim/")
# Built of pieces, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile(r"(^|[^A-Za-z0-9._-])/(" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me"]) + r")/[a-z]")
REGISTRIES = re.compile("|".join(["pypi" + r"\.org", "pythonhos" + "ted", "npm" + "js", r"deb\." + "debian"]))


def tracked() -> list[Path]:
    """Every file that git tracks, or would."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as exc:
        pytest.skip(f"not a git checkout: {exc}")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def texts() -> dict[str, str]:
    found = {}
    for path in tracked():
        try:
            found[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def test_no_file_names_a_machine_path_or_a_package_registry() -> None:
    lines = [
        f"{name}:{number}: {line.strip():.100}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATHS.search(line) or REGISTRIES.search(line)
    ]
    assert lines == []


def test_lock_files_hold_no_download_address() -> None:
    names = [name for name in texts() if name.startswith("requirements/") or name.endswith("package-lock.json")]
    assert names
    assert [name for name in names if re.search(r"@ https?://|\"resolved\"|-url ", texts()[name])] == []


def test_code_files_tell_one_story() -> None:
    long = {
        name: len(text.splitlines())
        for name, text in texts().items()
        if name.startswith(CODE) and name.endswith(".py") and len(text.splitlines()) > MAX_LINES
    }
    assert long == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        name
        for name, text in texts().items()
        if name.startswith(CODE) and name.endswith(".py") and not text.startswith('"""')
    ]
    assert silent == []


def test_broad_excepts_stand_in_supervisors_only() -> None:
    found = [
        name
        for name, text in texts().items()
        if name.startswith(CODE) and re.search(r"except( Exception| BaseException)?( as \w+)?:", text)
    ]
    assert [name for name in found if "supervisor" not in name] == []
