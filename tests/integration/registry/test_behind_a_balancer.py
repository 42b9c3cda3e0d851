"""A balancer says whose connection it passes on, before TLS as before a plain request."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fixtures.certificates import Ca
from tests.fixtures.proxy_header import proxy_header
from tests.integration.registry.conftest import By, RunningRegistry, StartRegistry, eventually

BALANCER = "127.0.0.1/32"
ELSEWHERE = "192.0.2.0/24"
CLIENT = "192.0.2.7"
NOBODY = b"GET /chargers HTTP/1.1\r\nHost: r\r\nConnection: close\r\n\r\n"


@pytest.fixture(params=["plain", "tls"])
def ca(request: pytest.FixtureRequest, tmp_path: Path) -> Ca | None:
    return Ca(tmp_path / "ca") if request.param == "tls" else None


async def guarded_by(start: StartRegistry, ca: Ca | None, proxies: str) -> RunningRegistry:
    own = ca.server("127.0.0.1") if ca else None
    files = {"tls_certificate": own.certificate, "tls_key": own.key} if own else {}
    return await start(operator_auth="required", proxies=[proxies], **files)


@contextlib.asynccontextmanager
async def asked(registry: RunningRegistry, ca: Ca | None, header: bytes) -> AsyncIterator[bytes]:
    """Send a header and a request without a key; yield all that comes."""
    connection = socket.create_connection(("127.0.0.1", int(registry.url.rpartition(":")[2])))
    connection.sendall(header)
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(
            sock=connection,
            ssl=ca.client() if ca else None,
            server_hostname="127.0.0.1" if ca else None,
        )
        try:
            writer.write(NOBODY)
            yield await reader.read()
        finally:
            writer.transport.abort()


async def addresses(by_hand: By) -> list[str]:
    """Wait for a failed login; return the addresses of all that failed."""
    query = "SELECT address FROM audit_log WHERE kind = 'login'"
    found: list[str] = []

    async def are_there() -> bool:
        found[:] = [row[0] for row in await (await by_hand.execute(query)).fetchall()]
        return bool(found)

    await eventually(are_there)
    return found


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (proxy_header(CLIENT), CLIENT),
        (proxy_header("2001:db8::7"), "2001:db8::7"),
        (proxy_header(CLIENT, command=0), "127.0.0.1"),
    ],
    ids=["IPv4", "IPv6", "its own"],
)
async def test_failed_logins_have_the_address_of_the_balancers_client(
    start_registry: StartRegistry, by_hand: By, ca: Ca | None, header: bytes, address: str
) -> None:
    registry = await guarded_by(start_registry, ca, BALANCER)
    async with asked(registry, ca, header) as answer:
        assert answer.startswith(b"HTTP/1.1 401")
    assert await addresses(by_hand) == [address]


async def test_a_balancer_that_sends_no_header_is_not_served(
    start_registry: StartRegistry, ca: Ca | None
) -> None:
    registry = await guarded_by(start_registry, ca, BALANCER)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        async with asked(registry, ca, b"") as answer:
            assert answer == b""


async def test_nobody_else_can_say_to_be_at_another_address(
    start_registry: StartRegistry, by_hand: By, ca: Ca | None
) -> None:
    registry = await guarded_by(start_registry, ca, ELSEWHERE)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        async with asked(registry, ca, proxy_header(CLIENT)) as answer:
            assert answer.startswith(b"HTTP/1.1 400")
    async with asked(registry, ca, b"") as answer:
        assert answer.startswith(b"HTTP/1.1 401")
    assert await addresses(by_hand) == ["127.0.0.1"]
