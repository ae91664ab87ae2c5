"""The one command `genba`: finds the sub-command, loads only that one, and says errors so that one can act on them."""

from __future__ import annotations

import argparse
import difflib
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Final, NoReturn

from genba_shared.cli.command import Command
from genba_shared.cli.log import start_logging
from genba_shared.errors import ConfigError, GenbaError, UsageError
from genba_shared.process import obey_parent_variable
from genba_shared.texts import language_of, render

__all__ = ["Command", "main"]

GROUP: Final = "genba.commands"
FAILED: Final = 1
WRONG_USE: Final = 2
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells write it
PIPE_CLOSED: Final = 141  # 128 + SIGPIPE: the reader of our output went away (`genba tap … | head`)

# Listed here, so that `genba --help` neither imports a program nor fails where its extra is not installed.
# Name → (summary, extra that it needs).
_LISTED: Final[Mapping[str, tuple[str, str]]] = {
    "demo": ("a whole simulated factory with gateway, collector and web pages, in one terminal", "all"),
    "edge": ("the gateway in the factory: check a device map, run it", "edge"),
    "cloud": ("the collector: order progress, alerts, pages, API", "cloud"),
    "sim": ("a simulated plant with real OPC UA, Modbus and RFID servers", "sim"),
    "bench": ("measure against a peer or a physical limit; needs a checkout", "dev"),
    "tap": ("watch production events as they pass a broker", "edge"),
}

_EXAMPLES: Final = """\
examples:
  genba demo                          see a factory working, on this machine
  genba edge check plant.yaml         find what is wrong in a device map, without touching a device
  genba edge run plant.yaml --sink events.jsonl
                                      read the devices, write production events as JSON lines
  genba cloud serve --data DIR        collect events, show order progress

`genba COMMAND --help` tells more. -v shows each reading, -vv also what the libraries log."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command. Returns 0 done, 1 failed, 2 wrong use or a wrong file, 130 after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # labels are in any language, terminals are not
            stream.reconfigure(errors="backslashreplace")
    obey_parent_variable()
    arguments, verbosity = _take_verbosity(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments, verbosity)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain again when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except ConfigError as exc:
        language = language_of(os.environ)
        print(*(problem.render(language) for problem in exc.problems), sep="\n", file=sys.stderr)
        return WRONG_USE
    except UsageError as exc:
        print(f"genba: {_told(exc)}", file=sys.stderr)
        return WRONG_USE
    except GenbaError as exc:
        print(f"genba: {_told(exc)}", file=sys.stderr)
        return FAILED


def _told(error: GenbaError) -> str:
    """The error's sentence in the person's language, where it is a text with a code."""
    match error.args:
        case (str() as text,):
            return render(text, language_of(os.environ))
        case _:
            return str(error)


def _dispatch(arguments: Sequence[str], verbosity: int) -> int:
    match arguments:
        case []:
            print(_help())
            return WRONG_USE
        case ["-h" | "--help"] | ["help"]:
            print(_help())
            return 0
        case ["--version"]:
            print(f"genba {_version()}")
            return 0
        case ["help", name, *rest]:
            return _run(name, [*rest, "--help"], verbosity)
        case [name, *rest]:
            return _run(name, rest, verbosity)
    return WRONG_USE


def _run(name: str, arguments: Sequence[str], verbosity: int) -> int:
    try:
        command = _load(name)
        parser = _TeachingParser(
            prog=f"genba {name}",
            description=command.summary,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        command.add_arguments(parser)
        try:
            parsed = parser.parse_args(arguments)
        except SystemExit as exc:  # argparse has already printed its help (0) or what is wrong (2)
            return exc.code if isinstance(exc.code, int) else WRONG_USE
        start_logging(verbosity)
        return command.run(parsed)
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        if missing.startswith("genba") or not missing:
            raise
        extra = _LISTED[name][1] if name in _LISTED else "all"
        raise UsageError(
            f"genba {name} needs more: pip install 'genba[{extra}]'\n  (the Python module '{missing}' is not installed)"
        ) from exc


class _TeachingParser(argparse.ArgumentParser):
    """Offers the nearest word for a misspelt one; argparse makes sub-parsers of the same class."""

    def error(self, message: str) -> NoReturn:
        """Print usage, what is wrong and what was probably meant; exit with 2."""
        wrong = re.search(r"invalid choice: '([^']+)' \(choose from (.+)\)", message)
        if wrong is not None:
            near = difflib.get_close_matches(wrong[1], re.findall(r"[\w-]+", wrong[2]), n=1)
            message += f". Did you mean '{near[0]}'?" if near else ""
        super().error(message)


def _load(name: str) -> Command:
    """Import the sub-command that `name` asks for, and no other.

    Raises:
        UsageError: there is none of that name; the nearest is offered.
    """
    found = _entry_points()
    entry = found.get(name)
    if entry is None:
        if name.startswith("-"):
            raise UsageError(f"'{name}' is not an option of genba. See: genba --help")
        near = difflib.get_close_matches(name, found, n=1)
        offer = f"Did you mean '{near[0]}'?" if near else "See: genba --help"
        raise UsageError(f"'{name}' is not a command. {offer}")
    command = entry.load()
    if not isinstance(command, Command):
        raise TypeError(f"entry point {GROUP} {name} = {entry.value} is not a genba_shared.cli.Command")
    return command


def _entry_points() -> dict[str, metadata.EntryPoint]:
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


def _help() -> str:
    found = _entry_points()
    names = [name for name in _LISTED if name in found] + sorted(set(found) - set(_LISTED))
    width = max((len(name) for name in names), default=0)
    lines = [f"  {name:{width}}  {_LISTED[name][0] if name in _LISTED else found[name].value}" for name in names]
    listed = "\n".join(lines) or "  none: genba is not installed here (pip install 'genba[all]')"
    return (
        "usage: genba [-v] COMMAND …\n\n"
        "Production progress of made-to-order factories, from PLC and RFID signals\n"
        "to a date that a customer can believe.\n\n"
        f"commands:\n{listed}\n\n"
        "options:\n  -h, --help     this text\n  --version      the version of genba\n"
        "  -v, --verbose  log more (may also stand after the command)\n\n"
        f"{_EXAMPLES}"
    )


def _version() -> str:
    try:
        return metadata.version("genba")
    except metadata.PackageNotFoundError:
        return "(run from source, not installed)"


def _take_verbosity(argv: Sequence[str]) -> tuple[list[str], int]:
    """Take -v, -vv and --verbose out of the command line, wherever they stand before ``--``."""
    before = list(argv[: argv.index("--")]) if "--" in argv else list(argv)
    weights = {"-v": 1, "--verbose": 1, "-vv": 2}
    verbosity = sum(weights.get(word, 0) for word in before)
    return [word for word in before if word not in weights] + list(argv[len(before) :]), verbosity
