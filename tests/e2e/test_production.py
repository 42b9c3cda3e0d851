"""The stack with deploy/compose/production.yml on top: nobody without credentials."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.compose_stack import Stack, StackError, open_stack, wait_until, why_not
from tests.e2e.production import CHARGER, PRODUCTION, WIDGET, Production, bearer
from tests.fixtures.certificates import Ca
from tests.fixtures.compose_config import CERTIFICATES, SECRETS
from tests.integration.hub.booth import CHARGED, reading, received

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

OWN = ("registry", "router", "gateway")
SERVICES = ("redis", "postgres", "registry", "router", "gateway", "loadbalancer")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Ca:
    return Ca(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="module")
def hub(ca: Ca, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    made = Production(ca, tmp_path_factory.mktemp("operator"))
    with open_stack(made.stack, SERVICES, 1, OWN):
        yield made


@pytest.fixture
def stack(hub: Production) -> Stack:
    return hub.stack


@pytest.fixture
def rest(hub: Production) -> Iterator[httpx.Client]:
    with hub.client() as client:
        yield client


@pytest.fixture(scope="module")
def admin_key(hub: Production) -> str:
    return hub.admin_key()


def test_it_is_not_brought_up_without_keys_and_certificates_of_ones_own() -> None:
    if reason := why_not():
        pytest.skip(f"the compose stack is not tested: {reason}")
    with pytest.raises(StackError, match="set it to the folder of"):
        Stack(PRODUCTION, **{SECRETS: "/secrets"}).compose("config")
    with pytest.raises(StackError, match="make it with deploy/compose/make-secrets"):
        Stack(PRODUCTION, **{CERTIFICATES: "/certificates"}).compose("config")


def test_operators_are_asked_who_they_are(
    hub: Production, rest: httpx.Client, admin_key: str
) -> None:
    assert rest.put("/chargers/c9").status_code == 401
    rest.headers.update(bearer(hub.key_of("ben", "operator", admin_key)))
    assert rest.put("/chargers/c9").status_code == 201
    assert rest.post("/keys", json={"name": "eve", "role": "admin"}).status_code == 403
    audit = rest.get("/audit", params={"subject": "c9"}).json()["items"]
    assert [(entry["who"], entry["action"]) for entry in audit] == [("ben", "created")]


@pytest.fixture(scope="module")
def secrets(hub: Production, admin_key: str) -> dict[str, str]:
    """A pair with a secret each, by their paths."""
    return hub.pair(hub.key_of("anna", "operator", admin_key))


async def test_devices_are_asked_who_they_are(
    hub: Production, ca: Ca, secrets: dict[str, str]
) -> None:
    tls = ca.client()
    urls = {path: hub.url_of(path) for path in secrets}
    for url in urls.values():
        for headers in ({}, bearer("nobody-knows-this-one")):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, ssl=tls, additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 401
    async with (
        connect(
            urls[CHARGER], ssl=tls, additional_headers=bearer(secrets[CHARGER]), proxy=None
        ) as charger,
        connect(
            urls[WIDGET], ssl=tls, additional_headers=bearer(secrets[WIDGET]), proxy=None
        ) as widget,
    ):
        await charger.send(reading(100))
        assert await received(widget) == CHARGED


def test_a_backup_is_taken_into_the_volume_and_can_be_restored(
    stack: Stack, rest: httpx.Client, admin_key: str
) -> None:
    rest.headers.update(bearer(admin_key))

    def told() -> dict[str, Any]:
        backups: dict[str, Any] = rest.get("/hub").json()["backups"]
        return backups

    wait_until(lambda: bool(told()["bytes"]), "a backup was taken", told)
    (name,) = stack.inside("registry", "ls", "/backups").split()
    run = ("run", "--rm", "-T", "postgres-owner", "restore", f"/backups/{name}")
    # Found and read; what is there is not replaced without being asked.
    with pytest.raises(StackError, match="the database is not empty"):
        stack.compose(*run)


def test_the_usual_passwords_open_neither_redis_nor_postgres(stack: Stack) -> None:
    # Both at an address that others on this machine connect to.
    redis = "redis-cli -h $(hostname -i | cut -d ' ' -f 1) --user chargelight-operator ping"
    psql = "psql -h $(hostname -i) -U chargelight -c 'TABLE pairings'"
    refused = {
        "redis": f"REDISCLI_AUTH=chargelight {redis} 2>&1 | grep WRONGPASS",
        "postgres": f"PGPASSWORD=chargelight {psql} 2>&1 | grep 'authentication failed'",
    }
    for service, command in refused.items():
        assert stack.inside(service, "sh", "-c", command)


async def test_the_load_balancer_takes_a_new_certificate_and_closes_nothing(
    hub: Production, stack: Stack, ca: Ca, secrets: dict[str, str]
) -> None:
    tls, headers = ca.client(), bearer(secrets[WIDGET])
    url = hub.url_of(WIDGET)
    async with connect(url, ssl=tls, additional_headers=headers, proxy=None) as widget:
        before = _presented(stack)
        hub.issue()
        assert "Success" in stack.inside("loadbalancer", "take-certificate")
        assert _presented(stack) != before
        await (await widget.ping())


def test_the_load_balancer_keeps_its_certificate_if_the_new_one_does_not_fit_its_key(
    hub: Production, stack: Stack, ca: Ca
) -> None:
    before = _presented(stack)
    other = Path(ca.server("other.invalid", file="other").key)
    other.replace(hub.issue() / "hub.key").chmod(0o644)
    with pytest.raises(StackError, match="private key"):
        stack.inside("loadbalancer", "take-certificate")
    assert _presented(stack) == before


def _presented(stack: Stack) -> str:
    return ssl.get_server_certificate(("localhost", stack.registry_port))
