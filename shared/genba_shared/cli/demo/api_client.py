"""A small client of the collector's API: JSON over HTTP with a machine key, standard library only."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from genba_shared.errors import GenbaError

TIMEOUT_S = 10.0


class ApiUnreachable(GenbaError):
    """The collector does not answer now; try again."""


class ApiRefused(GenbaError):
    """The collector answered that it will not; the message is its reason."""


class ApiClient:
    """Calls the API at `base` (``http://127.0.0.1:8000``) as the machine that owns `key`."""

    def __init__(self, base: str, key: str) -> None:
        self._base, self._key = base.rstrip("/"), key

    def get(self, path: str, **query: object) -> Any:
        """The JSON answer to a GET.

        Raises:
            ApiUnreachable: no answer, or the server says that it is not ready.
            ApiRefused: any other refusal.
        """
        text = urllib.parse.urlencode({name: str(value) for name, value in query.items() if value is not None})
        return self._call("GET", f"{path}?{text}" if text else path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The JSON answer to a POST; raises as `get`."""
        return self._call("POST", path, json.dumps(body).encode())

    def pages(self, path: str, *, cursor: str, **query: object) -> Iterator[dict[str, Any]]:
        """Every item of a paged list; `cursor` is the name of the parameter that takes the answer's `next`."""
        position: object | None = None
        while True:
            page = self.get(path, **query, **{cursor: position})
            yield from page["items"]
            if page["next"] is None:
                return
            position = page["next"]

    def _call(self, method: str, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(  # noqa: S310 (the base is an http URL that the demo made itself)
            f"{self._base}/api/v1{path}",
            data=body,
            method=method,
            headers={"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
                return json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            text = exc.read(2000).decode(errors="replace")
            if exc.code in {502, 503}:
                raise ApiUnreachable(f"{method} {path}: {exc.code} {text}") from exc
            raise ApiRefused(f"{method} {path}: {exc.code} {text}") from exc
        except (OSError, ValueError) as exc:
            raise ApiUnreachable(f"{method} {path}: {exc}") from exc
