"""The served OpenAPI document: complete, and every example in it is one that a collector takes and answers so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from genba_cloud.api.description import answers, examples
from tests.api_examples import Examples, Operation, all_examples

RECORD = "run: python -m tests.api_examples"
FILES = {
    "text/plain",
    "text/csv",
    "application/yaml",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Answers that are files, not JSON: nothing of them is kept."""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Every example, sent once to one collector."""
    return asyncio.run(all_examples(tmp_path_factory.mktemp("examples")))


@pytest.mark.requirement(
    "R93", part="the description of the API is whole, and what gateways send is taken by as many workers as wanted"
)
def test_every_operation_has_an_example_and_every_example_an_operation(ran: Examples) -> None:
    assert {one.key for one in ran.operations()} == set(examples())


def test_every_example_is_answered_with_success(ran: Examples) -> None:
    failed = {key: (one.status, one.said) for key, one in ran.sent.items() if not 200 <= one.status < 300}
    assert (failed, len(ran.sent)) == ({}, len(examples()))


@pytest.mark.requirement(
    "R93", part="the description of the API is whole, and what gateways send is taken by as many workers as wanted"
)
def test_what_is_answered_is_what_the_document_says(ran: Examples) -> None:
    wrong = {}
    for one in ran.operations():
        sent = ran.sent[one.key]
        described = one.described["responses"].get(str(sent.status))
        assert described is not None, f"{one.key} answers {sent.status}, which the document does not name"
        content = described.get("content", {})
        assert sent.media in (content or {""}), f"{one.key} answers {sent.media!r}"
        if sent.content is not None:
            wrong[one.key] = mistakes(ran.document, content[sent.media]["schema"], sent.content)
    assert {key: said for key, said in wrong.items() if said} == {}


def test_every_example_of_a_request_and_of_an_answer_follows_its_schema(ran: Examples) -> None:
    wrong = {}
    for one in ran.operations():
        for place, media in contents(one):
            if "example" in media and media.get("schema"):
                wrong[f"{one.key} {place}"] = mistakes(ran.document, media["schema"], media["example"])
    assert len(wrong) > len(answers())
    assert {key: said for key, said in wrong.items() if said} == {}


def test_every_json_answer_and_every_body_is_shown_by_an_example(ran: Examples) -> None:
    bare = [
        f"{one.key} {place}"
        for one in ran.operations()
        for place, media in contents(one)
        if "example" not in media
        and media.get("schema", {}).get("format") != "binary"  # a spreadsheet is not shown as text
        and not _is_linked(ran, one, place)
    ]
    assert bare == [], RECORD
    assert set(answers()) == {key for key, one in ran.sent.items() if one.content is not None}, RECORD


def test_a_body_that_is_shown_in_another_medium_is_taken_as_the_same(ran: Examples) -> None:
    assert "PUT /items/{name} application/yaml" in ran.again
    for key, one in ran.again.items():
        assert (one.status, (one.content or {}).get("outcome")) == (200, "unchanged"), f"{key}: {one.said}"


def test_kept_answers_have_the_fields_that_are_answered(ran: Examples) -> None:
    for key, kept in answers().items():
        assert set(kept) == set(ran.sent[key].content), f"{key}: {RECORD}"


def test_every_operation_names_its_errors_as_problems(ran: Examples) -> None:
    for one in ran.operations():
        statuses = one.described["responses"]
        assert "security" not in one.described or {"401", "403"} <= set(statuses), one.key
        assert "requestBody" not in one.described or {"413", "422"} <= set(statuses), one.key
        for status, answer in statuses.items():
            if int(status) >= 400 and one.key != "GET /readyz":
                assert set(answer["content"]) == {"application/problem+json"}, one.key
                assert answer["description"], one.key


def test_operations_are_called_by_short_names_of_their_own(ran: Examples) -> None:
    names = [one.described["operationId"] for one in ran.operations()]
    assert len(names) == len(set(names))
    assert [name for name in names if "api_v1" in name] == []


def contents(operation: Operation) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The JSON bodies of an operation: of its request, and of the answer that its example gets."""
    described = operation.described
    for name, media in described.get("requestBody", {}).get("content", {}).items():
        yield f"request {name}", media
    first = next(status for status in described["responses"] if status.startswith("2"))
    answer = described["responses"][str(operation.example.get("status", first))]
    for name, media in answer.get("content", {}).items():
        if name not in FILES:
            yield f"answer {name}", media


def mistakes(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> list[str]:
    """Where a value does not follow a schema of the document."""
    whole = {**schema, "components": document["components"]}
    return [f"{error.json_path}: {error.message}"[:200] for error in Draft202012Validator(whole).iter_errors(value)]


def _is_linked(ran: Examples, operation: Operation, place: str) -> bool:
    """Whether a request is made from what another operation answers."""
    links = (
        link
        for other in ran.operations()
        for answer in other.described["responses"].values()
        for link in answer.get("links", {}).values()
    )
    name = operation.described["operationId"]
    return place.startswith("request") and any(link["operationId"] == name and "requestBody" in link for link in links)
