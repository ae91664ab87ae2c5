"""Routes of master data: one pair of lists and documents for each kind, and the configurator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from genba_cloud.api.body_forms import Body, FreeText, Name, Pieces
from genba_cloud.api.guard import Guard
from genba_cloud.api.problems import ApiProblem
from genba_cloud.api.shapes_master import MasterPageShape, MasterPutShape, MasterShape, ResolvedShape
from genba_cloud.api.visible import Desk
from genba_cloud.api.writing import source_of_viewer
from genba_cloud.core.facts.plan import Refused
from genba_cloud.core.master.configurations import InvalidChoice, Resolved, resolve
from genba_cloud.core.master.goods import BomLine
from genba_cloud.core.master.kinds import MasterDocument, MasterKind, is_name, read_body, read_text
from genba_cloud.core.master.orders import DEFAULT_ROUTING
from genba_cloud.core.viewer import Act, Subject, Viewer
from genba_cloud.ledger import Ledger
from genba_cloud.ledger.master import Book, Outcome, Put, built_in_row, page_of
from genba_cloud.ledger.templates import built_in_routings
from genba_cloud.store.master import MasterRow
from genba_cloud.store.read import UnknownCursorError
from genba_shared.clock import format_time
from genba_shared.errors import ConfigError

router = APIRouter()

LARGEST_PAGE: Final = 1000
_FREE_NAMES: Final = frozenset({MasterKind.ITEMS, MasterKind.BOMS, MasterKind.PARTNERS})
"""Kinds whose ids are free words, so that a slash may be in them."""
_reads: Final = Guard(sees=Subject.MASTER)
_puts: Final = Guard(does=Act.PUT_MASTER)
_NOT_THERE: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "there is no such document, or not in that version"}
}
_PUT_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    201: {"model": MasterPutShape, "description": "it is new"},
    412: {"description": "it was changed since the version in If-Match"},
}
_DOCUMENT: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/yaml": {"schema": {"type": "string"}},
        },
    }
}


class ChoicesBody(Body):
    """What is chosen, by module. `quantity`: how many pieces, for the amounts of components."""

    choices: Annotated[dict[Name, FreeText], Field(max_length=100)]
    quantity: Pieces | None = None


def problem_of(exc: ConfigError) -> ApiProblem:
    """What is wrong with a document, as an answer."""
    errors = [
        {
            "path": problem.path,
            "line": problem.line,
            "column": problem.column,
            "message": str(problem.message),
            "instead": str(problem.fix),
        }
        for problem in exc.problems
    ]
    first = exc.problems[0]
    said = f"{first.path}: {first.message} {first.fix}" if first.path else f"{first.message} {first.fix}"
    return ApiProblem(422, said.strip(), errors=errors)


def _list_path(kind: MasterKind) -> str:
    return "/stations/registered" if kind is MasterKind.STATIONS else f"/{kind}"


def _path(kind: MasterKind) -> str:
    return f"/{kind}/{{name:path}}" if kind in _FREE_NAMES else f"/{kind}/{{name}}"


def _add_list(kind: MasterKind) -> None:
    def list_documents(
        request: Request,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="how many at most")] = 100,
    ) -> Response:
        """Each in the version that is in force; give `next` back as `cursor` for the next page."""
        desk: Desk = request.app.state.desk
        if cursor is not None and not is_name(kind, cursor):
            raise UnknownCursorError
        with desk.reads.master() as rows:
            items, following = page_of(rows, kind, cursor=cursor, limit=limit)
        return JSONResponse({"items": [_view(row) for row in items], "next": following})

    router.add_api_route(
        _list_path(kind),
        list_documents,
        name=f"list_{kind.plural}",
        summary=f"Master data: {kind.replace('-', ' ')}",
        response_model=MasterPageShape,
        dependencies=[Depends(_reads)],
    )


def _add_get(kind: MasterKind) -> None:
    def get_document(
        request: Request,
        name: str,
        version: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """The version in force, or an earlier one. The ETag is the version."""
        row = _known(request, kind, name, version)
        tag = f'"{row.version}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if if_none_match is not None and tag in if_none_match:
            return Response(status_code=304, headers=headers)
        return JSONResponse(_view(row), headers=headers)

    router.add_api_route(
        _path(kind),
        get_document,
        name=f"get_{kind.plural}",
        summary=f"Master data: one of the {kind.replace('-', ' ')}",
        response_model=MasterShape,
        responses=_NOT_THERE,
        dependencies=[Depends(_reads)],
    )


def _add_put(kind: MasterKind) -> None:
    async def put_document(
        request: Request,
        name: str,
        viewer: Annotated[Viewer, Depends(_puts)],
        if_match: Annotated[str | None, Header(max_length=200)] = None,
    ) -> Response:
        """As JSON or, with `Content-Type: application/yaml`, as YAML. The same again changes nothing.

        A change is a new version; what was frozen from an earlier one keeps it. With If-Match, only that version is
        changed.
        """
        put = await _put(request, await _document(request, kind, name), viewer, _expected(if_match))
        answer: MasterPutShape = {"id": put.row.id, "version": put.row.version, "outcome": str(put.outcome)}
        status = 201 if put.outcome is Outcome.CREATED else 200
        return JSONResponse(answer, status_code=status, headers={"ETag": f'"{put.row.version}"'})

    router.add_api_route(
        _path(kind),
        put_document,
        methods=["PUT"],
        name=f"put_{kind.plural}",
        summary=f"Put in one of the {kind.replace('-', ' ')}, new or changed",
        response_model=MasterPutShape,
        responses=_PUT_ANSWERS,
        openapi_extra=_DOCUMENT,
    )


async def _put(request: Request, document: MasterDocument, viewer: Viewer, expected: int | None) -> Put:
    ledger: Ledger = request.app.state.ledger
    try:
        put = await ledger.put_document(document, source=source_of_viewer(viewer), expected=expected)
    except ConfigError as exc:
        raise problem_of(exc) from exc
    if isinstance(put, Refused):  # somebody changed it meanwhile
        raise ApiProblem(412, put.reason, accepted=put.accepted)
    return put


@router.post(
    "/configurations/{name}/resolve",
    summary="What a choice of options makes: item, routing, parameters, BOM and work",
    response_model=ResolvedShape,
    dependencies=[Depends(_reads)],
)
def resolve_configuration(request: Request, name: str, body: ChoicesBody) -> Response:
    """An invalid choice is refused with 422; `errors` names every rule that it breaks, and what would be allowed."""
    desk: Desk = request.app.state.desk
    ledger: Ledger = request.app.state.ledger
    with desk.reads.master() as rows:
        book = Book(rows, ledger.models)
        found = book.get(MasterKind.CONFIGURATIONS, name) if is_name(MasterKind.CONFIGURATIONS, name) else None
        if found is None:
            raise ApiProblem.not_found(f"configuration {name!r:.200}")
        resolved = resolve(found[0], body.choices)
        if not isinstance(resolved, Resolved):
            raise _invalid(resolved)
        return JSONResponse(_resolved_view(resolved, book, body.quantity))


def _invalid(wrong: Sequence[InvalidChoice]) -> ApiProblem:
    errors = [
        {
            "path": f"choices.{one.module}",
            "rule": one.rule,
            "message": one.reason,
            "instead": one.accepted,
            "why": dict(one.message),
        }
        for one in wrong
    ]
    first = wrong[0].refused()
    return ApiProblem(422, first.reason, accepted=first.accepted, errors=errors)


def _resolved_view(resolved: Resolved, book: Book, quantity: int | None) -> ResolvedShape:
    item = book.get(MasterKind.ITEMS, resolved.item)
    bom = book.get(MasterKind.BOMS, resolved.item)
    routing = resolved.routing or (item[0].routing if item else None) or DEFAULT_ROUTING
    template = book.get(MasterKind.ROUTINGS, routing)
    whole = resolved.bom(bom[0] if bom else None)
    return {
        "item": resolved.item,
        "routing": f"{routing}@{template[1]}" if template else routing,
        "parameters": dict(resolved.parameters),
        "bom": [_component(line, quantity) for line in (whole.lines if whole else ())],
        "nodes": [
            {"node": node.node, "setup_s": node.setup_s, "piece_s": node.piece_s}
            for node in (resolved.on(template[0]).nodes if template else ())
        ],
    }


def _component(line: BomLine, quantity: int | None) -> Any:
    view = {
        "item": line.item,
        "amount": line.amount,
        "uom": line.uom,
        "scrap_share": line.scrap_share,
        "node": line.node,
    }
    return view if quantity is None else {**view, "total": line.needed_for(quantity)}


def _known(request: Request, kind: MasterKind, name: str, version: int | None) -> MasterRow:
    desk: Desk = request.app.state.desk
    row = None
    if is_name(kind, name):
        with desk.reads.master() as rows:
            row = rows.in_force(kind, name) if version is None else rows.version(kind, name, version)
            is_free = row is None and rows.in_force(kind, name) is None
        if is_free and kind is MasterKind.ROUTINGS and name in built_in_routings() and version in (None, 1):
            row = built_in_row(name)
    if row is None:
        raise ApiProblem.not_found(f"{kind.key.replace('_', ' ')} {name!r:.200}")
    return row


async def _document(request: Request, kind: MasterKind, name: str) -> MasterDocument:
    if not is_name(kind, name):
        allowed = "1 to 100 printable characters" if kind in _FREE_NAMES else "1 to 40 of A-Z, a-z, 0-9, '-' and '_'"
        raise ApiProblem(422, f"{name!r:.200} is not a name", accepted=allowed)
    content = await request.body()
    is_yaml = "yaml" in request.headers.get("content-type", "")
    try:
        text = content.decode("utf-8")
        if is_yaml:
            return await asyncio.to_thread(read_text, kind, name, text)
        body = json.loads(text)
        if not isinstance(body, dict):
            raise ApiProblem(422, "a JSON object is needed", accepted='{"label": {"en": "…"}, …}')
        return await asyncio.to_thread(read_body, kind, name, body)
    except ConfigError as exc:
        raise problem_of(exc) from exc
    except (ValueError, RecursionError) as exc:
        raise ApiProblem(422, f"the body is not {'YAML' if is_yaml else 'JSON'} in UTF-8: {exc}") from exc


def _expected(if_match: str | None) -> int | None:
    if if_match is None or if_match.strip() == "*":
        return None
    word = if_match.strip().removeprefix("W/").strip('"')
    if not (word.isascii() and word.isdigit() and len(word) < 10):
        raise ApiProblem(422, 'If-Match is the version that you have seen: "3"')
    return int(word)


def _view(row: MasterRow) -> MasterShape:
    built_in = built_in_routings().get(row.id) if row.kind == MasterKind.ROUTINGS else None
    return {
        "id": row.id,
        "version": row.version,
        "valid_from": format_time(row.valid_from),
        "built_in": built_in is not None and built_in.body == row.body,
        "body": dict(row.body),
    }


for _kind in MasterKind:
    for _add in (_add_list, _add_get, _add_put):
        _add(_kind)
