"""Errors by who can do something about them (the shell's answer to each stands in its docstring).

Library exceptions never leave their adapter: it catches the narrowest class around one call and raises one of these
``from exc``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genba_shared.texts import Language, Text, code_of, render, say


class GenbaError(Exception):
    """Base of every error that genba raises on purpose; anything else is a bug and reaches the supervisor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong in a file a person wrote, with all that is needed to mend it.

    `line` and `column` count from 1 (0: the file as a whole); `path` is dotted (``devices.cutter1.points.good.at``).
    `message` and `fix` are texts with a code, or plain English. As a string it is English; people get `render`.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    fix: str = ""
    warning: bool = False

    @property
    def code(self) -> str:
        """The stable name of what is wrong: its entry on the help page."""
        return code_of(self.message)

    def render(self, language: Language) -> str:
        """Place, path and code in one line, then what is wrong and what to write instead."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        warning = f"({render(say('warning', 'warning'), language)})" if self.warning else ""
        code = f"[{self.code}]" if isinstance(self.message, Text) else ""
        head = "  ".join(text for text in (place, self.path, warning, code) if text)
        body = "\n".join(f"  {render(text, language)}" for text in (self.message, self.fix) if text)
        return f"{head}\n{body}"

    def __str__(self) -> str:
        return self.render(Language.ENGLISH)


class ConfigError(GenbaError):
    """A file that a person wrote cannot be used. The shell prints every problem and exits with 2."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems

    @classmethod
    def of_file(cls, file: str | Path, message: str, fix: str = "") -> ConfigError:
        """A problem of the whole file: it is missing, unreadable or too large."""
        return cls((Problem(file=str(file), line=0, column=0, path="", message=message, fix=fix),))


class UsageError(GenbaError):
    """The command cannot do what was asked; the message says what would work. The shell prints it and exits with 2."""


class PassingError(GenbaError):
    """What many depend on is away for a while. Whoever noticed it first has said so: try again soon, log nothing."""


class DeviceError(GenbaError):
    """A device did not give a usable answer. The station becomes unknown; retry with back-off; others go on."""

    def __init__(self, *, device: str, reason: str) -> None:
        super().__init__(f"device={device} reason={reason}")
        self.device = device
        self.reason = reason


class DeviceUnreachable(DeviceError):
    """No connection, or no answer in time."""


class DeviceRefused(DeviceError):
    """The device answered that it will not (Modbus exception code, OPC UA bad status, LLRP error status)."""


class BadReading(DeviceError):
    """The device answered, and the answer cannot be decoded as the device map says."""


class UplinkError(GenbaError):
    """The broker or the collector did not take an envelope. It stays in the outbox and is sent again."""


class OutboxFull(GenbaError):
    """The outbox cannot keep more. Raise the alarm; drop nothing silently."""


class ContractError(GenbaError):
    """What arrived breaks a contract of the wire or of the event schema. Quarantine it with the reason; go on."""
