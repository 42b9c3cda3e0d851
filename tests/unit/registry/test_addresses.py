"""The API's own pages, its path prefix, and web pages of others (CORS).

With a server and a database: `tests/integration/registry/test_addresses.py`.
"""

import re
from collections.abc import Collection
from typing import Any, Final, cast
from urllib.parse import urljoin

import httpx
import pytest
from structlog.testing import capture_logs

from services.registry.access.authorization import Authorization
from services.registry.routes.build import build
from services.registry.routes.dependencies import Parts

NOTHING: Final = cast("Any", None)
"""None of this asks Postgres or Redis."""

PREFIX: Final = "/booth/registry"
PAGE: Final = "https://booth.example.org"
"""Where a web page comes from."""


def client_of(path_prefix: str = "", origins: Collection[str] = ()) -> httpx.AsyncClient:
    open_to_all = Authorization(NOTHING, NOTHING, required=False)
    parts = Parts(NOTHING, NOTHING, NOTHING, NOTHING, open_to_all, NOTHING, NOTHING, NOTHING)
    api = build(parts, path_prefix, origins)
    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://registry")


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json"])
async def test_pages_say_what_is_possible_too(path: str) -> None:
    refused = await client_of().delete(path)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert "there are GET, HEAD" in refused.json()["detail"]


@pytest.mark.parametrize("seen", ["", PREFIX], ids=["removed", "passed on"])
async def test_a_prefix_is_in_all_addresses_that_clients_are_given(seen: str) -> None:
    client = client_of(PREFIX)
    for root in {seen or "/", f"{seen}/"}:
        answer = await client.get(root)
        assert (answer.status_code, answer.headers["location"]) == (307, f"{PREFIX}/docs")
    assert (await client.get(f"{seen}/openapi.json")).json()["servers"] == [{"url": PREFIX}]
    page = (await client.get(f"{seen}/docs")).text
    named = re.findall(r"(?:src|href)=\"([^\"]+)\"|url: '([^']+)'", page)
    addresses = [urljoin(f"{PREFIX}/docs", first or second) for first, second in named]
    assert f"{PREFIX}/openapi.json" in addresses
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith(f"{PREFIX}/")
        assert (await client.get(seen + address.removeprefix(PREFIX))).status_code == 200


@pytest.mark.parametrize("path", [f"{PREFIX}s/docs", f"{PREFIX}{PREFIX}/docs", "/booth/docs"])
async def test_what_only_begins_like_the_prefix_is_not_below_it(path: str) -> None:
    assert (await client_of(PREFIX).get(path)).status_code == 404


def asks_for(method: str, origin: str = PAGE) -> dict[str, str]:
    """Return the headers of a browser that asks before it sends a page's request."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type,if-match,if-none-match",
    }


def allowed(answer: httpx.Response) -> str | None:
    origin: str | None = answer.headers.get("access-control-allow-origin")
    return origin


async def test_web_pages_are_not_let_in_by_default() -> None:
    client = client_of()
    asked = await client.options("/chargers/c1", headers=asks_for("PUT"))
    assert asked.status_code == 405
    got = await client.get("/docs", headers={"Origin": PAGE})
    assert not [name for answer in (asked, got) for name in answer.headers if "control-" in name]


async def test_web_pages_that_are_listed_may_send_what_others_may() -> None:
    client = client_of(origins=("https://other.example", PAGE))
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        # Asked without the key, which a browser keeps for the request itself.
        asked = await client.options("/chargers/c1", headers=asks_for(method))
        assert (asked.status_code, allowed(asked)) == (200, PAGE)
        assert method in asked.headers["access-control-allow-methods"].split(", ")
        assert "access-control-allow-credentials" not in asked.headers


async def test_web_pages_that_are_listed_see_answers_and_what_was_wrong() -> None:
    client = client_of(origins=(PAGE,))
    for path, status in (("/openapi.json", 200), ("/nothing", 404), ("/chargers/a/b/c", 404)):
        got = await client.get(path, headers={"Origin": PAGE})
        assert (got.status_code, allowed(got)) == (status, PAGE)
        shown = got.headers["access-control-expose-headers"].split(", ")
        assert {"ETag", "Retry-After"} <= set(shown)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://booth.example.org",
        f"{PAGE}:8443",
        f"{PAGE}.evil.com",
    ],
)
async def test_web_pages_that_are_not_listed_are_not_let_in(origin: str) -> None:
    client = client_of(origins=(PAGE,))
    asked = await client.options("/chargers/c1", headers=asks_for("PUT", origin))
    assert (asked.status_code, allowed(asked)) == (400, None)
    got = await client.get("/docs", headers={"Origin": origin})
    # Or else a cache would give a listed page's answer to this one.
    assert (allowed(got), "Origin" in got.headers["vary"]) == (None, True)


async def test_a_page_may_read_that_there_was_a_bug() -> None:
    # There is nothing behind this API, so that every call is a bug.
    with capture_logs() as logged:
        answer = await client_of(origins=[PAGE]).get("/chargers", headers={"Origin": PAGE})
    assert [each["event"] for each in logged] == ["request failed"]
    assert (answer.status_code, allowed(answer)) == (500, PAGE)
    assert "the registry's log has it" in answer.json()["detail"]
