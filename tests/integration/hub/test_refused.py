"""Whoever could not connect is kept in Redis, in bounded space and without secrets."""

import base64
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.gateway.presence.refused_handshakes import (
    MOST_KEPT,
    RefusedHandshakes,
    RefusedWriter,
)
from shared.contract.devices import Kind
from shared.contract.names import REFUSED
from shared.contract.presence import RefusalReason
from tests.fixtures.redis_at import bus_to
from tests.fixtures.secured import open_port
from tests.integration.hub.booth import SOON, Stored
from tests.integration.hub.conftest import StartGateway


async def refused(stored: Stored) -> dict[str, int]:
    """Whom Redis has, and how often."""
    found = await stored.client.hgetall(REFUSED)
    return {
        item.decode() if isinstance(item, bytes) else item: json.loads(times)["count"]
        for item, times in found.items()
    }


async def refusal(stored: Stored, item: str) -> dict[str, Any]:
    """What Redis has of one of them."""
    value: dict[str, Any] = json.loads(await stored.client.hget(REFUSED, item))
    return value


def has(stored: Stored, expected: dict[str, int]) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return await refused(stored) == expected

    return is_so


async def sent(port: int, data: bytes) -> bytes:
    """Send raw bytes and return what comes until the end."""
    reader, writer = await open_port("127.0.0.1", port)
    writer.write(data)
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_each_that_cannot_connect_is_kept_with_its_reason(
    stored: Stored, start_gateway: StartGateway
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booth = await start_gateway(device_auth="off")
    for _ in range(2):
        async with booth.charger("ghost") as ghost:
            with pytest.raises(ConnectionClosed):
                await ghost.recv()
    port = booth.charger_port
    hello = await sent(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert hello.startswith(b"HTTP/1.1 400 ")
    basic = base64.b64encode(b"c1234:s3cret").decode()
    for target, more in (
        ("/widgets/wABCD?token=s3cret", ""),
        ("http://c1234:s3cret@hub/chargers/c1234", ""),
        ("/chargers/c1234/s3cret", f"Authorization: Basic {basic}\r\n"),
        ("/chargers/c1234", "Origin: http://s3cret.example\r\n"),
        ("/chargers/c1234", ""),
    ):
        await sent(port, f"GET {target} HTTP/1.1\r\nHost: hub\r\n{more}\r\n".encode())
    at = "127.0.0.1"
    expected = {
        f"charger not_registered {at} /chargers/ghost": 2,
        f"charger tls {at} ": 1,
        f"charger wrong_path {at} /widgets/wABCD": 1,
        f"charger wrong_path {at} ": 1,
        f"charger wrong_path {at} /chargers/c1234...": 1,
        f"charger origin {at} /chargers/c1234": 1,
        f"charger not_websocket {at} /chargers/c1234": 1,
    }
    await stored.until(has(stored, expected))


async def test_a_secret_in_the_place_of_an_id_is_not_kept_whole(
    stored: Stored, start_gateway: StartGateway
) -> None:
    known, secret = "main-stage-charger-0012", "d8b2f0c4a6e1937f"
    await stored.pair(known, "wABCD", 7)
    await stored.complete()
    with_secrets = await start_gateway(device_auth="required", credential_key="k" * 32)
    for device_id in (known, secret):
        with pytest.raises(InvalidStatus):
            async with with_secrets.charger(device_id):
                pass
    without = await start_gateway(device_auth="off")
    async with without.charger(secret) as stranger:
        with pytest.raises(ConnectionClosed):
            await stranger.recv()
    at = "127.0.0.1"
    expected = {
        f"charger unauthorized {at} /chargers/{known}": 1,
        f"charger unauthorized {at} /chargers/d8b2f0c4...": 1,
        f"charger not_registered {at} /chargers/d8b2f0c4...": 1,
    }
    await stored.until(has(stored, expected))


async def test_the_first_time_stays_unless_an_older_gateway_counted(
    stored: Stored, redis_url: str
) -> None:
    bus = bus_to(redis_url)
    now = 0.0
    noted = RefusedHandshakes(lambda: now)
    writer = RefusedWriter(bus, noted, "gateway-a", random.Random(1))
    # As version 0.1.0 writes it.
    at = int(time.time() * 1_000_000) - 1_000_000
    await stored.client.hset(
        REFUSED, "charger tls 10.0.0.9 ", f'{{"count":3,"at":{at},"gateway":"gateway-b"}}'
    )
    for _ in range(2):
        noted.note(Kind.CHARGER, RefusalReason.TLS, "10.0.0.8", "")
        noted.note(Kind.CHARGER, RefusalReason.TLS, "10.0.0.9", "")
        now += 5.0  # it waited for so long
        await writer.write_all()
    found = {host: await refusal(stored, f"charger tls 10.0.0.{host} ") for host in (8, 9)}
    new, old = found[8], found[9]
    assert new["count"] == 2
    assert 0 < new["at"] - new["since"] < SOON * 1_000_000
    assert old["count"] == 5
    assert "since" not in old
    await bus.close()


async def test_no_flood_fills_redis_and_those_that_go_on_stay(
    stored: Stored, redis_url: str
) -> None:
    bus = bus_to(redis_url)
    noted = RefusedHandshakes(time.monotonic)
    writer = RefusedWriter(bus, noted, "gateway-a", random.Random(1))
    await stored.client.hset(REFUSED, "broken", "no json")
    for number in range(MOST_KEPT + 100):
        noted.note(Kind.CHARGER, RefusalReason.WRONG_PATH, "10.0.0.7", f"/x/{number}")
        if number % 10 == 0:
            noted.note(Kind.WIDGET, RefusalReason.TLS, "10.0.0.8", "")
            await writer.write_all()
    assert await stored.client.hlen(REFUSED) == MOST_KEPT
    kept = await refused(stored)
    assert kept["widget tls 10.0.0.8 "] == (MOST_KEPT + 100) // 10
    assert "broken" not in kept
    assert 0 < await stored.client.ttl(REFUSED) <= 7 * 24 * 3600
    assert "charger wrong_path 10.0.0.7 /x/0" not in kept
    await bus.close()
