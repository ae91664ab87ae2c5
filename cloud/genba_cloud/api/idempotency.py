"""Idempotency keys: the first answer to a request is given again for 24 h, and only to the same request."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from genba_cloud.api.guard import authority_of
from genba_cloud.api.problems import ApiProblem
from genba_cloud.core.viewer import Viewer
from genba_cloud.store.accounts import Accounts, KeptAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Idempotent:
    """One request with its key; without a key nothing is kept."""

    accounts: Accounts
    viewer: Viewer
    key: str | None
    hashed: str

    @classmethod
    def of(cls, request: Request, viewer: Viewer, key: str | None, body: BaseModel, *, about: str = "") -> Idempotent:
        """The request of a viewer, told from others by its body and by what it is `about`, where its path says so."""
        hashed = hashlib.sha256((about + body.model_dump_json()).encode()).hexdigest()
        return cls(accounts=authority_of(request).accounts, viewer=viewer, key=key, hashed=hashed)

    async def kept(self) -> Response | None:
        """The answer that was given to it before.

        Raises:
            ApiProblem: 422, the key was used for another request.
        """
        if not self.key:
            return None
        kept = await asyncio.to_thread(self.accounts.kept_answer, self.viewer.who, self.key)
        if kept is None:
            return None
        if kept.request_hash != self.hashed:
            raise ApiProblem(422, "this Idempotency-Key was used with another body: use a new key for a new request")
        return Response(
            kept.body,
            status_code=kept.status,
            media_type="application/json",
            headers={"Idempotency-Replayed": "true"},
        )

    async def answered(self, content: object, *, status: int = 200) -> Response:
        """This answer, kept for the same request."""
        if self.key:
            answer = KeptAnswer(request_hash=self.hashed, status=status, body=json.dumps(content))
            await asyncio.to_thread(self.accounts.keep_answer, self.viewer.who, self.key, answer)
        return JSONResponse(content, status_code=status)
