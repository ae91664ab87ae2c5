"""Routes that take and give tables: orders and master data as CSV, XLSX and YAML."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response

from genba_cloud.api.guard import Guard
from genba_cloud.api.master import problem_of
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes_master import ImportedShape, RowProblemShape
from genba_cloud.api.visible import Desk
from genba_cloud.api.writing import source_of_viewer
from genba_cloud.core.facts.plan import OrderPlan
from genba_cloud.core.master.kinds import GUIDE, MasterKind, read_file
from genba_cloud.core.master.tables.documents import form_of, rows_of
from genba_cloud.core.master.tables.files import Format, read_documents, read_orders, table_file
from genba_cloud.core.master.tables.orders import ORDERS, rows_of_orders
from genba_cloud.core.viewer import Act, Subject, Viewer
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.imports import Imported, in_chunks, read_part
from genba_cloud.ledger.templates import built_in_routings
from genba_cloud.store.read import Reads
from genba_shared.errors import ConfigError, Problem
from genba_shared.point_list.table import PointListError, RowProblem

router = APIRouter()

_PAGE: Final = 500
_FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": {
                "schema": {"type": "string", "format": "binary"}
            },
        },
    }
}
_YAML: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "content": {"application/yaml": {"schema": {"type": "string"}}}}
}
_MEDIA: Final = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {}, _MEDIA[Format.XLSX]: {}}, "description": "the table"}
}
_Zone = Annotated[str, Query(max_length=60, description="of dates at sites that have no calendar: Asia/Shanghai")]
_Encoding = Annotated[str | None, Query(max_length=40, description="of CSV, where it is not found out: gbk")]
_Language = Annotated[str, Query(pattern="^(en|zh|ja)$", description="of the headings")]


class TableKind(StrEnum):
    """Master data that comes as tables."""

    ITEMS = "items"
    BOMS = "boms"
    STATIONS = "stations"
    CALENDARS = "calendars"
    PARTNERS = "partners"


@router.post(
    "/import/orders",
    summary="Take a table of orders (CSV or XLSX)",
    response_model=ImportedShape,
    openapi_extra=_FILE,
)
async def import_orders(
    request: Request,
    viewer: Annotated[Viewer, Depends(Guard(does=Act.UPSERT_ORDER))],
    zone: _Zone = "UTC",
    encoding: _Encoding = None,
) -> Response:
    """Headings may be English, Chinese or Japanese. Each row is a line; good rows go in, the others are told.

    The same table again changes nothing.
    """
    del viewer  # orders come from the system that their rows name
    desk: Desk = request.app.state.desk
    content = await request.body()
    where = _zone_of(zone)
    try:
        table, orders = await asyncio.to_thread(
            read_orders, content, "the table", policy=desk.policy, zone=where, encoding=encoding
        )
    except PointListError as exc:
        raise ApiProblem(422, str(exc)) from exc
    imported = read_part(table)
    for part in in_chunks(orders):
        imported = imported.with_more(await _ledger(request).put_orders(table, part))
    return JSONResponse(imported_view(imported))


@router.post(
    "/import/documents",
    summary="Take a YAML file of master data, of any kinds",
    response_model=ImportedShape,
    openapi_extra=_YAML,
)
async def import_yaml(
    request: Request,
    viewer: Annotated[Viewer, Depends(Guard(does=Act.PUT_MASTER))],
    file: Annotated[str, Query(max_length=200, description="the name that problems are told with")] = "the file",
) -> Response:
    """One document, or lists of several kinds. A file that is not right in itself is refused as a whole (422)."""
    content = await request.body()
    try:
        text = content.decode("utf-8-sig")
        documents = await asyncio.to_thread(read_file, text, file=file)
    except UnicodeDecodeError as exc:
        raise ApiProblem(422, "the file is not UTF-8") from exc
    except ConfigError as exc:
        raise problem_of(exc) from exc
    imported = Imported(rows=len(documents))
    for part in in_chunks(documents):
        imported = imported.with_more(await _ledger(request).put_documents(part, source=source_of_viewer(viewer)))
    return JSONResponse(imported_view(imported))


@router.post(
    "/import/{kind}",
    summary="Take a table of master data (CSV or XLSX)",
    response_model=ImportedShape,
    openapi_extra=_FILE,
)
async def import_table(
    request: Request,
    kind: TableKind,
    viewer: Annotated[Viewer, Depends(Guard(does=Act.PUT_MASTER))],
    encoding: _Encoding = None,
) -> Response:
    """Good rows go in, the others are told by row and column. The same table again changes nothing."""
    content = await request.body()
    try:
        table, found = await asyncio.to_thread(
            read_documents, MasterKind(kind), content, "the table", encoding=encoding
        )
    except PointListError as exc:
        raise ApiProblem(422, str(exc)) from exc
    imported = read_part(table)
    for part in in_chunks(found):
        imported = imported.with_more(await _ledger(request).put_rows(table, part, source=source_of_viewer(viewer)))
    return JSONResponse(imported_view(imported))


@router.get(
    "/export/orders",
    summary="All orders as a table",
    responses=_FILES,
    response_class=Response,
    dependencies=[Depends(Guard(sees=Subject.MASTER)), Depends(Guard(sees=Subject.ORDERS))],
)
def export_orders(
    request: Request, file_format: Annotated[Format, Query(alias="format")] = Format.CSV, language: _Language = "en"
) -> Response:
    """What was ordered, as it can be imported again."""
    desk: Desk = request.app.state.desk
    rows = rows_of_orders(all_orders(desk.reads))
    return Response(table_file(ORDERS, rows, file_format, language=language), media_type=_MEDIA[file_format])


@router.get(
    "/export/documents",
    summary="All master data as YAML",
    responses={200: {"content": {"application/yaml": {}}, "description": "a file that can be imported again"}},
    response_class=Response,
    dependencies=[Depends(Guard(sees=Subject.MASTER))],
)
def export_yaml(request: Request) -> Response:
    """Lists of all kinds, each document in the version that is in force."""
    desk: Desk = request.app.state.desk
    return Response(yaml_of(desk.reads), media_type="application/yaml")


@router.get(
    "/export/templates",
    summary="All routings as YAML, also those that came with the product",
    responses={200: {"content": {"application/yaml": {}}, "description": "a file to begin one's own with"}},
    response_class=Response,
    dependencies=[Depends(Guard(sees=Subject.MASTER))],
)
def export_templates(request: Request) -> Response:
    """Each in the version that is in force."""
    desk: Desk = request.app.state.desk
    return Response(templates_of(desk.reads), media_type="application/yaml")


@router.get(
    "/export/{kind}",
    summary="Master data of one kind as a table",
    responses=_FILES,
    response_class=Response,
    dependencies=[Depends(Guard(sees=Subject.MASTER))],
)
def export_table(
    request: Request,
    kind: TableKind,
    file_format: Annotated[Format, Query(alias="format")] = Format.CSV,
    language: _Language = "en",
) -> Response:
    """Each document in the version that is in force, as it can be imported again."""
    desk: Desk = request.app.state.desk
    content = table_of(desk.reads, MasterKind(kind), file_format, language=language)
    return Response(content, media_type=_MEDIA[file_format])


def table_of(reads: Reads, kind: MasterKind, file_format: Format, *, language: str) -> bytes:
    """The documents of a kind as a table."""
    with reads.master() as rows:
        bodies = [row.body for row in rows.all_in_force(kind)]
    return table_file(form_of(kind), rows_of(kind, bodies), file_format, language=language)


def yaml_of(reads: Reads) -> bytes:
    """All master data as a YAML file."""
    with reads.master() as rows:
        return _yaml({kind: [row.body for row in rows.all_in_force(kind)] for kind in MasterKind})


def templates_of(reads: Reads) -> bytes:
    """All routings as a YAML file, also those that came with the product: to begin one's own with."""
    with reads.master() as rows:
        stored = {row.id: row.body for row in rows.all_in_force(MasterKind.ROUTINGS)}
    every = {**{name: one.body for name, one in built_in_routings().items()}, **stored}
    return _yaml({MasterKind.ROUTINGS: [body for _, body in sorted(every.items())]})


def _yaml(documents: Mapping[MasterKind, Sequence[Mapping[str, Any]]]) -> bytes:
    bundle = {kind.plural: list(bodies) for kind, bodies in documents.items() if bodies}
    text = yaml.safe_dump(bundle, allow_unicode=True, sort_keys=False, width=120) if bundle else ""
    return f"# Master data; see {GUIDE}.\n{text}".encode()


def all_orders(reads: Reads) -> Iterator[OrderPlan]:
    """Every order by promise."""
    cursor = None
    while True:
        page = reads.list_orders(cursor=cursor, limit=_PAGE)
        yield from (record.plan for record in page.items)
        if page.next is None:
            return
        cursor = page.next


def imported_view(imported: Imported) -> ImportedShape:
    """What became of a table, as an answer."""
    return {
        "rows": imported.rows,
        "created": imported.created,
        "changed": imported.changed,
        "unchanged": imported.unchanged,
        "problems": [*_row_problems(imported.problems), *_file_problems(imported.file_problems)],
        "unused": _once(imported.unused),
    }


def _row_problems(problems: Sequence[RowProblem]) -> list[RowProblemShape]:
    return [
        {
            "sheet": one.sheet,
            "row": one.row,
            "column": one.column,
            "letter": one.letter,
            "message": str(one.message),
            "instead": str(one.fix),
        }
        for one in sorted(problems, key=lambda one: one.row)
    ]


def _file_problems(problems: Sequence[Problem]) -> list[RowProblemShape]:
    return [
        {
            "sheet": one.file,
            "row": one.line,
            "column": one.path,
            "letter": "",
            "message": str(one.message),
            "instead": str(one.fix),
        }
        for one in problems
    ]


def _once(words: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(words))


def _zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ApiProblem(422, f"zone: {name!r:.60} is not a time zone", accepted="Asia/Shanghai, Asia/Tokyo") from exc


def _ledger(request: Request) -> Ledger:
    ledger: Ledger = request.app.state.ledger
    return ledger
