"""The help of every command of the collector teaches with an example that the command understands."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

from genba_cloud.app.cli import COMMAND


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Commands that have no commands below them."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for one in action.choices.values():
            yield from leaves(one)
    if not below:
        yield parser


def test_every_command_shows_an_example_that_it_understands() -> None:
    parser = argparse.ArgumentParser(prog="genba cloud")
    COMMAND.add_arguments(parser)
    found = {one.prog.removeprefix("genba cloud "): one.epilog or "" for one in leaves(parser)}
    assert {"serve", "backup", "subject erase", "quarantine retry"} < set(found)
    for name, epilog in found.items():
        examples = [line.strip() for line in epilog.splitlines() if line.startswith("  genba cloud ")]
        assert examples != [], name
        for example in examples:
            assert example.startswith(f"genba cloud {name}"), example
            words = shlex.split(example.partition(" > ")[0])
            assert callable(parser.parse_args(words[2:]).run_cloud), example
