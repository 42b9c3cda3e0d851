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
from tests.fixtures.certificates import Ca
from tests.integration.hub.booth import CHARGED, reading, received
from tools.local.access import SERVER_PASSWORDS

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

BOOTSTRAP_KEY = "a-bootstrap-key-of-32-characters"
DEVICES = ("/chargers/c1", "/widgets/w1")
KEYS = {
    "CHARGELIGHT_CREDENTIAL_KEY": "a-key-of-digests-of-32-characters",
    "CHARGELIGHT_REGISTRY_ADMIN_KEY": BOOTSTRAP_KEY,
    "CHARGELIGHT_CANARY_KEY": "",
    "CHARGELIGHT_CANARY_SECRET": "a-secret-of-the-canarys-own",
    **dict.fromkeys(SERVER_PASSWORDS, "a-password-of-our-own"),
}
PRODUCTION = "deploy/compose/production.yml"
OWN = ("registry", "router", "gateway")
SERVICES = ("redis", "postgres", "registry", "router", "gateway", "loadbalancer")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Ca:
    return Ca(tmp_path_factory.mktemp("ca") / "ca")


@pytest.fixture(scope="module")
def stack(ca: Ca) -> Iterator[Stack]:
    folder = _certificates(ca)
    made = Stack(PRODUCTION, **KEYS, CHARGELIGHT_COMPOSE_CERTIFICATES=str(folder))
    with open_stack(made, SERVICES, 1, OWN):
        yield made


def _certificates(ca: Ca) -> Path:
    """Issue the hub's certificate, and return the folder that it is in."""
    _, key = ca.server("localhost", "registry", "loadbalancer", file="hub")
    folder = Path(key).parent
    # The containers' users are not ours.
    folder.chmod(0o755)
    Path(key).chmod(0o644)
    return folder


@pytest.fixture
def rest(stack: Stack, ca: Ca) -> Iterator[httpx.Client]:
    with _client(stack, ca) as client:
        yield client


def _client(stack: Stack, ca: Ca) -> httpx.Client:
    url = f"https://localhost:{stack.registry_port}"
    return httpx.Client(base_url=url, verify=ca.client(), trust_env=False, timeout=15)


@pytest.fixture(scope="module")
def admin_key(stack: Stack, ca: Ca) -> str:
    with _client(stack, ca) as rest:
        return _key_of(rest, "ada", "admin", BOOTSTRAP_KEY)


def test_it_is_not_brought_up_without_keys_and_certificates_of_ones_own() -> None:
    if reason := why_not():
        pytest.skip(f"the compose stack is not tested: {reason}")
    with pytest.raises(StackError, match="set it to the folder of"):
        Stack(PRODUCTION, **KEYS).compose("config")
    with pytest.raises(StackError, match="openssl rand -hex 32"):
        Stack(PRODUCTION, CHARGELIGHT_COMPOSE_CERTIFICATES="/certificates").compose("config")


def test_operators_are_asked_who_they_are(rest: httpx.Client, admin_key: str) -> None:
    assert rest.put("/chargers/c9").status_code == 401
    key = _key_of(rest, "ben", "operator", admin_key)
    rest.headers.update(_bearer(key))
    assert rest.put("/chargers/c9").status_code == 201
    assert rest.post("/keys", json={"name": "eve", "role": "admin"}).status_code == 403
    audit = rest.get("/audit", params={"subject": "c9"}).json()["items"]
    assert [(entry["who"], entry["action"]) for entry in audit] == [("ben", "created")]


@pytest.fixture(scope="module")
def secrets(stack: Stack, ca: Ca, admin_key: str) -> dict[str, str]:
    """A pair with a secret each, by their paths."""
    with _client(stack, ca) as rest:
        rest.headers.update(_bearer(_key_of(rest, "anna", "operator", admin_key)))
        for path in DEVICES:
            assert rest.put(path).status_code == 201
        assert rest.put("/pairings/c1", json={"widget": "w1"}).json()["projected"] is True
        return {path: rest.post(f"{path}/secret").json()["secret"] for path in DEVICES}


async def test_devices_are_asked_who_they_are(
    stack: Stack, ca: Ca, secrets: dict[str, str]
) -> None:
    tls = ca.client()
    urls = {
        path: f"wss://localhost:{port}{path}"
        for path, port in zip(DEVICES, (stack.charger_port, stack.widget_port), strict=True)
    }
    for url in urls.values():
        for headers in ({}, _bearer("nobody-knows-this-one")):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, ssl=tls, additional_headers=headers, proxy=None)
            assert refused.value.response.status_code == 401
    async with (
        connect(
            urls["/chargers/c1"], ssl=tls, additional_headers=_bearer(secrets["/chargers/c1"])
        ) as charger,
        connect(
            urls["/widgets/w1"], ssl=tls, additional_headers=_bearer(secrets["/widgets/w1"])
        ) as widget,
    ):
        await charger.send(reading(100))
        assert await received(widget) == CHARGED


def test_a_backup_is_taken_into_the_volume_and_can_be_restored(
    stack: Stack, rest: httpx.Client, admin_key: str
) -> None:
    rest.headers.update(_bearer(admin_key))

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
    stack: Stack, ca: Ca, secrets: dict[str, str]
) -> None:
    tls, headers = ca.client(), _bearer(secrets["/widgets/w1"])
    url = f"wss://localhost:{stack.widget_port}/widgets/w1"
    async with connect(url, ssl=tls, additional_headers=headers, proxy=None) as widget:
        before = _presented(stack)
        _certificates(ca)
        assert "Success" in stack.inside("loadbalancer", "take-certificate")
        assert _presented(stack) != before
        await (await widget.ping())


def test_the_load_balancer_keeps_its_certificate_if_the_new_one_does_not_fit_its_key(
    stack: Stack, ca: Ca
) -> None:
    before = _presented(stack)
    other = Path(ca.server("other.invalid", file="other").key)
    other.replace(_certificates(ca) / "hub.key").chmod(0o644)
    with pytest.raises(StackError, match="private key"):
        stack.inside("loadbalancer", "take-certificate")
    assert _presented(stack) == before


def _presented(stack: Stack) -> str:
    return ssl.get_server_certificate(("localhost", stack.registry_port))


def _key_of(rest: httpx.Client, name: str, role: str, by: str) -> str:
    made = rest.post("/keys", json={"name": name, "role": role}, headers=_bearer(by))
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}
