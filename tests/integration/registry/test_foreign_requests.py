"""What a web page that a visitor of this network opens cannot do with the registry.

Each attack was done before it was stopped: with no key required, a page whose name was pointed
at the registry (DNS rebinding) registered chargers and made itself an admin's key, and the form
of any page replaced a charger's secret.
"""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from tests.integration.registry.by_rest import CSV, assert_problem, registered
from tests.integration.registry.conftest import RunningRegistry, StartRegistry

BOOTH = "https://booth.example.org"
HUB = "hub.example.org"


@pytest.fixture
async def hub(start_registry: StartRegistry) -> RunningRegistry:
    """A registry with a name of its own, and a page that may use it."""
    return await start_registry(
        allowed_hosts=[HUB],
        origins=[BOOTH],
        credential_key=SecretStr("a-key-of-digests-of-32-characters"),
    )


async def send(
    registry: RunningRegistry, method: str, path: str, headers: dict[str, str], **body: Any
) -> httpx.Response:
    return await registry.client.request(method, registry.url + path, headers=headers, **body)


async def test_a_rebound_name_registers_no_charger_and_makes_no_key(hub: RunningRegistry) -> None:
    rebound = {"Host": "evil.example:3300", "Origin": "http://evil.example:3300"}
    rebound["Sec-Fetch-Site"] = "same-origin"
    for headers in (rebound, {"Host": "evil.example"}):
        answer = await send(hub, "PUT", "/chargers/c1", headers, json={})
        assert_problem(answer, 421, "CHARGELIGHT_ALLOWED_HOSTS")
        wish = {"name": "eve", "role": "admin"}
        assert_problem(await send(hub, "POST", "/keys", headers, json=wish), 421)
        for path in ("/chargers", "/docs", "/openapi.json", "/export?format=csv"):
            assert_problem(await send(hub, "GET", path, headers), 421)
    assert (await hub.send("GET", "/chargers/c1")).status_code == 404
    assert (await hub.send("GET", "/keys")).json() == {"items": []}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1"},  # another server of this machine
        {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
async def test_the_form_of_another_page_changes_nothing(
    hub: RunningRegistry, headers: dict[str, str]
) -> None:
    await registered(hub, "/chargers/c1")
    # What a form can send without asking: no body, or one that is no JSON.
    assert_problem(await send(hub, "POST", "/chargers/c1/secret", headers), 403, "another web page")
    as_text = {**headers, "Content-Type": "text/plain"}
    rows = "kind,id\ncharger,c2\n"
    assert_problem(await send(hub, "POST", "/import", as_text, content=rows), 403)
    assert_problem(await send(hub, "DELETE", "/chargers/c1", headers), 403)
    assert_problem(await send(hub, "PUT", "/chargers/c2", headers, json={}), 403)
    assert (await hub.send("GET", "/chargers/c1/secret")).json() == {"items": []}
    assert (await hub.send("GET", "/chargers/c2")).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": HUB, "Origin": f"https://{HUB}", "Sec-Fetch-Site": "same-origin"},
        {"Host": "192.0.2.7:3300", "Origin": "http://192.0.2.7:3300"},
        {"Host": "[::1]:3300"},
        {"Host": "hub", "Sec-Fetch-Site": "none"},
        {"Host": "hub.local"},
        {"Origin": BOOTH, "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
async def test_programs_its_own_pages_and_listed_ones_change_things(
    hub: RunningRegistry, headers: dict[str, str]
) -> None:
    csv = {**headers, "Content-Type": CSV}
    rows = "kind,id\ncharger,c1\n"
    assert (await send(hub, "POST", "/import", csv, content=rows)).status_code == 200
    assert (await send(hub, "POST", "/chargers/c1/secret", headers)).status_code == 201


async def test_a_link_of_another_page_may_be_followed(hub: RunningRegistry) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/docs", "/openapi.json"):
        assert (await send(hub, "GET", path, headers)).status_code == 200


async def test_a_rebound_name_reads_no_health(hub: RunningRegistry) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        url = hub.health_url + path
        refused = await hub.client.get(url, headers={"Host": "evil.example:3103"})
        assert refused.status_code == 421
        assert "CHARGELIGHT_ALLOWED_HOSTS" in refused.text
        for host in ("192.0.2.7", "registry", HUB):
            assert (await hub.client.get(url, headers={"Host": host})).status_code == 200
