"""What holds for every request: a limit on its size, headers that protect browsers, a counter."""

from __future__ import annotations

from typing import Final

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from genba_cloud.api.health import Metrics
from genba_cloud.api.problems import ApiProblem, answer

LARGEST_BODY: Final = 1_000_000
_STATIC: Final = "/static/"
_PROTECTION: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers would then send `Origin: null` with our own forms, and we could not tell them apart.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class RequestRules:
    """ASGI middleware. It reads no body itself and passes every stream through as it comes."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, tls: bool, largest_body: int = LARGEST_BODY) -> None:
        self._app = app
        self._metrics = metrics
        self._largest = largest_body
        self._headers = {**_PROTECTION, **({"Strict-Transport-Security": "max-age=31536000"} if tls else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if _declared_size(scope) > self._largest:
            await answer(self._too_large())(scope, receive, self._protected(scope, send))
            return
        is_over = False
        try:
            await self._app(scope, self._limited(receive), self._protected(scope, send))
            is_over = True
        finally:
            if not is_over:  # what failed is answered outside of us, after this
                self._count("5xx")

    def _count(self, status: str) -> None:
        self._metrics.count("genba_http_requests_total", status=status)

    def _limited(self, receive: Receive) -> Receive:
        left = self._largest

        async def limited() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise HTTPException(413, self._too_large().detail)
            return message

        return limited

    def _protected(self, scope: Scope, send: Send) -> Send:
        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(_STATIC) and b"v=" in scope.get("query_string", b""):
                    headers["Cache-Control"] = "public, max-age=31536000, immutable"
                self._count(f"{message['status'] // 100}xx")
            await send(message)

        return protected

    def _too_large(self) -> ApiProblem:
        return ApiProblem(413, f"a request may hold at most {self._largest} bytes: send it in parts")


def _declared_size(scope: Scope) -> int:
    text = Headers(scope=scope).get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
