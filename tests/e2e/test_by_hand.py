"""A row changed by hand in psql is in effect on the devices' connections."""

import statistics
import time

from psycopg import AsyncConnection
from websockets.asyncio.client import ClientConnection

from tests.fixtures.hub import StartHub, connect_device
from tests.integration.hub.booth import CHARGED, CHARGING, close_code, reading, receipt, received

PROMISED_SECONDS = 1.0
ROUNDS = 5


async def _ended(widget: ClientConnection) -> tuple[int, float]:
    began = time.monotonic()
    return await close_code(widget), time.monotonic() - began


async def test_unpairing_unregistering_and_pairing_by_hand_take_effect_at_once(
    hub: StartHub, postgres_dsn: str
) -> None:
    running = await hub()
    (gateway,) = running.gateways
    took: list[float] = []
    async with await AsyncConnection.connect(postgres_dsn, autocommit=True) as psql:
        for number in range(ROUNDS):
            charger_id, widget_id = f"c{number}", f"w{number}"
            await running.register((charger_id, widget_id))
            async with connect_device(gateway.charger_url(charger_id)) as charger:
                await charger.send(reading(100))
                await receipt(charger)
                async with connect_device(gateway.widget_url(widget_id)) as widget:
                    assert await received(widget) == CHARGED
                    await psql.execute("DELETE FROM pairings WHERE charger_id = %s", (charger_id,))
                    code, seconds = await _ended(widget)
                    assert code == 1001, "unpaired: go dark and connect again"
                    took.append(seconds)
                await psql.execute(
                    "INSERT INTO pairings (charger_id, widget_id) VALUES (%s, %s)",
                    (charger_id, widget_id),
                )
                await running.in_effect(charger_id)
                async with connect_device(gateway.widget_url(widget_id)) as widget:
                    await charger.send(reading(20))
                    assert await received(widget) == CHARGING, "100 % was the last visitor's"
                    await psql.execute("DELETE FROM widgets WHERE id = %s", (widget_id,))
                    code, seconds = await _ended(widget)
                    assert code == 4404
                    took.append(seconds)
                await psql.execute("DELETE FROM chargers WHERE id = %s", (charger_id,))
                code, seconds = await _ended(charger)
                assert code == 4404
                took.append(seconds)
    # The median: this machine may be busy with something else now and then.
    assert statistics.median(took) < PROMISED_SECONDS, took


async def test_the_loss_of_a_doorbell_costs_a_moment_only(hub: StartHub, postgres_dsn: str) -> None:
    running = await hub(settings={"CHARGELIGHT_REGISTRY_POLL_SECONDS": "0.5"})
    (gateway,) = running.gateways
    await running.register(("c1", "w1"))
    async with (
        await AsyncConnection.connect(postgres_dsn, autocommit=True) as psql,
        connect_device(gateway.widget_url("w1")) as widget,
    ):
        # Nobody listens any more, until the registry notices.
        await psql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        await psql.execute("DELETE FROM widgets WHERE id = 'w1'")
        assert await close_code(widget) == 4404


async def test_a_connection_of_a_former_registration_says_nothing_in_the_next_one(
    hub: StartHub, postgres_dsn: str
) -> None:
    running = await hub()
    (gateway,) = running.gateways
    await running.register(("c1", "w1"))
    async with (
        await AsyncConnection.connect(postgres_dsn, autocommit=True) as psql,
        connect_device(gateway.charger_url("c1")) as thief,
    ):
        await thief.send(reading(20))
        await receipt(thief)
        # In one transaction, so that no gateway ever sees that it was gone.
        async with psql.transaction():
            await psql.execute("DELETE FROM chargers WHERE id = 'c1'")
            await psql.execute("INSERT INTO chargers (id) VALUES ('c1')")
        await running.register(("c1", "w1"))
        await thief.send(reading(100))
        assert await close_code(thief) == 4409
        async with (
            connect_device(gateway.widget_url("w1")) as widget,
            connect_device(gateway.charger_url("c1")) as charger,
        ):
            await charger.send(reading(30))
            assert await received(widget) == CHARGING
