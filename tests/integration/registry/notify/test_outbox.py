"""Events in the outbox arrive, at least once and in order, whatever happens meanwhile."""

import asyncio
import random

import pytest

from services.registry.notify import outbox
from services.registry.notify.conditions import raising
from services.registry.notify.conditions.changes import Changes, Condition, Over
from services.registry.notify.delivery import Delivery
from services.registry.notify.destinations import destinations_of
from services.registry.notify.events import About, Draft, Kind
from services.registry.notify.sending.signing import signature
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Troubles
from tests.fixtures.receiver import Receiver
from tests.integration.registry.conftest import By, StartRegistry, eventually
from tests.integration.registry.notify.conftest import SECRET, name_of, telling, write

DEVICES = ("c1", "c2", "c3")


@pytest.fixture
def delivery(database: Database, receiver: Receiver) -> Delivery:
    """What a registry has for each destination; it does nothing by itself."""
    return delivery_to(receiver.url, database)


def delivery_to(url: str, database: Database, *, allow_private: bool = True) -> Delivery:
    (destination,) = destinations_of([url], SECRET, [], allow_private=allow_private)
    return Delivery(destination, database, asyncio.Lock(), Troubles(), random.Random(1))


def numbers_by_device(receiver: Receiver) -> dict[str, list[int]]:
    """Return the numbers of the events that were taken, each once, by their devices."""
    found: dict[str, list[int]] = {}
    for each in receiver.taken:
        numbers = found.setdefault(each.event["device"], [])
        if each.event["number"] not in numbers:
            numbers.append(each.event["number"])
    return found


async def all_due(by_hand: By) -> None:
    """Let time pass: what waits to be tried again is due."""
    await by_hand.execute("UPDATE outbox_deliveries SET next_try_at = clock_timestamp()")


async def count(by_hand: By, where: str) -> int:
    query = f"SELECT count(*) FROM outbox_deliveries WHERE {where}"  # noqa: S608 - ours
    (row,) = await (await by_hand.execute(query.encode())).fetchall()
    found: int = row[0]
    return found


async def test_an_event_arrives_signed_and_once(
    database: Database, by_hand: By, receiver: Receiver, delivery: Delivery
) -> None:
    await write(database, receiver, "c1")
    assert await delivery.deliver_some() == 1
    assert await delivery.deliver_some() == 0
    (received,) = receiver.taken
    headers = received.headers
    assert headers["chargelight-event-id"] == received.event["id"]
    expected = signature(SECRET, int(headers["chargelight-timestamp"]), received.body)
    assert headers["chargelight-signature"] == expected
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert await count(by_hand, "delivered_at IS NOT NULL AND last_error IS NULL") == 1


async def test_without_a_destination_nothing_is_written(database: Database, by_hand: By) -> None:
    async with database.connection() as connection:
        await outbox.write(connection, [], [])
    cursor = await by_hand.execute("SELECT count(*) FROM outbox_events")
    assert await cursor.fetchall() == [(0,)]


async def test_of_a_device_the_later_waits_for_the_earlier_and_other_devices_do_not(
    database: Database, by_hand: By, receiver: Receiver, delivery: Delivery
) -> None:
    receiver.status = 503
    await write(database, receiver, "c1", "c1")
    await delivery.deliver_some()
    assert await count(by_hand, "attempts = 1") == 1
    receiver.status = 200
    await write(database, receiver, "c2")
    while await delivery.deliver_some():
        pass
    assert [each.event["device"] for each in receiver.taken] == ["c2"]
    await all_due(by_hand)
    while await delivery.deliver_some():
        pass
    first, second = numbers_by_device(receiver)["c1"]
    assert first < second
    assert receiver.refused[0].event["id"] == receiver.taken[1].event["id"], "known as a repeat"
    assert receiver.refused[0].body == receiver.taken[1].body


async def test_one_alert_does_not_wait_for_another_but_its_end_waits_for_it(
    database: Database, receiver: Receiver
) -> None:
    fired = [Condition(Kind.HUB_TROUBLE, f"alert {each}", About.HUB) for each in "ab"]
    ended = Over(Kind.HUB_TROUBLE, "alert a")
    for changes in (Changes(new=tuple(fired)), Changes(over=(ended,))):
        async with database.write_transaction(REGISTRY) as connection:
            await raising.tell(connection, [name_of(receiver)], changes)
    async with database.connection() as connection:
        claimed = await outbox.claim(connection, name_of(receiver), 8)
    assert [(each.device, each.ended) for each in claimed] == [("", False), ("", False)]


async def test_after_a_day_an_event_is_given_up_and_the_next_one_is_tried(
    database: Database, by_hand: By, receiver: Receiver, delivery: Delivery
) -> None:
    receiver.status = 500
    await write(database, receiver, "c1", "c1")
    await by_hand.execute(
        "UPDATE outbox_deliveries SET queued_at = clock_timestamp() - interval '24 hours'"
        " WHERE number = (SELECT min(number) FROM outbox_deliveries)"
    )
    await delivery.deliver_some()
    assert await count(by_hand, "given_up_at IS NOT NULL") == 1
    assert await count(by_hand, "last_error = 'it answered with HTTP 500'") == 1
    receiver.status = 200
    await delivery.deliver_some()
    assert len(receiver.taken) == 1
    async with database.connection() as connection:
        assert await outbox.try_again(connection, [name_of(receiver)], None) == 1
    await delivery.deliver_some()
    assert len(receiver.taken) == 2
    assert await count(by_hand, "delivered_at IS NOT NULL AND given_up_at IS NULL") == 2


async def test_what_goes_to_nobody_any_more_is_given_up_after_a_day(
    database: Database, by_hand: By, receiver: Receiver
) -> None:
    await write(database, receiver, "c1", "c2")
    await by_hand.execute(
        "UPDATE outbox_deliveries SET queued_at = clock_timestamp() - interval '25 hours'"
        " WHERE device = 'c1'"
    )
    async with database.connection() as connection:
        assert await outbox.abandon_others(connection, [name_of(receiver)]) == 0
        assert await outbox.abandon_others(connection, ["webhook-other"]) == 1
    assert await count(by_hand, "given_up_at IS NOT NULL AND device = 'c1'") == 1


async def test_an_attempt_of_a_dead_registry_is_made_again(
    database: Database, by_hand: By, receiver: Receiver, delivery: Delivery
) -> None:
    await write(database, receiver, "c1")
    async with database.connection() as connection:
        (lost,) = await outbox.claim(connection, name_of(receiver), 8)
    assert await delivery.deliver_some() == 0, "while it may still be under way"
    await all_due(by_hand)
    assert await delivery.deliver_some() == 1
    async with database.connection() as connection:  # the dead one was only slow
        await outbox.note_failed(connection, name_of(receiver), lost, "too late", 1.0)
    assert await count(by_hand, "delivered_at IS NOT NULL") == 1


async def test_a_redirect_is_not_followed(
    database: Database, by_hand: By, receiver: Receiver, delivery: Delivery
) -> None:
    receiver.status, receiver.location = 302, f"http://127.0.0.1:{receiver.port}/elsewhere"
    await write(database, receiver, "c1")
    await delivery.deliver_some()
    assert [each.path for each in receiver.refused] == ["/hook"]
    assert await count(by_hand, "last_error = 'it answered with HTTP 302'") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0"])
async def test_a_private_address_is_not_reached_unless_a_setting_allows_it(
    database: Database, by_hand: By, receiver: Receiver, host: str
) -> None:
    url = f"http://{host}:{receiver.port}/hook"
    guarded = delivery_to(url, database, allow_private=False)
    (destination,) = destinations_of([url], SECRET, [], allow_private=False)
    async with database.write_transaction(REGISTRY) as connection:
        await outbox.write(connection, [destination.name], [Draft("test", "hub")])
    assert await guarded.deliver_some() == 1
    assert receiver.taken == []
    assert await count(by_hand, "last_error LIKE '%private network%'") == 1


async def test_nothing_is_lost_or_out_of_order_when_the_receiver_is_away(
    start_registry: StartRegistry, database: Database, by_hand: By, receiver: Receiver
) -> None:
    await start_registry(**telling(receiver))
    await write(database, receiver, *DEVICES)
    await receiver.go()
    await write(database, receiver, *DEVICES * 5)

    async def has_failed() -> bool:
        return await count(by_hand, "attempts > 1 AND last_error IS NOT NULL") >= len(DEVICES)

    await eventually(has_failed)
    await receiver.come()

    async def has_all() -> bool:
        await all_due(by_hand)
        return await count(by_hand, "delivered_at IS NULL") == 0

    await eventually(has_all)
    found = numbers_by_device(receiver)
    assert {device: len(numbers) for device, numbers in found.items()} == dict.fromkeys(DEVICES, 6)
    assert all(numbers == sorted(numbers) for numbers in found.values())


async def test_two_registries_deliver_everything_once(
    start_registry: StartRegistry, database: Database, by_hand: By, receiver: Receiver
) -> None:
    for _ in range(2):
        await start_registry(**telling(receiver))
    await write(database, receiver, *DEVICES * 20)

    async def has_all() -> bool:
        return await count(by_hand, "delivered_at IS NULL") == 0

    await eventually(has_all)
    ids = [each.event["id"] for each in receiver.taken]
    assert len(ids) == len(set(ids)) == 60
    numbers = [each.event["number"] for each in receiver.taken if each.event["device"] == "c1"]
    assert numbers == sorted(numbers)


async def test_a_receiver_that_hangs_holds_up_no_request(
    start_registry: StartRegistry, database: Database, receiver: Receiver
) -> None:
    receiver.pause = asyncio.Event()
    registry = await start_registry(**telling(receiver))
    await write(database, receiver, *(f"c{number}" for number in range(20)))

    async def is_full() -> bool:
        return receiver.asked >= 8  # as many as are sent to it at once

    await eventually(is_full)
    answers = [await registry.send("PUT", f"/chargers/d{number}", {}) for number in range(5)]
    assert [each.status_code for each in answers] == [201] * 5
