"""A running registry: what it does by itself, and while Redis or Postgres is away."""

import asyncio
from datetime import datetime

import httpx
import pytest

from services.registry.directory.projection import Projection
from shared.bus.bus import Bus
from shared.bus.single_server_bus import SingleServerBus
from shared.contract.names import AGREEMENTS, ChargerNames, Names, WidgetNames
from tests.fixtures.fault_proxy import stalling_proxy
from tests.fixtures.redis_at import address_of, url_at
from tests.integration.registry.conftest import (
    PARTITIONS,
    By,
    RunningRegistry,
    StartRegistry,
    eventually,
)
from tests.integration.registry.in_redis import InRedis
from tools.servers.ports import free_port
from tools.servers.postgres.server import PostgresServer
from tools.servers.redis.server import RedisServer


async def _register_pair(registry: RunningRegistry, charger: str, widget: str) -> int:
    await registry.send("PUT", f"/chargers/{charger}", {})
    await registry.send("PUT", f"/widgets/{widget}", {})
    paired = await registry.send("PUT", f"/pairings/{charger}", {"widget": widget})
    number: int = paired.json()["pairing_number"]
    return number


async def _is_projected(in_redis: InRedis, charger: str, number: int) -> bool:
    entry = await in_redis.charger(charger)
    return entry is not None and entry["pairing"] == number


async def test_a_started_registry_has_projected_everything(
    start_registry: StartRegistry, by_hand: By, in_redis: InRedis
) -> None:
    await by_hand.execute(
        "INSERT INTO chargers (id) SELECT 'c' || i FROM generate_series(1, 1200) i"
    )
    await by_hand.execute(
        "INSERT INTO widgets (id) SELECT 'w' || i FROM generate_series(1, 1200) i"
    )
    await by_hand.execute(
        "INSERT INTO pairings (charger_id, widget_id)"
        " SELECT 'c' || i, 'w' || i FROM generate_series(1, 600) i"
    )
    await start_registry()
    assert None not in await in_redis.versions()
    paired, unpaired = await in_redis.charger("c600"), await in_redis.charger("c601")
    assert paired is not None
    assert paired["widget"] == "w600"
    assert unpaired is not None
    assert set(unpaired) == {"pairing"}
    assert await in_redis.widget("w600") == {"pairing": paired["pairing"], "charger": "c600"}
    assert await in_redis.widget("w1200") is not None


async def test_a_change_made_by_hand_is_projected_at_once(
    start_registry: StartRegistry, by_hand: By, in_redis: InRedis
) -> None:
    # Nothing but the doorbell can be what tells it.
    registry = await start_registry(poll_seconds=3600)
    number = await _register_pair(registry, "c1", "w1")
    await by_hand.execute("DELETE FROM chargers WHERE id = 'c1'")

    async def is_gone() -> bool:
        charger, widget = await in_redis.charger("c1"), await in_redis.widget("w1")
        return bool(charger and charger.get("unregistered") and widget and "charger" not in widget)

    await eventually(is_gone)
    widget = await in_redis.widget("w1")
    assert widget is not None
    assert widget["pairing"] > number


async def test_a_change_nobody_announced_is_found_by_looking(
    start_registry: StartRegistry, by_hand: By, in_redis: InRedis
) -> None:
    await start_registry(poll_seconds=0.2)
    # The same, but without the doorbell.
    await by_hand.execute(
        "CREATE OR REPLACE FUNCTION drawn_pairing_number() RETURNS bigint LANGUAGE sql AS"
        " $$ SELECT nextval('pairing_numbers') $$"
    )
    await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")

    async def is_there() -> bool:
        return await in_redis.charger("c1") is not None

    await eventually(is_there)


async def test_an_emptied_redis_is_filled_again_without_being_asked(
    start_registry: StartRegistry, in_redis: InRedis
) -> None:
    registry = await start_registry()
    number = await _register_pair(registry, "c1", "w1")
    before = await in_redis.charger("c1")
    assert before is not None
    await in_redis.empty()

    async def is_complete() -> bool:
        return None not in await in_redis.versions()

    await eventually(is_complete)
    assert await in_redis.widget("w1") == {"pairing": number, "charger": "c1"}
    after = await in_redis.charger("c1")
    assert after is not None
    assert after["token"] == before["token"]
    # The pairing is as old as it was.
    assert abs(after["paired_at"] - before["paired_at"]) < 1_000_000


@pytest.mark.parametrize("whole", [True, False], ids=["the directory", "one entry"])
async def test_entries_that_somebody_deleted_are_back_after_the_next_look_at_redis(
    registry: RunningRegistry, in_redis: InRedis, bus: Bus, names: Names, *, whole: bool
) -> None:
    number = await _register_pair(registry, "c1", "w1")
    tags: dict[str, ChargerNames | WidgetNames] = {
        "c1": names.of_charger("c1"),
        "w1": names.of_widget("w1"),
    }
    for device, tag in tags.items():
        await bus.command(*(("DEL", tag.directory) if whole else ("HDEL", tag.directory, device)))

    # Nothing else brings them back within this time: all is projected again every five minutes.
    await eventually(lambda: Projection(bus, names).is_complete())
    assert await in_redis.widget("w1") == {"pairing": number, "charger": "c1"}
    entry = await in_redis.charger("c1")
    assert entry is not None
    assert (entry["pairing"], entry["widget"]) == (number, "w1")


async def test_the_agreement_is_said_again_in_an_emptied_redis(
    registry: RunningRegistry, in_redis: InRedis, bus: Bus
) -> None:
    assert (await registry.readiness())[0] == 200
    await in_redis.empty()

    async def is_said() -> bool:
        said: list[bytes] = await bus.command("HVALS", AGREEMENTS)
        return said == [str(PARTITIONS).encode()]

    await eventually(is_said)


async def test_everything_is_projected_again_from_time_to_time(
    start_registry: StartRegistry, in_redis: InRedis
) -> None:
    registry = await start_registry(full_projection_seconds=0.3)
    await _register_pair(registry, "c1", "w1")
    await in_redis.set_charger("stray", {"pairing": 1})

    async def is_gone() -> bool:
        return await in_redis.charger("stray") is None

    await eventually(is_gone)
    assert await in_redis.charger("c1") is not None


async def test_registries_at_once_do_no_harm(
    start_registry: StartRegistry, by_hand: By, in_redis: InRedis
) -> None:
    registries = [await start_registry(full_projection_seconds=0.2) for _ in range(3)]
    await by_hand.execute("INSERT INTO widgets (id) SELECT 'w' || i FROM generate_series(0, 5) i")

    async def operate(registry: RunningRegistry, own: int) -> None:
        for each in range(12):
            await registry.send("PUT", f"/chargers/c{own}", {})
            await registry.send(
                "PUT", f"/pairings/c{own}?replace=true", {"widget": f"w{(own + each) % 6}"}
            )
            if each % 5 == 4:
                await registry.send("DELETE", f"/chargers/c{own}")

    await asyncio.gather(*(operate(registry, n) for n, registry in enumerate(registries)))

    async def agree() -> bool:
        cursor = await by_hand.execute(
            "SELECT c.id, c.pairing_number, p.widget_id FROM chargers c"
            " LEFT JOIN pairings p ON p.charger_id = c.id"
        )
        for charger, number, widget in await cursor.fetchall():
            entry = await in_redis.charger(charger)
            if entry is None or (entry["pairing"], entry.get("widget")) != (number, widget):
                return False
        cursor = await by_hand.execute(
            "SELECT w.id, w.pairing_number, p.charger_id FROM widgets w"
            " LEFT JOIN pairings p ON p.widget_id = w.id"
        )
        for widget, number, charger in await cursor.fetchall():
            entry = await in_redis.widget(widget)
            if entry is None or (entry["pairing"], entry.get("charger")) != (number, charger):
                return False
        return True

    await eventually(agree)
    cursor = await by_hand.execute("SELECT count(*) FROM audit_log WHERE kind = 'repair'")
    assert await cursor.fetchone() == (0,)


# --- Redis away


async def test_while_redis_is_away_changes_are_stored_and_later_projected(
    start_registry: StartRegistry, private_redis: RedisServer, names: Names
) -> None:
    registry = await start_registry(redis_url=private_redis.url)
    private_redis.stop()
    created = await registry.send("PUT", "/chargers/c1", {})
    assert created.status_code == 201
    assert created.json()["projected"] is False
    private_redis.start()
    bus = SingleServerBus(private_redis.url, "test")
    in_redis = InRedis(bus, names)
    number = created.json()["pairing_number"]
    await eventually(lambda: _is_projected(in_redis, "c1", number))

    async def is_known_to_be_projected() -> bool:
        state = (await registry.send("GET", "/chargers/c1")).json()
        return bool(state["projected"])

    await eventually(is_known_to_be_projected)
    await bus.close()


async def test_a_registry_without_redis_is_not_ready_and_says_why(
    start_registry: StartRegistry,
) -> None:
    registry = await start_registry(redis_url=f"redis://127.0.0.1:{free_port()}/0", ready=False)

    async def says_why() -> bool:
        assert not registry.task.done()
        try:
            status, text = await registry.readiness()
        except httpx.TransportError:
            return False
        return status == 503 and "Redis" in text

    await eventually(says_why)


# What a busy machine adds shows least on the longest way.
@pytest.mark.parametrize(("delay", "within"), [(0.03, 20.0), (0.2, 20.0), (0.8, 8.0)])
async def test_a_long_way_to_redis_delays_a_pairing_by_a_few_exchanges_only(
    start_registry: StartRegistry,
    private_redis: RedisServer,
    names: Names,
    delay: float,
    within: float,
) -> None:
    bus = SingleServerBus(private_redis.url, "test")
    in_redis = InRedis(bus, names)
    async with stalling_proxy(*address_of(private_redis.url)) as proxy:
        registry = await start_registry(redis_url=url_at(private_redis.url, proxy.port))
        await registry.send("PUT", "/chargers/c1", {})
        await registry.send("PUT", "/widgets/w1", {})
        proxy.to_server.delay = delay
        before = await in_redis.now_us()
        paired = await registry.send("PUT", "/pairings/c1", {"widget": "w1"})
        number = paired.json()["pairing_number"]
        await eventually(lambda: _is_projected(in_redis, "c1", number), within=within)
        entry = await in_redis.charger("c1")
        assert entry is not None
        assert before <= entry["paired_at"] + 1000 <= await in_redis.now_us()
        began = datetime.fromisoformat(paired.json()["paired_at"]).timestamp()
        assert entry["paired_at"] / 1_000_000 - began < delay + 1.0
        proxy.heal()
        await registry.end()
    await bus.close()


# --- Postgres away


async def test_while_postgres_is_away_requests_are_told_to_come_back_and_then_work_again(
    start_registry: StartRegistry, private_postgres: PostgresServer, in_redis: InRedis
) -> None:
    registry = await start_registry(postgres_dsn=private_postgres.dsn)
    await _register_pair(registry, "c1", "w1")
    private_postgres.stop()
    refused = await registry.send("PUT", "/chargers/c2", {})
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "2"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:chargelight:problem:postgres-away"

    async def is_unready() -> bool:
        status, text = await registry.readiness()
        return status == 503 and "Postgres" in text

    await eventually(is_unready)
    assert await in_redis.charger("c1") is not None

    private_postgres.start()
    await registry.ready()
    again = await registry.send("PUT", "/chargers/c2", {})
    assert (again.status_code, again.json()["projected"]) == (201, True)


async def test_a_change_made_while_the_registry_could_not_hear_is_projected(
    start_registry: StartRegistry, by_hand: By, admin: By, in_redis: InRedis
) -> None:
    # Nothing but connecting again can be what tells it.
    registry = await start_registry(poll_seconds=3600, instance_id="deaf")
    async with by_hand.transaction():
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'deaf' AND datname = current_database()"
        )
        await by_hand.execute("INSERT INTO chargers (id) VALUES ('c1')")

    async def is_there() -> bool:
        return await in_redis.charger("c1") is not None

    await eventually(is_there)
    await registry.ready()


async def test_a_registry_may_start_before_postgres(
    start_registry: StartRegistry, private_postgres: PostgresServer
) -> None:
    private_postgres.stop()
    registry = await start_registry(postgres_dsn=private_postgres.dsn, ready=False)

    async def refuses() -> bool:
        assert not registry.task.done()
        try:
            return (await registry.send("GET", "/chargers/c1")).status_code == 503
        except httpx.TransportError:
            return False

    await eventually(refuses)
    private_postgres.start()
    await registry.ready()
    assert (await registry.send("PUT", "/chargers/c1", {})).status_code == 201


async def test_a_directory_of_another_type_is_written_anew(
    registry: RunningRegistry, in_redis: InRedis, bus: Bus, names: Names
) -> None:
    key = names.of_charger("c1").directory
    await bus.command("SET", key, "mine")
    answer = await registry.send("PUT", "/chargers/c1", {})
    assert answer.status_code == 201
    number = answer.json()["pairing_number"]
    await eventually(lambda: _is_projected(in_redis, "c1", number))
    await eventually(lambda: Projection(bus, names).is_complete())


async def test_a_change_that_waits_for_another_one_says_so(
    registry: RunningRegistry, by_hand: By
) -> None:
    async with by_hand.transaction():
        await by_hand.execute("UPDATE chargers SET label = 'forgotten in psql'")
        answer = await registry.send("PUT", "/chargers/c1", {})
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:chargelight:problem:directory-busy"
        assert answer.headers["Retry-After"] == "2"
        assert (await registry.send("GET", "/chargers")).status_code == 200
    assert (await registry.send("PUT", "/chargers/c1", {})).status_code == 201
