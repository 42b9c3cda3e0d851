"""The stack with deploy/compose/production.yml on top: nobody without credentials."""

from collections.abc import Iterator

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.compose_stack import Stack, StackError, open_stack, why_not
from tests.integration.hub.booth import CHARGED, reading, received

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

ADMIN_KEY = "an-admin-key-of-32-characters-or-more"
DEVICES = ("/chargers/c1", "/widgets/w1")
OWN = ("registry", "router", "gateway")
SERVICES = ("redis", "postgres", "registry", "router", "gateway", "loadbalancer")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    made = Stack(
        "deploy/compose/production.yml",
        CHARGELIGHT_CREDENTIAL_KEY="a-key-of-digests-of-32-characters",
        CHARGELIGHT_REGISTRY_ADMIN_KEY=ADMIN_KEY,
        CHARGELIGHT_COMPOSE_POSTGRES_PASSWORD="a-password-of-our-own",
    )
    with open_stack(made, SERVICES, 1, OWN):
        yield made


@pytest.fixture
def rest(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"http://127.0.0.1:{stack.registry_port}", trust_env=False, timeout=15
    ) as client:
        yield client


def test_it_is_not_brought_up_without_keys_of_ones_own() -> None:
    if reason := why_not():
        pytest.skip(f"the compose stack is not tested: {reason}")
    with pytest.raises(StackError, match="openssl rand -hex 32"):
        Stack("deploy/compose/production.yml").compose("config")


def test_operators_are_asked_who_they_are(rest: httpx.Client) -> None:
    assert rest.put("/chargers/c9").status_code == 401
    key = _key_of(rest, "ben", "operator")
    rest.headers.update(_bearer(key))
    assert rest.put("/chargers/c9").status_code == 201
    assert rest.post("/keys", json={"name": "eve", "role": "admin"}).status_code == 403
    audit = rest.get("/audit", params={"subject": "c9"}).json()["items"]
    assert [(entry["who"], entry["action"]) for entry in audit] == [("ben", "created")]


@pytest.fixture
def secrets(rest: httpx.Client) -> dict[str, str]:
    """A pair with a secret each, by their paths."""
    rest.headers.update(_bearer(_key_of(rest, "anna", "operator")))
    for path in DEVICES:
        assert rest.put(path).status_code == 201
    assert rest.put("/pairings/c1", json={"widget": "w1"}).json()["projected"] is True
    return {path: rest.post(f"{path}/secret").json()["secret"] for path in DEVICES}


async def test_devices_are_asked_who_they_are(stack: Stack, secrets: dict[str, str]) -> None:
    urls = {
        path: f"ws://127.0.0.1:{port}{path}"
        for path, port in zip(DEVICES, (stack.charger_port, stack.widget_port), strict=True)
    }
    for url in urls.values():
        for headers in ({}, _bearer("nobody-knows-this-one")):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 401
    async with (
        connect(
            urls["/chargers/c1"], additional_headers=_bearer(secrets["/chargers/c1"])
        ) as charger,
        connect(urls["/widgets/w1"], additional_headers=_bearer(secrets["/widgets/w1"])) as widget,
    ):
        await charger.send(reading(100))
        assert await received(widget) == CHARGED


def _key_of(rest: httpx.Client, name: str, role: str) -> str:
    made = rest.post("/keys", json={"name": name, "role": role}, headers=_bearer(ADMIN_KEY))
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
