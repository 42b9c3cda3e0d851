"""A registry that answers what it is told to, and remembers what it was asked."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx

Answer = httpx.Response | httpx.TransportError | Callable[[httpx.Request], httpx.Response]


def problem(status: int, detail: str, **more: object) -> httpx.Response:
    said = {"type": "about:blank", "title": "No", "status": status, "detail": detail, **more}
    return httpx.Response(status, json=said, headers={"Content-Type": "application/problem+json"})


class FakeRegistry:
    """Gives its answers one after the other, and the last one from then on."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self._answers: list[Answer] = [httpx.Response(200, json={})]

    def answers(self, *answers: Answer | dict[str, Any]) -> None:
        self._answers = [
            httpx.Response(200, json=each) if isinstance(each, dict) else each for each in answers
        ]

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def asked(self) -> Iterator[tuple[str, str]]:
        """Methods and paths, as they went over the wire."""
        for request in self.requests:
            yield request.method, request.url.raw_path.decode().partition("?")[0]

    def queries(self) -> list[dict[str, str]]:
        return [dict(request.url.params) for request in self.requests]

    def bodies(self) -> list[Any]:
        return [json.loads(request.content or b"null") for request in self.requests]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer(request)
