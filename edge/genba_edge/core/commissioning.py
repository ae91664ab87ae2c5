"""From what a server shows to a map that can be used: names, types, and what is probably a counter or a state.

A guess is written down as a guess: the engineer reads the map before it runs, and `genba edge probe` shows the values.
"""

from __future__ import annotations

import fnmatch
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from genba_edge.core.observations import Value
from genba_shared.device_map.model import PointType
from genba_shared.events import Result, StationState

__all__ = ["Draft", "DraftPoint", "FoundVariable", "draft_of", "map_text", "matches", "points_text", "word_order_hint"]

WHOLE_NUMBERS = frozenset(
    {
        PointType.INT8,
        PointType.UINT8,
        PointType.INT16,
        PointType.UINT16,
        PointType.INT32,
        PointType.UINT32,
        PointType.INT64,
        PointType.UINT64,
    }
)
_SCRAP = re.compile(r"scrap|reject|defect|bad|(?<![a-z])ng(?![a-z])|不良|废|廃|欠陥", re.IGNORECASE)
_COUNTER = re.compile(
    r"count|parts?(?![a-z])|pieces?|good|produced|products?(?![a-z])|total|qty|quantity|shots?|cycles?"
    r"|计数|产量|良品|件数|数量|生産数|カウント|個数",
    re.IGNORECASE,
)
_STATE = re.compile(r"run(?:ning)?(?![a-z])|executing|in_?cycle|运行|運転|稼働", re.IGNORECASE)
_LONGEST_NAME = 40
TORN_STEP = 65536
"""A counter of two registers in the wrong order moves by this where it should move by 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundVariable:
    """A variable of an OPC UA server. `path`: browse names from below Objects; `type` None: no point can hold it.

    `type_name` is the server's own word for the type; `value` is shown to people only. `element`: an array, each place
    of which a point of this type can hold.
    """

    node: str
    path: tuple[str, ...]
    type: PointType | None
    type_name: str
    value: Value = None
    status: str = ""
    element: PointType | None = None

    @property
    def name(self) -> str:
        """The path as one text, as patterns see it."""
        return "/".join(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftPoint:
    """One point of the draft. `settings` is the inside of its YAML group; `result` and `is_state` are guesses."""

    name: str
    settings: str
    note: str
    result: Result | None = None
    is_state: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The points of one device, and the variables that no point can hold."""

    points: tuple[DraftPoint, ...]
    left_out: tuple[FoundVariable, ...] = field(default=())


def matches(variable: FoundVariable, pattern: str) -> bool:
    """Whether the variable's path, or its last name alone, fits a shell pattern; capitals do not matter.

    >>> part = FoundVariable(node="i=1", path=("Cutter", "PartCount"), type=PointType.UINT32, type_name="UInt32")
    >>> matches(part, "part*"), matches(part, "cutter/*"), matches(part, "sewing/*")
    (True, True, False)
    """
    wanted = pattern.casefold()
    return any(fnmatch.fnmatchcase(text.casefold(), wanted) for text in (variable.name, variable.path[-1]))


def draft_of(variables: Iterable[FoundVariable]) -> Draft:
    """Points with names of their own for everything that a point can hold."""
    points: list[DraftPoint] = []
    left_out: list[FoundVariable] = []
    names: set[str] = set()
    state_taken = False
    for variable in variables:
        if variable.type is None:
            left_out.append(variable)
            continue
        result = _result_of(variable)
        is_state = not state_taken and variable.type is PointType.BOOL and bool(_STATE.search(variable.path[-1]))
        state_taken = state_taken or is_state
        name = _name_of(variable.path, names)
        names.add(name)
        points.append(
            DraftPoint(
                name=name,
                settings=_settings(variable, is_counter=result is not None, is_state=is_state),
                note=_note(variable),
                result=result,
                is_state=is_state,
            )
        )
    return Draft(points=tuple(points), left_out=tuple(left_out))


def points_text(draft: Draft, *, indent: str = "      ") -> str:
    """The draft's points as lines of YAML below ``points:``."""
    lines = [f"{indent}{point.name}: {{{point.settings}}}{point.note}" for point in draft.points]
    lines += [f"{indent}# {variable.name}: {_left_out(variable)}" for variable in draft.left_out]
    return "".join(f"{line}\n" for line in lines)


def map_text(draft: Draft, *, device: str, connection: Sequence[str], command: str) -> str:
    """A whole map with one device and one station, ready for `genba edge check`.

    Args:
        draft: the points.
        device: id of the device; the station gets the same name in capitals.
        connection: the device's lines of YAML between its id and its points, without indentation.
        command: what made this draft; stands in its first line.
    """
    return "".join(f"{line}\n" for line in _map_lines(draft, device, connection, command))


def _map_lines(draft: Draft, device: str, connection: Sequence[str], command: str) -> Iterator[str]:
    yield f"# A draft by `{command}`: read it before you use it."
    yield "version: 1"
    yield "gateway: {id: gw-1, site: site-1, timezone: UTC}   # yours: ids of a-z, 0-9 and '-', and an IANA time zone"
    yield ""
    yield "devices:"
    yield f"  - id: {device}"
    yield from (f"    {line}" for line in connection)
    yield "    points:"
    yield points_text(draft).rstrip("\n")
    counts: dict[Result, str] = {}
    for point in draft.points:
        if point.result is not None:
            counts.setdefault(point.result, point.name)
    state = next((point.name for point in draft.points if point.is_state), None)
    if not counts and state is None:
        return
    yield ""
    yield "stations:                                          # guessed by their names: which point counts what"
    parts = [f"device: {device}"]
    if state is not None:
        parts.append(f"state: {state}")
    if counts:
        parts.append(f"counts: {{{', '.join(f'{result}: {name}' for result, name in counts.items())}}}")
    yield f"  {device.upper()}: {{{', '.join(parts)}}}"


def word_order_hint(values: Sequence[int]) -> bool:
    """Whether a value of two registers moves as if they were read in the wrong order: by multiples of 65536 only.

    >>> word_order_hint([131072, 196608, 262144]), word_order_hint([2, 3, 4]), word_order_hint([7, 7])
    (True, False, False)
    """
    steps = [after - before for before, after in itertools.pairwise(values) if after != before]
    return bool(steps) and all(step % TORN_STEP == 0 for step in steps)


def _result_of(variable: FoundVariable) -> Result | None:
    if variable.type not in WHOLE_NUMBERS:
        return None
    name = variable.path[-1]
    if _SCRAP.search(name):
        return Result.SCRAP
    return Result.GOOD if _COUNTER.search(name) else None


def _settings(variable: FoundVariable, *, is_counter: bool, is_state: bool) -> str:
    parts = [_place(variable), f"type: {variable.type}"]
    if is_counter:
        parts.append("counter: {}")
    if is_state:
        parts.append(f"labels: {{0: {StationState.IDLE}, 1: {StationState.RUNNING}}}")
    return ", ".join(parts)


def _left_out(variable: FoundVariable) -> str:
    if variable.element is None:
        return f"{variable.type_name}, which a point cannot hold"
    name, settings = _name_of(variable.path, set()), _place(variable)
    return f"{variable.type_name}; one of it: {name}-0: {{{settings}, element: 0, type: {variable.element}}}"


def _place(variable: FoundVariable) -> str:
    return f"node: {json.dumps(variable.node, ensure_ascii=False)}"


def _note(variable: FoundVariable) -> str:
    shown = "no value" if variable.value is None else json.dumps(variable.value, ensure_ascii=False)
    shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
    return f"   # {variable.name}, now {shown}" + (f" ({variable.status})" if variable.status else "")


def _name_of(path: Sequence[str], taken: set[str]) -> str:
    """A name that the map allows, from as few of the last browse names as make it the only one of its kind."""
    safe = [re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-_") for part in path]
    for parts in range(1, len(safe) + 1):
        name = "-".join(part for part in safe[-parts:] if part)[-_LONGEST_NAME:].strip("-_")
        if name and name not in taken:
            return name
    base = (safe[-1] or "point")[: _LONGEST_NAME - 4]
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([base], numbered) if name not in taken)
