"""The tables of settings as JSON Schema, part by part: what an editor offers and underlines while a map is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml

from genba_shared.device_map.spec import MISSING, Key, ObjectSpec

Schema = Mapping[str, Any]

NAME_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$"


def object_schema(spec: ObjectSpec, *, kinds: Mapping[str, Schema] | None = None) -> dict[str, Any]:
    """A group of settings; `kinds` takes the place of what the table says of some keys."""
    replaced = kinds or {}
    schema: dict[str, Any] = {
        "type": "object",
        "description": _sentence(spec.name),
        "properties": {
            name: key_schema(key, spec, replaced.get(name, key.kind.schema)) for name, key in spec.keys.items()
        },
        "additionalProperties": False if spec.free is None else key_schema(spec.free, spec, spec.free.kind.schema),
    }
    required = [name for name, key in spec.keys.items() if key.required]
    if required:
        schema["required"] = required
    return {**schema, **spec.rules}


def key_schema(key: Key, spec: ObjectSpec, kind: Schema) -> dict[str, Any]:
    """One setting: its form, its meaning, its default and an example."""
    words = [_sentence(key.meaning), f"Value: {key.kind.allowed}."]
    if key.not_yet:
        words.append(f"Not acted on yet: {key.not_yet}.")
    default = spec.default_of(key)
    schema: dict[str, Any] = {**kind}
    if key.default_text:
        words.append(f"Default: {key.default_text}.")
    elif not key.required and key.kind.show is not None and default not in (MISSING, None, "", (), {}):
        shown = key.kind.show(default)
        words.append(f"Default: {shown}.")
        if schema.get("not") == {"const": default}:
            pass  # a default that is not written: `offset` is 0 where it is left out
        elif isinstance(default, int | float) and schema.get("type") in {"integer", "number"}:
            schema["default"] = default
        elif isinstance(default, str) or schema.get("type") == "string":
            schema["default"] = str(default) if isinstance(default, str) else shown
    example = _example(key)
    if example is not None:
        schema["examples"] = [example]
    return {**schema, "description": " ".join(words)}


def by_name(schema: Schema, what: str) -> dict[str, Any]:
    """A group whose keys are names of the engineer's own choice."""
    return {
        "type": "object",
        "description": _sentence(what),
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": schema,
    }


def partly(schema: Schema) -> dict[str, Any]:
    """The same form with nothing required: for a profile, and for a device that starts from one."""
    return {word: _partly(word, value) for word, value in schema.items() if word not in _DEMANDS}


_DEMANDS: Final = frozenset({"required", "dependentRequired", "minProperties", "oneOf"})


def _partly(word: str, value: Any) -> Any:
    if word == "properties":
        return {name: partly(each) for name, each in value.items()}
    if isinstance(value, Mapping):
        return partly(value)
    if isinstance(value, list):
        return [partly(each) if isinstance(each, Mapping) else each for each in value]
    return value


def _example(key: Key) -> Any:
    """The value of the example; None where it is shortened by '…' or has a tag."""
    if "…" in key.example or "!" in key.example:
        return None
    try:
        written = yaml.load(key.example, Loader=_ExampleLoader)  # noqa: S506  # a safe loader that keeps words as words
    except yaml.YAMLError:
        return None
    return next(iter(written.values())) if isinstance(written, dict) else None


class _ExampleLoader(yaml.SafeLoader):
    """`off` and `12:30` stay words, as YAML 1.2 and our editors read them; keys are texts, as in JSON."""


_ExampleLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in {"int", "float"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


_ExampleLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), ["t", "f"])


def _construct_mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
    return {str(key.value): loader.construct_object(value, deep=True) for key, value in node.value}


_ExampleLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
