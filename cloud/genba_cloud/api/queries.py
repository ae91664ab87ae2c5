"""Queries that are read in one go: one model says what may be asked, checks it, and describes it in the document."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Asked = TypeVar("Asked", bound=BaseModel)


def read_query(request: Request, model: type[Asked]) -> Asked:
    """What was asked; names that the model does not have are left alone.

    Raises:
        RequestValidationError: something of it makes no sense.
    """
    values: dict[str, Any] = {}
    fields = model.model_fields
    for name, value in request.query_params.multi_items():
        field = fields.get(name)
        if field is not None:
            if field.default_factory is list:
                values.setdefault(name, []).append(value)
            else:
                values[name] = value
    try:
        return model.model_validate(values)
    except ValidationError as exc:
        errors = [{**error, "loc": ("query", *error["loc"])} for error in exc.errors(include_url=False)]
        raise RequestValidationError(errors) from exc


def described(model: type[BaseModel]) -> list[dict[str, Any]]:
    """The model as query parameters of OpenAPI."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "schema": _inlined(field, definitions),
            **({"description": field["description"]} if "description" in field else {}),
        }
        for name, field in schema["properties"].items()
    ]


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            return {**definitions[schema["$ref"].rsplit("/", 1)[1]], **rest}
        return {name: _inlined(value, definitions) for name, value in schema.items()}
    return [_inlined(one, definitions) for one in schema] if isinstance(schema, list) else schema
