"""The rounds: publish alone, then publish while a subscriber reads."""

import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any, Final

from redis.asyncio import Connection, Redis

from shared.bus.connection import RedisConnection
from shared.bus.resp_encoding import encode_command
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tools.servers.redis.open import open_redis_server
from tools.servers.server_options import ServerOptions

_MESSAGES: Final = 100_000
_QUICK_MESSAGES: Final = 1_000
_AT_ONCE: Final = 10_000
"""More would overrun what Redis keeps for a subscriber."""
_CHANNEL: Final = "benchmark-doorbells"
_PUBLISH: Final = "for _ = 1, ARGV[1] do redis.call('PUBLISH', KEYS[1], ARGV[2]) end"
_MESSAGE: Final = (
    '{"charger":"c00001","data":{"soc":70},"revision":[1764000000000000,4],'
    '"pairing":7,"widget":"w00001"}'
)

Publish = Callable[[int], Awaitable[None]]


async def measure(options: Options) -> Report:
    messages = _QUICK_MESSAGES if options.quick else _MESSAGES
    used: dict[str, list[float]] = {name: [] for name in _WAYS}
    report = Report()
    with closing(open_redis_server(ServerOptions.of_tests())) as redis:
        async with Redis.from_url(redis.url) as client:
            publishing: Any = client.register_script(_PUBLISH)

            async def publish(count: int) -> None:
                await publishing(keys=[_CHANNEL], args=[count, _MESSAGE])

            for _ in range(1 if options.quick else options.rounds):
                for name, way in _WAYS.items():
                    seconds = await way(redis.url, publish, messages)
                    used[name].append(seconds / messages * 1e6)
        report.note("doorbells redis", redis.description)
    for name, each in used.items():
        report.add(f"doorbells: CPU per message, {name}", each, "µs")
    return report


async def _own_connection(url: str, publish: Publish, messages: int) -> float:
    connection = RedisConnection(url, "benchmark")
    await connection.open()
    await connection.exchange(encode_command(("SUBSCRIBE", _CHANNEL)), 1)
    used = 0.0
    for _ in range(0, messages, _AT_ONCE):
        began = time.process_time()
        await publish(count := min(messages, _AT_ONCE))
        while count > 0:
            count -= len(await connection.receive())
        used += time.process_time() - began
    await connection.close()
    return used


async def _connection(url: str, publish: Publish, messages: int) -> float:
    async with Redis.from_url(url, protocol=2) as client:
        pool: Any = client.connection_pool
        connection: Connection = await pool.get_connection()
        await connection.send_command("SUBSCRIBE", _CHANNEL)
        await connection.read_response()
        used = 0.0
        for _ in range(0, messages, _AT_ONCE):
            began = time.process_time()
            await publish(count := min(messages, _AT_ONCE))
            for _ in range(count):
                await connection.read_response()
            used += time.process_time() - began
        await connection.disconnect()
    return used


async def _listen(url: str, publish: Publish, messages: int) -> float:
    async with Redis.from_url(url, protocol=2) as client, client.pubsub() as subscriber:
        await subscriber.subscribe(_CHANNEL)
        listening = subscriber.listen()
        await anext(listening)
        used = 0.0
        for _ in range(0, messages, _AT_ONCE):
            began = time.process_time()
            await publish(count := min(messages, _AT_ONCE))
            for _ in range(count):
                await anext(listening)
            used += time.process_time() - began
    return used


_WAYS: Final = {
    "our connection": _own_connection,
    "redis-py's connection": _connection,
    "redis-py's pubsub.listen": _listen,
}
