"""What tests of the REST API have in common: requests, and what answers must look like."""

from typing import Any

import httpx

from tests.integration.registry.conftest import RunningRegistry

CSV = "text/csv"
JSONL = "application/jsonl"


async def registered(registry: RunningRegistry, path: str, **words: str) -> dict[str, Any]:
    """Register a new device by its path, and return what it is now."""
    answer = await registry.send("PUT", path, words)
    assert answer.status_code == 201, answer.text
    device: dict[str, Any] = answer.json()
    return device


async def paired(registry: RunningRegistry, charger: str, widget: str) -> dict[str, Any]:
    """Pair two registered devices that are free."""
    answer = await registry.send("PUT", f"/pairings/{charger}", {"widget": widget})
    assert answer.status_code == 200, answer.text
    pairing: dict[str, Any] = answer.json()
    return pairing


def assert_problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """Check that an answer is a problem whose detail has these words, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert {"type", "title", "status", "detail"} <= set(problem)
    for word in words:
        assert word in problem["detail"]
    return problem


async def post_import(
    registry: RunningRegistry,
    content: str | bytes,
    media_type: str = CSV,
    *,
    dry_run: bool = False,
    replace: bool = False,
) -> httpx.Response:
    """Send an import file."""
    return await registry.client.post(
        f"{registry.url}/import?dry_run={dry_run}&replace={replace}",
        content=content,
        headers={"content-type": media_type},
    )


async def imported(
    registry: RunningRegistry,
    content: str | bytes,
    media_type: str = CSV,
    *,
    dry_run: bool = False,
    replace: bool = False,
) -> dict[str, Any]:
    """Send an import file that must be taken, and return what it did."""
    answer = await post_import(registry, content, media_type, dry_run=dry_run, replace=replace)
    assert answer.status_code == 200, answer.text
    did: dict[str, Any] = answer.json()
    return did


async def refused(
    registry: RunningRegistry,
    content: str | bytes,
    media_type: str = CSV,
    *,
    dry_run: bool = False,
) -> list[tuple[int, str | None, str]]:
    """Send an import file that must be refused, and return why: line, column, problem."""
    answer = await post_import(registry, content, media_type, dry_run=dry_run)
    problem = assert_problem(answer, 422, "nothing was imported")
    assert problem["type"] == "urn:chargelight:problem:import-refused"
    assert problem["total"] >= len(problem["errors"]) > 0
    return [(each["line"], each["column"], each["problem"]) for each in problem["errors"]]


async def exported(registry: RunningRegistry, format_: str = "csv") -> bytes:
    """Return all devices as a file."""
    answer = await registry.send("GET", f"/export?format={format_}")
    assert answer.status_code == 200, answer.text
    return answer.content
