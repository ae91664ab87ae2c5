"""The second derivation of a comparison, in a process of its own: ``python -m genba_edge.app.second_replay``.

Two derivations of a shift take twice as long, and even a small machine has more than one core.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from genba_edge.app.raw_file import read_raw
from genba_edge.app.replaying import Run, prepare
from genba_edge.core.replay import Outcome, derive_again
from genba_shared.device_map import load_device_map
from genba_shared.errors import GenbaError, UsageError

GARBAGE_AFTER: Final = 20_000  # new objects; as in the running gateway: readings hold no cycles to look for


@contextlib.contextmanager
def second_outcome(run: Run, raw: Path, new: Path, against: Path | None) -> Iterator[Callable[[], Outcome]]:
    """Derive the log with the second map elsewhere while this process derives it with the first.

    What is yielded waits for the outcome. On one core the second replay is left to the caller, beside the first.

    Raises:
        UsageError: the other process could not read the log, or ended before its time.
    """
    if len(os.sched_getaffinity(0)) == 1:
        yield run.replays[1].finish
        return
    del run.replays[1:]
    command = [sys.executable, "-m", __name__, str(raw), str(new), *([] if against is None else [str(against)])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:

        def outcome() -> Outcome:
            answer, _ = process.communicate()
            found = pickle.loads(answer) if process.returncode == 0 else None  # noqa: S301 - from our own process
            if isinstance(found, str):
                raise UsageError(found)
            if not isinstance(found, Outcome):
                raise UsageError("the second derivation ended before its time (out of memory?)")
            return found

        try:
            yield outcome
        finally:
            process.kill()


def main(arguments: Sequence[str]) -> int:
    """Derive, and write the outcome (or why there is none) to the standard output."""
    raw, new, *against = (Path(each) for each in arguments)
    gc.set_threshold(GARBAGE_AFTER)
    answer: Outcome | str
    try:
        other = load_device_map(against[0]) if against else None
        run = prepare(raw, load_device_map(new), against=other)
        second = run.replays[1]
        for _ in derive_again(read_raw(raw), [second]):
            pass
        answer = second.finish()
        # an exception of a library may not fit through a pipe
        answer.failures = [
            replace(each, error=RuntimeError(f"{type(each.error).__name__}: {each.error}")) for each in answer.failures
        ]
    except GenbaError as exc:
        answer = str(exc)
    sys.stdout.buffer.write(pickle.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
