"""What a Prometheus answers."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any, Final, Self

import httpx

_SECONDS: Final = 15.0


class Prometheus:
    """Asks one Prometheus over its HTTP API."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    @classmethod
    @contextlib.contextmanager
    def at(cls, port: int) -> Iterator[Self]:
        """Ask at a port of this machine, while the context is open."""
        url = f"http://127.0.0.1:{port}/api/v1"
        with httpx.Client(base_url=url, trust_env=False, timeout=_SECONDS) as http:
            yield cls(http)

    def targets(self) -> dict[str, list[str]]:
        """Return how the targets of each job are: up, down or unknown."""
        found: dict[str, list[str]] = {}
        for each in self._ask("/targets", state="active")["activeTargets"]:
            found.setdefault(each["labels"]["job"], []).append(each["health"])
        return found

    def values(self, query: str) -> list[float]:
        """Return the values that a query has now, without those that are no number."""
        found = self._ask("/query", query=query)["result"]
        values = [float(each["value"][1]) for each in found]
        return [value for value in values if not math.isnan(value)]

    def without_answer(self, queries: dict[str, str]) -> dict[str, str]:
        """Return those of the named queries that have no value."""
        return {name: query for name, query in queries.items() if not self.values(query)}

    def _ask(self, path: str, **parameters: str) -> Any:
        answer = self._http.get(path, params=parameters).json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]
