"""A point list to a device map: sheets to devices, rows to points, and a report of what could not be taken."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from genba_shared.device_map import load_device_map
from genba_shared.device_map.model import ModbusTable
from genba_shared.errors import ConfigError
from genba_shared.point_list.addresses import Numbering, is_opcua
from genba_shared.point_list.files import read_sheets
from genba_shared.point_list.headings import Headings, Role, find_headings
from genba_shared.point_list.render import ImportedDevice, ImportedPoint, render_map
from genba_shared.point_list.rows import Draft, Protocol, draft_of
from genba_shared.point_list.table import PointListError, RowProblem, RowRefused, Sheet

_HEX: Final = ("hex", "16进制", "十六进制", "16進")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """What the list does not say. None: found out from the list."""

    protocol: Protocol | None = None
    device: str = "device1"
    host: str = ""
    table: ModbusTable | None = None
    address_base: int = 0
    encoding: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The map as text, and what became of the rows."""

    text: str
    rows: int
    points: int
    problems: tuple[RowProblem, ...]
    unused_headings: tuple[str, ...]
    sheets_without_list: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Work:
    settings: ImportSettings
    rows: int = 0
    problems: list[RowProblem] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    without_list: list[str] = field(default_factory=list)


def import_point_list(path: Path, settings: ImportSettings) -> Imported:
    """Read a point list and write the map of it, which passes the map check.

    Raises:
        PointListError: no row can be taken, or the file is no point list.
    """
    work = _Work(settings=settings)
    sheets = read_sheets(path, encoding=settings.encoding)
    devices = [device for device in (_device_of(sheet, work) for sheet in _with_headings(sheets, work)) if device]
    text, kept = _checked_map(path.name, _numbered(devices, settings), work)
    if not kept:
        shown = "\n".join(f"  {problem}" for problem in work.problems[:10])
        raise PointListError(f"no row of {path.name} can be taken:\n{shown}" if shown else f"{path.name} has no rows")
    return Imported(
        text=text,
        rows=work.rows,
        points=kept,
        problems=tuple(sorted(work.problems, key=lambda problem: (problem.sheet, problem.row))),
        unused_headings=tuple(dict.fromkeys(work.unused)),
        sheets_without_list=tuple(work.without_list),
    )


def _with_headings(sheets: Sequence[Sheet], work: _Work) -> Iterator[tuple[Sheet, Headings]]:
    """Sheets that hold a list; others (a cover, a history) are named in the report."""
    first: PointListError | None = None
    found = False
    for sheet in sheets:
        try:
            headings = find_headings(sheet)
        except PointListError as exc:
            first = first or exc
            work.without_list.append(sheet.name)
        else:
            found = True
            yield sheet, headings
    if not found:
        raise first or PointListError("the workbook has no sheet")


def _device_of(found: tuple[Sheet, Headings], work: _Work) -> ImportedDevice | None:
    sheet, headings = found
    work.unused += headings.unused
    rows = [row for row in sheet.rows if row.number > headings.row]
    work.rows += len(rows)
    addresses = [headings.cell(row, Role.ADDRESS).text for row in rows]
    by_node = sum(is_opcua(address) for address in addresses)
    protocol = work.settings.protocol or (Protocol.OPCUA if 2 * by_node > len(rows) else Protocol.MODBUS)
    numbering = Numbering(
        base=work.settings.address_base,
        default=work.settings.table,
        is_hex=any(word in headings.titles[Role.ADDRESS].casefold() for word in _HEX),
    )
    points: list[ImportedPoint] = []
    taken: set[str] = set()
    for row in rows:
        if not headings.cell(row, Role.NAME).text and not headings.cell(row, Role.ADDRESS).text:
            work.problems.append(_problem(sheet, row.number, headings, RowRefused(Role.NAME, *_NO_POINT)))
            continue
        try:
            draft = draft_of(row, headings, protocol=protocol, numbering=numbering)
        except RowRefused as exc:
            work.problems.append(_problem(sheet, row.number, headings, exc))
            continue
        points.append(_named(draft, sheet.name, taken))
    return ImportedDevice(id="", protocol=protocol, sheet=sheet.name, points=tuple(points)) if points else None


_NO_POINT: Final = ("the row has neither name nor address.", "")


def _problem(sheet: Sheet, row: int, headings: Headings, exc: RowRefused) -> RowProblem:
    role = Role(exc.role)
    return RowProblem(
        sheet=sheet.name,
        row=row,
        column=headings.titles.get(role, role),
        letter=headings.letter(role),
        message=exc.message,
        fix=exc.fix,
    )


def _named(draft: Draft, sheet: str, taken: set[str]) -> ImportedPoint:
    """A name that the map takes; where it differs from the list's, that one is kept as the label."""
    name = safe_name(draft.name, otherwise=_name_of_place(draft))
    while name in taken:
        stem, _, number = name.rpartition("-")
        name = f"{stem}-{int(number) + 1}" if stem and number.isdecimal() and len(number) < 6 else f"{name[:36]}-2"
    taken.add(name)
    label = draft.name if name != draft.name else draft.comment
    remarks = (draft.comment, *draft.remarks) if draft.comment and label != draft.comment else draft.remarks
    return ImportedPoint(
        name=name, label=label, sheet=sheet, row=draft.row, settings=draft.settings, remark="; ".join(remarks)
    )


def _name_of_place(draft: Draft) -> str:
    """``at-40101`` or ``holding-100-3``: what a point is called whose own name has no Latin letters."""
    place = "-".join(re.findall(r"[a-z0-9]+", draft.settings.get("at", "")))
    if not place:
        return f"row-{draft.row}"
    named = place if place[0].isalpha() else f"at-{place}"
    return f"{named}-{draft.settings['bit']}" if "bit" in draft.settings else named


def safe_name(written: str, *, otherwise: str) -> str:
    """A point's name of letters, digits, '-' and '_'; `otherwise` where hardly anything of it is left.

    >>> safe_name("Line1.Good Count", otherwise="row-2"), safe_name("产量1", otherwise="row-3")
    ('Line1_Good_Count', 'row-3')
    """
    text = unicodedata.normalize("NFKC", written)
    if any(sign.isalpha() and not sign.isascii() for sign in text) and len(re.findall(r"[A-Za-z]", text)) < 3:
        return otherwise
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("-_")
    if name.casefold() in _WORDS_OF_YAML or name[:1].isdecimal():
        name = f"p{name}"
    return name[:40].rstrip("-_") or otherwise


_WORDS_OF_YAML: Final = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
"""Words that YAML 1.1 reads as something else; so it does with some that begin with a digit (012, 1e5)."""


def _numbered(devices: Sequence[ImportedDevice], settings: ImportSettings) -> tuple[ImportedDevice, ...]:
    """One device for each sheet: device1, device1-2, …"""
    return tuple(
        ImportedDevice(
            id=settings.device if number == 1 else f"{settings.device}-{number}",
            protocol=device.protocol,
            sheet=device.sheet,
            points=device.points,
        )
        for number, device in enumerate(devices, start=1)
    )


def _checked_map(file: str, devices: tuple[ImportedDevice, ...], work: _Work) -> tuple[str, int]:
    """The map's text, without the points that the map check refuses; these are told as it tells them."""
    while any(device.points for device in devices):
        rendered = render_map(file, devices, host=work.settings.host)
        try:
            load_device_map(Path("plant.yaml"), text=rendered.text)
        except ConfigError as exc:
            refused = {
                rendered.points[problem.line]: problem
                for problem in exc.problems
                if not problem.warning and problem.line in rendered.points
            }
            if not refused:
                first = next(problem for problem in exc.problems if not problem.warning)
                raise PointListError(f"the map of this list cannot be used: {first.message} {first.fix}") from exc
            for point, problem in refused.items():
                work.problems.append(
                    RowProblem(
                        sheet=point.sheet, row=point.row, column="", letter="", message=problem.message, fix=problem.fix
                    )
                )
            devices = tuple(
                ImportedDevice(
                    id=device.id,
                    protocol=device.protocol,
                    sheet=device.sheet,
                    points=tuple(point for point in device.points if point not in refused),
                )
                for device in devices
                if any(point not in refused for point in device.points)
            )
        else:
            return rendered.text, sum(len(device.points) for device in devices)
    return "", 0
