"""What is the case is told once, by one registry, and its end once."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.registry.hub.view import Hub
from services.registry.live.state_reader import StateReader
from services.registry.notify.conditions.judge import Judge
from services.registry.notify.conditions.limits import Limits
from services.registry.postgres.database import Database
from shared.bus.bus import Bus
from shared.contract.names import GATEWAYS, Names
from tests.integration.registry.by_rest import registered
from tests.integration.registry.conftest import (
    PATIENT_SECONDS,
    By,
    RunningRegistry,
    eventually,
)
from tests.unit.registry.test_hub_view import heard, line, look, view

LIMITS = Limits(ready=600, silent=600, returned=600, trouble=30)
TICKET = "ticket-of-mrs-smith"
WELL = {"g1": heard(1, line("gateway")), "r1": heard(1, line("router", partitions=64))}

Told = list[tuple[str, str, bool]]


class World:
    """What a judge sees besides Postgres and Redis."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.hub = view(look(**WELL))


@pytest.fixture
def seen() -> World:
    return World()


@pytest.fixture
def make_judge(database: Database, bus: Bus, names: Names, seen: World) -> Callable[[str], Judge]:
    def make(instance: str) -> Judge:
        return Judge(
            database,
            StateReader(bus, names),
            lambda: seen.hub,
            LIMITS,
            ["webhook-1"],
            instance,
            clock=lambda: seen.now,
        )

    return make


@pytest.fixture
def judge(make_judge: Callable[[str], Judge]) -> Judge:
    return make_judge("registry-1")


async def told(by_hand: By) -> Told:
    cursor = await by_hand.execute(
        "SELECT kind, device, ended, outbox_events::text FROM outbox_events ORDER BY number"
    )
    events = await cursor.fetchall()
    assert not [text for *_, text in events if TICKET in text], "no event names a visitor"
    return [(kind, device, ended) for kind, device, ended, _ in events]


async def rented(by_hand: By, charger: str = "c1", **times: str) -> str:
    """Have a rental; ``times``: how long ago each of its columns was, for Postgres."""
    rental = str(uuid.uuid4())
    widget = f"w{charger}"
    values: dict[str, Any] = {"id": rental, "charger": charger, "widget": widget, "ticket": TICKET}
    await by_hand.execute(
        "INSERT INTO rentals (id, charger_id, widget_id, ticket, pairing_number)"
        " VALUES (%(id)s, %(charger)s, %(widget)s, %(ticket)s, 1)",
        values,
    )
    for column, ago in times.items():
        number = ", ended_number = 2" if column == "collected_at" else ""
        query = f"UPDATE rentals SET {column} = now() - %s::interval{number} WHERE id = %s"  # noqa: S608 - ours
        await by_hand.execute(query.encode(), (ago, rental))
    return rental


async def collect(by_hand: By, rental: str, ago: str = "0 s") -> None:
    await by_hand.execute(
        "UPDATE rentals SET ended_number = 2, collected_at = now() - %s::interval WHERE id = %s",
        (ago, rental),
    )


async def test_a_phone_is_told_when_it_has_been_ready_for_so_long_and_once(
    judge: Judge, by_hand: By
) -> None:
    await rented(by_hand, "c1", reached_100_at="10 minutes 1 s")
    await rented(by_hand, "c2", reached_100_at="9 minutes")
    await rented(by_hand, "c3", reached_80_at="1 hour")
    assert [await judge.judge() for _ in range(3)] == [1, 0, 0]
    assert await told(by_hand) == [("phone.ready", "c1", False)]
    cursor = await by_hand.execute("SELECT data::text FROM outbox_events")
    ((data,),) = await cursor.fetchall()
    assert "0815" not in data


async def test_of_very_much_a_part_is_told_at_once_and_troubles_first(
    judge: Judge, by_hand: By, seen: World
) -> None:
    seen.hub = view(look(g1=WELL["g1"]))
    await judge.judge()
    seen.now += 31
    for number in range(120):
        await rented(by_hand, f"c{number}", reached_100_at="11 minutes")
    looks = [(await judge.judge(), judge.has_more) for _ in range(3)]
    assert looks == [(101, True), (20, False), (0, False)]
    everything = await told(by_hand)
    assert everything[0] == ("hub.trouble", "", False)
    assert len(set(everything)) == 121


async def test_the_next_phone_in_the_same_charger_is_told_too(judge: Judge, by_hand: By) -> None:
    first = await rented(by_hand, reached_100_at="11 minutes")
    await judge.judge()
    await collect(by_hand, first)
    assert await judge.judge() == 0, "that it was collected is no news"
    await rented(by_hand, reached_100_at="11 minutes")
    assert await judge.judge() == 1


async def test_a_phone_that_was_collected_in_time_is_not_told(judge: Judge, by_hand: By) -> None:
    rental = await rented(by_hand, reached_100_at="11 minutes")
    await collect(by_hand, rental)
    assert await judge.judge() == 0


async def test_a_widget_that_does_not_come_back_is_told_and_that_it_did(
    judge: Judge, by_hand: By
) -> None:
    rental = await rented(by_hand, "c1", collected_at="11 minutes")
    await rented(by_hand, "c2", collected_at="9 minutes")
    await rented(by_hand, "c3", collected_at="2 days")
    assert [await judge.judge() for _ in range(2)] == [1, 0]
    await by_hand.execute("UPDATE rentals SET widget_returned_at = now() WHERE id = %s", (rental,))
    assert [await judge.judge() for _ in range(2)] == [1, 0]
    assert await told(by_hand) == [
        ("widget.not_returned", "wc1", False),
        ("widget.not_returned", "wc1", True),
    ]


async def test_a_widget_whose_rental_was_erased_is_not_told_as_returned(
    judge: Judge, by_hand: By
) -> None:
    rental = await rented(by_hand, collected_at="11 minutes")
    await judge.judge()
    await by_hand.execute("DELETE FROM rentals WHERE id = %s", (rental,))
    assert await judge.judge() == 0
    cursor = await by_hand.execute("SELECT count(*) FROM raised_conditions")
    assert await cursor.fetchall() == [(0,)]


@pytest.fixture
async def chargers(registry: RunningRegistry) -> None:
    """Two chargers, in the directory that is in Redis."""
    for charger in ("c1", "c2"):
        await registered(registry, f"/chargers/{charger}")


@pytest.fixture
def connected(bus: Bus, names: Names) -> Callable[[str], Awaitable[None]]:
    """Note a connection, as a gateway does."""

    async def connect(charger: str) -> None:
        seconds, micros = await bus.command("TIME")
        now = int(seconds) * 1_000_000 + int(micros)
        await bus.command("ZADD", GATEWAYS, now, "g1")
        entry = f'{{"epoch":{now},"gateway":"g1","since":{now}}}'
        await bus.command("HSET", names.of_charger(charger).presence, charger, entry)

    return connect


@pytest.mark.usefixtures("chargers")
async def test_a_charger_in_use_that_is_not_connected_is_told_and_that_it_is_back(
    judge: Judge, by_hand: By, seen: World, connected: Callable[[str], Awaitable[None]]
) -> None:
    await rented(by_hand, "c1")
    assert await judge.judge() == 0
    seen.now += 599
    assert await judge.judge() == 0
    seen.now += 2
    assert [await judge.judge() for _ in range(2)] == [1, 0]
    await connected("c1")  # c2, which nobody uses, never was
    assert [await judge.judge() for _ in range(2)] == [1, 0]
    assert await told(by_hand) == [("charger.silent", "c1", False), ("charger.silent", "c1", True)]


@pytest.mark.usefixtures("chargers")
async def test_a_silent_charger_is_not_told_as_back_by_a_registry_that_knows_less(
    make_judge: Callable[[str], Judge], by_hand: By, seen: World
) -> None:
    first, second = make_judge("registry-1"), make_judge("registry-2")
    await rented(by_hand, "c1")
    await first.judge()
    seen.now += 601
    assert await first.judge() == 1
    assert await second.judge() == 0


async def test_a_trouble_of_the_hub_is_told_when_it_lasts_and_when_it_is_over_for_as_long(
    judge: Judge, by_hand: By, seen: World
) -> None:
    def without_router() -> Hub:
        return view(look(g1=WELL["g1"]))

    assert await judge.judge() == 0
    seen.hub = without_router()
    assert await judge.judge() == 0
    seen.now += 31
    assert await judge.judge() == 1
    for _ in range(3):  # it comes and goes: nothing new
        seen.hub = view(look(**WELL))
        assert await judge.judge() == 0
        seen.now += 20
        seen.hub = without_router()
        assert await judge.judge() == 0
        seen.now += 20
    seen.hub = view(look(**WELL))
    await judge.judge()
    seen.now += 31
    assert await judge.judge() == 1
    assert await told(by_hand) == [("hub.trouble", "", False), ("hub.trouble", "", True)]


@pytest.mark.usefixtures("patient")
async def test_two_judges_at_once_tell_everything_once(
    make_judge: Callable[[str], Judge], by_hand: By
) -> None:
    await rented(by_hand, reached_100_at="11 minutes")

    async def both_wait() -> bool:
        query = (
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        return await (await by_hand.execute(query)).fetchone() == (2,)

    async with asyncio.TaskGroup() as group, by_hand.transaction():
        await by_hand.execute("SELECT lock_directory()")
        judges = [
            group.create_task(make_judge(name).judge()) for name in ("registry-1", "registry-2")
        ]
        await eventually(both_wait, within=PATIENT_SECONDS)
    assert sorted(each.result() for each in judges) == [0, 1]


async def test_one_registry_judges_until_it_is_gone(
    make_judge: Callable[[str], Judge], by_hand: By
) -> None:
    first, second = make_judge("registry-1"), make_judge("registry-2")
    assert [await each.take_turn() for each in (first, second, first)] == [True, False, True]
    await by_hand.execute("UPDATE judging_registry SET until = now() - interval '1 s'")
    assert [await each.take_turn() for each in (second, first)] == [True, False]
