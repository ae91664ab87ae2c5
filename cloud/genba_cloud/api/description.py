"""The OpenAPI document: what FastAPI knows of each route, with its errors, its examples, and links between routes.

Examples are in ``examples/*.yaml`` beside this module, by operation. A test sends every one of them to a running
collector. What was answered is kept in ``examples/answers.json``, written by ``python -m tests.api_examples``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import yaml
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from genba_cloud.api.guard import SECURITY_SCHEMES, is_guarded
from genba_cloud.api.problems import MEDIA_TYPE

PREFIX: Final = "/api/v1"
EXAMPLES: Final = Path(__file__).parent / "examples"
_PROBLEM: Final = "Problem"
_METHODS: Final = ("get", "put", "post", "patch", "delete")
_KNOWN: Final = frozenset(
    {"needs", "path", "query", "headers", "body", "text", "media", "status", "errors", "links", "stream"}
)
_SECURED: Final = {
    401: "nobody is known by what was sent: sign in, or send a machine key",
    403: "it is known who asks, and this is not allowed to them",
}
_ASKED: Final = {422: "something that was sent makes no sense; `detail` says where and what is accepted"}
_BODY: Final = {413: "the request is larger than is taken at once: send it in parts"}
_STORED: Final = {503: "the database or the broker does not answer just now; try again after `Retry-After`"}
_ALWAYS_THERE: Final = frozenset({"GET /healthz", "GET /readyz"})
"""Routes that answer in their own way whether the database does or not."""
_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "title": _PROBLEM,
    "description": "An error, as RFC 9457 writes it. `detail` says what is wrong and what would be accepted.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "accepted": {"type": "string", "description": "what would have been accepted, where that can be said"},
        "errors": {
            "type": "array",
            "description": "each place that is wrong",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


@cache
def examples() -> Mapping[str, Mapping[str, Any]]:
    """By operation (``POST /orders``), in the order in which they work: what to send, and what may go wrong.

    Raises:
        ValueError: a file says something about an operation that has no meaning, or two files speak of the same one.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for file in sorted(EXAMPLES.glob("*.yaml")):
        for operation, example in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            strange = set(example or {}) - _KNOWN
            if operation in found or strange:
                raise ValueError(f"{file.name}: {operation}: {', '.join(sorted(strange)) or 'is there twice'}")
            found[operation] = example or {}
    return found


@cache
def answers() -> Mapping[str, Any]:
    """By operation, what was answered to its example; operations that answer no JSON are not among them."""
    known: Mapping[str, Any] = json.loads((EXAMPLES / "answers.json").read_text(encoding="utf-8"))
    return known


def operation_key(method: str, path: str) -> str:
    """How an operation is named among the examples: ``GET /orders/{order}``."""
    return f"{method.upper()} {path.removeprefix(PREFIX)}"


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of the app; made once, as the routes do not change."""
    if not app.openapi_schema:
        document = app.openapi()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas[_PROBLEM] = dict(_SCHEMA)
        document["components"]["securitySchemes"] = dict(SECURITY_SCHEMES)
        guarded = {
            operation_key(method, str(route.path_format))
            for route in iter_route_contexts(app.routes)
            if is_guarded(getattr(route, "dependant", None))
            for method in route.methods or ()
        }
        ids = _shorten_ids(document)
        for path, item in document["paths"].items():
            for method in _METHODS:
                if method in item:
                    key = operation_key(method, path)
                    if key in guarded:
                        item[method]["security"] = [{name: []} for name in SECURITY_SCHEMES]
                    _complete(item[method], key, examples().get(key, {}), ids)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
    return app.openapi_schema or {}


def _shorten_ids(document: Mapping[str, Any]) -> dict[str, str]:
    """Give operations the names of their functions; by key of the operation, what each is called now."""
    ids: dict[str, str] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            operation = item.get(method)
            if operation is not None:
                suffix = re.sub(r"\W", "_", path) + f"_{method}"
                short = operation["operationId"].removesuffix(suffix)
                if short not in ids.values():
                    operation["operationId"] = short
                ids[operation_key(method, path)] = operation["operationId"]
    return ids


def _complete(operation: dict[str, Any], key: str, example: Mapping[str, Any], ids: Mapping[str, str]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status, said in sorted(_errors(operation, key, example).items()):
        responses[str(status)] = _problem(status, said)
    for parameter in operation.get("parameters", ()):
        _plain(parameter)
        given = example.get({"path": "path", "query": "query", "header": "headers"}[parameter["in"]], {})
        if parameter["name"] in given:
            parameter["example"] = given[parameter["name"]]
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if "if-none-match" in names:
        responses["304"] = {"description": "The client has it: the ETag is one that it named."}
    body = operation.get("requestBody", {}).get("content", {})
    for media, content in body.items():
        if media == example.get("media", "application/json") and ("body" in example or "text" in example):
            content["example"] = example.get("body", example.get("text"))
        elif media == "application/yaml" and "body" in example:  # the same document, as people write it
            content["example"] = yaml.safe_dump(example["body"], allow_unicode=True, sort_keys=False)
    answered = str(example.get("status", next(iter(responses))))
    if answered in responses:
        _answer(responses[answered], key, example, ids)


def _answer(response: dict[str, Any], key: str, example: Mapping[str, Any], ids: Mapping[str, str]) -> None:
    content = response.get("content", {}).get("application/json")
    if content is not None and key in answers():
        content["example"] = answers()[key]
    for target, values in example.get("links", {}).items():
        link: dict[str, Any] = {"operationId": ids[target]}
        parameters = {name: value for name, value in values.items() if name != "body"}
        if parameters:
            link["parameters"] = parameters
        if "body" in values:
            link["requestBody"] = values["body"]
        response.setdefault("links", {})[ids[target]] = link


def _errors(operation: Mapping[str, Any], key: str, example: Mapping[str, Any]) -> dict[int, str]:
    found: dict[int, str] = {}
    if "security" in operation:
        found |= _SECURED
    if "parameters" in operation or "requestBody" in operation:
        found |= _ASKED
    if "requestBody" in operation:
        found |= _BODY
    if key not in _ALWAYS_THERE:
        found |= _STORED
    for status, response in operation["responses"].items():
        if int(status) >= HTTPStatus.BAD_REQUEST and "content" not in response:  # the route names it itself
            found[int(status)] = response["description"]
    return found | {int(status): said for status, said in example.get("errors", {}).items()}


def _problem(status: int, said: str) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}: {said}",
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{_PROBLEM}"}}},
    }
    if status in {429, 503}:
        response["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": {"type": "integer"}}}
    return response


def _plain(parameter: dict[str, Any]) -> None:
    """A parameter that may be left out is left out: it cannot be null in a URL or a header."""
    schema = parameter["schema"]
    either = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if "anyOf" in schema and len(either) == 1:
        del schema["anyOf"]
        schema.update(either[0])
