"""The registry's REST API, as the commands use it."""

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx

Json = dict[str, Any]

_TIMEOUT_SECONDS: Final = 30.0
_IMPORT_TIMEOUT_SECONDS: Final = 300.0


class RefusedError(Exception):
    """The registry refused; the text is what it said."""


class UnreachableError(Exception):
    """There is no registry where we looked, or none that answers."""


class Api:
    """A registry.

    Args:
        url: Root of its REST API.
        key: API key to present; empty: none.
        transport: Another way to reach it, for tests.
    """

    def __init__(self, url: str, key: str, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT_SECONDS,
            # A proxy of this machine does not lead to a booth.
            trust_env=False,
            transport=transport,
        )

    def get(self, path: str, **query: object) -> Json:
        """Look at something; queries that are None are left out."""
        return self._send("GET", path, query)

    def put(self, path: str, body: Json, **query: object) -> Json:
        """Set something."""
        return self._send("PUT", path, query, body)

    def patch(self, path: str, body: Json) -> Json:
        """Change a part of something."""
        return self._send("PATCH", path, {}, body)

    def post(self, path: str, body: Json, **query: object) -> Json:
        """Make something."""
        return self._send("POST", path, query, body)

    def delete(self, path: str) -> Json:
        """Remove something."""
        return self._send("DELETE", path, {})

    def pages(self, path: str, most: int | None, **query: object) -> Iterator[Json]:
        """Yield the items of a list, page by page.

        Args:
            path: Where the list is.
            most: Yield no more than so many; None: all.
            query: Filters.
        """
        cursor: str | None = None
        left = most
        while left is None or left > 0:
            limit = min(left, 1000) if left is not None else 1000
            page = self.get(path, cursor=cursor, limit=limit, **query)
            yield from page["items"]
            if left is not None:
                left -= len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def upload(self, path: str, content: bytes, media_type: str, **query: object) -> Json:
        """Send a file."""
        return self._answer(
            self._request(
                "POST",
                path,
                query,
                content=content,
                headers={"Content-Type": media_type},
                timeout=_IMPORT_TIMEOUT_SECONDS,
            )
        )

    def download(self, path: str, **query: object) -> Iterator[bytes]:
        """Yield the pieces of a file."""
        try:
            with self._client.stream("GET", self._url + path, params=_given(query)) as response:
                if not response.is_success:
                    response.read()
                    self._answer(response)
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _send(self, method: str, path: str, query: Json, body: Json | None = None) -> Json:
        more = {} if body is None else {"json": body}
        return self._answer(self._request(method, path, query, **more))

    def _request(self, method: str, path: str, query: Json, **more: Any) -> httpx.Response:
        try:
            return self._client.request(method, self._url + path, params=_given(query), **more)
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: httpx.TransportError) -> UnreachableError:
        reason = str(error) or type(error).__name__
        return UnreachableError(
            f"no registry answers at {self._url} ({reason}). Widgets may still get their lights; "
            "see whether it runs, or set CHARGELIGHT_CLI_URL"
        )

    def _answer(self, response: httpx.Response) -> Json:
        if response.is_success:
            answer: Json = response.json() if response.content else {}
            return answer
        raise RefusedError(_said(response))


def _given(query: Json) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}


def _said(response: httpx.Response) -> str:
    """Return what the registry said, or whoever answered in its place."""
    try:
        problem = response.json()
        lines = [problem.get("detail") or problem["title"]]
    except (json.JSONDecodeError, AttributeError, KeyError):
        return f"HTTP {response.status_code} from {response.url.host}, and no reason given"
    if response.status_code == httpx.codes.UNAUTHORIZED:
        lines.append("Set CHARGELIGHT_CLI_KEY, or name a file that holds the key: --key-file")
    for error in problem.get("errors", []):
        if "line" in error:
            where = f"line {error['line']}"
            column = f", {error['column']}" if error.get("column") else ""
            lines.append(f"  {where}{column}: {error['problem']}")
    return "\n".join(lines)
