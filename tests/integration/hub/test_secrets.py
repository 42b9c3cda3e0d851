"""Secrets that the registry stores, at gateways that ask for them."""

import asyncio
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.fixtures.redis_at import client_of
from tests.integration.hub.booth import SOON

SETTINGS = {
    "CHARGELIGHT_CREDENTIAL_KEY": "a key of the digests, for tests only",
    "CHARGELIGHT_GATEWAY_HANDSHAKE_SECONDS": "2",
    "CHARGELIGHT_PARTITIONS": "4",
}
SECRET = "0123:456789abcdef"
NEXT = "the.secret.after.it"


async def _ask(hub: Hub, method: str, path: str, body: object = None) -> Any:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.request(method, hub.registry_url + path, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def _answer(url: str, secret: str | None) -> int:
    """Which status a handshake gets: 101 if the device is let in."""
    try:
        async with connect_device(url, secret and f"Bearer {secret}"):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("kind", ["charger", "widget"])
async def test_a_device_is_let_in_with_its_secrets_through_a_rotation(
    hub: StartHub, kind: str
) -> None:
    running = await hub(routers=0, settings={**SETTINGS, "CHARGELIGHT_DEVICE_AUTH": "required"})
    (gateway,) = running.gateways
    url = gateway.charger_url("d1") if kind == "charger" else gateway.widget_url("d1")
    path = f"/{kind}s/d1"
    await _ask(running, "PUT", path)
    assert await _answer(url, SECRET) == 401
    await _ask(running, "PUT", f"{path}/secret", {"secret": SECRET})
    assert await _answer(url, SECRET) == 101
    assert await _answer(url, None) == 401
    made = await _ask(running, "POST", f"{path}/secret")
    assert [await _answer(url, each) for each in (SECRET, made["secret"])] == [101, 101]
    await _ask(running, "PUT", f"{path}/secret", {"secret": NEXT, "overlap_seconds": 1})

    async def is_over() -> bool:
        return [await _answer(url, each) for each in (SECRET, made["secret"])] == [401, 401]

    async with asyncio.timeout(SOON):
        while not await is_over():
            assert await _answer(url, NEXT) == 101
    # Another device under the same id.
    await _ask(running, "DELETE", path)
    await _ask(running, "PUT", path)
    assert await _answer(url, NEXT) == 401
    await _ask(running, "PUT", f"{path}/secret", {"secret": SECRET})
    assert [await _answer(url, each) for each in (SECRET, NEXT)] == [101, 401]


async def test_where_secrets_are_optional_no_emptied_redis_lets_in_a_device_without_its_own(
    hub: StartHub, redis_url: str
) -> None:
    running = await hub(
        routers=0, registries=2, settings={**SETTINGS, "CHARGELIGHT_DEVICE_AUTH": "optional"}
    )
    (gateway,) = running.gateways
    guarded, other = gateway.charger_url("d1"), gateway.charger_url("d2")
    for device in ("d1", "d2"):
        await _ask(running, "PUT", f"/chargers/{device}")
    await _ask(running, "PUT", "/chargers/d1/secret", {"secret": SECRET})
    assert await _answer(guarded, None) == 401
    assert await _answer(other, None) == 101
    answers: list[int] = []
    over = asyncio.Event()

    async def keep_trying() -> None:
        while not over.is_set():
            answers.append(await _answer(guarded, None))

    async with client_of(redis_url) as redis:
        trying = [asyncio.create_task(keep_trying()) for _ in range(8)]
        for _ in range(5):
            await redis.flushall()
            async with asyncio.timeout(SOON):
                while await _answer(other, None) != 101:
                    pass
        over.set()
        await asyncio.gather(*trying)
    assert set(answers) <= {401, 503}
    assert 401 in answers
    assert await _answer(guarded, SECRET) == 101
