"""A secured run is one: who comes without TLS, a certificate, a secret or a key stays outside."""

import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
import redis
from psycopg.conninfo import make_conninfo
from websockets.exceptions import InvalidMessage, InvalidStatus

from tests.fixtures import secured
from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.fixtures.redis_at import client_of
from tests.integration.hub.booth import CHARGED, reading, received
from tools.servers.credentials import SERVICES

pytestmark = pytest.mark.skipif(not secured.is_secured(), reason=f"needs {secured.VARIABLE}=1")


@pytest.fixture
async def running(hub: StartHub) -> AsyncIterator[Hub]:
    """A hub whose widget is lit."""
    running = await hub()
    (gateway,) = running.gateways
    await running.register(("c1234", "wABCD"))
    async with (
        connect_device(gateway.charger_url("c1234")) as charger,
        connect_device(gateway.widget_url("wABCD")) as widget,
    ):
        await charger.send(reading(100))
        assert await received(widget) == CHARGED
        yield running


async def test_each_link_is_closed_to_who_does_not_belong(
    running: Hub, redis_url: str, postgres_dsn: str
) -> None:
    # One test, because a hub takes seconds to start.
    await _services_are_their_own_users(redis_url, postgres_dsn)
    await _devices_need_tls_and_a_secret(running)
    await _operators_need_tls_and_a_key(running)
    _redis_and_postgres_need_tls_and_a_certificate(redis_url, postgres_dsn)


async def _services_are_their_own_users(redis_url: str, postgres_dsn: str) -> None:
    async with client_of(redis_url) as client:
        users = {each["user"] for each in await client.client_list()}
    services = {f"chargelight-{name}" for name in ("gateway", "router", "registry")}
    assert users == {SERVICES.name, *services}, "the first is this test's own"
    async with await psycopg.AsyncConnection.connect(postgres_dsn) as psql:
        found = await psql.execute(
            "SELECT usename FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert set(await found.fetchall()) == {("chargelight_test_runtime",)}


async def _devices_need_tls_and_a_secret(running: Hub) -> None:
    url = running.gateways[0].charger_url("c1234")
    with pytest.raises(InvalidStatus, match="401"):
        await connect_device(url, "")
    with pytest.raises((InvalidMessage, OSError)):
        await connect_device(url.replace("wss:", "ws:"))


async def _operators_need_tls_and_a_key(running: Hub) -> None:
    verify = secured.ca().client()
    async with httpx.AsyncClient(verify=verify, trust_env=False) as client:
        assert (await client.get(f"{running.registry_url}/chargers")).status_code == 401
        with pytest.raises(httpx.TransportError):
            await client.get(f"{running.registry_url}/chargers".replace("https:", "http:"))


def _redis_and_postgres_need_tls_and_a_certificate(redis_url: str, postgres_dsn: str) -> None:
    address = urlsplit(secured.redis_url(redis_url))
    for url in (f"redis://{address.netloc}", f"rediss://{address.netloc}?ssl_cert_reqs=none"):
        with (
            redis.Redis.from_url(url, socket_timeout=5) as client,
            pytest.raises((redis.ConnectionError, redis.TimeoutError, ssl.SSLError)),
        ):
            client.ping()
    for mode in ("disable", "require"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(make_conninfo(secured.postgres_dsn(postgres_dsn), sslmode=mode))
