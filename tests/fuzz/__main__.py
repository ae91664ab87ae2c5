"""`python -m tests.fuzz TARGET [--seconds S]`: look for an input that breaks a target.

Led by coverage where atheris is installed (the `fuzz` extra), else by chance. An input that breaks something is kept
under build/fuzz/TARGET/ and shown again by `python -m tests.fuzz TARGET FILE`; once mended it becomes a regression
test by being copied to tests/fuzz/regressions/TARGET/.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import logging
import random
import sys
import warnings
from pathlib import Path
from types import ModuleType

from tests.fuzz import TARGETS
from tests.fuzz.mutate import search

BUILD = Path(__file__).resolve().parents[2] / "build" / "fuzz"
INSTRUMENTED = ["genba_edge", "genba_shared", "llrpkit", "pymodbus", "asyncua.client"]
LONGEST = 4_000


def main() -> int:
    """Fuzz one target; 1 if something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("file", type=Path, nargs="?", help="run this input alone")
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    if args.file is not None:
        importlib.import_module(f"tests.fuzz.{args.target}").run(args.file.read_bytes())
        print(f"{args.target}: holds")
        return 0
    folder = BUILD / args.target
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import atheris
    except ImportError:
        return _by_chance(args.target, args.seconds, folder)
    with atheris.instrument_imports(include=INSTRUMENTED):
        target = importlib.import_module(f"tests.fuzz.{args.target}")
    return _by_coverage(atheris, target, args.seconds, folder)


def _by_coverage(atheris: ModuleType, target: ModuleType, seconds: float, folder: Path) -> int:
    """Hand over to libFuzzer, which ends the process; it prints how many inputs it ran."""
    corpus = folder / "corpus"
    corpus.mkdir(exist_ok=True)
    for seed in target.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    atheris.Setup(
        [
            sys.argv[0],
            f"-max_total_time={max(1, round(seconds))}",
            f"-max_len={LONGEST}",
            f"-artifact_prefix={folder}/",
            "-timeout=20",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
            "-verbosity=0",
            str(corpus),
        ],
        target.run,
    )
    atheris.Fuzz()
    return 0


def _by_chance(name: str, seconds: float, folder: Path) -> int:
    target = importlib.import_module(f"tests.fuzz.{name}")
    seed = random.randrange(1 << 32)
    count, bad = search(target.run, target.seeds(), seconds=seconds, seed=seed)
    print(f"{name}: {count} inputs in {seconds:g} s, by chance (seed {seed}): {'one broke it' if bad else 'all hold'}")
    if bad is None:
        return 0
    path = folder / f"crash-{hashlib.sha256(bad).hexdigest()[:16]}"
    path.write_bytes(bad)
    print(f"kept as {path}; show it with: python -m tests.fuzz {name} {path}")
    return 1


sys.exit(main())
