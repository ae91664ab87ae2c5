"""What a sub-command of `genba` is. Each program offers one as an entry point of the group ``genba.commands``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One sub-command. A group such as `edge` adds sub-parsers of its own in `add_arguments`.

    `run` returns the exit code: 0 done, 1 failed. What is wrong with the command line or a file is raised as
    `UsageError` or `ConfigError`; `main` prints those and exits with 2.
    """

    name: str
    summary: str
    add_arguments: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
