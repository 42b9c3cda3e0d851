"""The history of rentals: levels and lights, written down by one registry, shown by all."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.registry.history import history as history_module
from services.registry.history import rows
from services.registry.history.history import History
from services.registry.history.rows import Light, NewLevel
from services.registry.live.redis_values import decode_live
from services.registry.live.state_reader import StateReader
from services.registry.postgres.actor import REGISTRY, Actor
from services.registry.postgres.database import Database
from services.registry.retention import pruning
from services.registry.retention.cutoffs import Keep
from services.registry.retention.pruning import Old
from shared.bus.bus import Bus
from shared.contract.device_protocol import ChargingStatus
from shared.contract.names import Names
from tests.integration.registry.by_rest import assert_problem
from tests.integration.registry.conftest import By, RunningRegistry, eventually
from tests.integration.registry.in_redis import InRedis
from tests.integration.registry.test_recorder import Streams

MINUTE_US = 60_000_000
START = datetime(2026, 11, 24, tzinfo=UTC)
RED, YELLOW, GREEN = ChargingStatus


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "ROUND_SECONDS", 0.05)


# --- rows


async def opened(by_hand: By, number: int, charger: str = "c1", ended: int | None = None) -> Any:
    """Have a rental that began with a number, and perhaps ended with one."""
    rental = uuid.uuid4()
    await by_hand.execute(
        "INSERT INTO rentals (id, charger_id, pairing_number, opened_at, ended_number,"
        " collected_at) VALUES (%s, %s, %s, 'epoch', %s, %s)",
        (rental, charger, number, ended, START if ended else None),
    )
    return rental


async def write(database: Database, *levels: NewLevel) -> None:
    async with database.write_transaction(REGISTRY) as connection:
        await rows.record_levels(connection, levels)


async def light(database: Database, *lights: Light) -> None:
    async with database.write_transaction(REGISTRY) as connection:
        await rows.record_lights(connection, lights)


async def levels_of(database: Database, rental: Any) -> list[tuple[datetime, int]]:
    async with database.connection() as connection:
        return [(each.at, each.level) for each in await rows.levels_of(connection, rental)]


async def lights_of(database: Database, rental: Any) -> list[tuple[datetime, str]]:
    async with database.connection() as connection:
        return [(each.at, each.light) for each in await rows.lights_of(connection, rental)]


async def test_a_rental_has_one_row_per_percent_which_moves_to_the_last_time(
    database: Database, by_hand: By
) -> None:
    rental, other = await opened(by_hand, 7), await opened(by_hand, 8, "c2")
    await write(database, NewLevel(rental, at(1), 40), NewLevel(other, at(1), 40))
    await write(database, NewLevel(rental, at(2), 41))
    await write(database, NewLevel(rental, at(3), 40))
    assert await levels_of(database, rental) == [(at(2), 41), (at(3), 40)]
    assert await levels_of(database, other) == [(at(1), 40)]
    async with database.connection() as connection:
        news = await rows.levels_after(connection, 3)
    assert [(each.rental, each.level) for each in news] == [(rental, 40)], "what moved is news"
    # Late, after another registry had written something newer.
    await write(database, NewLevel(rental, at(1), 40))
    assert await levels_of(database, rental) == [(at(2), 41), (at(3), 40)]


async def test_a_level_of_a_rental_that_was_removed_meanwhile_is_left_out(
    database: Database, by_hand: By
) -> None:
    rental = await opened(by_hand, 7)
    await write(database, NewLevel(uuid.uuid4(), at(1), 40), NewLevel(rental, at(1), 50))
    assert await levels_of(database, rental) == [(at(1), 50)]


async def test_each_change_of_a_light_is_a_row_of_the_rental_of_its_pairing_once(
    database: Database, by_hand: By
) -> None:
    first, second = await opened(by_hand, 7, ended=10), await opened(by_hand, 12)
    changes = [
        Light("c1", 6, at(1), GREEN),  # before the first
        Light("c1", 7, at(2), RED),
        Light("c1", 9, at(3), YELLOW),  # its widget was replaced
        Light("c1", 10, at(4), GREEN),  # after it ended
        Light("c1", 13, at(5), RED),
        Light("c2", 13, at(6), RED),
    ]
    for _ in range(2):
        await light(database, *changes)
    assert await lights_of(database, first) == [(at(2), "charging"), (at(3), "charging80")]
    assert await lights_of(database, second) == [(at(5), "charging")]


async def test_lights_of_one_moment_are_in_their_order(database: Database, by_hand: By) -> None:
    """By Redis' clock, which is behind: all of them are from before the hand-over."""
    rental = await opened(by_hand, 7)
    await by_hand.execute("UPDATE rentals SET opened_at = %s", (at(10),))
    await light(database, *(Light("c1", 7, at(n), each) for n, each in enumerate((RED, GREEN))))
    await light(database, Light("c1", 7, at(2), YELLOW))
    assert await lights_of(database, rental) == [
        (at(10), "charging"),
        (at(10), "charged"),
        (at(10), "charging80"),
    ]


async def test_the_history_goes_with_its_rental(database: Database, by_hand: By) -> None:
    rental = await opened(by_hand, 7)
    await write(database, NewLevel(rental, at(1), 40))
    await light(database, Light("c1", 7, at(1), RED))
    await by_hand.execute("DELETE FROM rentals WHERE id = %s", (rental,))
    cursor = await by_hand.execute("SELECT count(*) FROM rental_levels")
    assert await cursor.fetchone() == (0,)


async def test_the_history_is_removed_by_its_own_age(database: Database, by_hand: By) -> None:
    rental = await opened(by_hand, 7)
    now = datetime.now(UTC)
    old, young = now - timedelta(days=7.01), now - timedelta(days=6.99)
    await write(database, NewLevel(rental, old, 40))
    await write(database, NewLevel(rental, young, 41))
    await light(database, Light("c1", 7, old, RED), Light("c1", 7, young, YELLOW))

    async def prune(keep: Keep) -> Old:
        limits = await pruning.cutoffs_now(database, keep)
        expected = await pruning.count(database, limits)
        removed, complete = await pruning.prune(database, Actor("registry"), limits)
        assert complete
        assert removed == expected, "a dry run tells what will be removed"
        return removed

    assert await prune(Keep()) == Old()
    assert await prune(Keep(history=7)) == Old(history=2)
    assert await levels_of(database, rental) == [(young, 41)]
    assert await lights_of(database, rental) == [(young, "charging80")]


# --- a running registry


class Phone:
    """A phone in c1, and what its gateway would store of it."""

    def __init__(self, registry: RunningRegistry, in_redis: InRedis) -> None:
        self.registry = registry
        self.in_redis = in_redis
        self.rental = str(uuid.uuid4())

    async def hand_over(self) -> None:
        for path in ("/chargers/c1", "/widgets/w1"):
            await self.registry.send("PUT", path, {})
        body = {"charger": "c1", "widget": "w1", "ticket": "0815"}
        opened = await self.registry.send("PUT", f"/rentals/{self.rental}", body)
        assert opened.status_code == 201, opened.text

    async def says(self, soc: float, minutes_ago: float = 0) -> None:
        entry = await self.in_redis.charger("c1")
        assert entry is not None
        now = await self.in_redis.now_us()
        live = {"epoch": 5, "revision": [5, 2], "soc": soc}
        live |= {"received_at": now - round(minutes_ago * MINUTE_US)}
        await self.in_redis.set_live("c1", live | {"mark": f"{entry['pairing']}-{entry['token']}"})

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.registry.send("GET", path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def history(self) -> dict[str, Any]:
        return await self.get(f"/rentals/{self.rental}/history")

    async def levels(self) -> list[int]:
        return [each["level"] for each in (await self.history())["levels"]]


@pytest.fixture
async def phone(registry: RunningRegistry, in_redis: InRedis) -> Phone:
    found = Phone(registry, in_redis)
    await found.hand_over()
    return found


async def test_what_a_phone_reports_is_written_down_and_shown(phone: Phone) -> None:
    for soc in (40.2, 40.9, 41, 40, 43):
        await phone.says(soc)
        expected = int(soc) if soc != 40 else 41

        async def is_there(expected: int = expected) -> bool:
            return (await phone.levels())[-1:] == [expected]

        await eventually(is_there)
    assert await phone.levels() == [40, 41, 43]


async def test_lights_of_a_rental_are_shown_with_the_time_of_their_change(
    phone: Phone, bus: Bus, names: Names
) -> None:
    number = (await phone.get(f"/rentals/{phone.rental}"))["pairing_number"]
    streams = Streams(bus, names)
    for status in ("charging", "charging80"):
        await streams.add(status, number)

    async def are_there() -> bool:
        lights = (await phone.history())["lights"]
        return [each["light"] for each in lights] == ["charging", "charging80"]

    await eventually(are_there)
    lights = (await phone.history())["lights"]
    rental = await phone.get(f"/rentals/{phone.rental}")
    assert lights[1]["at"] == rental["reached_80_at"]


async def charged_for_half_an_hour(phone: Phone) -> None:
    """A phone that got a percent a minute."""
    for minutes_ago in range(30, -1, -1):
        await phone.says(50 - minutes_ago, minutes_ago)

        async def is_there(level: int = 50 - minutes_ago) -> bool:
            return (await phone.levels())[-1:] == [level]

        await eventually(is_there)


async def test_an_estimate_is_in_the_history_and_in_the_state_but_not_in_the_widget_s(
    phone: Phone, database: Database, bus: Bus, names: Names
) -> None:
    await charged_for_half_an_hour(phone)
    state = await phone.get("/chargers/c1/state")
    assert state["estimate"]["unknown"] is None
    to_80 = state["estimate"]["to_80"]
    assert to_80["earliest_minutes"] <= 30 <= to_80["latest_minutes"]
    assert (await phone.history())["estimate"] == state["estimate"]
    (listed,) = (await phone.get("/state"))["items"]
    assert listed["estimate"] == state["estimate"]
    assert "estimate" not in await phone.get("/widgets/w1/state")
    (tile,) = (await phone.get("/live/snapshot"))["tiles"]
    full = [datetime.fromisoformat(tile["ready"][name]) for name in ("earliest_at", "latest_at")]
    minutes = [(each - datetime.now(UTC)) / timedelta(minutes=1) for each in full]
    to_100 = state["estimate"]["to_100"]
    assert minutes[0] - 2 <= to_100["earliest_minutes"]
    assert minutes[1] + 2 >= to_100["latest_minutes"]
    # A registry that starts now, and does not write, finds what the other one wrote.
    second = History(database, StateReader(bus, names), lambda: False)
    await second.look()
    (raw,), environment = await second.states.chargers(["c1"])
    found = second.estimate_of(raw, environment.now)
    assert found is not None
    assert found.model_dump(mode="json") == state["estimate"]


async def test_without_a_rental_or_a_reading_of_it_there_is_no_estimate(phone: Phone) -> None:
    assert (await phone.get("/chargers/c1/state"))["estimate"] is None

    async def is_known() -> bool:
        return (await phone.get("/chargers/c1/state"))["estimate"] is not None

    await phone.says(50)
    await eventually(is_known)
    known = (await phone.get("/chargers/c1/state"))["estimate"]
    assert known == {"to_80": None, "to_100": None, "unknown": "just_plugged_in"}
    await phone.registry.send("PUT", f"/rentals/{phone.rental}/collection", {})
    assert (await phone.get("/chargers/c1/state"))["estimate"] is None
    assert (await phone.history())["estimate"] is None
    assert await phone.levels() == [50]


async def test_nothing_is_written_of_a_collected_phone(phone: Phone) -> None:
    await phone.says(50)

    async def is_written() -> bool:
        return await phone.levels() == [50]

    await eventually(is_written)
    entry = await phone.in_redis.charger("c1")
    assert entry is not None
    collected = f"/rentals/{phone.rental}/collection"
    assert (await phone.registry.send("PUT", collected, {"pairing": "keep"})).status_code == 200
    await phone.says(60)  # the next one, which nobody has a rental of
    next_one = str(uuid.uuid4())
    opened = await phone.registry.send("PUT", f"/rentals/{next_one}", {"charger": "c1"})
    assert opened.status_code == 201
    await phone.says(70)

    async def is_written_of_next() -> bool:
        found = await phone.get(f"/rentals/{next_one}/history")
        return [each["level"] for each in found["levels"]] == [70]

    await eventually(is_written_of_next)
    assert await phone.levels() == [50]


async def test_only_the_registry_whose_turn_it_is_writes(
    database: Database, by_hand: By, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    cursor = await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1') RETURNING 1")
    assert await cursor.fetchone() == (1,)
    cursor = await by_hand.execute("SELECT pairing_number FROM chargers")
    ((number,),) = await cursor.fetchall()
    rental = await opened(by_hand, number)
    live = {"epoch": 5, "revision": [5, 2], "soc": 50, "received_at": 7 * MINUTE_US}
    await in_redis.set_live("c1", live | {"mark": f"{number}-t"})
    idle = History(database, StateReader(bus, names), lambda: False)
    await idle.look()
    assert idle.phones.chargers == ["c1"]
    assert await levels_of(database, rental) == []
    await History(database, StateReader(bus, names), lambda: True).look()
    seven = datetime.fromtimestamp(7 * 60, UTC)
    assert await levels_of(database, rental) == [(seven, 50)]


async def test_a_registry_finds_out_that_postgres_went_back_in_time(
    phone: Phone, database: Database, by_hand: By, bus: Bus, names: Names
) -> None:
    await charged_for_half_an_hour(phone)
    history = History(database, StateReader(bus, names), lambda: False)
    await history.look()
    await by_hand.execute("DELETE FROM rental_levels WHERE level > 30")
    await history.look()
    (raw,), _ = await history.states.chargers(["c1"])
    points = history.phones.points("c1", decode_live(raw.live))
    assert points is not None
    assert [each.level for each in points] == [*range(20, 31), 50]


async def test_who_asks_for_no_rental_is_told_so(registry: RunningRegistry) -> None:
    answer = await registry.send("GET", f"/rentals/{uuid.uuid4()}/history")
    assert_problem(answer, 404, "there is no rental")
