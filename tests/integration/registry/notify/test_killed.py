"""A registry is killed, and a receiver is away: every event arrives all the same.

`make outbox` has the receiver away for ten minutes.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from services.registry.postgres.database import Database
from tests.fixtures.processes import ServiceProcess, StartService, health_url, service_command
from tests.fixtures.receiver import Receiver
from tests.fixtures.redis_at import settings_for
from tests.integration.registry.conftest import By, eventually
from tests.integration.registry.notify.conftest import SECRET, write
from tests.integration.registry.notify.test_outbox import all_due, count, numbers_by_device
from tools.servers.ports import free_port

AWAY_SECONDS = float(os.environ.get("CHARGELIGHT_TEST_AWAY_SECONDS", "5"))
WITHIN_SECONDS = 120 + 2 * AWAY_SECONDS
"""An attempt is made again after about as long as it has failed."""
DEVICES = ("c1", "c2", "c3")

Start = Callable[[], Awaitable[ServiceProcess]]


@pytest.fixture
def start(
    start_process: StartService, redis_url: str, postgres_dsn: str, receiver: Receiver
) -> Start:
    async def start() -> ServiceProcess:
        health_port = free_port()
        process = start_process(
            f"registry-{health_port}",
            service_command("registry"),
            ready_url=health_url(health_port),
            settings={
                **settings_for(redis_url),
                "CHARGELIGHT_POSTGRES_DSN": postgres_dsn,
                "CHARGELIGHT_REGISTRY_HOST": "127.0.0.1",
                "CHARGELIGHT_REGISTRY_PORT": str(free_port()),
                "CHARGELIGHT_REGISTRY_HEALTH_PORT": str(health_port),
                "CHARGELIGHT_REGISTRY_WEBHOOKS": receiver.url,
                "CHARGELIGHT_REGISTRY_WEBHOOK_SECRET": SECRET,
                "CHARGELIGHT_REGISTRY_WEBHOOKS_PRIVATE": "true",
            },
        )
        await process.ready()
        return process

    return start


async def test_every_event_arrives_in_order_though_the_receiver_is_away_and_a_registry_killed(
    start: Start, database: Database, by_hand: By, receiver: Receiver
) -> None:
    process = await start()
    await write(database, receiver, *DEVICES)
    await receiver.go()
    await write(database, receiver, *DEVICES * 2)
    process.freeze()  # so that it is killed between the commit and the delivery
    await write(database, receiver, *DEVICES * 2)
    process.kill()
    await start()
    await write(database, receiver, *DEVICES)
    await asyncio.sleep(AWAY_SECONDS)  # how long it is away, not a wait for something
    await receiver.come()

    async def has_all() -> bool:
        return await count(by_hand, "delivered_at IS NULL") == 0

    await eventually(has_all, WITHIN_SECONDS)
    found = numbers_by_device(receiver)
    assert {device: len(numbers) for device, numbers in found.items()} == dict.fromkeys(DEVICES, 6)
    assert all(numbers == sorted(numbers) for numbers in found.values())


async def test_what_a_killed_registry_was_sending_is_sent_again_and_known_as_a_repeat(
    start: Start, database: Database, by_hand: By, receiver: Receiver
) -> None:
    receiver.pause = asyncio.Event()
    process = await start()
    await write(database, receiver, "c1", "c1")

    async def is_asked() -> bool:
        return receiver.asked > 0

    await eventually(is_asked)
    process.kill()
    receiver.pause.set()
    await start()
    await all_due(by_hand)  # else the dead one's attempt counts for a minute

    async def has_all() -> bool:
        return await count(by_hand, "delivered_at IS NULL") == 0

    await eventually(has_all)
    times = Counter(each.headers["chargelight-event-id"] for each in receiver.taken)
    assert sorted(times.values()) == [1, 2]
    assert len({each.body for each in receiver.taken}) == 2
    numbers = [each.event["number"] for each in receiver.taken]
    assert numbers == sorted(numbers)
