"""ETags: an answer that the client has already is not sent again, and nobody changes what he has not seen."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import orjson
from fastapi import Header
from fastapi.responses import Response

from genba_cloud.api.problems import ApiProblem

IfNoneMatch = Annotated[str | None, Header(max_length=2000, description="ETags of what the client has: 304 if it is")]
IfMatch = Annotated[str | None, Header(max_length=2000, description="ETag of what the client saw: 412 if it changed")]


def tag_of(content: Any) -> str:
    """The ETag of an answer: another one when anything in it is."""
    return f'"{hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"'


def tagged(content: Any, if_none_match: str | None = None, *, status: int = 200) -> Response:
    """The answer with its ETag, or 304 where the client has it."""
    tag = tag_of(content)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and _names(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return Response(orjson.dumps(content), status_code=status, media_type="application/json", headers=headers)


def require_match(content: Any, if_match: str | None) -> None:
    """Refuse a change of what is other than the client saw it.

    Raises:
        ApiProblem: 412, with the ETag as it is now.
    """
    if if_match is not None and not _names(if_match, tag_of(content)):
        raise ApiProblem(
            412, "it was changed since you read it: read it again, then change it", headers={"ETag": tag_of(content)}
        )


def _names(header: str, tag: str) -> bool:
    return any(one.strip().removeprefix("W/") in (tag, "*") for one in header.split(","))
