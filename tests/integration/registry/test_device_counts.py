"""Counting devices, with a real Redis and a real Postgres."""

from typing import Any, Final

from services.registry.live import scripts
from shared.bus.script import Call
from shared.contract.names import Names
from tests.fixtures.redis_at import bus_to, client_of

PRESENCE: Final = Names(1).widgets[0].presence


async def test_who_left_is_not_online(redis_url: str) -> None:
    bus = bus_to(redis_url)
    async with client_of(redis_url) as client:
        values: dict[str, Any] = {
            "w1": '{"gateways":{"left":1795494565648094}}',  # a gateway's name
            "w2": '{"gateways":{},"left":1795494565648094}',
            "w3": '{"gateways": {}, "left": 1795494565648094}',  # by hand
            "w4": '{"gateways":{"g1":1}}',
        }
        await client.hset(PRESENCE, mapping=values)
        assert await bus.run([Call(scripts.COUNT_ONLINE, (PRESENCE,), ["0", 100])]) == [[b"0", 2]]
    await bus.close()


async def test_many_are_counted_some_at_a_time(redis_url: str) -> None:
    bus = bus_to(redis_url)
    async with client_of(redis_url) as client:
        await client.hset(PRESENCE, mapping={f"w{i}": '{"gateways":{"g1":1}}' for i in range(2000)})
    cursor, online, calls = b"0", 0, 0
    while calls == 0 or cursor != b"0":
        ((cursor, some),) = await bus.run([Call(scripts.COUNT_ONLINE, (PRESENCE,), [cursor, 250])])
        assert some < 600
        online += some
        calls += 1
    assert online == 2000
    assert calls > 3
    await bus.close()
