"""Secrets that the registry stores, at gateways that ask for them."""

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from shared.contract.names import Names
from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.fixtures.redis_at import client_of
from tests.integration.hub.booth import SOON

SETTINGS = {
    "CHARGELIGHT_CREDENTIAL_KEY": "a key of the digests, for tests only",
    "CHARGELIGHT_GATEWAY_HANDSHAKE_SECONDS": "2",
    # The tests ask by connecting, again and again.
    "CHARGELIGHT_GATEWAY_CONNECTS_PER_MINUTE": "0",
    "CHARGELIGHT_PARTITIONS": "4",
}
SECRET = "0123:456789abcdef"
NEXT = "the.secret.after.it"


async def _ask(hub: Hub, method: str, path: str, body: object = None) -> Any:
    answer = await hub.client.request(method, hub.registry_url + path, json=body)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def _answer(url: str, secret: str | None) -> int:
    """Which status a handshake gets: 101 if the device is let in."""
    try:
        async with connect_device(url, f"Bearer {secret}" if secret else ""):
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


@pytest.mark.parametrize("kind", ["charger", "widget"])
async def test_a_revoked_secret_ends_its_live_connections_and_no_others(
    hub: StartHub, kind: str
) -> None:
    running = await hub(routers=0, settings={**SETTINGS, "CHARGELIGHT_DEVICE_AUTH": "required"})
    (gateway,) = running.gateways
    url = gateway.charger_url("d1") if kind == "charger" else gateway.widget_url("d1")
    path = f"/{kind}s/d1"
    await _ask(running, "PUT", path)
    await _ask(running, "PUT", f"{path}/secret", {"secret": SECRET})
    await _ask(running, "PUT", f"{path}/secret", {"secret": NEXT})
    async with (
        connect_device(url, f"Bearer {SECRET}") as leaked,
        connect_device(url, f"Bearer {NEXT}") as own,
    ):
        await _ask(running, "PUT", f"{path}/secret", {"secret": NEXT, "overlap_seconds": 0})
        async with asyncio.timeout(SOON):
            await leaked.wait_closed()
        assert (leaked.close_code, leaked.close_reason) == (
            1008,
            "this secret is not valid any more",
        )
        await (await own.ping())
        await _ask(running, "DELETE", f"{path}/secret")
        async with asyncio.timeout(SOON):
            await own.wait_closed()
        assert own.close_code == 1008


async def test_a_secret_that_is_not_enough_any_more_ends_its_live_connections(
    hub: StartHub,
) -> None:
    running = await hub(routers=0, settings={**SETTINGS, "CHARGELIGHT_DEVICE_AUTH": "required"})
    url = running.gateways[0].charger_url("d1")
    lenient = running.start_gateway({"CHARGELIGHT_DEVICE_AUTH": "optional"})
    await lenient.process.ready()
    for device in ("d1", "d2"):
        await _ask(running, "PUT", f"/chargers/{device}")
    await _ask(running, "PUT", "/chargers/d1/secret", {"secret": SECRET})
    async with (
        connect_device(url, f"Bearer {SECRET}") as leaked,
        connect_device(lenient.charger_url("d2"), "") as without,
    ):
        for device, connection in (("d1", leaked), ("d2", without)):
            await _ask(running, "PATCH", f"/chargers/{device}", {"auth": "certificate"})
            async with asyncio.timeout(SOON):
                await connection.wait_closed()
            assert connection.close_code == 1008
    assert await _answer(url, SECRET) == 401


async def test_the_key_of_the_digests_is_changed_while_devices_come_and_stay(
    hub: StartHub,
) -> None:
    settings = {**SETTINGS, "CHARGELIGHT_DEVICE_AUTH": "required"}
    running = await hub(routers=0, settings=settings)
    (before,) = running.gateways
    await _ask(running, "PUT", "/chargers/d1")
    await _ask(running, "PUT", "/chargers/d1/secret", {"secret": SECRET})
    both = {
        "CHARGELIGHT_CREDENTIAL_KEY": "the next key of the digests, for tests",
        "CHARGELIGHT_FORMER_CREDENTIAL_KEY": settings["CHARGELIGHT_CREDENTIAL_KEY"],
    }
    # First gateways, which accept both. One with the former key alone may still start.
    gateway = running.start_gateway(both)
    await gateway.process.ready()
    await running.start_gateway().process.ready()
    async with connect_device(gateway.charger_url("d1"), f"Bearer {SECRET}") as stays:
        registry = running.start_registry(both)
        await registry.process.ready()
        where = f"{registry.url}/chargers/d1/secret"
        (shown,) = (await running.client.get(where)).json()["items"]
        assert shown["usable"] is True
        counts = f"{registry.url}/support"
        assert (await running.client.get(counts)).json()["counts"]["secrets_of_former_keys"] == 1
        answer = await running.client.put(where, json={"secret": SECRET})
        assert answer.json()["projected"] is True
        assert (await running.client.get(counts)).json()["counts"]["secrets_of_former_keys"] == 0
        assert await _answer(gateway.charger_url("d1"), SECRET) == 101
        assert await _answer(gateway.charger_url("d1"), NEXT) == 401
        assert await _answer(before.charger_url("d1"), SECRET) == 401, "it has the former key only"
        await (await stays.ping())
    # The former key is given up.
    last = running.start_gateway({"CHARGELIGHT_CREDENTIAL_KEY": both["CHARGELIGHT_CREDENTIAL_KEY"]})
    await last.process.ready()
    assert await _answer(last.charger_url("d1"), SECRET) == 101


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


async def test_a_device_whose_credentials_are_missing_waits_and_is_not_refused(
    hub: StartHub, redis_url: str
) -> None:
    running = await hub(routers=0, settings={**SETTINGS, "CHARGELIGHT_DEVICE_AUTH": "optional"})
    await _ask(running, "PUT", "/chargers/d1")
    url = running.gateways[0].charger_url("d1")
    assert await _answer(url, None) == 101
    registry = running.registries[0].process
    registry.freeze()  # it would write them again
    async with client_of(redis_url) as redis:
        assert await redis.hdel(Names(4).of_charger("d1").credentials, "d1") == 1
    assert await _answer(url, None) == 503
    registry.thaw()
    async with asyncio.timeout(SOON):
        while await _answer(url, None) != 101:
            pass
